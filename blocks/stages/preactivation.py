"""Residual blocks that norm and bend before each convolution (ResNet v2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import BatchNorm2d
from blocks.stages.shortcut import CHANNELS, DILATION, DROP_PATH, OUT, SHORTCUT, STRIDE, Residual, Shortcut

V2 = "He et al. 2016, arXiv:1603.05027"


class Preactivated(Residual):
    """A branch that begins with a norm and an activation; a shortcut with weights begins after them."""

    norm: nn.Module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bent = self.norm(x)
        if self.act is not None:
            bent = self.act(bent)
        return self.through(bent, x if self.shortcut is None else self.shortcut(bent))


@block(
    "Pre-activation basic block", category="Backbone", paper=V2, icon="git-merge",
    helps="Very deep ResNets on small images: on CIFAR-10 the error of a ResNet-110 fell from 6.6 to 6.4 % by the "
          "order alone.",
    hurts="In networks of 18 to 50 layers it is hardly better than a basic block. The norm after each sum cannot be "
          "folded into a convolution, and a forgotten last norm hands raw sums to the head.",
    aliases=("residual", "resnet v2", "preact", "skip"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=STRIDE, dilation=DILATION, attention=ATTENTION, activation=ACTIVATION,
    shortcut=SHORTCUT, drop_path=DROP_PATH,
)  # fmt: skip
class PreActBasicBlock(Preactivated):
    """Two 3x3 convolutions with a connection around them, a norm and an activation before each.

    Nothing stands on the connection, so a signal passes through all blocks as it is. After the last block of a network
    a norm and an activation must follow.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        stride: int = 1,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm = BatchNorm2d(C)
        self.conv1 = ConvNormAct(C, channels, 3, stride, dilation=dilation, activation=activation)
        self.conv2 = Conv2d(channels, channels, 3, 1, dilation, dilation, bias=False)
        self.close(C, channels, stride, shortcut, attention, activation, drop_path, norm=False)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2


@block(
    "Pre-activation bottleneck", category="Backbone", paper=V2, icon="git-merge",
    helps="Hundreds of layers: on CIFAR-10 a ResNet-1001 went from 7.6 to 4.9 % error, on ImageNet a ResNet-200 "
          "gained 1.1 points of top-1.",
    hurts="At 152 layers the gain on ImageNet is 0.2 points. Weights of the usual ResNet-50 do not fit, and one "
          "ordinary bottleneck in the row puts a bend back on the clean path.",
    aliases=("residual", "resnet v2", "preact", "skip"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    width=setting("Channels of the 3x3 convolution in the middle; empty: a quarter of what comes out.", min=1),
    stride=STRIDE, groups=setting("Groups of the 3x3 convolution.", min=1), dilation=DILATION, attention=ATTENTION,
    activation=ACTIVATION, shortcut=SHORTCUT, drop_path=DROP_PATH,
)  # fmt: skip
class PreActBottleneck(Preactivated):
    """1x1, 3x3 and 1x1 convolutions with a connection around them, a norm and an activation before each.

    Nothing stands on the connection, so that networks of a thousand layers still train. After the last block of a
    network a norm and an activation must follow.
    """

    def __init__(
        self,
        C: int,
        channels: int = 256,
        width: int | None = None,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        middle = max(channels // 4, 1) if width is None else width
        self.norm = BatchNorm2d(C)
        self.conv1 = ConvNormAct(C, middle, 1, activation=activation)
        self.conv2 = ConvNormAct(
            middle, middle, 3, stride, dilation=dilation, groups=groups, activation=activation
        )  # fmt: skip
        self.conv3 = Conv2d(middle, channels, 1, padding=0, bias=False)
        self.close(C, channels, stride, shortcut, attention, activation, drop_path, norm=False)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2, self.conv3
