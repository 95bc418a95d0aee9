"""Losses between distributions, and for sequences whose alignment is not known."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.losses.common import NO_EXPORT, WEIGHT, wide

Given = Literal["scores", "probabilities"]


@block(
    "KL divergence", category="Loss", paper="Hinton et al. 2015, Distilling the Knowledge in a Neural Network, "
    "arXiv:1503.02531", icon="waves",
    helps="A small network that learns from a large one: the teacher's soft answers say more than the label alone. "
          "Targets that are distributions, such as the shares of several annotators.",
    hurts="It does not treat both sides alike: what the target holds possible must be met, the rest costs little. Put "
          "a stop gradient behind a teacher that should stay as it is.",
    aliases=("distillation", "teacher", "student", "kullback-leibler", "soft labels", "relative entropy"),
    inputs={"x": port("B K *S", "The scores that learn, before any softmax."),
            "target": port("B K *S", "The teacher's scores, or probabilities.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, target_is=setting("What is wired to `target`: scores, or probabilities that sum to 1."),
    temperature=setting("Scores are divided by it on both sides, and the loss multiplied by its square.", min=0.01,
                        shown=True),
)  # fmt: skip
class KLDivergence(nn.Module):
    """How much is lost when the answers of `x` stand in for the distribution of the target.

    It is the sum over the classes, and the mean over samples and places. It is 0 only where both are the same.
    """

    def __init__(self, weight: float = 1.0, target_is: Given = "scores", temperature: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.target_is = target_is
        self.temperature = temperature

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        x, target = F.log_softmax(wide(x) / self.temperature, 1), wide(target)
        if self.target_is == "scores":
            losses = F.kl_div(x, F.log_softmax(target / self.temperature, 1), reduction="none", log_target=True)
        else:
            losses = F.kl_div(x, target, reduction="none")
        return self.weight * self.temperature**2 * losses.sum(1).mean()


@block(
    "KL to a normal", category="Loss", paper="Kingma and Welling 2013, arXiv:1312.6114, appendix B", icon="waves",
    helps="Variational autoencoders: it keeps the code near a standard normal, so that random codes decode into "
          "something. A weight above 1 makes a beta-VAE, whose codes come apart into meanings.",
    hurts="With too large a weight the code says nothing any more (posterior collapse): begin with a small one. The "
          "reconstruction beside it must be a mean over as many values, or the two do not balance.",
    aliases=("vae", "variational", "gaussian", "prior", "beta-vae", "latent"),
    inputs={"mean": port("B *S", "The mean of each value of the code."),
            "log_variance": port("B *S", "The logarithm of its variance.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
)  # fmt: skip
class NormalKL(nn.Module):
    """How far a normal distribution with this mean and variance is from the standard one.

    It is the sum over the values of a code, and the mean over the samples.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
        mean, log_variance = wide(mean), wide(log_variance)
        losses = (mean.square() + log_variance.exp() - 1 - log_variance) / 2
        return self.weight * losses.flatten(1).sum(1).mean()


@block(
    "CTC loss", category="Loss", paper="Graves et al. 2006, doi:10.1145/1143844.1143891", icon="spline",
    helps="Speech and handwriting: what is said is known, but not when. It sums over every way in which the letters "
          "can be laid along the sequence, so nobody has to align them.",
    hurts="The sequence must be at least as long as the text, and one longer for each letter that follows itself. It "
          "takes the places for independent, so a language model still helps; early on all answers are blank.",
    aliases=("speech", "handwriting", "alignment", "connectionist temporal classification", "ocr"),
    inputs={"x": port("B L K", "At each place of the sequence one score a letter and one for the blank."),
            "target": port("int:B N", "The text as letter numbers, filled up at the end with the blank's number."),
            "lengths?": port("int:B", "How many places of each sequence count; not wired: all.")},
    outputs={"loss": "scalar"}, weight=WEIGHT,
    exempt={"onnx": NO_EXPORT, "settings:skip": "every text of the samples fits into its sequence"},
    blank=setting("The class that stands for no letter.", min=0, shown=True),
    skip=setting("Let a text that cannot fit into its sequence count 0, where it would be infinite."),
)  # fmt: skip
class CTCLoss(nn.Module):
    """How improbable the text is, over all ways to lay it along the sequence with blanks in between.

    Each text's loss is divided by its length, and the mean taken over the batch, as torch has it.
    """

    def __init__(self, K: int, weight: float = 1.0, blank: int = 0, skip: bool = True) -> None:
        super().__init__()
        if blank >= K:
            raise ValueError(f"blank is {blank}, but there are {K} classes, from 0 to {K - 1}")
        self.weight = weight
        self.blank = blank
        self.skip = skip

    def forward(self, x: torch.Tensor, target: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        log_p = F.log_softmax(wide(x), 2).transpose(0, 1)  # (L, B, K)
        if lengths is None:
            lengths = torch.full((len(x),), x.shape[1], dtype=torch.long, device=x.device)
        letters = (target != self.blank).sum(1)
        if x.is_meta:  # the lengths are values, and there are none yet
            return log_p.sum() * 0
        loss = F.ctc_loss(log_p, target, lengths, letters, blank=self.blank, zero_infinity=self.skip)
        return self.weight * loss
