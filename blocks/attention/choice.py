"""Attention for feature maps by name: what every convolutional backbone offers as its setting `attention`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

from torch import nn

from blocks.attention.around import ResidualAttention, SelfAttention
from blocks.attention.channel import EfficientChannelAttention, GatherExcite
from blocks.attention.large_kernel import LargeKernelAttention
from blocks.attention.non_local import GlobalContext, NonLocal
from blocks.attention.selective import SelectiveKernel
from blocks.attention.spatial import BAM, CBAM, ConcurrentSE, CoordinateAttention
from blocks.attention.squeeze import SqueezeExcitation
from blocks.declare import setting

MapAttention = Literal[
    "none", "se", "eca", "gather_excite", "cbam", "bam", "scse", "coordinate", "selective_kernel", "global_context",
    "non_local", "large_kernel", "window", "axial", "linear", "spatial_reduction", "bi_level_routing", "deformable",
    "dual_resolution", "separable",
]  # fmt: skip
ATTENTION = setting(
    "Attention that every block of the stages is followed by; `none` leaves it out. From `window` on they are kinds of "
    "self-attention, which stand with a connection around them."
)


def _selective(channels: int) -> nn.Module:
    # Depthwise windows: full ones would cost more than the block that they follow.
    return SelectiveKernel(channels, groups=channels)


_MADE: dict[str, Callable[[int], nn.Module]] = {
    "se": SqueezeExcitation, "eca": EfficientChannelAttention, "gather_excite": GatherExcite, "cbam": CBAM, "bam": BAM,
    "scse": ConcurrentSE, "coordinate": CoordinateAttention, "selective_kernel": _selective,
    "global_context": GlobalContext, "non_local": NonLocal, "large_kernel": LargeKernelAttention,
    **{kind: partial(ResidualAttention, kind=kind) for kind in get_args(SelfAttention)},
}  # fmt: skip


def make_attention(name: MapAttention, channels: int) -> nn.Module | None:
    """The attention of that name with its default settings, (B, C, H, W) to the same; None for "none"."""
    return None if name == "none" else _MADE[name](channels)
