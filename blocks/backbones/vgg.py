"""VGG."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, NORM
from blocks.layers.normalisation import Norm
from blocks.layers.pooling import MaxPool2d
from blocks.stages.plain import VGG, PlainStage


@block(
    "VGG backbone", category="Backbone", paper=VGG, icon="boxes", aliases=("vgg11", "vgg16", "vgg19", "features"),
    helps="Perceptual losses and style transfer, whose measures are defined on its layers, and lessons: the simplest "
          "of the deep networks, and one that every runtime takes.",
    hurts="VGG-16 costs 15.5 GMACs, four times a ResNet-50, and is less accurate. Without norms it hardly trains from "
          "scratch at depth 16: set batch norm. RepVGG is its useful heir.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=setting("Convolutions of each stage, first to last.", min=1, max=100, shown=True),
    widths=setting("Channels of each stage, first to last.", min=1, shown=True),
    final_pool=setting("End with a stage that is a max pool alone, as VGG's features do."),
    norm=NORM, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class VGGBackbone(Backbone):
    """The stages of VGG behind its stem, each of 3x3 convolutions and half as large as the one before.

    The stem is a plain stage with 64 channels at the image's own size.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (2, 3, 3, 3),
        widths: tuple[int, ...] = (128, 256, 512, 512),
        final_pool: bool = False,
        norm: Norm = "none",
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        if not widths or len(widths) != len(depths):
            raise ValueError(
                f"widths has {len(widths)} stages and depths {len(depths)}, but both need the same number, "
                "one or more: give each stage a width and a depth"
            )
        stages = [
            Stage([PlainStage(source, width, depth, True, norm, activation)], 2, width)
            for source, width, depth in zip((C, *widths), widths, depths, strict=False)
        ]
        if final_pool:
            stages.append(Stage([MaxPool2d(2, 2)], 2, widths[-1]))
        super().__init__(stages, levels, attention)
