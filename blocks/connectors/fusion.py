"""A sum whose parts have learned weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting

Weights = Literal["fast", "softmax"]
BIFPN = "Tan et al. 2019, arXiv:1911.09070"
WEIGHTS = setting(
    "How the weights are made positive and sum to 1: `fast` cuts them at 0 and divides by their sum, `softmax` is "
    "smoother and slower.", shown=True,
)  # fmt: skip


@block(
    "Weighted fusion", category="Connector", paper=BIFPN, icon="sigma",
    helps="Inputs of one shape that differ in worth, such as a pyramid's levels brought to one size: one learned "
          "number each, and `fast` costs little more than Add.",
    hurts="One number for a whole input cannot choose by place or by sample, as a gate does. With `fast` a weight "
          "that falls below 0 gets no gradient any more and its input stays shut out.",
    aliases=("weighted sum", "bifpn", "add", "learned weights", "fast normalised fusion"),
    inputs={"xs*2": port("*S", "Tensors of equal shape.")}, outputs={"out": port("*S", "Their sum.")},
    weights=WEIGHTS,
)  # fmt: skip
class WeightedFusion(nn.Module):
    """Add tensors of equal shape, each multiplied by a learned weight.

    The network learns which of them matter. All weights begin equal and sum to 1.
    """

    def __init__(self, wired: list[str], weights: Weights = "fast") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(len(wired)))
        self.fast = weights == "fast"

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        if self.fast:
            positive = self.weight.relu()
            weights = positive / (positive.sum() + 1e-4)
        else:
            weights = self.weight.softmax(0)
        return sum((x * weight for x, weight in zip(xs[1:], weights[1:], strict=True)), xs[0] * weights[0])
