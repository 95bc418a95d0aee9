"""The bottleneck of Res2Net, which sees several scales at once."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.channels import SplitInTwo
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.pooling import AvgPool2d
from blocks.stages.shortcut import CHANNELS, DILATION, OUT, STRIDE, Residual

RES2NET = "Gao et al. 2019, arXiv:1904.01169"
SCALES = setting("Into how many shares the channels are split; each but the last has a convolution.", min=2, shown=True)


@block(
    "Multi-scale convolution", category="Layer", paper=RES2NET, icon="list-tree",
    helps="In the place of the 3x3 convolution of a bottleneck, when things differ in size: with 4 shares windows of "
          "3, 5 and 7 for 3/16 of its weights.",
    hurts="The convolutions wait for one another, so a GPU runs them slower than one wide one. With a stride the "
          "chain is broken and all windows are 3. For two sizes with a choice take a selective kernel.",
    aliases=("res2net", "hierarchical", "split", "multi-scale"),
    inputs={"x": "B C%scales H W"}, outputs={"out": "B C H W"},
    scales=SCALES, stride=setting("Steps of the convolutions: 2 halves height and width.", min=1),
    dilation=DILATION, groups=setting("Groups of each convolution.", min=1),
    chained=setting("Each share first gets what the share before it became. Without, and with a stride, the shares "
                    "stay apart and the last is averaged over 3x3 windows."),
    activation=ACTIVATION,
)  # fmt: skip
class MultiScaleConv(nn.Module):
    """Split the channels into shares and give each 3x3 convolution what the one before it made.

    The first share sees a small window, each further one a larger window, and the last is handed on as it is: several
    scales inside one layer, at a fraction of the weights.
    """

    def __init__(
        self,
        C: int,
        scales: int = 4,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        chained: bool = True,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        share = C // scales
        self.chained = chained and stride == 1
        self.splits = nn.ModuleList(SplitInTwo(C - i * share, share) for i in range(scales - 1))
        self.convs = nn.ModuleList(
            ConvNormAct(share, share, 3, stride, dilation=dilation, groups=groups, activation=activation)
            for _ in range(scales - 1)
        )
        self.pool = None if self.chained else AvgPool2d(3, stride, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: list[torch.Tensor] = []
        for split, conv in zip(self.splits, self.convs, strict=True):
            share, x = split(x)
            made.append(conv(made[-1] + share if self.chained and made else share))
        return torch.cat((*made, x if self.pool is None else self.pool(x)), 1)


@block(
    "Res2Net bottleneck", category="Backbone", paper=RES2NET, icon="git-merge",
    helps="Detection, segmentation and salient objects on a ResNet's plan: Res2Net-50 has 1.8 points less top-1 error "
          "than ResNet-50 at about its cost.",
    hurts="The row of small convolutions makes it slower than a bottleneck of the same MACs. Blocks that change size "
          "or channels see one scale only, so a stage of one block gains nothing.",
    aliases=("res2net", "residual", "multi-scale", "bottle2neck"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    width=setting("Channels of the multi-scale convolution in the middle; empty: as published, of width 26.", min=1),
    scales=SCALES, stride=STRIDE, groups=setting("Groups of each small convolution.", min=1), dilation=DILATION,
    attention=ATTENTION, activation=ACTIVATION,
)  # fmt: skip
class Res2NetBlock(Residual):
    """A 1x1 convolution, a multi-scale convolution and a 1x1 convolution with a connection around them.

    A bottleneck whose middle sees several scales. Where size or channels change the scales stay apart.
    """

    def __init__(
        self,
        C: int,
        channels: int = 256,
        width: int | None = None,
        scales: int = 4,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        middle = max(channels * 26 // 256, 1) * scales if width is None else width
        chained = stride == 1 and channels == C
        self.conv1 = ConvNormAct(C, middle, 1, activation=activation)
        self.conv2 = MultiScaleConv(middle, scales, stride, dilation, groups, chained, activation)
        self.conv3 = ConvNormAct(middle, channels, 1, activation="none")
        self.close(C, channels, stride, "conv", attention, activation, 0.0)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2, self.conv3
