"""Losses for segmentation that measure how far two regions overlap, whatever the size of the rest."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import IGNORE, NO_EXPORT, WEIGHT, counted, wide

Region = Literal["batch", "image"]

_SCORES = port("B K *S", "One score a class and pixel, before any softmax; with one class, a score for yes.")
_MASK = port("int:B *S", "The number of the right class at each pixel; with one class, 1 for yes and 0 for no.")
_OVER = setting("What an overlap is measured over: all images of a batch at once, or each image by itself.")
_BACKGROUND = setting("Whether class 0 counts too. Off where it is background that is easy to find.")
_SMOOTH = setting("Added above and below the line: a class that is neither there nor found then counts as met.", min=0)


def overlap(
    x: torch.Tensor, target: torch.Tensor, over: Region, background: bool, ignore: int | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """How much of each class is found, is found wrongly, and is missed: three of (K,), or of (B, K) by image."""
    x = wide(x)
    target, counts = counted(target, ignore)
    if x.shape[1] == 1:
        found, truth = x.sigmoid(), (target == 1).to(x.dtype).unsqueeze(1)
    else:
        found, truth = x.softmax(1), F.one_hot(target, x.shape[1]).movedim(-1, 1).to(x.dtype)
        if not background:
            found, truth = found[:, 1:], truth[:, 1:]
    counts = counts.unsqueeze(1)
    found, truth = ((part * counts).reshape(*part.shape[:2], -1) for part in (found, truth))  # (B, K, places)
    places = (2,) if over == "image" else (0, 2)
    both = (found * truth).sum(places)
    return both, found.sum(places) - both, truth.sum(places) - both


class _Overlap(nn.Module):
    """What losses that measure an overlap are told."""

    def __init__(
        self, weight: float = 1.0, over: Region = "batch", background: bool = True, smooth: float = 1.0,
        ignore_index: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.weight = weight
        self.over = over
        self.background = background
        self.smooth = smooth
        self.ignore_index = ignore_index

    def parts(self, x: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """How much of each class is found, is found wrongly, and is missed."""
        return overlap(x, target, self.over, self.background, self.ignore_index)


@block(
    "Dice loss", category="Loss", paper="Milletari et al. 2016, V-Net, arXiv:1606.04797", icon="combine",
    helps="Segmentation where the object is small against the rest: a class counts the same whether it has ten pixels "
          "or a million. Usually added to cross-entropy, which smooths the first epochs.",
    hurts="A class that is absent from the batch gives a value that says little, so small batches are noisy. It rounds "
          "thin structures off, and probabilities come out near 0 or 1.",
    aliases=("f1", "overlap", "segmentation", "medical"),
    inputs={"x": _SCORES, "target": _MASK}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, over=_OVER, background=_BACKGROUND, smooth=_SMOOTH, ignore_index=IGNORE,
)  # fmt: skip
class DiceLoss(_Overlap):
    """One minus the Dice overlap: twice what both share, divided by the sizes of both, averaged over the classes.

    Probabilities count in the place of a hard mask, so that there is a gradient.
    """

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        both, wrong, missed = self.parts(x, target)
        share = (2 * both + self.smooth) / (2 * both + wrong + missed + self.smooth).clamp(min=1e-12)
        return self.weight * (1 - share).mean()


@block(
    "Tversky loss", category="Loss", paper="Salehi et al. 2017, arXiv:1706.05721", icon="combine",
    helps="Segmentation in which a miss is worse than a false alarm, or the other way round: lesions with `missed` at "
          "0.7 are found more often. With a gamma of 4/3 hard classes count more (Abraham and Khan 2018).",
    hurts="What the two numbers buy in one kind of error they cost in the other, so they are part of the task, not to "
          "be tuned on the metric. With 0.5 and 0.5 it is Dice.",
    aliases=("focal tversky", "recall", "overlap", "segmentation", "lesion"),
    inputs={"x": _SCORES, "target": _MASK}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, wrong=setting("How much a pixel counts that is found but is not there.", min=0, shown=True),
    missed=setting("How much a pixel counts that is there but is not found.", min=0, shown=True),
    gamma=setting("Each class's loss to the power 1 / gamma: above 1, classes that are nearly met still count.",
                  min=0.1),
    over=_OVER, background=_BACKGROUND, smooth=_SMOOTH, ignore_index=IGNORE,
)  # fmt: skip
class TverskyLoss(_Overlap):
    """One minus an overlap in which misses and false alarms have weights of their own, averaged over the classes.

    The overlap is what both share, divided by that and by the weighted pixels of each kind of error.
    """

    def __init__(
        self, weight: float = 1.0, wrong: float = 0.3, missed: float = 0.7, gamma: float = 1.0, over: Region = "batch",
        background: bool = True, smooth: float = 1.0, ignore_index: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(weight, over, background, smooth, ignore_index)
        self.wrong, self.missed, self.gamma = wrong, missed, gamma

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        both, wrong, missed = self.parts(x, target)
        whole = both + self.wrong * wrong + self.missed * missed + self.smooth
        loss = 1 - (both + self.smooth) / whole.clamp(min=1e-12)
        if self.gamma != 1:
            loss = loss.clamp(min=1e-12) ** (1 / self.gamma)  # the root's gradient at 0 is infinite
        return self.weight * loss.mean()


@block(
    "Jaccard loss", category="Loss", paper="Rahman and Wang 2016, doi:10.1007/978-3-319-50835-1_22", icon="combine",
    helps="Segmentation that is judged by IoU: it makes a soft form of that very number large. Like Dice it does not "
          "care how large the background is.",
    hurts="It punishes a half-met class harder than Dice and is flat where nothing overlaps yet, so begin with "
          "cross-entropy beside it. The mean IoU of a data set is not the mean over its batches.",
    aliases=("iou", "intersection over union", "overlap", "segmentation"),
    inputs={"x": _SCORES, "target": _MASK}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, over=_OVER, background=_BACKGROUND, smooth=_SMOOTH, ignore_index=IGNORE,
)  # fmt: skip
class JaccardLoss(_Overlap):
    """One minus intersection over union, with probabilities in the place of a hard mask, averaged over the classes.

    The intersection is what both share, the union what either has.
    """

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        both, wrong, missed = self.parts(x, target)
        share = (both + self.smooth) / (both + wrong + missed + self.smooth).clamp(min=1e-12)
        return self.weight * (1 - share).mean()
