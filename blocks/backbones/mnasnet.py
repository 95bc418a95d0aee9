"""The backbones of MnasNet."""

from __future__ import annotations

from typing import Literal

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone
from blocks.backbones.inverted import DEPTH, DROP_PATH, OUTPUT_STRIDE, SCALE, Row, inverted_stages
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM

MnasNetTable = Literal["a1", "b1"]

_ROWS: dict[MnasNetTable, tuple[Row, ...]] = {
    "a1": (
        Row(16, 1, 1, 3, 1), Row(24, 2, 2), Row(40, 3, 2, 5, 3, squeeze=True), Row(80, 4, 2),
        Row(112, 2, squeeze=True), Row(160, 3, 2, 5, squeeze=True), Row(320),
    ),
    "b1": (
        Row(16, 1, 1, 3, 1), Row(24, 3, 2, 3, 3), Row(40, 3, 2, 5, 3), Row(80, 3, 2, 5), Row(96, 2), Row(192, 4, 2, 5),
        Row(320),
    ),
}  # fmt: skip


@block(
    "MnasNet backbone", category="Backbone", paper="Tan et al. 2018, arXiv:1807.11626", icon="boxes",
    helps="Phones of its day: A1 has 75.2 % top-1 at 78 ms on a Pixel, 1.8 times faster than MobileNetV2 at half a "
          "point more.",
    hurts="Its search went on to MobileNetV3 and EfficientNet, which beat it at the same latency. As all networks of "
          "inverted residuals it disappoints on GPUs. Table b1 quantises better than a1.",
    aliases=("mnasnet", "semnasnet", "inverted residual", "mbconv", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    table=setting(
        "Which of the paper's networks: `a1` has squeeze-and-excitation in some stages, `b1` has none.", shown=True
    ),
    width=SCALE, depth=DEPTH, output_stride=OUTPUT_STRIDE, drop_path=DROP_PATH, attention=ATTENTION,
    activation=ACTIVATION, eps=EPS, momentum=MOMENTUM, levels=LEVELS,
)  # fmt: skip
class MnasNetBackbone(Backbone):
    """Seven stages of inverted residual blocks, each with the kernel and the expansion that a search chose for it.

    The search weighed accuracy against the time measured on a phone. A stem of 32 channels and stride 2 stands before
    it, a 1x1 convolution to 1280 channels behind it.
    """

    def __init__(
        self,
        C: int,
        table: MnasNetTable = "b1",
        width: float = 1.0,
        depth: float = 1.0,
        output_stride: int = 32,
        drop_path: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        eps: float = 1e-5,
        momentum: float = 0.1,
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = inverted_stages(
            C, _ROWS[table], activation, width=width, depth=depth, output_stride=output_stride, drop_path=drop_path,
            eps=eps, momentum=momentum,
        )  # fmt: skip
        super().__init__(stages, levels, attention)
