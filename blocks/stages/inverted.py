"""The blocks of networks for phones: inverted residuals, plain and fused."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from blocks.attention.squeeze import Gate, SqueezeExcitation
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM, ConvNormAct
from blocks.layers.convolution import FIT, Fit
from blocks.layers.dropout import DropPath
from blocks.layers.sizes import Size, rounded

V2 = "Sandler et al. 2018, arXiv:1801.04381"

CHANNELS = setting("How many channels come out.", min=1, shown=True)
STRIDE = setting("Steps of the convolution that looks around: 2 halves height and width.", min=1, shown=True)
KERNEL = setting("Height and width of the window that looks around; odd.", min=1)
EXPANSION = setting(
    "By how much the channels grow inside the block, rounded to a multiple of 8; 1 leaves the growth out.", min=0.1,
    shown=True,
)  # fmt: skip
WIDTH = setting("Channels inside the block; empty: as the expansion says.", min=1)
DROP_PATH = setting(
    "The share of samples for which a block with a connection around it is left out in training.", min=0, max=1
)  # fmt: skip
OUT = port("B K H W", "Feature maps with the channels that you set.")


@block(
    "Inverted residual block", category="Backbone", paper=V2, icon="git-merge",
    helps="Networks for phone processors: few weights and MACs, and between blocks only narrow maps need to be kept "
          "at inference. EfficientNet, MnasNet and MobileNet V2 and V3 are built of it.",
    hurts="On GPUs it is slower than its MACs promise, above all in early stages: there take the fused block. "
          "Squeeze-and-excitation and SiLU hamper int8; with ReLU6 and without attention it quantises better.",
    aliases=("mbconv", "mobilenet", "efficientnet", "mnasnet", "bottleneck", "linear bottleneck"),
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, expansion=EXPANSION, width=WIDTH, kernel_size=KERNEL, stride=STRIDE,
    dilation=setting("Distance between the points of the window: 2 sees farther at the same size.", min=1),
    squeeze=setting("Channels of the squeeze-and-excitation's bottleneck; 0 leaves the attention out.", min=0),
    squeeze_activation=setting("The bend in the squeeze-and-excitation's bottleneck."),
    gate=setting("What brings the squeeze-and-excitation's gate between 0 and 1."),
    activation=ACTIVATION, drop_path=DROP_PATH, eps=EPS, momentum=MOMENTUM, fit=FIT,
)  # fmt: skip
class InvertedResidual(nn.Module):
    """A 1x1 convolution widens, a depthwise one looks around, a 1x1 convolution narrows without activation.

    The connection goes around it where size and channels stay, and so joins the narrow ends: the inverse of a
    bottleneck. With squeeze-and-excitation before the last convolution it is the MBConv of MnasNet
    (Tan et al. 2018, arXiv:1807.11626), MobileNetV3 and EfficientNet.
    """

    def __init__(
        self,
        C: int,
        channels: int = 32,
        expansion: float = 6.0,
        width: int | None = None,
        kernel_size: Size = 3,
        stride: int = 1,
        dilation: int = 1,
        squeeze: int = 8,
        squeeze_activation: Activation = "relu",
        gate: Gate = "sigmoid",
        activation: Activation = "relu6",
        drop_path: float = 0.0,
        eps: float = 1e-5,
        momentum: float = 0.1,
        fit: Fit = "padding",
    ) -> None:
        super().__init__()
        middle = _inside(C, expansion, width)
        conv = partial(ConvNormAct, eps=eps, momentum=momentum)
        self.expand = None if middle == C else conv(C, middle, 1, activation=activation)
        self.depthwise = conv(
            middle, middle, kernel_size, stride, dilation=dilation, groups=middle, activation=activation, fit=fit
        )  # fmt: skip
        self.attention = SqueezeExcitation(middle, 1, squeeze, squeeze_activation, gate) if squeeze else None
        self.project = conv(middle, channels, 1, activation="none")
        self.residual = stride == 1 and channels == C
        self.drop_path = DropPath(drop_path) if self.residual and drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = x
        if self.expand is not None:
            x = self.expand(x)
        x = self.depthwise(x)
        if self.attention is not None:
            x = self.attention(x)
        x = self.project(x)
        if self.drop_path is not None:
            x = self.drop_path(x)
        return x + around if self.residual else x


@block(
    "Fused inverted residual block", category="Backbone", paper="Tan and Le 2021, arXiv:2104.00298", icon="git-merge",
    helps="The early stages of networks for GPUs and accelerators, where channels are few: EfficientNetV2 has it in "
          "its first three, and trains faster by it.",
    hurts="A 3x3 window at expansion 4 holds 36 C^2 weights. With it in all stages an EfficientNet-B4 grew from 19 M "
          "to 132 M weights and got slower and less accurate: late stages need the plain one.",
    aliases=("fused mbconv", "efficientnetv2", "bottleneck"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, expansion=EXPANSION, width=WIDTH, kernel_size=KERNEL, stride=STRIDE,
    activation=ACTIVATION, drop_path=DROP_PATH, eps=EPS, momentum=MOMENTUM,
)  # fmt: skip
class FusedInvertedResidual(nn.Module):
    """One full convolution widens and looks around, a 1x1 convolution narrows without activation.

    Where channels are few it is faster than an inverted residual block, whose depthwise convolution keeps a GPU
    waiting. Without expansion it is a single convolution. The connection goes around it where size and channels stay.
    """

    def __init__(
        self,
        C: int,
        channels: int = 32,
        expansion: float = 4.0,
        width: int | None = None,
        kernel_size: Size = 3,
        stride: int = 1,
        activation: Activation = "silu",
        drop_path: float = 0.0,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        middle = _inside(C, expansion, width)
        conv = partial(ConvNormAct, eps=eps, momentum=momentum)
        wide = channels if middle == C else middle
        self.expand = conv(C, wide, kernel_size, stride, activation=activation)
        self.project = None if middle == C else conv(middle, channels, 1, activation="none")
        self.residual = stride == 1 and channels == C
        self.drop_path = DropPath(drop_path) if self.residual and drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = x
        x = self.expand(x)
        if self.project is not None:
            x = self.project(x)
        if self.drop_path is not None:
            x = self.drop_path(x)
        return x + around if self.residual else x


def _inside(C: int, expansion: float, width: int | None) -> int:
    if width is not None:
        return width
    return C if expansion == 1 else rounded(C * expansion)
