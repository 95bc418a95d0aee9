"""The blocks of GhostNet, first and second version."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.squeeze import SqueezeExcitation
from blocks.declare import block, setting
from blocks.layers.activation import Activation, Sigmoid
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.pooling import AvgPool2d
from blocks.layers.shape import Interpolate
from blocks.layers.sizes import Size
from blocks.stages.inverted import CHANNELS, KERNEL, OUT, STRIDE

GHOST = "Han et al. 2019, arXiv:1911.11907"
GHOST_V2 = "Tang et al. 2022, arXiv:2211.12905"


@block(
    "Ghost module", category="Layer", paper=GHOST, icon="layers", aliases=("ghostnet", "cheap", "convolution"),
    helps="In the place of a 1x1 or 3x3 convolution on a phone's processor: with a ratio of 2 it needs about half of "
          "the weights and MACs, at a small loss.",
    hurts="On GPUs the depthwise step and the join wait for memory and eat up what was saved; the authors made "
          "another form for them (G-GhostNet). There a full Conv 2d is often as fast and loses nothing.",
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    ratio=setting("Of how many channels one is made by the costly convolution.", min=2, shown=True),
    kernel_size=setting("Height and width of the costly convolution's window; odd.", min=1),
    cheap_kernel=setting("Height and width of the cheap depthwise convolution's window; odd.", min=1),
    stride=setting("Steps of the costly convolution: 2 halves height and width.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class GhostModule(nn.Module):
    """Make part of the channels by a convolution, and the others from these by a cheap depthwise one.

    Many feature maps of a trained network resemble one another; here such ghosts cost next to nothing.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        ratio: int = 2,
        kernel_size: Size = 1,
        cheap_kernel: Size = 3,
        stride: Size = 1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        own = channels // ratio
        if channels % ratio:
            raise ValueError(
                f"channels is {channels}, but it needs a multiple of ratio = {ratio}: use {(own + 1) * ratio}, say"
            )
        self.primary = ConvNormAct(C, own, kernel_size, stride, activation=activation)
        self.cheap = ConvNormAct(own, own * (ratio - 1), cheap_kernel, groups=own, activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.primary(x)
        return torch.cat((x, self.cheap(x)), 1)


@block(
    "DFC attention", category="Attention", paper=GHOST_V2, icon="sliders-horizontal",
    helps="In GhostNetV2's bottlenecks, whose windows of 3 otherwise see little: at half the size a row of 5 and a "
          "column of 5 reach far for two cheap convolutions.",
    hurts="It hands out the gate alone, not gated features: multiply by it. The map must have two places a side or "
          "more. Where whole rows and columns should count, take Coordinate attention.",
    aliases=("ghostnetv2", "decoupled fully connected", "long range"),
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=setting("Channels of the gate; as many as the features that it is for.", min=1, shown=True),
    kernel_size=setting("Length of the two depthwise windows, one lying and one standing; odd.", min=1),
)  # fmt: skip
class DFCAttention(nn.Module):
    """A gate for every place, seen along its row and its column at half the resolution.

    Two depthwise convolutions, one lying and one standing, take the place of full attention, so that it runs fast on
    small devices. Multiply what the gate is for by it; GhostNetV2 does so with the wide features of its blocks.
    """

    def __init__(self, C: int, channels: int = 32, kernel_size: int = 5) -> None:
        super().__init__()
        self.pool = AvgPool2d(2, 2)
        self.conv = ConvNormAct(C, channels, 1, activation="none")
        self.across = ConvNormAct(channels, channels, (1, kernel_size), groups=channels, activation="none")
        self.down = ConvNormAct(channels, channels, (kernel_size, 1), groups=channels, activation="none")
        self.gate = Sigmoid()
        self.resize = Interpolate()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate = self.gate(self.down(self.across(self.conv(self.pool(x)))))
        resized: torch.Tensor = self.resize(gate, x)
        return resized


@block(
    "Ghost bottleneck", category="Backbone", paper=GHOST, icon="git-merge",
    helps="Networks of 50 to 300 M MACs for ARM processors: in the paper more accurate than MobileNetV3's blocks at "
          "the same latency.",
    hurts="A chain of small depthwise steps and joins, on which a GPU idles: a basic block with far more MACs may be "
          "faster there. Inside, `width` and `channels` must be even.",
    aliases=("ghostnet", "ghostnetv2", "inverted residual"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    width=setting("Channels inside the block.", min=2, shown=True),
    kernel_size=KERNEL, stride=STRIDE,
    squeeze=setting("Channels of the squeeze-and-excitation's bottleneck; 0 leaves the attention out.", min=0),
    long_range=setting("Gate the wide features by attention along rows and columns (DFC), as GhostNetV2 does."),
    activation=ACTIVATION,
)  # fmt: skip
class GhostBottleneck(nn.Module):
    """A ghost module widens, another narrows without activation, with a connection around both.

    A depthwise convolution stands between them where the image is made smaller. Where channels or size change, a
    depthwise and a 1x1 convolution fit the connection.
    """

    def __init__(
        self,
        C: int,
        channels: int = 32,
        width: int = 64,
        kernel_size: Size = 3,
        stride: int = 1,
        squeeze: int = 0,
        long_range: bool = False,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.expand = GhostModule(C, width, activation=activation)
        self.long_range = DFCAttention(C, width) if long_range else None
        self.depthwise = None
        if stride > 1:
            self.depthwise = ConvNormAct(width, width, kernel_size, stride, groups=width, activation="none")
        self.attention = SqueezeExcitation(width, 1, squeeze, gate="hardsigmoid") if squeeze else None
        self.project = GhostModule(width, channels, activation="none")
        self.shortcut = None
        if stride > 1 or channels != C:
            self.shortcut = nn.Sequential(
                ConvNormAct(C, C, kernel_size, stride, groups=C, activation="none"),
                ConvNormAct(C, channels, 1, activation="none"),
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        around = x if self.shortcut is None else self.shortcut(x)
        wide = self.expand(x)
        if self.long_range is not None:
            wide = wide * self.long_range(x)
        if self.depthwise is not None:
            wide = self.depthwise(wide)
        if self.attention is not None:
            wide = self.attention(wide)
        return self.project(wide) + around
