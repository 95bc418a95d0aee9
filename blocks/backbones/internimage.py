"""InternImage backbones."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.dcnv3 import DCN_V3, FIRST_STEP, REACH
from blocks.attention.projections import DROPOUT
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.feedforward import EXPANSION, rates
from blocks.stages.internimage import NORM_LAST, InternImageStage
from blocks.stages.metaformer import DEPTHS, DROP_PATHS, LAYER_SCALE, heads_of


@block(
    "InternImage backbone", category="Backbone", paper=DCN_V3, icon="boxes",
    helps="Detection and segmentation with very large pre-training: 65.4 AP on COCO at a billion weights; "
          "InternImage-T has 83.5 % top-1 with 5 GMACs.",
    hurts="Its published speed rests on a CUDA kernel of its own; here grid_sample does the work, slower and with "
          "much memory. ConvNeXt-T, with 82.1 % top-1, runs and exports without any of that.",
    aliases=("internimage", "dcnv3", "deformable", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS,
    group_width=setting("Channels of each group of the deformable convolutions, a divisor of every stage's.", min=1),
    expansion=EXPANSION, norm_last=NORM_LAST, layer_scale=LAYER_SCALE, reach=REACH, attention=ATTENTION,
    dropout=DROPOUT, drop_path=DROP_PATHS, levels=LEVELS, exempt={"gradient": FIRST_STEP},
)  # fmt: skip
class InternImageBackbone(Backbone):
    """The stages of an InternImage; each gives one level of a pyramid.

    It takes what two 3x3 convolutions with stride 2 make of an image. Every stage after the first halves height and
    width and doubles the channels.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        group_width: int = 16,
        expansion: float = 4.0,
        norm_last: bool = False,
        layer_scale: float | None = None,
        reach: float = 1.0,
        attention: MapAttention = "none",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        groups = heads_of(C, group_width, "group_width")
        stages: list[Stage] = []
        for i, (depth, (first, last)) in enumerate(zip(depths, rates(drop_path, depths), strict=True)):
            stage = InternImageStage(
                C, 2 * C if i else None, depth, groups * 2**i, expansion, norm_last, layer_scale, reach, attention,
                dropout, last, first,
            )  # fmt: skip
            C = stage.channels
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
