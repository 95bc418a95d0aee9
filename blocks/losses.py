"""Losses: how far the network's answers are from the targets, as one number that training makes small."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting

_NO_EXPORT = "a loss belongs to training: exported networks hold none"


@block(
    "Cross-entropy", category="Loss", paper="torch.nn.CrossEntropyLoss", icon="trending-down",
    helps="Exactly one class is right for each sample or each pixel: classification and semantic segmentation. Label "
          "smoothing of 0.1 keeps the network from being too sure where labels are partly wrong.",
    hurts="Samples with several labels at once need one yes or no a class instead. Frequent classes drown rare ones, "
          "as the background does in segmentation; and a softmax before it makes learning slow.",
    aliases=("ce", "softmax", "nll", "classification"),
    inputs={
        "x": port("B K *S", "One score a class, before any softmax."),
        "target": port("int:B *S", "The number of the right class."),
    },
    outputs={"loss": "scalar"}, exempt={"onnx": _NO_EXPORT},
    weight=setting("How much this loss counts beside others.", min=0, shown=True),
    label_smoothing=setting("The share of certainty that is spread over all classes.", min=0, max=1),
)  # fmt: skip
class CrossEntropy(nn.Module):
    """The usual loss for choosing one of several classes.

    It takes raw scores and is small when the right class has the largest one. Scores and targets may also be maps, one
    class a pixel.
    """

    def __init__(self, weight: float = 1.0, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.weight = weight
        self.label_smoothing = label_smoothing

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.weight * F.cross_entropy(x, target, label_smoothing=self.label_smoothing)
