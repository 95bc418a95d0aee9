"""The way down of a U-Net."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, NORM
from blocks.layers.normalisation import Norm
from blocks.layers.pooling import MaxPool2d
from blocks.stages.unet import FIT, UNET, DoubleConv, Fill


@block(
    "U-Net backbone", category="Backbone", paper=UNET, icon="boxes", aliases=("unet", "u-net", "encoder"),
    helps="Medical and satellite segmentation trained from scratch: the first level has the image's own size, where "
          "most backbones begin at a half or a quarter of it.",
    hurts="No published weights exist for it, and its full-size level fills memory: images of 1024 pixels need crops. "
          "With little data a ResNet's weights and U-Net decoder often win.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    widths=setting("Channels of each stage, first to last.", min=1, shown=True),
    fit=FIT, norm=NORM, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class UNetBackbone(Backbone):
    """Double convolutions with 2x2 max pools between them, from the image's own size down to a sixteenth.

    It reads the image without a stem. Wire the pyramid to a U-Net decoder.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (32, 64, 128, 256),
        fit: Fill = "same",
        norm: Norm = "batch",
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = []
        for i, width in enumerate(widths):
            convs = DoubleConv(C, width, fit, norm, activation)
            stages.append(Stage([MaxPool2d(2, 2), convs] if i else [convs], 2 if i else 1, width))
            C = width
        super().__init__(stages, levels, attention)
