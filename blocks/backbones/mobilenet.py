"""The backbones of MobileNet, first to third version."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import Literal

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.inverted import DEPTH, DROP_PATH, OUTPUT_STRIDE, SCALE, SPLIT, Row, inverted_stages, split_stages
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM
from blocks.layers.sizes import rounded
from blocks.stages.inverted import V2, InvertedResidual
from blocks.stages.separable import V1, DepthwiseSeparable

MobileNetV3Size = Literal["large", "small"]

_V1 = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))  # channels, depth, stride


@block(
    "MobileNet backbone", category="Backbone", paper=V1, icon="boxes",
    helps="The plainest network for small CPUs and microcontrollers: 70.6 % top-1 with 4.2 M weights and 569 M MACs, "
          "and every converter knows its two layers.",
    hurts="V2 needs about half of the MACs for 72.0 %. Without connections it is hard to deepen, and its depthwise "
          "weights need scales a channel in int8, or accuracy collapses.",
    aliases=("mobilenet", "v1", "depthwise separable", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    width=SCALE, depth=DEPTH, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class MobileNetBackbone(Backbone):
    """Five stages of depthwise-separable blocks, 64 to 1024 channels.

    Every stage after the first halves height and width. A stem of 32 channels and stride 2 stands before it.
    """

    def __init__(
        self,
        C: int,
        width: float = 1.0,
        depth: float = 1.0,
        attention: MapAttention = "none",
        activation: Activation = "relu6",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = []
        for base, count, stride in _V1:
            channels, blocks = rounded(base * width), []
            for i in range(ceil(count * depth)):
                blocks.append(DepthwiseSeparable(C, channels, 3, 1 if i else stride, activation=activation))
                C = channels
            stages.append(Stage(blocks, stride, channels))
        super().__init__(stages, levels, attention)


_V2 = (
    Row(16, 1, 1, 3, 1), Row(24, 2, 2), Row(32, 3, 2), Row(64, 4, 2), Row(96, 3, 1), Row(160, 3, 2), Row(320, 1, 1),
)  # fmt: skip


@block(
    "MobileNetV2 backbone", category="Backbone", paper=V2, icon="boxes",
    helps="int8 on phones and edge chips: ReLU6, no attention, 72.0 % top-1 with 300 M MACs. A usual base for SSDLite "
          "and small DeepLabs by its output stride.",
    hurts="At equal latency V3 is more accurate on phones. On GPUs a ResNet-18 of six times the MACs may be as fast. "
          "Half the width costs more than six points of top-1 (65.4 %).",
    aliases=("mobilenet", "inverted residual", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    width=SCALE, depth=DEPTH, output_stride=OUTPUT_STRIDE, drop_path=DROP_PATH,
    attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class MobileNetV2Backbone(Backbone):
    """Seven stages of inverted residual blocks, 16 to 320 channels.

    The fifth and the last keep the size of the stage before. A stem of 32 channels and stride 2 stands before it, a
    1x1 convolution to 1280 channels behind it.
    """

    def __init__(
        self,
        C: int,
        width: float = 1.0,
        depth: float = 1.0,
        output_stride: int = 32,
        drop_path: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "relu6",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = inverted_stages(
            C, _V2, activation, width=width, depth=depth, output_stride=output_stride, drop_path=drop_path
        )  # fmt: skip
        super().__init__(stages, levels, attention)


_V3: dict[MobileNetV3Size, tuple[Row, ...]] = {
    "large": (
        Row(16, widths=(16,), activation="relu"),
        Row(24, stride=2, widths=(64, 72), activation="relu"),
        Row(40, stride=2, kernel_size=5, squeeze=True, widths=(72, 120, 120), activation="relu"),
        Row(80, stride=2, widths=(240, 200, 184, 184)),
        Row(112, squeeze=True, widths=(480, 672)),
        Row(160, stride=2, kernel_size=5, squeeze=True, widths=(672, 960, 960)),
    ),
    "small": (
        Row(16, stride=2, squeeze=True, widths=(16,), activation="relu"),
        Row(24, stride=2, widths=(72, 88), activation="relu"),
        Row(40, stride=2, kernel_size=5, squeeze=True, widths=(96, 240, 240)),
        Row(48, kernel_size=5, squeeze=True, widths=(120, 144)),
        Row(96, stride=2, kernel_size=5, squeeze=True, widths=(288, 576, 576)),
    ),
}  # fmt: skip


@block(
    "MobileNetV3 backbone", category="Backbone", paper="Howard et al. 2019, arXiv:1905.02244", icon="boxes",
    helps="The phone's processor itself: large has 75.2 % top-1 with 219 M MACs, small 67.4 with some 60 M. With "
          "LR-ASPP head it makes a light segmentation network.",
    hurts="Hardswish and squeeze-and-excitation fall back to slow paths on some accelerators and cost accuracy in "
          "int8: V2 is safer there. GPUs gain nothing from it; RegNet or ResNet are faster.",
    aliases=("mobilenet", "hardswish", "inverted residual", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    size=setting("Which of the paper's two tables of stages.", shown=True),
    width=SCALE, output_stride=OUTPUT_STRIDE, drop_path=DROP_PATH, attention=ATTENTION,
    activation=setting("The bend of the later stages; the first ones have ReLU."),
    eps=EPS, momentum=MOMENTUM, levels=LEVELS, split=SPLIT,
)  # fmt: skip
class MobileNetV3Backbone(Backbone):
    """Inverted residual blocks with squeeze-and-excitation, found by a search on a phone's processor.

    Later stages bend by hardswish, and the gates by hardsigmoid: both are cheap on small devices. A stem of 16
    channels and stride 2 stands before it; behind it a 1x1 convolution to 6 times as many channels as come out.
    """

    def __init__(
        self,
        C: int,
        size: MobileNetV3Size = "small",
        width: float = 1.0,
        output_stride: int = 32,
        drop_path: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "hardswish",
        eps: float = 1e-3,
        momentum: float = 0.01,
        levels: tuple[int, ...] = (),
        split: bool = False,
    ) -> None:
        stages = inverted_stages(
            C, _V3[size], activation, width=width, output_stride=output_stride, drop_path=drop_path,
            squeeze=lambda C, middle: rounded(middle // 4), make=partial(InvertedResidual, gate="hardsigmoid"),
            eps=eps, momentum=momentum,
        )  # fmt: skip
        super().__init__(split_stages(stages) if split else stages, levels, attention)
