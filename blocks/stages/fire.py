"""The block of SqueezeNet."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.inverted import CHANNELS, OUT

SQUEEZENET = "Iandola et al. 2016, arXiv:1602.07360"


@block(
    "Fire module", category="Backbone", paper=SQUEEZENET, icon="flame", aliases=("squeezenet", "squeeze", "expand"),
    helps="The file of weights must be tiny: SqueezeNet has AlexNet's accuracy with a fiftieth of its weights. Plain "
          "convolutions without norms quantise and export anywhere.",
    hurts="Few weights are not few operations, as the maps stay large. Without norm and connection long rows of it "
          "train badly; an inverted residual block is more accurate for its cost.",
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    squeeze=setting("Channels of the 1x1 convolution in the middle; empty: an eighth of what comes out.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class Fire(nn.Module):
    """A 1x1 convolution squeezes the channels, then 1x1 and 3x3 convolutions side by side widen them.

    Each of the two gives half of the channels. The costly 3x3 windows see few channels, and half of the filters are
    1x1, so that there are few weights.
    """

    def __init__(
        self,
        C: int,
        channels: int = 128,
        squeeze: int | None = None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"channels is {channels}, but it needs an even number: both windows give half of them")
        middle, half = squeeze or max(channels // 8, 1), channels // 2
        self.squeeze = ConvNormAct(C, middle, 1, norm="none", activation=activation)
        self.expand1 = ConvNormAct(middle, half, 1, norm="none", activation=activation)
        self.expand3 = ConvNormAct(middle, half, 3, norm="none", activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.squeeze(x)
        return torch.cat((self.expand1(x), self.expand3(x)), 1)
