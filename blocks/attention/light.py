"""Lightweight self-attention with learned numbers for every two places, as CMT has it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS, QKV_BIAS
from blocks.attention.reduction import Attend2d
from blocks.attention.windows import PadToMultiple
from blocks.declare import block, port, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.sizes import is_open, steps

CMT = "Guo et al. 2021, arXiv:2107.06263"
REDUCTION = setting(
    "The places that are looked at: one for each square of this side; 1 looks at every place.", min=1, shown=True
)
PAIRS = port("B N L K", "For each head, place and key what is added to how well they fit.")


@block(
    "Position pair bias", category="Attention", paper=CMT, icon="ruler",
    helps="Attend 2d or Lightweight attention at one image size: any place may like any other, not just any distance, "
          "and layers of one size can share the table.",
    hurts="56 x 56 places with keys reduced by 8 take 153,664 numbers a head, and for other sizes they are only "
          "resized. Window attend's table of distances and a Depthwise conv 2d stay small at any size.",
    aliases=("relative position bias", "position embedding", "cmt"),
    inputs={"x": port("B C H W", "The map that looks.")}, outputs={"out": PAIRS},
    heads=HEADS, reduction=REDUCTION,
    exempt={"gradient": "it flows to the numbers alone, not to the map that gives the number of places"},
)  # fmt: skip
class PositionPairBias(nn.Module):
    """Learn for each head how much every place likes to look at every other.

    Attention adds the numbers to how well queries and keys fit; several layers may share them. There are as many as
    places times keys: they grow with the square of the map. Maps of another size get them resized.
    """

    def __init__(self, C: int, H: int, W: int, heads: int = 4, reduction: int = 2) -> None:
        super().__init__()
        self.size, self.reduction = (H, W), reduction
        self.keys = _reduced((H, W), reduction)
        self.table = nn.Parameter(torch.randn(heads, H * W, self.keys[0] * self.keys[1]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        table: torch.Tensor = self.table
        size = (x.shape[2], x.shape[3])
        if is_open(x) or size != self.size:
            keys = _reduced(size, self.reduction)
            table = _resize(_resize(table, self.keys, keys).transpose(1, 2), self.size, size).transpose(1, 2)
        return table.expand(x.shape[0], -1, -1, -1)


def _reduced(size: tuple[int, int], reduction: int) -> tuple[int, int]:
    return (steps(size[0], reduction), steps(size[1], reduction))


def _resize(table: torch.Tensor, old: tuple[int, int], new: tuple[int, int]) -> torch.Tensor:
    """The last size, a map of `old` height and width, brought to `new`."""
    return F.interpolate(table.unflatten(2, old), size=new, mode="bilinear", align_corners=False).flatten(2)


@block(
    "Lightweight attention", category="Attention", paper=CMT, icon="minimize-2",
    helps="CMT and other hybrids with large maps: keys are reduced by k x k x C weights, not by k x k x C x C as in "
          "Spatial-reduction attention, and odd sizes are filled up, not cut.",
    hurts="Its batch norm needs batches of some size, and without `bias` wired it knows no positions. Near places are "
          "seen reduced as well; Window attention reads them one by one.",
    aliases=("lmhsa", "cmt", "spatial reduction", "self-attention"),
    inputs={"x": "B C%heads H W", "bias?": PAIRS}, outputs={"out": "B C H W"},
    heads=HEADS, reduction=REDUCTION, qkv_bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class CMTAttention(nn.Module):
    """Self-attention in which each place looks at a smaller version of the map.

    A strided depthwise convolution with a batch norm makes the map smaller before keys and values are read off it.
    Wire a position pair bias to `bias` so that places are told apart.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        reduction: int = 2,
        qkv_bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.reduce = None
        if reduction > 1:
            conv = ConvNormAct(C, C, reduction, reduction, 0, groups=C, activation="none", bias=True)
            self.reduce = nn.Sequential(PadToMultiple(reduction), conv)
        self.query = PointwiseConv2d(C, C, bias=qkv_bias)
        self.key = PointwiseConv2d(C, C, bias=qkv_bias)
        self.value = PointwiseConv2d(C, C, bias=qkv_bias)
        self.attend = Attend2d(heads, attention_dropout)
        self.project = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor, bias: torch.Tensor | None = None) -> torch.Tensor:
        seen = x if self.reduce is None else self.reduce(x)
        out: torch.Tensor = self.project(self.attend(self.query(x), self.key(seen), self.value(seen), bias))
        return out if self.dropout is None else self.dropout(out)
