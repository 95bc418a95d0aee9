"""The blocks of InternImage."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.dcnv3 import DCN_V3, FIRST_STEP, GROUPS, REACH, DeformConvV3
from blocks.attention.projections import DROPOUT
from blocks.declare import block, port, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.normalisation import LayerNorm2d
from blocks.stages.feedforward import DEPTH, DROP_PATH, EXPANSION, FIRST_DROP_PATH, FeedForward2d, rising
from blocks.stages.metaformer import CHANNELS, LAYER_SCALE, EmbeddedStage, TwoBranches, check_heads

NORM_LAST = setting("Normalise what each branch gives, as the larger networks do, rather than what it takes.")
_EPS = 1e-6


@block(
    "InternImage block", category="Backbone", paper=DCN_V3, icon="spline",
    helps="Detection and segmentation with much data: 9 points that move with the content follow the shapes of things "
          "at linear cost. The design scaled to 1 billion weights and 65.4 AP on COCO.",
    hurts="Here the points are sampled by grid_sample, whose reads are scattered: it is slow and in training holds 9 "
          "values for each of the map's. With little data or small devices take a ConvNeXt block.",
    aliases=("internimage", "dcnv3", "deformable"), inputs={"x": "B C%groups H W"}, outputs={"out": "B C H W"},
    groups=GROUPS, expansion=EXPANSION, norm_last=NORM_LAST, layer_scale=LAYER_SCALE, reach=REACH, dropout=DROPOUT,
    drop_path=DROP_PATH, exempt={"gradient": FIRST_STEP},
)  # fmt: skip
class InternImageBlock(TwoBranches):
    """Deformable convolution and a feed-forward network, each with a layer norm and a connection around it.

    It is the block of a transformer in which a convolution that moves its points stands for the attention.
    """

    def __init__(
        self,
        C: int,
        groups: int = 4,
        expansion: float = 4.0,
        norm_last: bool = False,
        layer_scale: float | None = None,
        reach: float = 1.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(
            C, DeformConvV3(C, groups, reach=reach), FeedForward2d(C, expansion, dropout=dropout),
            norm_last=norm_last, layer_scale=layer_scale, drop_path=drop_path,
        )  # fmt: skip


@block(
    "InternImage stage", category="Backbone", paper=DCN_V3, icon="square-stack",
    helps="In the later stages of a pyramid for dense heads, where maps are small and objects odd in shape. Let "
          "`groups` grow with the channels: the published T to XL keep 16 channels to a group.",
    hurts="At a quarter of the image's size the sampled values fill the memory; a ConvNeXt stage costs a fraction "
          "there. Offsets begin at 0, so short trainings get little more than a 3x3 window.",
    aliases=("internimage", "dcnv3", "deformable", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size where `channels` is set.")},
    channels=CHANNELS, depth=DEPTH, groups=GROUPS, expansion=EXPANSION, norm_last=NORM_LAST, layer_scale=LAYER_SCALE,
    reach=REACH, attention=ATTENTION, dropout=DROPOUT, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
    exempt={"gradient": FIRST_STEP},
)  # fmt: skip
class InternImageStage(EmbeddedStage):
    """A convolution that halves the map, InternImage blocks in a row, and a layer norm unless each block ends in one.

    An InternImage is four such stages; the first keeps the map as the stem gives it.
    """

    def __init__(
        self,
        C: int,
        channels: int | None = None,
        depth: int = 2,
        groups: int = 4,
        expansion: float = 4.0,
        norm_last: bool = False,
        layer_scale: float | None = None,
        reach: float = 1.0,
        attention: MapAttention = "none",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
    ) -> None:
        wide = channels or C
        check_heads(groups, wide, "groups")
        embed = ConvNormAct(C, wide, 3, 2, norm="layer", activation="none", eps=_EPS) if channels else None
        blocks = (
            InternImageBlock(wide, groups, expansion, norm_last, layer_scale, reach, dropout, rate)
            for rate in rising(first_drop_path, drop_path, depth)
        )
        super().__init__(embed, blocks, wide, None if norm_last else LayerNorm2d(wide, _EPS), attention)
