"""ConvNeXt backbones, version 1 and 2."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block
from blocks.stages.convnext import CONVNEXT, KERNEL, RESPONSE_NORM, ConvNeXtStage
from blocks.stages.feedforward import EXPANSION, rates
from blocks.stages.metaformer import DEPTHS, DROP_PATHS, LAYER_SCALE


@block(
    "ConvNeXt backbone", category="Backbone", paper=CONVNEXT, icon="boxes",
    helps="The modern convolutional backbone to try first on large data or with published weights: 82.1 % top-1 for "
          "ConvNeXt-T at 4.5 GMACs, any size of image, no attention to export.",
    hurts="From scratch on small sets it needs strong augmentation to keep up with a ResNet; a ResNet-50 of about its "
          "MACs is also faster on GPUs. Layer norms make int8 harder than batch norms.",
    aliases=("convnext", "convnext v2", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, kernel_size=KERNEL, expansion=EXPANSION, layer_scale=LAYER_SCALE, response_norm=RESPONSE_NORM,
    attention=ATTENTION, drop_path=DROP_PATHS, levels=LEVELS,
)  # fmt: skip
class ConvNeXtBackbone(Backbone):
    """The stages of a ConvNeXt; each gives one level of a pyramid.

    It takes embedded patches: a 4x4 convolution with stride 4 and a layer norm before it make them of an image. Every
    stage after the first halves height and width and doubles the channels. Before a classifier put a global average
    and a layer norm. With a response norm and without layer scale it is ConvNeXt V2 (Woo et al. 2023,
    arXiv:2301.00808).
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        kernel_size: int = 7,
        expansion: float = 4.0,
        layer_scale: float | None = 1e-6,
        response_norm: bool = False,
        attention: MapAttention = "none",
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        stages: list[Stage] = []
        for i, (depth, (first, last)) in enumerate(zip(depths, rates(drop_path, depths), strict=True)):
            stage = ConvNeXtStage(
                C, 2 * C if i else None, depth, kernel_size, expansion, layer_scale, response_norm, attention, last,
                first,
            )  # fmt: skip
            C = stage.channels
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
