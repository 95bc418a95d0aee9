"""CMT backbones: convolutional neural networks meet vision transformers."""

from __future__ import annotations

from blocks.attention.light import CMT
from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.cmt import CMTStage
from blocks.stages.feedforward import EXPANSION, rates
from blocks.stages.metaformer import DEPTHS, DROP_PATHS, check_counts


@block(
    "CMT backbone", category="Backbone", paper=CMT, icon="boxes",
    helps="Classification at one size of image with modest compute: CMT-S reaches 83.5 % top-1 at 4.0 GMACs, trained "
          "on ImageNet alone.",
    hurts="Detection and segmentation change the size of images, which its learned positions follow only by blending. "
          "Pyramid vision transformer v2 or Mix Transformer have no such tables.",
    aliases=("transformer", "convolution", "hybrid", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    width=setting("Channels of the first stage; each further one has twice as many.", min=1, shown=True),
    depths=DEPTHS,
    heads=setting("Attention heads of each stage, first to last.", min=1),
    reductions=setting(
        "The places that are looked at in each stage: one for each square of this side; 1 looks at every place.", min=1
    ),
    expansion=EXPANSION, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATHS, levels=LEVELS,
)  # fmt: skip
class CMTBackbone(Backbone):
    """The stages of a CMT; each gives one level of a pyramid.

    It takes what a stem of three convolutions makes of an image, at half its size. Every stage halves height and width.
    Its learned positions are those of one size of image.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        width: int = 64,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        heads: tuple[int, ...] = (1, 2, 4, 8),
        reductions: tuple[int, ...] = (8, 4, 2, 1),
        expansion: float = 4.0,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_counts(len(depths), heads=heads, reductions=reductions)
        stages: list[Stage] = []
        for i, (first, last) in enumerate(rates(drop_path, depths)):
            stage = CMTStage(
                C, H, W, width * 2**i, depths[i], heads[i], reductions[i], expansion, attention_dropout, dropout, last,
                first,
            )  # fmt: skip
            C, H, W = stage.channels, stage.height, stage.width
            stages.append(Stage([stage], 2, C))
        super().__init__(stages, levels)
