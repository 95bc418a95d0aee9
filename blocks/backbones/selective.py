"""Backbones of selective kernels (SKNet)."""

from __future__ import annotations

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.selective import HALVED, SK
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.residual import DEPTHS, OUTPUT_STRIDE, POOL, WIDTHS, paces
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.pooling import MaxPool2d
from blocks.layers.sizes import rounded
from blocks.stages.residual import GROUP_WIDTH, GROUPS, KIND, ResidualBlock
from blocks.stages.selective import SelectiveBasicBlock, SelectiveBottleneck


@block(
    "Selective-kernel backbone", category="Backbone", paper=SK, icon="boxes",
    helps="Objects of changing scale where latency is no issue: in the paper SKNet-50 beat ResNeXt-50 by 1.4 points "
          "of top-1 for about 5 % more operations.",
    hurts="Two windows and a softmax in each block launch many kernels. Few published weights exist; Residual "
          "backbone with attention `se` gets most of the gain more simply.",
    aliases=("sknet", "skresnet", "skresnext", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    kind=KIND, depths=DEPTHS, widths=WIDTHS, groups=GROUPS, group_width=GROUP_WIDTH,
    reduction=setting("The kernels' attention divides their channels by this.", min=1),
    divisor=setting("The channels of that attention are rounded to a multiple of this, and are no fewer.", min=1),
    halved=HALVED, pool=POOL, output_stride=OUTPUT_STRIDE, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class SelectiveBackbone(Backbone):
    """The stages of a residual network whose blocks choose between a small and a large window.

    Every stage after the first halves height and width. The default is a slim ResNet-18 of such blocks, without its
    stem.
    """

    def __init__(
        self,
        C: int,
        kind: ResidualBlock = "basic",
        depths: tuple[int, ...] = (1, 1, 1, 1),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        groups: int = 1,
        group_width: int = 64,
        reduction: int = 8,
        divisor: int = 16,
        halved: bool = True,
        pool: bool = False,
        output_stride: int = 32,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = []
        for pace in paces(widths, depths, output_stride):
            blocks: list[nn.Module] = []
            for i in range(pace.depth):
                step, spread = (1, pace.dilation) if i else (pace.stride, pace.first_dilation)
                middle = pace.width if kind == "basic" else pace.width * group_width // 64 * groups
                last = (rounded(middle / reduction, divisor), halved, attention, activation)
                if kind == "basic":
                    blocks.append(SelectiveBasicBlock(C, middle, step, spread, *last))
                    C = middle
                else:
                    blocks.append(SelectiveBottleneck(C, 4 * pace.width, middle, step, groups, spread, *last))
                    C = 4 * pace.width
            stages.append(Stage(blocks, pace.stride, C))
        super().__init__(stages, levels, pool=MaxPool2d(3, 2, 1) if pool else None)
