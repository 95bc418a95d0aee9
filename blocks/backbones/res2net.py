"""Res2Net backbones."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.residual import DEPTHS, OUTPUT_STRIDE, POOL, paces
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.pooling import MaxPool2d
from blocks.stages.res2net import RES2NET, SCALES, Res2NetBlock


@block(
    "Res2Net backbone", category="Backbone", paper=RES2NET, icon="boxes",
    helps="A ResNet for objects of many sizes: 1.8 points less top-1 error than ResNet-50 at 26 wide and 4 scales, "
          "and gains for detection, key points and saliency.",
    hurts="Chained small convolutions cost latency on GPUs; Residual backbone is faster at the same MACs. Stages of "
          "depth 1, the default's, hold few chained blocks: deepen them.",
    aliases=("multi-scale", "res2next", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, widths=setting("A quarter of the channels that each stage gives, first to last.", min=1),
    scales=SCALES, scale_width=setting("Of 64: how wide each scale is; 26 with 4 scales costs as ResNet does.", min=1),
    groups=setting("Groups of each small convolution.", min=1),
    pool=POOL, output_stride=OUTPUT_STRIDE, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class Res2NetBackbone(Backbone):
    """The stages of a residual network whose bottlenecks see several scales at once.

    Every stage after the first halves height and width. It helps most where things of very different size are looked
    for.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        widths: tuple[int, ...] = (64, 128, 256, 512),
        scales: int = 4,
        scale_width: int = 26,
        groups: int = 1,
        pool: bool = False,
        output_stride: int = 32,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = []
        for pace in paces(widths, depths, output_stride):
            blocks = []
            middle = pace.width * scale_width // 64 * groups * scales
            for i in range(pace.depth):
                step, spread = (1, pace.dilation) if i else (pace.stride, pace.first_dilation)
                blocks.append(
                    Res2NetBlock(C, 4 * pace.width, middle, scales, step, groups, spread, attention, activation)
                )  # fmt: skip
                C = 4 * pace.width
            stages.append(Stage(blocks, pace.stride, C))
        super().__init__(stages, levels, pool=MaxPool2d(3, 2, 1) if pool else None)
