"""Dual-resolution self-attention: fine and coarse windows of one feature map."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.windows import CutToSize
from blocks.declare import block, setting
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.layers.dropout import Dropout
from blocks.layers.pooling import MaxPool2d

_DRSA = "Djoumessi et al. 2025, arXiv:2504.08481"
_LENGTH = setting("How many places, row by row, look at one another.", min=1, shown=True)
_HEADS = setting("Into how many groups the channels are split; each compares places by itself.", min=1)


@block(
    "Run attend", category="Attention", paper=_DRSA, icon="rows-3", aliases=("drsa", "window", "cosine", "local"),
    helps="Inside Dual-resolution attention, or alone for mixing along rows at next to no weights: 3 x length x "
          "length + 1, whatever C is.",
    hurts="Runs follow the rows, so that a place meets the one below it only if `length` exceeds W, and a run goes on "
          "round the end of a row. For square neighbourhoods take Window attend.",
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"}, length=_LENGTH, heads=_HEADS,
)  # fmt: skip
class RunAttend(nn.Module):
    """Cut a map, row by row, into runs of places that look at one another.

    Queries, keys and values each mix the places of a run by one learned matrix, the same for all channels; queries
    and keys are compared by their angle, at a learned temperature. The last run is filled up with zeros.
    """

    def __init__(self, C: int, length: int = 10, heads: int = 1) -> None:
        super().__init__()
        self.length = length
        self.heads = heads
        self.q, self.k, self.v = (nn.Parameter(torch.empty(length, length)) for _ in range(3))
        for weight in (self.q, self.k, self.v):
            nn.init.uniform_(weight, -(length**-0.5), length**-0.5)
        self.temperature = nn.Parameter(torch.tensor((C / heads) ** -0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        x = x.flatten(2)
        x = F.pad(x, (0, -x.shape[2] % self.length))
        x = x.unflatten(2, (-1, self.length)).unflatten(1, (self.heads, -1))  # (B, heads, D, N, length)
        x = x.permute(0, 1, 3, 2, 4)
        q, k, v = (F.linear(x, weight).transpose(3, 4) for weight in (self.q, self.k, self.v))
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(3, 4) * self.temperature
        x = (scores.softmax(-1) @ v).permute(0, 1, 4, 2, 3)  # (B, heads, D, N, length)
        return x.flatten(3).flatten(1, 2)[:, :, : height * width].unflatten(2, (height, width))


@block(
    "Dual-resolution attention", category="Attention", paper=_DRSA, icon="pyramid",
    helps="Convolutional networks for large images with fine findings, such as the retina classifiers that it comes "
          "from: its cost grows with H x W, and heads keep their link to places.",
    hurts="Even the coarse run reaches only `length` x `scale` pixels along a row and hardly any downwards, and its "
          "way up has C x C x scale x scale weights. For sight of the whole map take Linear attention.",
    aliases=("drsa", "multi-scale", "self-attention", "window"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"}, length=_LENGTH,
    scale=setting("By how much the coarse map is smaller.", min=2, shown=True), heads=_HEADS,
    dropout=setting("The share of values set to 0 at the end in training.", min=0, max=1),
)  # fmt: skip
class DualResolutionAttention(nn.Module):
    """Self-attention in runs of places, on the map and on a smaller version of it, added up.

    The coarse map lets the same short runs see farther. DRSA stands for several things in the literature: this is the
    dual-resolution self-attention of Djoumessi et al., as their public code has it with linear projections, but for a
    temperature of its own at each resolution; norms and the connection around it are drawn beside it.
    """

    def __init__(self, C: int, length: int = 10, scale: int = 2, heads: int = 1, dropout: float = 0.1) -> None:
        super().__init__()
        self.fine = RunAttend(C, length, heads)
        # Rounded up, so that no place at the edge is left without its coarse one.
        self.pool = MaxPool2d(scale, scale, ceil_mode=True)
        self.coarse = RunAttend(C, length, heads)
        self.up = ConvTranspose2d(C, C, scale, scale)
        self.cut = CutToSize()
        self.proj = PointwiseConv2d(C, C, bias=False)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        coarse = self.cut(self.up(self.coarse(self.pool(x))), x)
        return self.dropout(self.proj(self.fine(x) + coarse))
