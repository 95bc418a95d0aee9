"""RegNet backbones: the widths of all blocks follow from four numbers."""

from __future__ import annotations

from itertools import groupby
from math import log

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.residual import OUTPUT_STRIDE, paces
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.sizes import rounded
from blocks.stages.regnet import GROUP_WIDTH, REGNET, SQUEEZE, RegNetBlock


def quantised(depth: int, initial_width: int, slope: float, factor: float, group_width: int) -> list[tuple[int, int]]:
    """The width and depth of each stage.

    Widths that grow evenly by `slope` from block to block are moved to the nearest power of `factor` times the first,
    then to a multiple of 8 and of the group width; blocks of one width are a stage.
    """
    if factor <= 1 or initial_width % 8:
        raise ValueError(
            f"factor is {factor:g} and initial_width {initial_width}, but it needs a factor above 1 and a first width "
            "that 8 divides: try 2.5 and 24"
        )
    wanted = [initial_width + slope * i for i in range(depth)]
    powers = [round(log(width / initial_width) / log(factor)) for width in wanted]
    widths = [8 * round(initial_width * factor**power / 8) for power in powers]
    return [(rounded(width, min(group_width, width)), len(list(blocks))) for width, blocks in groupby(widths)]


@block(
    "RegNet backbone", category="Backbone", paper=REGNET, icon="boxes",
    helps="GPU servers: one regular design from 200 M to 32 G MACs, up to 5 times faster there than EfficientNets of "
          "the same MACs. Squeeze 0.25 makes the more accurate RegNetY.",
    hurts="Widths come from a formula, so single stages cannot be tuned; for that take Residual backbone. On phones "
          "below 200 M MACs depthwise networks get more out of each of them.",
    aliases=("regnetx", "regnety", "design space", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depth=setting("Blocks of all stages together.", min=1, max=1000, shown=True),
    initial_width=setting("Channels of the first block (w_0), a multiple of 8.", min=8),
    slope=setting("By how many channels each block would be wider than the one before (w_a).", min=0),
    factor=setting("Widths are rounded so that each stage is this many times as wide as the one before, or a power of "
                   "it (w_m).", min=1),
    group_width=GROUP_WIDTH, squeeze=SQUEEZE, output_stride=OUTPUT_STRIDE, attention=ATTENTION, activation=ACTIVATION,
    levels=LEVELS,
)  # fmt: skip
class RegNetBackbone(Backbone):
    """Stages whose widths and depths follow from one straight line.

    The best networks of a large space turned out to grow evenly in width; this rounds the line to a few stages. Every
    stage halves height and width. The default is RegNetX-200MF without its stem, a 3x3 convolution with stride 2.
    """

    def __init__(
        self,
        C: int,
        depth: int = 13,
        initial_width: int = 24,
        slope: float = 36.44,
        factor: float = 2.49,
        group_width: int = 8,
        squeeze: float = 0.0,
        output_stride: int = 32,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        widths, depths = zip(*quantised(depth, initial_width, slope, factor, group_width), strict=True)
        stages = []
        for pace in paces(widths, depths, output_stride, reached=2):
            blocks = []
            for i in range(pace.depth):
                step, spread = (1, pace.dilation) if i else (pace.stride, pace.first_dilation)
                blocks.append(RegNetBlock(C, pace.width, step, group_width, squeeze, spread, attention, activation))
                C = pace.width
            stages.append(Stage(blocks, pace.stride, C))
        super().__init__(stages, levels)
