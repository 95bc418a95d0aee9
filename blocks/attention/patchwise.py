"""Self-attention across patches, as the MobileViTs have it: each place looks at its likes in all other patches."""

from __future__ import annotations

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
from blocks.attention.windows import pad_to
from blocks.declare import block, port, setting
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.sizes import steps

MOBILEVIT = "Mehta and Rastegari 2021, arXiv:2110.02178"
MOBILEVIT_V2 = "Mehta and Rastegari 2022, arXiv:2206.02680"
PATCH = setting("Height and width of the patches.", min=1, shown=True)


def _unfold(x: torch.Tensor, patch: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, patch**2, C, patches)"""
    x = pad_to(x, patch).unflatten(3, (-1, patch)).unflatten(2, (-1, patch))  # (B, C, rows, patch, columns, patch)
    return x.permute(0, 3, 5, 1, 2, 4).flatten(4, 5).flatten(1, 2)


def _fold(x: torch.Tensor, patch: int, height: int, width: int) -> torch.Tensor:
    """(B, patch**2, C, patches) -> (B, C, H, W)"""
    x = x.unflatten(3, (steps(height, patch), steps(width, patch))).unflatten(1, (patch, patch))
    return x.permute(0, 3, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)[:, :, :height, :width]


@block(
    "Attend across patches", category="Attention", paper=MOBILEVIT, icon="grip-vertical",
    helps="Inside MobileViT, behind 3x3 convolutions that have already mixed the points of each patch: sight of the "
          "whole map at a quarter of the comparisons for patches of 2x2.",
    hurts="Without such convolutions the points of a patch never hear of one another and a checkerboard shows. The "
          "cost still grows with the square of H x W: on large maps take Separable attend.",
    aliases=("mobilevit", "unfold", "fold", "grid attention", "scaled dot-product"),
    inputs={"q": QUERIES, "k": KEYS, "v": VALUES}, outputs={"out": "B C H W"},
    heads=HEADS, patch=PATCH, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class PatchAttend(nn.Module):
    """Each place looks at the places that stand at the same point of their patches.

    The map is unfolded into patches, those of one point in every patch are compared, and it is folded again. With
    patches of 2x2 it costs a quarter of attention to all places; convolutions around it join the points of a patch.
    Sizes that are no multiple of the patches are filled up with zeros.
    """

    def __init__(self, heads: int = 4, patch: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads, self.patch, self.dropout = heads, patch, dropout

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        height, width = q.shape[2:]
        q, k, v = (
            _unfold(x, self.patch).flatten(0, 1).unflatten(1, (self.heads, -1)).transpose(2, 3) for x in (q, k, v)
        )  # (B * patch**2, heads, patches, C / heads)
        x = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        x = x.transpose(2, 3).flatten(1, 2).unflatten(0, (-1, self.patch**2))
        return _fold(x, self.patch, height, width)


@block(
    "Attention across patches", category="Attention", paper=MOBILEVIT, icon="grip-vertical",
    helps="Hybrid networks on maps up to about 32 x 32 that should see everything and still pick sharply: the softmax "
          "of full attention with every fourth place for a key.",
    hurts="MobileViT's own second version left it because its batched matrix products are slow on phones: Separable "
          "self-attention stands there. It needs convolutions round it to join neighbours, and knows no positions.",
    aliases=("mobilevit", "self-attention", "grid attention", "transformer"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, patch=PATCH, bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class PatchAttention(nn.Module):
    """Self-attention in which each place sees one place of every patch: that at its own point.

    So every place sees the whole map at a fraction of the cost, as in MobileViT's transformers.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        patch: int = 2,
        bias: bool = True,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.qkv = QueriesKeysValues2d(C, bias)
        self.attend = PatchAttend(heads, patch, attention_dropout)
        self.project = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x)
        out: torch.Tensor = self.project(self.attend(q, k, v))
        return out if self.dropout is None else self.dropout(out)


