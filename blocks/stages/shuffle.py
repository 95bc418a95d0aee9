"""The blocks of ShuffleNet, first and second version."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.channels import ChannelShuffle, SplitInTwo
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.pooling import AvgPool2d
from blocks.stages.inverted import CHANNELS, OUT, STRIDE

SHUFFLE_V1 = "Zhang et al. 2017, arXiv:1707.01083"
SHUFFLE_V2 = "Ma et al. 2018, arXiv:1807.11164"
GROUPS = setting("Groups of the 1x1 convolutions; their channels are shuffled in between.", min=1, shown=True)


@block(
    "ShuffleNet block", category="Backbone", paper=SHUFFLE_V1, icon="shuffle",
    helps="The smallest budgets, 10 to 150 M MACs on ARM processors: grouped 1x1 convolutions make room for wider "
          "maps than a MobileNet could afford.",
    hurts="Groups and the shuffle cost memory traffic that MACs do not show: the V2 block, made after measuring just "
          "that, is faster at equal MACs. `groups` must divide a quarter of the channels.",
    aliases=("shufflenet", "group convolution", "channel shuffle", "bottleneck"),
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, groups=GROUPS, stride=STRIDE,
    first_groups=setting("Groups of the first 1x1 convolution; empty: as many as of the last.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class ShuffleBlock(nn.Module):
    """A bottleneck of grouped 1x1 convolutions, with a channel shuffle in between.

    The shuffle follows the depthwise convolution, as in the authors' code; the paper's figure has it before, which is
    the same but for the order of that convolution's filters. The middle has a quarter of the channels that come out.
    With stride 1 the connection around it is added and channels stay; with stride 2 an average pool of the input is
    joined to what it gives, which is therefore narrower.
    """

    def __init__(
        self,
        C: int,
        channels: int = 96,
        groups: int = 2,
        stride: int = 2,
        first_groups: int | None = None,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        own = channels if stride == 1 else channels - C
        if stride == 1 and channels != C:
            raise ValueError(f"channels is {channels}, but with stride 1 it needs {C}, as many as come in")
        if own < 1 or own % groups or channels // 4 % groups:
            raise ValueError(
                f"channels is {channels} with {C} coming in, but a quarter of it, and what the block adds with stride "
                f"2, need to be multiples of groups = {groups}, one or more"
            )
        middle = channels // 4
        self.conv1 = ConvNormAct(
            C, middle, 1, groups=groups if first_groups is None else first_groups, activation=activation
        )  # fmt: skip
        self.conv2 = ConvNormAct(middle, middle, 3, stride, groups=middle, activation="none")
        self.shuffle = ChannelShuffle(middle // groups) if groups > 1 else None
        self.conv3 = ConvNormAct(middle, own, 1, groups=groups, activation="none")
        self.act = make_activation(activation)
        self.pool = None if stride == 1 else AvgPool2d(3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = x
        x = self.conv2(self.conv1(x))
        if self.shuffle is not None:
            x = self.shuffle(x)
        x = self.conv3(x)
        if self.pool is None:
            x = x + around
        if self.act is not None:
            x = self.act(x)
        return x if self.pool is None else torch.cat((self.pool(around), x), 1)


@block(
    "ShuffleNetV2 block", category="Backbone", paper=SHUFFLE_V2, icon="shuffle",
    helps="Measured speed on phones and small GPUs: equal widths, no groups in the 1x1 convolutions and no sums keep "
          "memory traffic low.",
    hurts="Split and shuffle are copies that some accelerators handle badly. For accuracy MobileNetV3's blocks are "
          "ahead: 75.2 % with 219 M MACs where ShuffleNetV2 1.5x has 72.6 with 299 M.",
    aliases=("shufflenet", "channel split", "channel shuffle"),
    inputs={"x": "B C H W"}, outputs={"out": OUT}, channels=CHANNELS, stride=STRIDE, activation=ACTIVATION,
)  # fmt: skip
class ShuffleV2Block(nn.Module):
    """Two branches of equal width, joined and shuffled.

    With stride 1 one branch is half of the input as it is, and 1x1, depthwise and 1x1 convolutions work on the other.
    With stride 2 both see the whole input, so that the channels usually double. No convolution but the depthwise one
    is grouped, and nothing is added up: both cost time that a count of operations does not show.
    """

    def __init__(self, C: int, channels: int = 64, stride: int = 2, activation: Activation = "relu") -> None:
        super().__init__()
        if channels % 2 or (stride == 1 and channels != C):
            needed = "an even number" if stride > 1 else f"{C} with stride 1, as many as come in, and an even number"
            raise ValueError(f"channels is {channels}, but it needs {needed}: both branches give half of them")
        half = channels // 2
        self.split = SplitInTwo(C) if stride == 1 else None
        self.side = None
        if stride > 1:
            self.side = nn.Sequential(
                ConvNormAct(C, C, 3, stride, groups=C, activation="none"),
                ConvNormAct(C, half, 1, activation=activation),
            )
        self.main = nn.Sequential(
            ConvNormAct(half if stride == 1 else C, half, 1, activation=activation),
            ConvNormAct(half, half, 3, stride, groups=half, activation="none"),
            ConvNormAct(half, half, 1, activation=activation),
        )
        self.shuffle = ChannelShuffle(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.split is not None:
            kept, x = self.split(x)
        else:
            kept = x if self.side is None else self.side(x)
        return self.shuffle(torch.cat((kept, self.main(x)), 1))
