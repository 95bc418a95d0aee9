"""Attention over channels."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import ReLU, Sigmoid
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import GlobalAvgPool


@block(
    "Squeeze-and-Excitation", category="Attention", paper="Hu et al. 2017, arXiv:1709.01507", icon="sliders-horizontal",
    aliases=("se", "squeeze", "excitation", "channel attention", "senet"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    reduction=setting("The gate's bottleneck divides C by this.", min=1, shown=True),
)  # fmt: skip
class SqueezeExcitation(nn.Module):
    """Rescale each channel by a gate computed from its global average.

    The network looks at the whole image and turns up the channels that matter in it. It costs little and often gains
    about a point of accuracy.
    """

    def __init__(self, C: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(C // reduction, 1)
        self.squeeze = GlobalAvgPool(keep_size=True)
        self.reduce = Conv2d(C, hidden, (1, 1), padding=(0, 0))
        self.act = ReLU()
        self.expand = Conv2d(hidden, C, (1, 1), padding=(0, 0))
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.expand(self.act(self.reduce(self.squeeze(x)))))
