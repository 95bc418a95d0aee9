"""Stages: a run of equal blocks at one resolution, what backbones are made of."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, ConvNormAct

RESNET = "He et al. 2015, arXiv:1512.03385"

_CHANNELS = setting("How many channels come out.", min=1, shown=True)


@block(
    "Basic block", category="Backbone", paper=RESNET, icon="git-merge", aliases=("residual", "resnet", "skip"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=_CHANNELS,
    stride=setting("Steps of the first convolution: 2 halves height and width.", min=1, shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a connection around them.

    The layers learn only what to add to their input, so that very deep networks still train. Where channels or size
    change, a 1x1 convolution fits the connection.
    """

    def __init__(self, C: int, channels: int = 64, stride: int = 1, activation: Activation = "relu") -> None:
        super().__init__()
        self.conv1 = ConvNormAct(C, channels, 3, stride, activation=activation)
        self.conv2 = ConvNormAct(channels, channels, 3, activation="none")
        fits = channels == C and stride == 1
        self.shortcut = None if fits else ConvNormAct(C, channels, 1, stride, activation="none")
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = x if self.shortcut is None else self.shortcut(x)
        x = self.conv2(self.conv1(x)) + around
        return x if self.act is None else self.act(x)


@block(
    "Residual stage", category="Backbone", paper=RESNET, icon="square-stack", aliases=("resnet", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=_CHANNELS,
    depth=setting("How many basic blocks follow one another.", min=1, max=1000, shown=True),
    stride=setting("Steps of the first block: 2 halves height and width.", min=1, shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class ResidualStage(nn.Module):
    """Several basic blocks one after the other; the first may make the image smaller.

    A residual network is a few such stages, each with half the size and twice the channels of the one before.
    """

    def __init__(
        self, C: int, channels: int = 64, depth: int = 2, stride: int = 1, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            *(BasicBlock(channels if i else C, channels, 1 if i else stride, activation) for i in range(depth))
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)
