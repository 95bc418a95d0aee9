"""What losses have in common: the weight, targets brought into the form of the answers, and means that skip."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from blocks.declare import setting
from blocks.layers.sizes import shown

NO_EXPORT = "a loss belongs to training: exported networks hold none"

WEIGHT = setting(
    "How much this loss counts in the sum that is trained. Its curve shows the loss times this, so the parts add up.",
    min=0, shown=True,
)  # fmt: skip
IGNORE = setting("The number of a class whose places do not count, such as 255 for unlabelled pixels.")
CLASS_WEIGHTS = setting("How much each class counts, a number for each; empty: all alike.", min=0)
ONE_A_CLASS = "it needs a number for each class, and the samples have seven"


def wide(x: torch.Tensor) -> torch.Tensor:
    """float32 for what is narrower: sums over many places lose their digits in half precision."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def matching(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The target in the type and the sizes of `x`, of which a size of 1 behind the batch may be missing on one side.

    Raises ValueError where both differ otherwise: torch would repeat one of them without a word.
    """
    target = target.to(wide(x).dtype)
    if target.shape == x.shape:
        return target
    if x.dim() > 1 and x.shape[1] == 1 and target.shape == (x.shape[0], *x.shape[2:]):
        return target.unsqueeze(1)
    if target.dim() > 1 and target.shape[1] == 1 and x.shape == (target.shape[0], *target.shape[2:]):
        return target.squeeze(1)
    raise ValueError(f"`x` is {shown(x)} but `target` is {shown(target)}: both need the same sizes")


def check_weights(weights: tuple[float, ...], K: int) -> torch.Tensor | None:
    """A number for each of `K` classes; None where there are none. Raises ValueError."""
    if not weights:
        return None
    if len(weights) != K:
        raise ValueError(f"class_weights has {len(weights)} numbers, but there are {K} classes: give one for each")
    return torch.tensor(weights)


def counted(target: torch.Tensor, ignore: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Class numbers with 0 in the place of the ignored one, and which count (1.0 or 0.0)."""
    if ignore is None:
        return target, torch.ones_like(target, dtype=torch.float32)
    counts = target != ignore
    return target.where(counts, 0), counts.float()


def mean_of(values: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
    """The mean over what counts; 0 where nothing does."""
    return (values * counts).sum() / counts.sum().clamp(min=1e-12)


def log_probability(x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The logarithm of the probability that scores (B, K, *S) give to the class numbers (B, *S): (B, *S)."""
    return F.log_softmax(wide(x), 1).gather(1, target.unsqueeze(1)).squeeze(1)
