"""What residual blocks share: the connection around them, and how a branch is closed by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.choice import MapAttention, make_attention
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ConvNormAct
from blocks.layers.dropout import DropPath
from blocks.layers.pooling import AvgPool2d

Shortcut = Literal["conv", "pool", "wide", "zeros"]

RESNET = "He et al. 2015, arXiv:1512.03385"
CHANNELS = setting("How many channels come out.", min=1, shown=True)
STRIDE = setting("Steps of the first convolution that looks around: 2 halves height and width.", min=1, shown=True)
DILATION = setting("Distance between the points of the 3x3 windows: 2 sees farther at the same size.", min=1)
SHORTCUT = setting(
    "What fits the connection where size or channels change: `conv` a 1x1 convolution with the stride; `pool` an "
    "average pool before it, as in ResNet-D; `wide` a 3x3 convolution; `zeros` no weights, the new channels are zeros."
)  # fmt: skip
DROP_PATH = setting("The share of samples for which the branch is left out in training.", min=0, max=1)
OUT = port("B K H W", "Feature maps with the channels that you set.")


class Residual(nn.Module):
    """A branch with attention at its end, and the connection around it; what comes out is bent once more."""

    def close(
        self, C: int, channels: int, stride: int, shortcut: Shortcut, attention: MapAttention, activation: Activation,
        drop_path: float, norm: bool = True,
    ) -> None:  # fmt: skip
        """Add what follows the branch's own layers, in the order in which it is called."""
        self.attention = make_attention(attention, channels)
        self.drop_path = DropPath(drop_path) if drop_path else None
        self.shortcut = make_shortcut(C, channels, stride, shortcut, norm)
        self.act = make_activation(activation)

    def branch(self) -> Sequence[nn.Module]:
        """The branch's own layers, first to last."""
        raise NotImplementedError

    def through(self, x: torch.Tensor, around: torch.Tensor) -> torch.Tensor:
        """What the branch makes of `x`, with `around` added."""
        for layer in self.branch():
            x = layer(x)
        if self.attention is not None:
            x = self.attention(x)
        if self.drop_path is not None:
            x = self.drop_path(x)
        return x + around

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.through(x, x if self.shortcut is None else self.shortcut(x))
        return x if self.act is None else self.act(x)


def make_shortcut(
    C: int, channels: int, stride: int, kind: Shortcut = "conv", norm: bool = True
) -> nn.Module | None:  # fmt: skip
    """What fits the connection around a block to what the block gives; None where it fits as it is."""
    if channels == C and stride == 1:
        return None
    if kind == "zeros":
        return ZeroShortcut(C, channels, stride)
    pooled = kind == "pool" and stride > 1
    conv = ConvNormAct(
        C, channels, 3 if kind == "wide" and stride > 1 else 1, 1 if pooled else stride,
        norm="batch" if norm else "none", activation="none", bias=False,
    )  # fmt: skip
    return nn.Sequential(AvgPool2d(stride, stride, ceil_mode=True), conv) if pooled else conv


@block(
    "Zero-padded shortcut", category="Layer", paper=RESNET, icon="git-merge",
    helps="ResNets for CIFAR as published, when the count of weights must agree with the paper: 0.27 M for ResNet-20. "
          "The connection then adds no weights at all.",
    hurts="The new channels get nothing from the connection and learn no residual; on ImageNet a 1x1 convolution was "
          "slightly better. It can only add channels, never drop some.",
    aliases=("option a", "identity", "skip", "residual"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=setting("Keep every n-th row and column: 2 halves height and width.", min=1, shown=True),
)  # fmt: skip
class ZeroShortcut(nn.Module):
    """Hand feature maps on without weights: skip rows and columns, and fill new channels with zeros.

    The connection around a residual block where size and channels change, as the paper has it for small images
    (section 4.2, option A): the whole network then has only the weights of its branches.
    """

    def __init__(self, C: int, channels: int = 64, stride: int = 2) -> None:
        super().__init__()
        if channels < C:
            raise ValueError(f"channels is {channels}, but {C} come in and none can be dropped: set it to {C} or more")
        self.stride, self.more = stride, channels - C

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.more))
