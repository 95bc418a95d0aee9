"""Residual backbones: ResNet and its kin of plain convolutions, ResNeXt, Wide ResNet, SENet, ResNet-D, ResNet v2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.pooling import MaxPool2d
from blocks.stages.residual import (
    BENT_BRANCH,
    GROUP_WIDTH,
    GROUPS,
    KIND,
    NARROW,
    POST_BOTTLENECK,
    PREACTIVATION,
    STRIDED,
    ResidualBlock,
    ResidualStage,
    Strided,
)  # fmt: skip
from blocks.stages.shortcut import RESNET, SHORTCUT, Shortcut

DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)
WIDTHS = setting("Channels of the 3x3 convolutions of each stage, first to last.", min=1)
POOL = setting("Begin with a 3x3 max pool that halves the size, as networks for large images do.")
OUTPUT_STRIDE = setting("The last stages widen their windows rather than go below this share of the image.", min=4)
DROP_PATH = setting(
    "The share of samples for which the last block is left out in training; less for those before it.", min=0, max=1
)  # fmt: skip


class Pace(NamedTuple):
    """How a stage goes on: its width and depth, its stride, its dilation and that of its first block."""

    width: int
    depth: int
    stride: int
    dilation: int
    first_dilation: int


def matched(widths: Sequence[int], depths: Sequence[int]) -> list[tuple[int, int]]:
    """The width and depth of each stage. Raises ValueError where their numbers differ."""
    if not widths or len(widths) != len(depths):
        raise ValueError(
            f"widths has {len(widths)} stages and depths {len(depths)}, but both need the same number, "
            "one or more: give each stage a width and a depth"
        )
    return list(zip(widths, depths, strict=True))


def paces(widths: Sequence[int], depths: Sequence[int], output_stride: int, reached: int = 4) -> Iterator[Pace]:
    """The stages of a residual network, which halve the size from a quarter of the image down to 1/output_stride.

    `reached` is what comes in: the usual stem and pool leave a quarter, a stem alone half.
    """
    dilation = 1
    for i, (width, depth) in enumerate(matched(widths, depths)):
        stride, before = (2 if i or reached < 4 else 1), dilation
        if reached * stride > output_stride:
            stride, dilation = 1, dilation * stride
        reached *= stride
        yield Pace(width, depth, stride, dilation, before)


@block(
    "Residual backbone", category="Backbone", paper=RESNET, icon="boxes",
    helps="The safe first choice: weights for every size, every neck and runtime knows it, batch norms fold away, and "
          "output_stride serves segmentation. D form, ResNeXt and attention are settings.",
    hurts="ConvNeXt-T has 82.1 % top-1 where a ResNet-50 of about its MACs, trained in the same way, has 78.8. "
          "Batches of less than about 8 images harm its norms. Phones want MobileNets.",
    aliases=("resnet", "resnext", "wide resnet", "senet", "resnet-d", "resnet v2", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    kind=KIND, depths=DEPTHS, widths=WIDTHS, groups=GROUPS, group_width=GROUP_WIDTH, pool=POOL,
    output_stride=OUTPUT_STRIDE, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
    shortcut=SHORTCUT, drop_path=DROP_PATH,
    strided=setting(STRIDED, when=POST_BOTTLENECK), narrow=NARROW,
    bent_branch=setting(BENT_BRANCH, when={"kind": "basic", "preactivation": False}), preactivation=PREACTIVATION,
    dilate_first=setting("Where a stage keeps the size, its first block's window is as wide as those after it."),
    exempt={"settings:dilate_first": "it shows from an output stride of 16 on, in a test of its own"},
)  # fmt: skip
class ResidualBackbone(Backbone):
    """The stages of a residual network; each gives one level of a pyramid.

    Every stage after the first halves height and width. Wire the pyramid to a neck such as FPN, or pick its last
    level for a plain classifier. The default is ResNet-18 without its stem and pool. Attention stands in each block
    before the addition; BAM stands between the stages, as its paper has it.
    """

    def __init__(
        self,
        C: int,
        kind: ResidualBlock = "basic",
        depths: tuple[int, ...] = (2, 2, 2, 2),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        groups: int = 1,
        group_width: int = 64,
        pool: bool = False,
        output_stride: int = 32,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
        shortcut: Shortcut = "conv",
        drop_path: float = 0.0,
        strided: Strided = "middle",
        narrow: bool = False,
        bent_branch: bool = False,
        preactivation: bool = False,
        dilate_first: bool = False,
    ) -> None:
        stages: list[Stage] = []
        inside: MapAttention = "none" if attention == "bam" else attention
        done, per_block = 0, drop_path / max(sum(depths) - 1, 1)
        for pace in paces(widths, depths, output_stride):
            last = done + pace.depth - 1
            first = pace.dilation if dilate_first else pace.first_dilation
            stage = ResidualStage(
                C, pace.width, pace.depth, pace.stride, kind, groups, group_width, pace.dilation, first, inside,
                activation, shortcut, per_block * last, per_block * done, strided, narrow, bent_branch,
                preactivation,
            )  # fmt: skip
            C, done = stage.channels, last + 1
            between = make_attention(attention, C) if attention == "bam" and len(stages) + 1 < len(widths) else None
            stages.append(Stage([stage] if between is None else [stage, between], pace.stride, C))
        super().__init__(stages, levels, pool=MaxPool2d(3, 2, 1) if pool else None)
