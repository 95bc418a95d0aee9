"""BiFormer backbones."""

from __future__ import annotations

from blocks.attention.routing import BIFORMER, LOCAL_KERNEL, REGIONS
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.biformer import BiFormerStage
from blocks.stages.feedforward import EXPANSION, rates
from blocks.stages.metaformer import DEPTHS, DROP_PATHS, LAYER_SCALE, check_counts, heads_of


@block(
    "BiFormer backbone", category="Backbone", paper=BIFORMER, icon="boxes",
    helps="Detection and segmentation where accuracy counts more than speed: BiFormer-S has 83.8 % top-1 with 4.5 "
          "GMACs, Swin-T of the same cost 81.3.",
    hurts="Gathering regions makes it slower on GPUs than the Swin transformer of the same MACs. Regions of 7 a side "
          "suit 224 pixels: other sizes are padded, and large images make each region coarse.",
    aliases=("bi-level routing", "transformer", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS,
    top_ks=setting(
        "At how many regions each region looks, stage by stage; 0: every place looks at every place.", min=0, shown=True
    ),
    head_width=setting("Channels of each attention head; it divides those of every stage.", min=1),
    dense_heads=setting("How many heads there are in stages where every place looks at every place.", min=1),
    regions=REGIONS, local_kernel=LOCAL_KERNEL, expansion=EXPANSION, layer_scale=LAYER_SCALE, drop_path=DROP_PATHS,
    levels=LEVELS,
)  # fmt: skip
class BiFormerBackbone(Backbone):
    """The stages of a BiFormer; each gives one level of a pyramid.

    It takes what two 3x3 convolutions with stride 2 make of an image. Every stage after the first halves height and
    width and doubles the channels. Put a batch norm before a classifier.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        top_ks: tuple[int, ...] = (1, 4, 16, 0),
        head_width: int = 32,
        dense_heads: int = 8,
        regions: int = 7,
        local_kernel: int = 5,
        expansion: float = 3.0,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_counts(len(depths), top_ks=top_ks)
        heads = heads_of(C, head_width, "head_width")
        stages: list[Stage] = []
        for i, (first, last) in enumerate(rates(drop_path, depths)):
            stage = BiFormerStage(
                C, 2 * C if i else None, depths[i], heads * 2**i if top_ks[i] else dense_heads, top_ks[i], regions,
                local_kernel, expansion, layer_scale, last, first,
            )  # fmt: skip
            C = stage.channels
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
