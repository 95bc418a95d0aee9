"""The residual block of Darknet and its stage; with other windows it is the bottleneck of the YOLO family."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM, ConvNormAct
from blocks.layers.dropout import DropPath

YOLOV3 = "Redmon and Farhadi 2018, arXiv:1804.02767"
SAME = port("B C H W", "As many channels as come in, at the same size.")
MAPS = port("B K H W", "Feature maps with the channels that you set.")
CHANNELS = setting("How many channels come out.", min=1, shown=True)
DEPTH = setting("How many blocks follow one another.", min=1, max=1000, shown=True)
STRIDE = setting("Steps of the 3x3 convolution before the blocks: 2 halves height and width.", min=1, shown=True)
DROP_PATH = setting("The share of samples for which a block's branch is left out in training.", min=0, max=1)


@block(
    "Darknet block", category="Backbone", paper=YOLOV3, icon="git-merge",
    helps="Detectors that run on GPUs: dense 1x1 and 3x3 convolutions alone. Darknet-53 has 77.2 % top-1 where "
          "ResNet-152 has 77.6, at twice its speed (YOLOv3's table).",
    hurts="Size and channels stay: a convolution before it must change them. It holds 5 C^2 weights where a "
          "bottleneck of the same C has about 1.1 C^2, so small devices want a CSP stage or inverted residuals.",
    aliases=("residual", "bottleneck", "yolo", "skip"), inputs={"x": "B C H W"}, outputs={"out": SAME},
    width=setting("Channels between the convolutions; empty: half of those that come in.", min=1, shown=True),
    kernels=setting("Windows of the first and of the second convolution; odd.", min=1, shown=True),
    skip=setting("Add what comes in to what comes out."),
    groups=setting("Groups of the second convolution; `width` and C must be multiples of it.", min=1),
    attention=ATTENTION, activation=ACTIVATION, drop_path=DROP_PATH, eps=EPS, momentum=MOMENTUM,
)  # fmt: skip
class DarknetBlock(nn.Module):
    """A 1x1 and a 3x3 convolution with a connection around them.

    Unlike a residual bottleneck it does not widen again by a third convolution, and nothing bends the sum. Darknet-53
    is made of it; with two 3x3 windows it is the bottleneck of YOLOv8.
    """

    def __init__(
        self,
        C: int,
        width: int | None = None,
        kernels: tuple[int, int] = (1, 3),
        skip: bool = True,
        groups: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "leaky_relu",
        drop_path: float = 0.0,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        width = width or max(C // 2, 1)
        first, second = kernels
        self.conv1 = ConvNormAct(C, width, first, activation=activation, eps=eps, momentum=momentum)
        self.conv2 = ConvNormAct(
            width, C, second, groups=groups, activation=activation, eps=eps, momentum=momentum
        )  # fmt: skip
        self.attention = make_attention(attention, C)
        self.drop_path = DropPath(drop_path) if drop_path else None
        self.skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.conv1(x))
        if self.attention is not None:
            y = self.attention(y)
        if self.drop_path is not None:
            y = self.drop_path(y)
        return y + x if self.skip else y


@block(
    "Darknet stage", category="Backbone", paper=YOLOV3, icon="square-stack", aliases=("darknet", "blocks", "yolo"),
    helps="For YOLOv3 and backbones after its pattern, where the convolution that takes the step also learns what to "
          "keep; a pool would decide that by itself.",
    hurts="All channels pass all blocks. From YOLOv4 on partial stages took its place, CSP stage first and C2f later: "
          "about as accurate with clearly fewer operations.",
    inputs={"x": "B C H W"}, outputs={"out": MAPS}, channels=CHANNELS, depth=DEPTH, stride=STRIDE,
    attention=ATTENTION, activation=ACTIVATION, drop_path=DROP_PATH,
)  # fmt: skip
class DarknetStage(nn.Module):
    """A 3x3 convolution that halves the size, then residual blocks.

    Darknet has no pool: every step is taken by a convolution that also brings the channels.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 1,
        stride: int = 2,
        attention: MapAttention = "none",
        activation: Activation = "leaky_relu",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.down = ConvNormAct(C, channels, 3, stride, activation=activation)
        self.blocks = nn.Sequential(
            *(
                DarknetBlock(channels, attention=attention, activation=activation, drop_path=drop_path)
                for _ in range(depth)
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(self.down(x))
