"""Self-attention along the columns and rows of feature maps."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import (
    ATTENTION_DROPOUT,
    DROPOUT,
    HEADS,
    KEYS,
    QKV_BIAS,
    QUERIES,
    VALUES,
    QueriesKeysValues2d,
)
from blocks.declare import block, setting
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout

Axis = Literal["height", "width"]
_AXIAL = "Ho et al. 2019, arXiv:1912.12180"
_AXIS = setting("`height`: a place looks at those of its column; `width`: at those of its row.", shown=True)


@block(
    "Axial attend", category="Attention", paper=_AXIAL, icon="columns-3", aliases=("row", "column", "criss-cross"),
    helps="Lines of a map that look along themselves with projections of your own, for instance with positions added "
          "to queries and keys alone, or with a norm on them.",
    hurts="Alone it leaves every other line unseen: a second one along the other axis must follow. It knows no order "
          "along the line, and all three maps need the same H and W; Attend 2d takes two sizes.",
    inputs={"q": QUERIES, "k": KEYS, "v": VALUES}, outputs={"out": "B C H W"},
    heads=HEADS, axis=_AXIS, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class AxialAttend(nn.Module):
    """Each place looks at the places of its column or of its row alone.

    The core of axial attention, without weights: put 1x1 convolutions around it.
    """

    def __init__(self, heads: int = 4, axis: Axis = "height", dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.axis = axis
        self.dropout = dropout

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        down = self.axis == "height"
        lines = q.shape[3 if down else 2]
        order = (0, 4, 1, 3, 2) if down else (0, 3, 1, 4, 2)
        # (B, C, H, W) -> (B * lines, heads, places, D)
        q, k, v = (x.unflatten(1, (self.heads, -1)).permute(order).flatten(0, 1) for x in (q, k, v))
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        x = x.unflatten(0, (-1, lines)).permute((0, 2, 4, 3, 1) if down else (0, 2, 4, 1, 3))
        return x.flatten(1, 2)


@block(
    "Axial attention", category="Attention", paper=_AXIAL, icon="columns-3",
    helps="Large maps whose places should all hear of one another: `height` and then `width` make H x W x (H + W) "
          "comparisons, on 64 x 64 a 32nd of full attention.",
    hurts="A diagonal neighbour is reached over two steps only, and without positions order is unknown. On 14 x 14 "
          "the 1x1 convolutions cost more than what is saved: Locally enhanced attention compares all places.",
    aliases=("row", "column", "criss-cross", "self-attention"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, axis=_AXIS, bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class AxialAttention(nn.Module):
    """Self-attention along one axis: each place looks at its column or at its row.

    One after the other, first along the height and then along the width, lets every place hear of every other at a
    cost that grows with the side of the map rather than with its area.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        axis: Axis = "height",
        bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.qkv = QueriesKeysValues2d(C, bias)
        self.attend = AxialAttend(heads, axis, attention_dropout)
        self.proj = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x)
        out: torch.Tensor = self.proj(self.attend(q, k, v))
        return out if self.dropout is None else self.dropout(out)
