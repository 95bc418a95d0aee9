"""Selective kernels: attention chooses between windows of different size."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.channels import SplitInTwo
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import GlobalAvgPool

SK = "Li et al. 2019, arXiv:1903.06586"
HIDDEN = setting("Channels of the attention's bottleneck; empty: a 16th of what comes out, but 32 at least.", min=1)
HALVED = setting(
    "Give each window one half of the channels that come in rather than all: half the weights.", shown=True
)


@block(
    "Weigh two maps", category="Layer", paper=SK, icon="scale", aliases=("selective kernel", "softmax", "select"),
    helps="Two branches of one shape, such as two sizes of window, between which each channel should choose: since "
          "weights sum to 1, the scale stays as it was.",
    hurts="A channel chooses alike at all places, and what one branch gains the other loses: to keep both take Add. "
          "For three maps or more, weighed as wholes, there is Weighted fusion.",
    inputs={
        "x": port("B C H W", "The first feature maps."),
        "y": port("B C H W", "The second feature maps, of the same shape."),
        "first": port("B C 1 1", "A score for each channel of the first."),
        "second": port("B C 1 1", "A score for each channel of the second."),
    },
    outputs={"out": port("B C H W", "Their weighted sum, with weights that sum to 1 for each channel.")},
)  # fmt: skip
class WeighTwo(nn.Module):
    """Blend two feature maps channel by channel, by weights that sum to 1.

    The softmax over both scores of a channel says how much of each is taken. It has no weights of its own.
    """

    def forward(self, x: torch.Tensor, y: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        share = (first - second).sigmoid()  # the softmax over two
        return x * share + y * (1 - share)


@block(
    "Selective kernel", category="Attention", paper=SK, icon="scale",
    helps="Objects of very different size, in place of the 3x3 convolution of a bottleneck: in the paper larger "
          "objects moved the weight towards the larger window.",
    hurts="Two convolutions run where one did: `groups` (32 in SKNet) or `halved` pay for it. A batch norm on 1 x 1 "
          "refuses to train with B = 1; to weigh channels alone Squeeze-and-Excitation is cheaper.",
    aliases=("sk", "sknet", "selective kernel convolution", "multi-scale"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out; empty: as many as come in.", min=1, shown=True),
    stride=setting("Steps of both windows: 2 halves height and width.", min=1),
    dilation=setting("Distance between the points of the small window; the large one's is twice that.", min=1),
    groups=setting("Groups of both convolutions.", min=1),
    hidden=HIDDEN, halved=HALVED, activation=ACTIVATION,
)  # fmt: skip
class SelectiveKernel(nn.Module):
    """Look through a small and a large window, and blend both by attention over channels.

    The large one is a 3x3 window with spread points, as wide as 5x5. The network so decides from the image how far
    each channel looks.
    """

    def __init__(
        self,
        C: int,
        channels: int | None = None,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        hidden: int | None = None,
        halved: bool = False,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        channels = C if channels is None else channels
        if halved and C % 2:
            raise ValueError(f"{C} channels come in, but `halved` needs an even number: turn it off")
        self.split = SplitInTwo(C) if halved else None
        each = C // 2 if halved else C
        self.small, self.large = (
            ConvNormAct(each, channels, 3, stride, dilation=spread, groups=groups, activation=activation)
            for spread in (dilation, 2 * dilation)
        )
        self.squeeze = GlobalAvgPool(keep_size=True)
        hidden = max(channels // 16, 32) if hidden is None else hidden
        self.reduce = ConvNormAct(channels, hidden, 1)
        self.score = Conv2d(hidden, 2 * channels, 1, padding=0, bias=False)
        self.part = SplitInTwo(2 * channels)
        self.weigh = WeighTwo()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = second = x
        if self.split is not None:
            first, second = self.split(x)
        small, large = self.small(first), self.large(second)
        for_small, for_large = self.part(self.score(self.reduce(self.squeeze(small + large))))
        return self.weigh(small, large, for_small, for_large)
