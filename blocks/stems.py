"""Stems: the first layers, which turn an image into feature maps."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.pooling import MaxPool2d


@block(
    "Conv stem", category="Stem", paper="He et al. 2015, arXiv:1512.03385", icon="layers",
    aliases=("conv", "resnet", "stem"), inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    kernel_size=setting("Height and width of the window; odd.", min=1, shown=True),
    stride=setting("Steps of the convolution: 2 halves height and width, 1 suits small images.", min=1, shown=True),
    pool=setting("Halve the size once more by a 3x3 max pool."),
    activation=ACTIVATION,
)  # fmt: skip
class ConvStem(nn.Module):
    """One convolution that sees the raw image, with a norm, an activation and a pool.

    It makes a large image small at once, before the costly layers. For images of less than about 64 pixels use
    kernel 3, stride 1 and no pool.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: int = 7,
        stride: int = 2,
        pool: bool = True,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.conv = ConvNormAct(C, channels, kernel_size, stride, activation=activation)
        self.pool = MaxPool2d((3, 3), (2, 2), (1, 1)) if pool else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x if self.pool is None else self.pool(x)
