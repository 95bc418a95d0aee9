"""Self-attention on feature maps whose keys and values come from a smaller map, as pyramid transformers have it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import (
    ATTENTION_DROPOUT,
    DROPOUT,
    HEADS,
    QKV_BIAS,
    QUERIES,
    KeysValues2d,
    join_heads,
    split_heads,
)
from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.convolution import Conv2d, PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.pooling import AdaptiveAvgPool2d
from blocks.layers.sizes import shown

PVT = "Wang et al. 2021, arXiv:2102.12122"
PVT_V2 = "Wang et al. 2021, arXiv:2106.13797"
Reduction = Literal["conv", "pool"]
REDUCTION = setting(
    "The places that are looked at: one for each square of this side; 1 looks at every place.", min=1, shown=True,
    when={"kind": "conv"},
)  # fmt: skip
KIND = setting(
    "`conv` makes the map that is looked at smaller by a convolution, `pool` averages it to 7x7 whatever its size, so "
    "that the cost grows with the map and not with its square (PVT v2 with linear attention)."
)
_POOLED = 7


@block(
    "Attend 2d", category="Attention", paper="Vaswani et al. 2017, arXiv:1706.03762", icon="crosshair",
    helps="Attention of your own between two maps: queries of a fine map at a coarse one, or scores with a bias such "
          "as Position pair bias. On 7 x 7 or 14 x 14 comparing all is cheap.",
    hurts="On 56 x 56 each head compares 9.8 million pairs: reduce the keys first, or take Window attend. With `bias` "
          "wired all scores are held in memory, since the fused kernel is not used.",
    aliases=("scaled dot-product", "attention", "self-attention", "cross-attention"),
    inputs={
        "q": QUERIES,
        "k": port("B C%heads h w", "What each place is found by; its map may have another size."),
        "v": port("B C%heads h w", "What each place hands on when it is found; as large as the keys' map."),
        "bias?": port("B N L K", "For each head, place and key what is added to how well they fit."),
    },
    outputs={"out": "B C H W"}, heads=HEADS, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class Attend2d(nn.Module):
    """Each place of a map looks at all places of another one and takes over the values whose keys fit its query.

    It is scaled dot-product attention for feature maps, without weights: put 1x1 convolutions around it. The cost
    grows with the product of both maps' sizes.
    """

    def __init__(self, heads: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None = None
    ) -> torch.Tensor:
        if k.shape[2:] != v.shape[2:]:
            sizes = (f"{x.shape[2]}x{x.shape[3]}" for x in (k, v))
            raise ValueError("`k` is {} but `v` is {}: keys and values belong to the same places".format(*sizes))
        height, width = q.shape[2:]
        q, k, v = (split_heads(x, self.heads) for x in (q, k, v))  # (B, heads, L, D)
        if bias is None:
            x = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
            return join_heads(x, height, width)
        if tuple(bias.shape[1:]) != (self.heads, q.shape[2], k.shape[2]):
            raise ValueError(
                f"`bias` is {shown(bias)}, but {self.heads} heads compare {q.shape[2]} places with {k.shape[2]}: it "
                f"needs the sizes B x {self.heads} x {q.shape[2]} x {k.shape[2]}"
            )
        # By hand: the fused kernel orders a biased result in memory in another way than what an export puts for it.
        weights = (q @ k.transpose(2, 3) * q.shape[3] ** -0.5 + bias).softmax(3)
        return join_heads(F.dropout(weights, self.dropout, self.training) @ v, height, width)


@block(
    "Spatial-reduction attention", category="Attention", paper=PVT, icon="minimize-2",
    helps="Early stages of pyramid transformers: with a reduction of 8, as in the first stage of PVT and SegFormer, "
          "each place makes a 64th of the comparisons and still sees the whole map.",
    hurts="Rows and columns beyond a multiple of `reduction` are not looked at, maps smaller than it are refused, and "
          "the convolution has C x C x reduction x reduction weights. Window attention keeps near detail sharper.",
    aliases=("sra", "pvt", "segformer", "efficient self-attention", "linear sra", "pyramid"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, kind=KIND, reduction=REDUCTION, bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class SpatialReductionAttention(nn.Module):
    """Self-attention in which each place looks at a smaller version of the map.

    A strided convolution with a layer norm makes the map smaller before keys and values are read off it, so large
    maps are affordable. With `pool` it is the linear attention of PVT v2 (Wang et al. 2021, arXiv:2106.13797).
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        kind: Reduction = "conv",
        reduction: int = 4,
        bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        pooled = kind == "pool"
        side = 1 if pooled else reduction
        smaller = pooled or reduction > 1
        self.q = PointwiseConv2d(C, C, bias=bias)
        self.kv = KeysValues2d(C, bias)
        self.attend = Attend2d(heads, attention_dropout)
        self.proj = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None
        self.pool = AdaptiveAvgPool2d(_POOLED) if pooled else None
        self.sr = Conv2d(C, C, side, side, 0) if smaller else None
        self.norm = LayerNorm2d(C, 1e-5) if smaller else None
        self.act = GELU() if pooled else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = x
        for layer in (self.pool, self.sr, self.norm, self.act):
            if layer is not None:
                seen = layer(seen)
        k, v = self.kv(seen)
        out: torch.Tensor = self.proj(self.attend(self.q(x), k, v))
        return out if self.dropout is None else self.dropout(out)
