"""The blocks of pyramid vision transformers, which the Mix Transformer of SegFormer shares."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.attention.reduction import KIND, PVT, REDUCTION, Reduction, SpatialReductionAttention
from blocks.declare import block, port, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.dropout import Dropout, DropPath
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.sizes import is_open
from blocks.stages.feedforward import (
    DEPTH,
    DROP_PATH,
    EPS,
    EXPANSION,
    FIRST_DROP_PATH,
    FeedForward2d,
    MixFeedForward,
    rising,
)

V2 = setting(
    "Patches that overlap and depthwise convolutions in the feed-forward networks in place of learned positions, and "
    "a norm after each stage, as PVT v2 (arXiv:2106.13797) and SegFormer have it."
)
_EMBED_EPS = 1e-5


@block(
    "Learned positions 2d", category="Layer", paper=PVT, icon="ruler",
    helps="Attention on maps of one known size, as in PVT v1 or a ViT on maps: C H W numbers and one addition, as "
          "cheap as positions get.",
    hurts="Other sizes get blended numbers and lose accuracy, and a large map has as many weights as places times C. "
          "Sine-cosine positions 2d or a Mix feed-forward carry over to any size.",
    aliases=("position embedding", "absolute", "pvt"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    size=setting("Height and width of the learned map; empty: those of the map that comes in.", min=1, shown=True),
)  # fmt: skip
class LearnedPositions2d(nn.Module):
    """Add a learned vector to each place of a feature map.

    Attention does not know where a place is: this tells it. Maps of another size get the learned ones resized.
    """

    def __init__(self, C: int, H: int, W: int, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size = (H, W) if size is None else size
        # One row a place, as published networks keep it.
        self.table = nn.Parameter(torch.empty(1, self.size[0] * self.size[1], C).normal_(std=0.02))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table = self.table.transpose(1, 2).unflatten(2, self.size)  # (1, C, H, W)
        if is_open(x) or x.shape[2:] != table.shape[2:]:
            table = F.interpolate(table, size=x.shape[2:], mode="bilinear", align_corners=False)
        return x + table


@block(
    "Pyramid transformer block", category="Backbone", paper=PVT, icon="pyramid",
    helps="Maps at a quarter to a 32nd of the image that need a view of the whole: with reduction 8 each place "
          "compares itself with a 64th of the places.",
    hurts="At a fixed reduction the cost is still quadratic in H W; kind `pool` makes it linear. Shrunk keys blur "
          "small things, which a Swin block sees sharply within its window.",
    aliases=("pvt", "pvt v2", "mit", "segformer", "transformer", "spatial reduction"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, reduction=REDUCTION, kind=KIND, expansion=EXPANSION,
    mix=setting("Put a depthwise convolution into the feed-forward network, as PVT v2 and SegFormer do."),
    attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, eps=EPS,
)  # fmt: skip
class PyramidBlock(nn.Module):
    """Spatial-reduction attention and a feed-forward network, each with a norm before and a connection around it.

    With `mix` it is the block of PVT v2 (arXiv:2106.13797) and of the Mix Transformer of SegFormer
    (Xie et al. 2021, arXiv:2105.15203).
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        reduction: int = 4,
        kind: Reduction = "conv",
        expansion: float = 4.0,
        mix: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(C, eps)
        self.attn = SpatialReductionAttention(
            C, heads, kind, reduction, attention_dropout=attention_dropout, dropout=dropout
        )  # fmt: skip
        self.norm2 = LayerNorm2d(C, eps)
        self.mlp = (
            MixFeedForward(C, expansion, kind == "pool", dropout=dropout)
            if mix
            else FeedForward2d(C, expansion, dropout=dropout)
        )
        self.drop_path = DropPath(drop_path) if drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for norm, branch in ((self.norm1, self.attn), (self.norm2, self.mlp)):
            y = branch(norm(x))
            x = x + (y if self.drop_path is None else self.drop_path(y))
        return x


def halved(size: int, v2: bool) -> int:
    """A side of the map behind the patch embedding of a stage."""
    return (size + 1) // 2 if v2 else size // 2


@block(
    "Pyramid transformer stage", category="Backbone", paper=PVT, icon="square-stack",
    helps="Transformer levels for detection and segmentation heads. With v2 patches overlap and no positions are "
          "stored, so that one trained network takes any image.",
    hurts="Reductions belong to sizes: 8, 4, 2, 1 from fine to coarse. With 1 on a fine map the attention is full and "
          "memory runs out. Without v2 it is tied to the size it was drawn for.",
    aliases=("pvt", "pvt v2", "mit", "segformer", "transformer", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size where `channels` is set.")},
    channels=setting(
        "Begin by joining patches into one place with so many channels, at half the size; empty: the map as it is.",
        min=1, shown=True,
    ),
    depth=DEPTH, heads=HEADS, reduction=REDUCTION, kind=KIND, expansion=EXPANSION, v2=V2,
    attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
    eps=EPS,
)  # fmt: skip
class PyramidStage(nn.Module):
    """Embed patches at half the size, tell the places where they are, and run transformer blocks on them.

    A pyramid vision transformer is a few such stages: fewer and fewer places with more and more channels.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        channels: int | None = None,
        depth: int = 2,
        heads: int = 4,
        reduction: int = 4,
        kind: Reduction = "conv",
        expansion: float = 4.0,
        v2: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.channels = C if channels is None else channels
        if self.channels % heads:
            raise ValueError(
                f"heads is {heads}, but the blocks have {self.channels} channels: heads must divide them evenly"
            )
        self.embed = None
        if channels is not None:
            kernel, edge = (3, 1) if v2 else (2, 0)
            self.embed = ConvNormAct(
                C, channels, kernel, 2, edge, norm="layer", activation="none", eps=_EMBED_EPS, bias=True
            )  # fmt: skip
            H, W = halved(H, v2), halved(W, v2)
        self.positions = None if v2 else LearnedPositions2d(self.channels, H, W)
        self.dropout = Dropout(dropout) if dropout and not v2 else None
        self.blocks = nn.Sequential(
            *(
                PyramidBlock(
                    self.channels, heads, reduction, kind, expansion, v2, attention_dropout, dropout, rate, eps
                )
                for rate in rising(first_drop_path, drop_path, depth)
            )
        )
        self.norm = LayerNorm2d(self.channels, eps) if v2 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.embed, self.positions, self.dropout, self.blocks, self.norm):
            if layer is not None:
                x = layer(x)
        return x
