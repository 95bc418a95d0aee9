"""The feature pyramid network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import ReLU
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import MaxPool2d
from blocks.layers.shape import Interpolate
from blocks.necks.levels import SEVERAL_LEVELS_IN

Extra = Literal["none", "pool", "p5", "c5"]


@block(
    "FPN", category="Neck", paper="Lin et al. 2017, arXiv:1612.03144", icon="pyramid",
    helps="The neck to begin with, for detection and semantic heads on any backbone: in the paper recall of small "
          "objects rose by 12.9 points. `extra` makes it that of RetinaNet, FCOS or Faster R-CNN.",
    hurts="Fine detail reaches the coarse levels only through the whole backbone: PAFPN adds the way back. At 256 "
          "channels its 3x3 convolutions on the finest level take most of its time: BiFPN or CSP-PAN are lighter.",
    aliases=("feature pyramid", "pyramid", "top-down", "p6", "p7"), inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "As many levels of the same sizes, all with `channels`; then the extra ones.")},
    channels=setting("Channels of every level that comes out.", min=1, shown=True),
    extra=setting(
        "Coarser levels at the end. `pool`: one, every other place of the last (Faster R-CNN); `p5` and `c5`: two by "
        "3x3 convolutions of stride 2, from the last level that comes out (FCOS) or that comes in (RetinaNet).",
    ),
    smooth=setting("Give every level a 3x3 convolution after the addition."),
)  # fmt: skip
class FPN(nn.Module):
    """Carry what the coarse levels know down to the fine ones.

    Each level is brought to the same channels by a 1x1 convolution; from the coarsest on, every level is enlarged and
    added to the next finer one, and smoothed by a 3x3 convolution. It helps to find things of any size.
    """

    def __init__(self, c: list[int], channels: int = 256, extra: Extra = "none", smooth: bool = True) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(Conv2d(C, channels, 1, padding=0) for C in c)
        self.smooths = nn.ModuleList(Conv2d(channels, channels) for _ in c if smooth)
        self.upsample = Interpolate(mode="nearest")
        self.extra = extra
        if extra == "pool":
            self.pool = MaxPool2d(1, 2)
        elif extra != "none":
            self.p6 = Conv2d(channels if extra == "p5" else c[-1], channels, 3, 2)
            self.act = ReLU()
            self.p7 = Conv2d(channels, channels, 3, 2)

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        levels = [lateral(level) for lateral, level in zip(self.laterals, x, strict=True)]
        for i in range(len(levels) - 2, -1, -1):
            levels[i] = levels[i] + self.upsample(levels[i + 1], levels[i])
        if self.smooths:
            levels = [smooth(level) for smooth, level in zip(self.smooths, levels, strict=True)]
        if self.extra == "pool":
            levels.append(self.pool(levels[-1]))
        elif self.extra != "none":
            levels.append(self.p6(levels[-1] if self.extra == "p5" else x[-1]))
            levels.append(self.p7(self.act(levels[-1])))
        return levels
