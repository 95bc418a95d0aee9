"""The blocks of residual networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, port, preset, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.preactivation import PreActBasicBlock, PreActBottleneck
from blocks.stages.shortcut import CHANNELS, DILATION, DROP_PATH, OUT, RESNET, SHORTCUT, STRIDE, Residual, Shortcut

ResidualBlock = Literal["basic", "bottleneck"]
Strided = Literal["middle", "first"]

KIND = setting(
    "`basic`: two 3x3 convolutions; `bottleneck`: 1x1, 3x3, 1x1, and 4 times as many channels come out.", shown=True
)
GROUPS = setting("Groups of the bottlenecks' 3x3 convolution: 32 makes a ResNeXt.", min=1, when={"kind": "bottleneck"})
GROUP_WIDTH = setting(
    "Of 64: how wide the bottlenecks' groups are; 4 with 32 groups for ResNeXt, 128 for a Wide ResNet.", min=1,
    when={"kind": "bottleneck"},
)  # fmt: skip
STRIDED = (
    "Which convolution of a bottleneck takes the steps: `middle` the 3x3 one, as most libraries have it; `first` the "
    "first 1x1 one, as first published."
)
BENT_BRANCH = "Bend once more at the end of a basic block's branch, as the first published SE-ResNets do."
POST_BOTTLENECK = {"kind": "bottleneck", "preactivation": False}
NARROW = setting(
    "The first convolution of a bottleneck has half the channels of the middle one, as in SENet-154.",
    when=POST_BOTTLENECK,
)
PREACTIVATION = setting(
    "Norm and bend before each convolution rather than after it (ResNet v2); a norm and an activation must then follow "
    "the last stage."
)


@block(
    "Basic block", category="Backbone", paper=RESNET, icon="git-merge", aliases=("residual", "resnet", "skip"),
    helps="ResNet-18 and 34, small images, first baselines: dense 3x3 convolutions run fast everywhere and their "
          "norms fold away for inference.",
    hurts="It has 18 C^2 weights: 1.2 M at 256 channels, where a bottleneck has 70,000. So deeper networks than about "
          "34 layers take the bottleneck, and phones an inverted residual block.",
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, stride=STRIDE, dilation=DILATION, attention=ATTENTION, activation=ACTIVATION,
    shortcut=SHORTCUT, drop_path=DROP_PATH, bent_branch=setting(BENT_BRANCH),
)  # fmt: skip
class BasicBlock(Residual):
    """Two 3x3 convolutions with a connection around them.

    The layers learn only what to add to their input, so that very deep networks still train. Where channels or size
    change, a 1x1 convolution fits the connection.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        stride: int = 1,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
        bent_branch: bool = False,
    ) -> None:
        super().__init__()
        self.conv1 = ConvNormAct(C, channels, 3, stride, dilation=dilation, activation=activation)
        last = activation if bent_branch else "none"
        self.conv2 = ConvNormAct(channels, channels, 3, dilation=dilation, activation=last)
        self.close(C, channels, stride, shortcut, attention, activation, drop_path)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2