@block(
    "Query, keys, values 2d", category="Attention", paper=MOBILEVIT_V2, icon="split",
    helps="Only in front of Separable attend, whose query is a single score a place: 1 + 2 x C channels rather than 3 "
          "x C.",
    hurts="Attend 2d, Window attend and all that have heads want queries of C channels: there take Queries, keys, "
          "values 2d. Being odd, 1 + 2 x C misses the multiples of 8 that fast kernels want.",
    aliases=("qkv", "projection", "mobilevit v2", "separable"), inputs={"x": "B C H W"},
    outputs={
        "q": port("B K H W", "One number a place: how much it counts."),
        "k": port("B C H W", "The keys: what each place adds to the whole."),
        "v": port("B C H W", "The values: what each place keeps."),
    },
    bias=QKV_BIAS,
)  # fmt: skip
class QueryKeysValues2d(PointwiseConv2d):
    """Give each place of a feature map a query of one number, and a key and a value with as many channels as come in.

    It is one 1x1 convolution, cut in three: what separable self-attention begins with.
    """

    def __init__(self, C: int, bias: bool = True) -> None:
        super().__init__(C, 1 + 2 * C, bias=bias)

    def forward(self, input: torch.Tensor) -> tuple[torch.Tensor, ...]:  # type: ignore[override]
        C = self.in_channels
        return self._conv_forward(input, self.weight, self.bias).split((1, C, C), 1)


@block(
    "Separable attend", category="Attention", paper=MOBILEVIT_V2, icon="grip-vertical",
    helps="Inside MobileViT V2, between Query, keys, values 2d and a 1x1 convolution: sums and products value by "
          "value, no matrix product, memory in proportion to H x W.",
    hurts="No place chooses what it sees: all at one point of their patches share a sum, and points meet only through "
          "convolutions. Zeros that fill odd sizes up take part in the softmax.",
    aliases=("mobilevit v2", "linear", "context"),
    inputs={
        "q": port("B 1 H W", "One number a place: how much it counts."), "k": "B C H W", "v": "B C H W",
    },
    outputs={"out": "B C H W"}, patch=PATCH, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class SeparableAttend(nn.Module):
    """Sum the keys up, weighed by the queries, and multiply the positive values of all places by the sum.

    Places that stand at the same point of their patches share a sum; a softmax over them makes weights of the queries.
    The cost grows with the number of places, not with its square. Sizes that are no multiple of the patches are filled
    up with zeros.
    """

    def __init__(self, patch: int = 2, dropout: float = 0.0) -> None:
        super().__init__()
        self.patch, self.dropout = patch, dropout

    def forward(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        height, width = v.shape[2:]
        q, k, v = (_unfold(x, self.patch) for x in (q, k, v))  # (B, patch**2, C, patches)
        weights = F.dropout(q.softmax(3), self.dropout, self.training)
        context = (k * weights).sum(3, keepdim=True)
        return _fold(v.relu() * context, self.patch, height, width)


@block(
    "Separable self-attention", category="Attention", paper=MOBILEVIT_V2, icon="grip-vertical",
    helps="Networks for phones: with it MobileViT V2 ran 3.2 times faster than MobileViT and about a point more "
          "accurate on ImageNet, on maps of any size.",
    hurts="There is one query and one summary, so that an image with several objects gets their mixture. Where "
          "accuracy counts more than latency, Attention across patches or Spatial-reduction attention choose place by "
          "place.",
    aliases=("mobilevit v2", "linear attention", "context"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    patch=PATCH, bias=QKV_BIAS, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class SeparableSelfAttention(nn.Module):
    """Self-attention with a single query, whose cost grows only with the number of places.

    Each place says by one number how much it counts; what all of them say together goes back to every place. It needs
    no large matrix products and so runs quickly on phones.
    """

    def __init__(
        self, C: int, patch: int = 2, bias: bool = True, attention_dropout: float = 0.0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.qkv = QueryKeysValues2d(C, bias)
        self.attend = SeparableAttend(patch, attention_dropout)
        self.project = PointwiseConv2d(C, C, bias=bias)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x)
        out: torch.Tensor = self.project(self.attend(q, k, v))
        return out if self.dropout is None else self.dropout(out)
