"""The Mix Transformer, SegFormer's backbone: a pyramid vision transformer with narrower feed-forward networks."""

from __future__ import annotations

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT
from blocks.backbones.base import LEVELS, PYRAMID
from blocks.backbones.pvt import DEPTHS, DROP_PATH, EXPANSIONS, HEADS, REDUCTIONS, PyramidBackbone
from blocks.declare import block
from blocks.stages.feedforward import EPS


@block(
    "Mix Transformer", category="Backbone", paper="Xie et al. 2021, arXiv:2105.15203", icon="pyramid",
    helps="Semantic segmentation with SegFormer head, at any size of image in training and use, as no positions are "
          "stored. Depths 2, 2, 2, 2 from 32 channels make B0.",
    hurts="At fixed reductions attention is quadratic: twice the side costs 16 times in each stage. For images of "
          "1024 pixels and more on small GPUs a VAN or ConvNeXt backbone is safer.",
    aliases=("mit", "segformer", "transformer", "efficient self-attention", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, heads=HEADS, reductions=REDUCTIONS, expansions=EXPANSIONS, attention_dropout=ATTENTION_DROPOUT,
    dropout=DROPOUT, drop_path=DROP_PATH, eps=EPS, levels=LEVELS,
)  # fmt: skip
class MixTransformer(PyramidBackbone):
    """The stages of SegFormer's encoder; each gives one level of a pyramid.

    It takes embedded patches: a 7x7 convolution with stride 4 and a layer norm before it make them of an image. It has
    no positions and takes images of any size: the depthwise convolutions of its feed-forward networks tell where a
    place is.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        depths: tuple[int, ...] = (1, 1, 1, 1),
        heads: tuple[int, ...] = (1, 2, 5, 8),
        reductions: tuple[int, ...] = (8, 4, 2, 1),
        expansions: tuple[int, ...] = (4, 4, 4, 4),
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.1,
        eps: float = 1e-5,
        levels: tuple[int, ...] = (),
    ) -> None:
        super().__init__(
            C, H, W, depths, heads, reductions, expansions, attention_dropout=attention_dropout, dropout=dropout,
            drop_path=drop_path, eps=eps, levels=levels,
        )  # fmt: skip
