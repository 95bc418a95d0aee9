"""Self-attention on feature maps whose cost grows with the number of places, not with its square."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import (
    DROPOUT,
    HEADS,
    KEYS,
    QKV_BIAS,
    QUERIES,
    VALUES,
    QueriesKeysValues2d,
    join_heads,
    split_heads,
)
from blocks.declare import block, setting
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout

Kernel = Literal["elu", "softmax"]
_LINEAR = "Katharopoulos et al. 2020, arXiv:2006.16236"
_KERNEL = setting(
    "`elu` makes queries and keys positive and divides by their sum; `softmax` normalises queries over their features "
    "and keys over all places, as efficient attention does (Shen et al. 2018, arXiv:1812.01243).", shown=True,
)  # fmt: skip
_SMALL = 1e-6


@block(
    "Linear attend 2d", category="Attention", paper=_LINEAR, icon="zap",
    helps="Sight of a whole large map with projections of your own: a D x D table for each head replaces one of (H x "
          "W) x (H x W), so that memory grows with the map.",
    hurts="Where H x W is less than C / heads, Attend 2d is the cheaper one, and it is sharper everywhere. With `elu` "
          "the sums over a large map lose digits in 16 bits: keep it in 32.",
    aliases=("linear attention", "efficient attention", "kernel", "performer"),
    inputs={"q": QUERIES, "k": KEYS, "v": VALUES}, outputs={"out": "B C H W"}, heads=HEADS, kernel=_KERNEL,
)  # fmt: skip
class LinearAttend2d(nn.Module):
    """Sum up all values by their keys once, and let each place read off that summary by its query.

    The core of linear attention, without weights: put 1x1 convolutions around it. No place is compared with another,
    so large maps are affordable.
    """

    def __init__(self, heads: int = 4, kernel: Kernel = "elu") -> None:
        super().__init__()
        self.heads = heads
        self.kernel = kernel

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        height, width = q.shape[2:]
        q, k, v = (split_heads(x, self.heads) for x in (q, k, v))  # (B, heads, L, D)
        if self.kernel == "softmax":
            return join_heads(q.softmax(3) @ (k.softmax(2).transpose(2, 3) @ v), height, width)
        q, k = F.elu(q) + 1, F.elu(k) + 1
        total = q @ k.sum(2, keepdim=True).transpose(2, 3)  # (B, heads, L, 1)
        return join_heads(q @ (k.transpose(2, 3) @ v) / (total + _SMALL), height, width)


@block(
    "Linear attention", category="Attention", paper=_LINEAR, icon="zap",
    helps="Segmentation and restoration on maps of 64 x 64 and more: with 32 channels a head, looking at 4,096 places "
          "costs a 128th of full attention.",
    hurts="All places read one summary, so that near detail blurs: put a Depthwise conv 2d beside it. On 14 x 14 full "
          "attention is as a rule more accurate and hardly dearer, and windows are better where only near things "
          "matter.",
    aliases=("efficient attention", "kernel", "self-attention", "performer"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, kernel=_KERNEL, bias=QKV_BIAS, dropout=DROPOUT,
)  # fmt: skip
class LinearAttention(nn.Module):
    """Self-attention over a whole feature map at a cost that grows with its places, not with their square.

    The product of keys and values is formed first, a small matrix for each head, and every query reads from it. It
    cannot single out one place as sharply as full attention does.
    """

    def __init__(
        self, C: int, heads: int = 4, kernel: Kernel = "elu", bias: bool = True, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.qkv = QueriesKeysValues2d(C, bias)
        self.attend = LinearAttend2d(heads, kernel)
        self.proj = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x)
        out: torch.Tensor = self.proj(self.attend(q, k, v))
        return out if self.dropout is None else self.dropout(out)