@block(
    "Bottleneck", category="Backbone", paper=RESNET, icon="git-merge",
    helps="ResNet-50, 101 and 152 and nearly everything that starts from their weights. At 256 channels it has 70,000 "
          "weights, two basic convolutions 1.2 M, so depth stays affordable.",
    hurts="Two of its three convolutions see no neighbour, so in shallow networks a basic block sees farther. `first` "
          "as the strided one leaves three quarters of the places unseen; `middle` does not.",
    aliases=("residual", "resnet", "resnext", "skip"), inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS,
    width=setting("Channels of the 3x3 convolution in the middle; empty: a quarter of what comes out.", min=1),
    stride=STRIDE, groups=setting("Groups of the 3x3 convolution: 32 makes a ResNeXt block.", min=1),
    dilation=DILATION, attention=ATTENTION, activation=ACTIVATION, shortcut=SHORTCUT, drop_path=DROP_PATH,
    strided=setting(STRIDED, when={"stride": 2}),
    first_width=setting("Channels of the first 1x1 convolution; empty: those of the middle one.", min=1),
    presets={
        "ResNeXt": preset(
            "The 3x3 convolution is split into 32 groups (arXiv:1611.05431).", title="ResNeXt block", width=128,
            groups=32,
        ),
    },
)  # fmt: skip
class Bottleneck(Residual):
    """1x1, 3x3 and 1x1 convolutions with a connection around them.

    The first brings the channels down so that the 3x3 convolution is cheap, the last brings them up again. Deep
    residual networks (50 layers and more) are made of it; with groups it is the block of ResNeXt
    (Xie et al. 2016, arXiv:1611.05431).
    """

    def __init__(
        self,
        C: int,
        channels: int = 256,
        width: int | None = None,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
        strided: Strided = "middle",
        first_width: int | None = None,
    ) -> None:
        super().__init__()
        middle = max(channels // 4, 1) if width is None else width
        first = first_width or middle
        before, within = (stride, 1) if strided == "first" else (1, stride)
        self.conv1 = ConvNormAct(C, first, 1, before, activation=activation)
        self.conv2 = ConvNormAct(
            first, middle, 3, within, dilation=dilation, groups=groups, activation=activation
        )  # fmt: skip
        self.conv3 = ConvNormAct(middle, channels, 1, activation="none")
        self.close(C, channels, stride, shortcut, attention, activation, drop_path)

    def branch(self) -> Sequence[nn.Module]:
        return self.conv1, self.conv2, self.conv3


@block(
    "Residual stage", category="Backbone", paper=RESNET, icon="square-stack", aliases=("resnet", "blocks"),
    helps="Backbones of your own: depth, width and kind a stage, and dilation in place of a stride where segmentation "
          "needs finer maps.",
    hurts="With bottlenecks 4 times `channels` come out, which is easily overlooked in the next block. On phones "
          "stages of inverted residuals cost far less; for a whole ResNet take Residual backbone.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps; bottlenecks give 4 times the channels.")},
    channels=setting("Channels of the 3x3 convolutions.", min=1, shown=True),
    depth=setting("How many blocks follow one another.", min=1, max=1000, shown=True),
    stride=setting("Steps of the first block: 2 halves height and width.", min=1, shown=True),
    kind=KIND, groups=GROUPS, group_width=GROUP_WIDTH, dilation=DILATION,
    first_dilation=setting("Dilation of the first block; empty: that of the others.", min=1),
    attention=ATTENTION, activation=ACTIVATION, shortcut=SHORTCUT,
    drop_path=setting("The share of samples for which the last block's branch is left out in training.", min=0, max=1),
    first_drop_path=setting(
        "That share for the first block, from which it rises evenly; empty: the same for all.", min=0, max=1
    ),
    strided=setting(STRIDED, when={**POST_BOTTLENECK, "stride": 2}), narrow=NARROW,
    bent_branch=setting(BENT_BRANCH, when={"kind": "basic", "preactivation": False}), preactivation=PREACTIVATION,
)  # fmt: skip
class ResidualStage(nn.Module):
    """Several residual blocks one after the other; the first may make the image smaller.

    A residual network is a few such stages, each with half the size and twice the channels of the one before.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 2,
        stride: int = 1,
        kind: ResidualBlock = "basic",
        groups: int = 1,
        group_width: int = 64,
        dilation: int = 1,
        first_dilation: int | None = None,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
        first_drop_path: float | None = None,
        strided: Strided = "middle",
        narrow: bool = False,
        bent_branch: bool = False,
        preactivation: bool = False,
    ) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels_out = channels if kind == "basic" else 4 * channels
        middle = channels * group_width // 64 * groups
        begin = drop_path if first_drop_path is None else first_drop_path
        for i in range(depth):
            step, spread = (1, dilation) if i else (stride, first_dilation or dilation)
            drop = begin + (drop_path - begin) * i / max(depth - 1, 1)
            common = (attention, activation, shortcut, drop)
            made: nn.Module
            if kind == "basic" and preactivation:
                made = PreActBasicBlock(C, channels, step, spread, *common)
            elif kind == "basic":
                made = BasicBlock(C, channels, step, spread, *common, bent_branch)
            elif preactivation:
                made = PreActBottleneck(C, channels_out, middle, step, groups, spread, *common)
            else:
                first = middle // 2 if narrow else None
                made = Bottleneck(C, channels_out, middle, step, groups, spread, *common, strided, first)
            blocks.append(made)
            C = channels_out
        self.channels = C
        self.blocks = nn.Sequential(*blocks)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)
