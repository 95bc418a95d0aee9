"""The blocks of CMT, convolutions and transformers in one."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.light import CMT, PAIRS, REDUCTION, CMTAttention, PositionPairBias
from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.attention.windows import PadToMultiple
from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import DepthwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.normalisation import BatchNorm2d
from blocks.layers.sizes import steps
from blocks.stages.feedforward import DEPTH, DROP_PATH, EXPANSION, FIRST_DROP_PATH, rising
from blocks.stages.metaformer import TwoBranches, check_heads

_EMBED_EPS = 1e-5


@block(
    "Inverted residual feed-forward", category="Layer", paper=CMT, icon="network",
    helps="In CMT and other hybrids whose attention looks at a shrunk map: the depthwise window brings back local "
          "detail, and the connection around it gives gradients a way past it.",
    hurts="Its three batch norms want 16 samples or more a device, whereas Mix feed-forward has none. In training "
          "several maps of expansion * C channels are kept, which on fine maps is most of a block's memory.",
    aliases=("irffn", "cmt", "mlp", "ffn", "depthwise"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    expansion=setting("By how much the channels grow inside.", min=0.1, shown=True), dropout=DROPOUT,
)  # fmt: skip
class InvertedResidualFeedForward(nn.Module):
    """A feed-forward network with a 3x3 depthwise convolution inside, around which there is a connection.

    Each bend is followed by a batch norm.
    """

    def __init__(self, C: int, expansion: float = 4.0, dropout: float = 0.0) -> None:
        super().__init__()
        width = int(C * expansion)
        self.expand = ConvNormAct(C, width, 1, activation="gelu", bias=True, norm_last=True)
        self.depthwise = DepthwiseConv2d(width)
        self.act = GELU()
        self.norm = BatchNorm2d(width)
        self.project = ConvNormAct(width, C, 1, activation="none", bias=True)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.expand(x)
        if self.dropout is not None:
            x = self.dropout(x)
        x = self.project(self.norm(self.act(self.depthwise(x) + x)))
        return x if self.dropout is None else self.dropout(x)


@block(
    "CMT block", category="Backbone", paper=CMT, icon="git-merge",
    helps="A classifier of medium size on ImageNet alone: the convolutions give it the sense for neighbours that a "
          "ViT must learn from more data. CMT-S has 83.5 % top-1 with 4.0 GMACs.",
    hurts="With `bias` wired the scores of all heads, H W x H W / reduction^2 numbers each, are written out and fused "
          "attention is ruled out. ConvNeXt blocks are simpler where latency counts.",
    aliases=("transformer", "convolution", "lpu", "lmhsa", "irffn", "hybrid"),
    inputs={"x": "B C%heads H W", "bias?": PAIRS}, outputs={"out": "B C H W"},
    heads=HEADS, reduction=REDUCTION, expansion=EXPANSION, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
    drop_path=DROP_PATH,
)  # fmt: skip
class CMTBlock(TwoBranches):
    """A depthwise convolution, lightweight attention and an inverted residual feed-forward network.

    Each has a connection around it; the last two have a layer norm before them. The convolutions see what is near, the
    attention what is far.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        reduction: int = 2,
        expansion: float = 4.0,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        attn = CMTAttention(C, heads, reduction, attention_dropout=attention_dropout, dropout=dropout)
        mlp = InvertedResidualFeedForward(C, expansion, dropout)
        super().__init__(C, attn, mlp, neighbours=DepthwiseConv2d(C), drop_path=drop_path)

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        return self.through(x, bias)


@block(
    "CMT stage", category="Backbone", paper=CMT, icon="square-stack",
    helps="A hybrid stage for one fixed size of image: all its blocks share one table of learned positions, so that "
          "more depth costs no more of it. Lower `reduction` from stage to stage: 8, 4, 2, 1.",
    hurts="The table has H W x H W / reduction^2 numbers a head, 154,000 at 56x56 with reduction 8, and is only "
          "interpolated for other sizes. A pyramid transformer stage takes any size without one.",
    aliases=("transformer", "convolution", "hybrid", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps at half the size.")},
    channels=setting("How many channels come out; empty: as many as come in.", min=1, shown=True),
    depth=DEPTH, heads=HEADS, reduction=REDUCTION, expansion=EXPANSION, attention_dropout=ATTENTION_DROPOUT,
    dropout=DROPOUT, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
)  # fmt: skip
class CMTStage(nn.Module):
    """A 2x2 convolution that halves the map, and CMT blocks in a row which share a position pair bias.

    A CMT is four such stages. The bias is learned for one size of the map and resized for others.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        channels: int | None = None,
        depth: int = 2,
        heads: int = 4,
        reduction: int = 2,
        expansion: float = 4.0,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.channels, self.height, self.width = channels or C, steps(H, 2), steps(W, 2)
        check_heads(heads, self.channels)
        conv = ConvNormAct(C, self.channels, 2, 2, 0, norm="layer", activation="none", eps=_EMBED_EPS, bias=True)
        self.embed = nn.Sequential(PadToMultiple(2), conv)
        self.positions = PositionPairBias(self.channels, self.height, self.width, heads, reduction)
        self.blocks = nn.ModuleList(
            CMTBlock(self.channels, heads, reduction, expansion, attention_dropout, dropout, rate)
            for rate in rising(first_drop_path, drop_path, depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embed(x)
        bias = self.positions(x)
        for one in self.blocks:
            x = one(x, bias)
        return x
