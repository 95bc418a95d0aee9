"""The backbones of EfficientNet, first and second version."""

from __future__ import annotations

from functools import partial
from typing import Literal

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone
from blocks.backbones.inverted import DEPTH, DROP_PATH, OUTPUT_STRIDE, SCALE, SPLIT, Row, inverted_stages, split_stages
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, MOMENTUM, ConvNormAct
from blocks.layers.convolution import FIT, Fit
from blocks.stages.inverted import InvertedResidual

EfficientNetV2Size = Literal["s", "m", "l"]

_MAKE = partial(InvertedResidual, squeeze_activation="silu")

_V1 = (
    Row(16, 1, 1, 3, 1, True), Row(24, 2, 2, 3, 6, True), Row(40, 2, 2, 5, 6, True), Row(80, 3, 2, 3, 6, True),
    Row(112, 3, 1, 5, 6, True), Row(192, 4, 2, 5, 6, True), Row(320, 1, 1, 3, 6, True),
)  # fmt: skip
_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8), (1.6, 2.2), (1.8, 2.6), (2.0, 3.1))
"""Width and depth of B0 to B7."""


@block(
    "EfficientNet backbone", category="Backbone", paper="Tan and Le 2019, arXiv:1905.11946", icon="boxes",
    helps="Fine-tuning with few weights: B0 has 77.1 % top-1 with 5.3 M weights and 0.39 GMACs, and one number trades "
          "cost for accuracy up to B7.",
    hurts="Raising phi without larger images gives part of the gain away. Large B's train slowly and fill memory: "
          "EfficientNetV2 mends that. SiLU and squeeze-and-excitation trouble int8; MobileNetV2 has neither.",
    aliases=("efficientnet", "mbconv", "compound scaling", "phi", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    phi=setting(
        "The compound coefficient: 0 to 7 give the width and depth of B0 to B7. Larger images belong to it: 224, 240, "
        "260, 300, 380, 456, 528 and 600 pixels in the paper.", min=0, max=7, shown=True,
    ),
    width=setting("All channels are multiplied by this and rounded to a multiple of 8; empty: as phi says.", min=0.01),
    depth=setting("The number of blocks a stage is multiplied by this and rounded up; empty: as phi says.", min=0.01),
    output_stride=OUTPUT_STRIDE, drop_path=DROP_PATH, attention=ATTENTION, activation=ACTIVATION, eps=EPS,
    momentum=MOMENTUM, levels=LEVELS, split=SPLIT, fit=FIT,
    spare_conv=setting(
        "Hold the classifier's last convolution too, which nothing here reads: segmentation_models_pytorch keeps it, "
        "and its checkpoints have its weights."
    ),
)  # fmt: skip
class EfficientNetBackbone(Backbone):
    """Seven stages of inverted residual blocks with squeeze-and-excitation, scaled by one coefficient.

    Width, depth and the size of the image grow together, which gains more than any of them alone. A stem of stride 2
    and 32 channels times the width stands before it; behind it a 1x1 convolution to 4 times as many channels as come
    out.
    """

    def __init__(
        self,
        C: int,
        phi: int = 0,
        width: float | None = None,
        depth: float | None = None,
        output_stride: int = 32,
        drop_path: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "silu",
        eps: float = 1e-5,
        momentum: float = 0.1,
        levels: tuple[int, ...] = (),
        split: bool = False,
        fit: Fit = "padding",
        spare_conv: bool = False,
    ) -> None:
        stages = inverted_stages(
            C, _V1, activation, width=width or _SCALES[phi][0], depth=depth or _SCALES[phi][1],
            output_stride=output_stride, drop_path=drop_path, make=partial(_MAKE, fit=fit), eps=eps, momentum=momentum,
        )  # fmt: skip
        super().__init__(split_stages(stages) if split else stages, levels, attention)
        last = stages[-1].channels
        self.spare = ConvNormAct(last, 4 * last, 1, eps=eps, momentum=momentum) if spare_conv else None


def _fused(channels: int, depth: int, stride: int, expansion: int) -> Row:
    return Row(channels, depth, stride, 3, expansion, kind="fused")


def _mbconv(channels: int, depth: int, stride: int, expansion: int = 6) -> Row:
    return Row(channels, depth, stride, 3, expansion, squeeze=True)


_V2: dict[EfficientNetV2Size, tuple[Row, ...]] = {
    "s": (
        _fused(24, 2, 1, 1), _fused(48, 4, 2, 4), _fused(64, 4, 2, 4), _mbconv(128, 6, 2, 4), _mbconv(160, 9, 1),
        _mbconv(256, 15, 2),
    ),
    "m": (
        _fused(24, 3, 1, 1), _fused(48, 5, 2, 4), _fused(80, 5, 2, 4), _mbconv(160, 7, 2, 4), _mbconv(176, 14, 1),
        _mbconv(304, 18, 2), _mbconv(512, 5, 1),
    ),
    "l": (
        _fused(32, 4, 1, 1), _fused(64, 7, 2, 4), _fused(96, 7, 2, 4), _mbconv(192, 10, 2, 4), _mbconv(224, 19, 1),
        _mbconv(384, 25, 2), _mbconv(640, 7, 1),
    ),
}  # fmt: skip


@block(
    "EfficientNetV2 backbone", category="Backbone", paper="Tan and Le 2021, arXiv:2104.00298", icon="boxes",
    helps="Short trainings on GPUs or TPUs at high accuracy: fused blocks where channels are few. The authors let "
          "image size and regularisation grow during training.",
    hurts="Its smallest table, s, has 22 M weights at depth 1: phones want MobileNetV3 or EfficientNet-B0. The "
          "default depth of 0.25 is for trials; no published weights fit it.",
    aliases=("efficientnet", "fused mbconv", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    size=setting("Which of the paper's tables of stages: small, medium or large.", shown=True),
    width=SCALE, depth=DEPTH, output_stride=OUTPUT_STRIDE, drop_path=DROP_PATH, attention=ATTENTION,
    activation=ACTIVATION, eps=EPS, momentum=MOMENTUM, levels=LEVELS,
)  # fmt: skip
class EfficientNetV2Backbone(Backbone):
    """Three stages of fused inverted residual blocks, then inverted residual blocks with squeeze-and-excitation.

    The search also weighed the time of training, in which full convolutions are faster than depthwise ones while the
    channels are few. A stem of stride 2 with the channels of the first stage (24 or 32) stands before it, a 1x1
    convolution to 1280 channels behind it. A depth of 1 gives the paper's networks; the default is a quarter of that.
    """

    def __init__(
        self,
        C: int,
        size: EfficientNetV2Size = "s",
        width: float = 1.0,
        depth: float = 0.25,
        output_stride: int = 32,
        drop_path: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "silu",
        eps: float = 1e-3,
        momentum: float = 0.1,
        levels: tuple[int, ...] = (),
    ) -> None:
        stages = inverted_stages(
            C, _V2[size], activation, width=width, depth=depth, output_stride=output_stride, drop_path=drop_path,
            make=_MAKE, eps=eps, momentum=momentum,
        )  # fmt: skip
        super().__init__(stages, levels, attention)
