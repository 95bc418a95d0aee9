"""Metrics: how good the answers are, in numbers that people read. They train nothing."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting

_NO_EXPORT = "a metric belongs to evaluation: exported networks hold none"
_NO_GRADIENT = "a metric counts hits, and a count has no gradient"


@block(
    "Accuracy", category="Metric", paper="torchmetrics.classification.MulticlassAccuracy", icon="goal",
    helps="Classes that are about equally frequent, and comparison with published results: top-1, or with `top` 5 the "
          "number that ImageNet papers give beside it.",
    hurts="Where 95 % are of one class, always naming it scores 95 %. It says nothing of how sure the answers are, "
          "and with many pixels of background a map without any object scores well.",
    aliases=("top-1", "top-5", "correct", "score"),
    inputs={
        "x": port("B K *S", "One score a class."),
        "target": port("int:B *S", "The number of the right class."),
    },
    outputs={"value": port("scalar", "A share from 0 to 1.")}, exempt={"onnx": _NO_EXPORT, "gradient": _NO_GRADIENT},
    top=setting("An answer counts as right when the class is among this many best scores.", min=1, shown=True),
)  # fmt: skip
class Accuracy(nn.Module):
    """The share of samples whose class has the largest score.

    With `top` 5, the right class needs only to be among the five best.
    """

    def __init__(self, K: int, top: int = 1) -> None:
        super().__init__()
        if top > K:
            raise ValueError(f"top is {top}, but there are only {K} classes: use at most {max(K - 1, 1)}")
        self.top = top

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        best = x.topk(self.top, 1).indices
        return (best == target.unsqueeze(1)).any(1).float().mean()
