"""Swin transformers, version 1 and 2."""

from __future__ import annotations

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT
from blocks.attention.windows import SWIN, WINDOW
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.feedforward import EPS, EXPANSION, rates
from blocks.stages.swin import SwinStage

DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)
HEAD_WIDTH = setting("Channels of each attention head; it divides those of every stage.", min=1)
DROP_PATH = setting(
    "The share of samples for which a branch is left out in training: it rises from 0 in the first block to this in "
    "the last.", min=0, max=1,
)  # fmt: skip


@block(
    "Swin transformer", category="Backbone", paper=SWIN, icon="boxes",
    helps="Dense prediction with transformers: four levels like a ResNet's, linear in H W, wide support in detection "
          "libraries. Swin-T has 81.3 % top-1 at 4.5 GMACs.",
    hurts="From scratch it needs ImageNet or more. Sides that the window does not divide at every stage are padded. "
          "ConvNeXt is about as accurate, simpler and faster; ViT with a simple pyramid rivals it in detection.",
    aliases=("swin", "swin v2", "transformer", "shifted window", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, window=WINDOW, head_width=HEAD_WIDTH,
    v2=setting(
        "Norms after the branches, attention by angles and positions from a small network, as in Swin v2 "
        "(arXiv:2111.09883)."
    ),
    expansion=EXPANSION, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, eps=EPS,
    levels=LEVELS,
)  # fmt: skip
class SwinBackbone(Backbone):
    """The stages of a Swin transformer; each gives one level of a pyramid.

    It takes embedded patches: a 4x4 convolution with stride 4 and a layer norm before it make them of an image. Every
    stage after the first halves height and width and doubles the channels. Put a layer norm before a classifier.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        window: int = 7,
        head_width: int = 32,
        v2: bool = False,
        expansion: float = 4.0,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.1,
        eps: float = 1e-5,
        levels: tuple[int, ...] = (),
    ) -> None:
        if C % head_width:
            raise ValueError(
                f"head_width is {head_width}, but the map has {C} channels: take a head_width that divides them evenly"
            )
        stages = []
        for i, (depth, (first, last)) in enumerate(zip(depths, rates(drop_path, depths), strict=True)):
            heads = (2 * C if i else C) // head_width
            stage = SwinStage(
                C, depth, heads, window, i > 0, expansion, v2, attention_dropout, dropout, last, first, eps
            )
            C = stage.channels
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
