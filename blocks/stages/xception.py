"""The blocks of Xception: residual connections around depthwise-separable convolutions."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, EPS, ConvNormAct
from blocks.layers.convolution import DepthwiseSeparableConv2d
from blocks.layers.normalisation import BatchNorm2d
from blocks.layers.pooling import MaxPool2d
from blocks.stages.separable import DepthwiseSeparable

XCEPTION = "Chollet 2016, arXiv:1610.02357"
ALIGNED = "Chen et al. 2018, arXiv:1802.02611"
CHANNELS = setting("How many channels come out.", min=1, shown=True)


@block(
    "Separable conv and norm", category="Layer", paper=XCEPTION, icon="combine",
    helps="Xception's blocks, or any 3x3 convolution on many channels to be had for a ninth of its MACs. Without a "
          "bend in between it converged faster and higher in the paper.",
    hurts="With the default `none` two in a row bend nowhere: put an activation between. Networks after MobileNet's "
          "pattern want Depthwise-separable block; GPUs often prefer a full convolution.",
    aliases=("xception", "depthwise", "pointwise"), inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=CHANNELS, activation=ACTIVATION,
)  # fmt: skip
class SeparableNorm(nn.Module):
    """A 3x3 depthwise and a 1x1 convolution with nothing between them, and one norm after both.

    Xception found that a bend between the two does harm. What is bent after the norm is up to you.
    """

    def __init__(self, C: int, channels: int = 64, activation: Activation = "none") -> None:
        super().__init__()
        self.conv = DepthwiseSeparableConv2d(C, channels, bias=False)
        self.norm = BatchNorm2d(channels)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return x if self.act is None else self.act(x)


@block(
    "Xception block", category="Backbone", paper=XCEPTION, icon="git-merge", aliases=("separable", "residual", "skip"),
    helps="Image classifiers, detectors of forged faces among them: with as many weights as Inception v3 the network "
          "has 79.0 % top-1 where that has 78.2.",
    hurts="The pool stands at the end, so all separable convolutions of a strided block run at the larger size. For "
          "segmentation take the aligned block, which steps by a convolution and gives `fine`.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=CHANNELS, depth=setting("How many separable convolutions follow one another.", min=1, max=100, shown=True),
    stride=setting("Steps of a 3x3 max pool at the end; 1: no pool.", min=1, shown=True),
    bent_first=setting("Bend before the first convolution; needless where that was done just before."),
    late=setting("Bring the channels by the last convolution, not by the first."),
    attention=ATTENTION, activation=ACTIVATION,
)  # fmt: skip
class XceptionBlock(nn.Module):
    """Separable convolutions, each after a bend, with a connection around them.

    Where the size or the channels change, a pool halves the branch and a 1x1 convolution fits the connection.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 2,
        stride: int = 1,
        bent_first: bool = True,
        late: bool = False,
        attention: MapAttention = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        layers: list[nn.Module | None] = []
        width = C
        for i in range(depth):
            layers.append(make_activation(activation) if i or bent_first else None)
            grown = C if late and i + 1 < depth else channels
            layers.append(SeparableNorm(width, grown))
            width = grown
        layers += [MaxPool2d(3, stride, 1) if stride > 1 else None, make_attention(attention, channels)]
        self.branch = nn.Sequential(*(layer for layer in layers if layer is not None))
        same = channels == C and stride == 1
        self.shortcut = None if same else ConvNormAct(C, channels, 1, stride, activation="none")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.branch(x) + (x if self.shortcut is None else self.shortcut(x))


@block(
    "Aligned Xception block", category="Backbone", paper=ALIGNED, icon="git-merge",
    helps="DeepLabv3+ and other decoders that need sharp maps: `fine` comes from just before the step, costs nothing "
          "extra, and the step itself is learned.",
    hurts="Always three convolutions and six norms, where an Xception block has as many or as few as you set and half "
          "the norms. Leave it to segmentation; phones want inverted residual blocks.",
    aliases=("xception65", "deeplab", "separable", "residual", "skip"), inputs={"x": "B C H W"},
    outputs={
        "out": port("B K H W", "Feature maps with the channels that you set."),
        "fine": port("B c H W", "What the last convolution sees: the finest features of this size."),
    },
    channels=CHANNELS,
    inner=setting("Channels that the first two convolutions give; empty: `channels`.", min=1),
    stride=setting("Steps of the last convolution: 2 halves height and width.", min=1, shown=True),
    attention=ATTENTION, activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class AlignedXceptionBlock(nn.Module):
    """Three separable convolutions, each after a bend, with a connection around them.

    Every depthwise and every 1x1 convolution has a norm of its own, and the last convolution takes the step that a
    pool takes in Xception. DeepLab takes fine features from before that step.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        inner: tuple[int, int] | None = None,
        stride: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        eps: float = 1e-3,
    ) -> None:
        super().__init__()
        first, second = inner or (channels, channels)
        self.fine = nn.Sequential(
            *_bend(activation), DepthwiseSeparable(C, first, activation="none", eps=eps),
            *_bend(activation), DepthwiseSeparable(first, second, activation="none", eps=eps),
            *_bend(activation),
        )  # fmt: skip
        self.last = DepthwiseSeparable(second, channels, 3, stride, activation="none", eps=eps)
        self.attention = make_attention(attention, channels)
        same = channels == C and stride == 1
        self.shortcut = None if same else ConvNormAct(C, channels, 1, stride, activation="none", eps=eps)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        fine = self.fine(x)
        y = self.last(fine)
        if self.attention is not None:
            y = self.attention(y)
        return y + (x if self.shortcut is None else self.shortcut(x)), fine


def _bend(activation: Activation) -> list[nn.Module]:
    act = make_activation(activation)
    return [] if act is None else [act]
