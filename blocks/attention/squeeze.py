"""Attention over channels."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import Activation, Hardsigmoid, Sigmoid, make_activation
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import GlobalAvgPool

Gate = Literal["sigmoid", "hardsigmoid"]


@block(
    "Squeeze-and-Excitation", category="Attention", paper="Hu et al. 2017, arXiv:1709.01507", icon="sliders-horizontal",
    helps="The end of residual branches: ResNet-50 went from 24.8 to 23.3% error on ImageNet for a tenth more weights "
          "and hardly any MACs, and EfficientNet and RegNetY carry it.",
    hurts="The whole map must be averaged before the first value goes on, which costs more time than MACs say and "
          "rules out tiles and streams. It is blind to places: Coordinate attention is not, Efficient channel "
          "attention is lighter.",
    aliases=("se", "squeeze", "excitation", "channel attention", "senet"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    reduction=setting("The gate's bottleneck divides C by this.", min=1, shown=True),
    hidden=setting("Channels of the gate's bottleneck; empty: as the reduction says.", min=1),
    activation=setting("The bend in the gate's bottleneck; `none` leaves it out."),
    gate=setting("What brings the gate between 0 and 1: `hardsigmoid` is cheaper on small devices."),
)  # fmt: skip
class SqueezeExcitation(nn.Module):
    """Rescale each channel by a gate computed from its global average.

    The network looks at the whole image and turns up the channels that matter in it. It costs little and often gains
    about a point of accuracy.
    """

    def __init__(
        self,
        C: int,
        reduction: int = 16,
        hidden: int | None = None,
        activation: Activation = "relu",
        gate: Gate = "sigmoid",
    ) -> None:
        super().__init__()
        hidden = hidden or max(C // reduction, 1)
        self.squeeze = GlobalAvgPool(keep_size=True)
        self.reduce = Conv2d(C, hidden, 1, padding=0)
        self.act = make_activation(activation)
        self.expand = Conv2d(hidden, C, 1, padding=0)
        self.gate = Sigmoid() if gate == "sigmoid" else Hardsigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.reduce(self.squeeze(x))
        if self.act is not None:
            hidden = self.act(hidden)
        gate: torch.Tensor = self.gate(self.expand(hidden))
        return x * gate
