"""The block of RegNets."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.squeeze import SqueezeExcitation
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.shortcut import CHANNELS, DILATION, OUT, STRIDE, Residual

REGNET = "Radosavovic et al. 2020, arXiv:2003.13678"
GROUP_WIDTH = setting("Channels of each group of the 3x3 convolution, at most all of them.", min=1, shown=True)
SQUEEZE = setting(
    "Squeeze-and-excitation inside the block, with this share of the channels that come in as its bottleneck; 0 leaves "
    "it out (RegNetX), 0.25 makes a RegNetY.", min=0, max=1, shown=True,
)  # fmt: skip


@block(
    "RegNet block", category="Backbone", paper=REGNET, icon="git-merge",
    helps="Backbones for GPUs, where groups of 8 channels and more run dense enough and depthwise windows do not. "
          "With a squeeze of 0.25, RegNetY's, it is more accurate for little more time.",
    hurts="Groups of one or two channels are as slow as depthwise windows. On phones, which like those, inverted "
          "residuals give more for their MACs. `channels` must be a multiple of the group width.",
    aliases=("regnetx", "regnety", "residual", "bottleneck", "x block", "y block"),
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=STRIDE, group_width=GROUP_WIDTH, squeeze=SQUEEZE, dilation=DILATION,
    attention=ATTENTION, activation=ACTIVATION,
)  # fmt: skip
class RegNetBlock(Residual):
    """1x1, grouped 3x3 and 1x1 convolutions of one width with a connection around them.

    A bottleneck that does not narrow: the groups make the 3x3 convolution cheap instead. A search over whole spaces
    of networks found that this serves best.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        stride: int = 1,
        group_width: int = 16,
        squeeze: float = 0.0,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        group_width = min(group_width, channels)
        if channels % group_width:
            raise ValueError(
                f"channels is {channels}, but it needs a multiple of group_width = {group_width}: "
                f"set it to {channels // group_width * group_width}, say"
            )
        self.conv1 = ConvNormAct(C, channels, 1, activation=activation)
        self.conv2 = ConvNormAct(
            channels, channels, 3, stride, dilation=dilation, groups=channels // group_width, activation=activation
        )
        hidden = max(round(squeeze * C), 1)
        self.squeeze = SqueezeExcitation(channels, hidden=hidden, activation=activation) if squeeze else None
        self.conv3 = ConvNormAct(channels, channels, 1, activation="none")
        self.close(C, channels, stride, "conv", attention, activation, 0.0)

    def branch(self) -> Sequence[nn.Module]:
        if self.squeeze is None:
            return self.conv1, self.conv2, self.conv3
        return self.conv1, self.conv2, self.squeeze, self.conv3
