"""MobileViT backbones, version 1 and 2."""

from __future__ import annotations

from typing import Literal

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.patchwise import MOBILEVIT, PATCH
from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages.feedforward import DROP_PATH
from blocks.stages.inverted import EXPANSION, InvertedResidual
from blocks.stages.metaformer import check_counts
from blocks.stages.mobilevit import MobileViTBlock, MobileViTV2Block

Version = Literal["v1", "v2"]


@block(
    "MobileViT backbone", category="Backbone", paper=MOBILEVIT, icon="boxes",
    helps="Few weights and a view of the whole image: 78.4 % top-1 with about 6 M. v2 with its linear attention is "
          "the one to take on phones, 3.2 times faster at about 3 M weights.",
    hurts="v1 is several times slower on phones than MobileNets of as many weights, and on GPUs unfolding costs time "
          "too. Where far relations do not matter MobileNetV3 is the quicker choice.",
    aliases=("mobilevit v2", "transformer", "hybrid", "mobile", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    version=setting("`v2` has separable self-attention (arXiv:2206.02680), `v1` that of transformers.", shown=True),
    widths=setting("Channels of each stage, first to last.", min=1, shown=True),
    depths=setting("Inverted residual blocks of each stage, first to last.", min=1, max=1000),
    transformer_depths=setting(
        "Transformer blocks in the MobileViT block at the end of each of the last stages; the stages before have none.",
        min=1, max=1000,
    ),
    inner_widths=setting(
        "Channels of the transformers in each of the last stages; empty: half of the stage's, in steps of 8.", min=1
    ),
    expansion=EXPANSION, heads=HEADS._replace(when=(("version", "v1"),)), patch=PATCH, activation=ACTIVATION,
    attention=ATTENTION, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, levels=LEVELS,
)  # fmt: skip
class MobileViTBackbone(Backbone):
    """The stages of a MobileViT; each gives one level of a pyramid.

    It takes what a 3x3 convolution with stride 2 makes of an image. The first stage keeps the size, every further one
    halves it by an inverted residual block; the last ones end in a MobileViT block.
    """

    def __init__(
        self,
        C: int,
        version: Version = "v1",
        widths: tuple[int, ...] = (16, 24, 48, 64, 80),
        depths: tuple[int, ...] = (1, 1, 1, 1, 1),
        transformer_depths: tuple[int, ...] = (1, 1, 1),
        inner_widths: tuple[int, ...] = (64, 80, 96),
        expansion: float = 2.0,
        heads: int = 4,
        patch: int = 2,
        activation: Activation = "silu",
        attention: MapAttention = "none",
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_counts(len(depths), widths=widths)
        plain = len(depths) - len(transformer_depths)
        if plain < 0:
            raise ValueError(f"transformer_depths has {len(transformer_depths)} numbers, but depths only {len(depths)}")
        if inner_widths:
            check_counts(len(transformer_depths), inner_widths=inner_widths)
        stages: list[Stage] = []
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            row: list[nn.Module] = []
            for j in range(depth):
                stride = 1 if j or not i else 2
                row.append(InvertedResidual(C, width, expansion, stride=stride, squeeze=0, activation=activation))
                C = width
            if i >= plain:
                inner = inner_widths[i - plain] if inner_widths else None
                common = (
                    inner, transformer_depths[i - plain], patch, 2.0, activation, attention_dropout, dropout, drop_path
                )  # fmt: skip
                row.append(
                    MobileViTBlock(C, heads, *common) if version == "v1" else MobileViTV2Block(C, *common)
                )  # fmt: skip
            stages.append(Stage(row, 2 if i else 1, C))
        super().__init__(stages, levels, attention)
