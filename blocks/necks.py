"""Necks: blocks that let a pyramid's levels speak with one another."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.convolution import Conv2d
from blocks.layers.shape import Interpolate


@block(
    "FPN", category="Neck", paper="Lin et al. 2017, arXiv:1612.03144", icon="pyramid",
    aliases=("feature pyramid", "pyramid", "top-down"),
    inputs={"x": port("[B c h w]", "A backbone's levels, finest first.")},
    outputs={"out": port("[B c h w]", "As many levels, of the same sizes, all with `channels` channels.")},
    channels=setting("Channels of every level that comes out.", min=1, shown=True),
)  # fmt: skip
class FPN(nn.Module):
    """Carry what the coarse levels know down to the fine ones.

    Each level is brought to the same channels by a 1x1 convolution; from the coarsest on, every level is enlarged and
    added to the next finer one, and smoothed by a 3x3 convolution. It helps to find things of any size.
    """

    def __init__(self, c: list[int], channels: int = 256) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(Conv2d(C, channels, (1, 1), padding=(0, 0)) for C in c)
        self.smooths = nn.ModuleList(Conv2d(channels, channels) for _ in c)
        self.upsample = Interpolate(mode="nearest")

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        levels = [lateral(level) for lateral, level in zip(self.laterals, x, strict=True)]
        for i in range(len(levels) - 2, -1, -1):
            levels[i] = levels[i] + self.upsample(levels[i + 1], levels[i])
        return [smooth(level) for smooth, level in zip(self.smooths, levels, strict=True)]
