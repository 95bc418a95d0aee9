"""Darknet, and its cross stage partial form beside that of ResNet."""

from __future__ import annotations

from collections.abc import Sequence

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages.darknet import DROP_PATH, YOLOV3, DarknetStage

DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)
WIDTHS = setting("Channels of each stage, first to last.", min=1, shown=True)


def check_table(depths: Sequence[int], widths: Sequence[int]) -> None:
    """Raise ValueError unless every stage has a depth and a width."""
    if len(widths) != len(depths):
        raise ValueError(
            f"widths has {len(widths)} stages and depths {len(depths)}, but both need the same number: "
            "give each stage a width and a depth"
        )


@block(
    "Darknet backbone", category="Backbone", paper=YOLOV3, icon="boxes", aliases=("darknet53", "yolo", "yolov3"),
    helps="YOLOv3 and courses on it: Darknet-53 is as good a classifier as ResNet-152 and runs twice as fast on a "
          "GPU.",
    hurts="Darknet-53 has 40 M weights and no partial stages: CSP backbone does the same with fewer operations, YOLO "
          "backbone with newer ones. It is too heavy for phones.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, widths=WIDTHS, attention=ATTENTION, activation=ACTIVATION, drop_path=DROP_PATH, levels=LEVELS,
)  # fmt: skip
class DarknetBackbone(Backbone):
    """The stages of Darknet; each halves height and width and gives one level of a pyramid.

    It stands after a 3x3 convolution with stride 1. Depths 1, 2, 8, 8, 4 make Darknet-53, the backbone of YOLOv3;
    1 for each the default, Darknet-17.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 1, 1, 1),
        widths: tuple[int, ...] = (64, 128, 256, 512, 1024),
        attention: MapAttention = "none",
        activation: Activation = "leaky_relu",
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_table(depths, widths)
        stages: list[Stage] = []
        for depth, width in zip(depths, widths, strict=True):
            stages.append(Stage([DarknetStage(C, width, depth, 2, attention, activation, drop_path)], 2, width))
            C = width
        super().__init__(stages, levels)
