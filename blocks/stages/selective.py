"""Residual blocks whose window is chosen by attention (SKNet)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.selective import HALVED, HIDDEN, SK, SelectiveKernel
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.shortcut import CHANNELS, DILATION, OUT, STRIDE, Residual


@block(
    "Selective-kernel basic block", category="Backbone", paper=SK, icon="git-merge",
    helps="Nets of ResNet-18's size for objects at several scales: each channel blends windows of 3 and 5 as the "
          "image asks. With `halved` this costs about what a basic block does.",
    hurts="The dilated second window runs slower than a dense one, and without `halved` the first convolution counts "
          "twice. Where only the weighing of channels matters, Squeeze-and-Excitation is cheaper.",
    aliases=("sk", "sknet", "residual", "skresnet"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=STRIDE, dilation=DILATION, hidden=HIDDEN, halved=HALVED, attention=ATTENTION,
    activation=ACTIVATION,
)  # fmt: skip
class SelectiveBasicBlock(Residual):
    """A selective kernel and a 3x3 convolution with a connection around them.

    A basic residual block whose first convolution looks through a small and a large window and chooses.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        stride: int = 1,
        dilation: int = 1,
        hidden: int | None = None,
        halved: bool = True,
        attention: MapAttention = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.conv1 = SelectiveKernel(C, channels, stride, dilation, 1, hidden, halved, activation)
        self.conv2 = ConvNormAct(channels, channels, 3, dilation=dilation, activation="none")
        self.close(C, channels, stride, "conv", attention, activation, 0.0)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2


@block(
    "Selective-kernel bottleneck", category="Backbone", paper=SK, icon="git-merge",
    helps="SKNet-50 with 32 groups, which keep two windows cheap: 20.8 % top-1 error in the paper, where an SENet-50 "
          "has 21.1.",
    hurts="At one group both windows are full 3x3 convolutions and double the middle's cost; with 32 they are slow on "
          "GPUs for their MACs. Res2Net's bottleneck sees more scales without attention.",
    aliases=("sk", "sknet", "residual", "skresnext"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    width=setting("Channels of the selective kernel in the middle; empty: a quarter of what comes out.", min=1),
    stride=STRIDE, groups=setting("Groups of both windows; 32 in the paper.", min=1), dilation=DILATION,
    hidden=HIDDEN, halved=HALVED, attention=ATTENTION, activation=ACTIVATION,
)  # fmt: skip
class SelectiveBottleneck(Residual):
    """A 1x1 convolution, a selective kernel and a 1x1 convolution with a connection around them.

    A bottleneck whose middle looks through a small and a large window and chooses.
    """

    def __init__(
        self,
        C: int,
        channels: int = 256,
        width: int | None = None,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        hidden: int | None = None,
        halved: bool = False,
        attention: MapAttention = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        middle = max(channels // 4, 1) if width is None else width
        self.conv1 = ConvNormAct(C, middle, 1, activation=activation)
        self.conv2 = SelectiveKernel(middle, middle, stride, dilation, groups, hidden, halved, activation)
        self.conv3 = ConvNormAct(middle, channels, 1, activation="none")
        self.close(C, channels, stride, "conv", attention, activation, 0.0)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2, self.conv3
