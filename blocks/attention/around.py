"""Self-attention on feature maps with a connection around it, of the kind that one chooses."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from blocks.attention.axial import AxialAttention
from blocks.attention.deformable import DeformableAttention
from blocks.attention.dual_resolution import DualResolutionAttention
from blocks.attention.linear_attention import LinearAttention
from blocks.attention.patchwise import SeparableSelfAttention
from blocks.attention.reduction import SpatialReductionAttention
from blocks.attention.routing import BiLevelRoutingAttention
from blocks.attention.windows import WindowAttention
from blocks.declare import block, setting

SelfAttention = Literal[
    "window", "axial", "linear", "spatial_reduction", "bi_level_routing", "deformable", "dual_resolution", "separable"
]
_MOST_HEADS = 8


def _axial(C: int, heads: int) -> nn.Module:
    return nn.Sequential(AxialAttention(C, heads, "height"), AxialAttention(C, heads, "width"))


def _deformable(C: int, heads: int) -> nn.Module:
    # A table of distances would hold for one size of the map alone.
    return DeformableAttention(C, 1, 1, heads, math.gcd(heads, 2), positions="depthwise")


_MADE: dict[SelfAttention, Callable[[int, int], nn.Module]] = {
    "window": WindowAttention, "axial": _axial, "linear": LinearAttention,
    "spatial_reduction": SpatialReductionAttention, "bi_level_routing": BiLevelRoutingAttention,
    "deformable": _deformable, "dual_resolution": lambda C, heads: DualResolutionAttention(C, heads=heads),
    "separable": lambda C, heads: SeparableSelfAttention(C),
}  # fmt: skip


@block(
    "Residual self-attention", category="Attention", paper="Wang et al. 2017, arXiv:1711.07971", icon="git-merge",
    helps="Trying self-attention in a convolutional network that exists: behind any block, sizes unchanged, and one "
          "setting exchanges eight kinds. One or two in the last stages show what it brings.",
    hurts="It has neither a norm nor a small start, so that in a trained network it disturbs at first what follows. A "
          "transformer needs norm and feed-forward around attention: take Swin block or Pyramid transformer block.",
    aliases=("skip", "connection", "self-attention", "insert", "add"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kind=setting(
        "Which places each one looks at: those of its `window`; its column and row (`axial`); all at a cost that does "
        "not grow with their square (`linear`, `separable`); a smaller map (`spatial_reduction`, `dual_resolution`); "
        "chosen regions (`bi_level_routing`); points that move (`deformable`).", shown=True,
    ),
    heads=setting(
        "How many heads look at once, but for `separable`, which has one; empty: 8, or as many as divide 8 and the "
        "channels.", min=1,
    ),
)  # fmt: skip
class ResidualAttention(nn.Module):
    """Add to a feature map what self-attention makes of it.

    It can be put into any network for images, behind any block: what was there goes on unchanged, and attention adds
    what far places know.
    """

    def __init__(self, C: int, kind: SelfAttention = "window", heads: int | None = None) -> None:
        super().__init__()
        heads = heads or math.gcd(C, _MOST_HEADS)
        if C % heads:
            raise ValueError(f"heads is {heads}, but {C} channels do not divide by it: use a divisor of {C}")
        self.attention = _MADE[kind](C, heads)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.attention(x)
