"""Layers that change the form of a tensor, not its values."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting

Resampling = Literal["nearest", "bilinear", "bicubic"]


@block(
    "Flatten", category="Layer", paper="torch.nn.Flatten", icon="minus", aliases=("reshape", "vector"),
    helps="Small maps in which places matter, such as the last 5 x 5 of LeNet-5 or 7 x 7 of VGG, before Linear: "
          "nothing is averaged away, and mostly nothing is copied.",
    hurts="The Linear behind it takes C x H x W inputs and fits one image size only. Global average pool leaves C "
          "inputs and takes any size; for a transformer Map to tokens keeps each place a vector.",
    inputs={"x": "number:B *S"}, outputs={"out": "B *S"},
    start_dim=setting("The first size that is joined: 1 joins all but the batch.", min=1),
)  # fmt: skip
class Flatten(nn.Flatten):
    """Write all values of a sample in one row.

    Use it between feature maps and a linear layer. The places stay apart, so the layer after it can tell where
    something was, and needs that many weights.
    """

    def __init__(self, start_dim: int = 1) -> None:
        super().__init__(start_dim)


@block(
    "Interpolate", category="Layer", paper="torch.nn.functional.interpolate", icon="maximize-2",
    helps="Meeting the size of another map on the way up, odd sizes included (`like`): FPN repeats values, DeepLab "
          "blends them. Before a 3x3 Conv 2d it avoids a chequered pattern.",
    hurts="It adds no detail: Transposed conv 2d and Pixel shuffle learn to. Downwards it reads a few neighbours only "
          "and aliases below half the size: Average pool 2d, Max pool 2d or a Conv 2d with stride 2 see every pixel.",
    aliases=("upsample", "resize", "scale", "zoom"),
    inputs={"x": "B C H W", "like?": port("B c h w", "A feature map whose height and width to take.")},
    outputs={"out": "B C H W"},
    scale=setting("By how much height and width grow; not used where `like` is wired.", min=0.01, max=64, shown=True),
    mode=setting("`nearest` repeats values; `bilinear` and `bicubic` blend neighbours.", shown=True),
    corners=setting("Keep the values of the corners where they are (align_corners).", when={"mode": "bilinear"}),
)  # fmt: skip
class Interpolate(nn.Module):
    """Resize feature maps, by a factor or to the size of another one.

    It brings a coarse map to the size of a finer one, so that both can be added or joined. It has no weights.
    """

    def __init__(self, scale: float = 2.0, mode: Resampling = "nearest", corners: bool = False) -> None:
        super().__init__()
        self.scale = scale
        self.mode = mode
        self.corners = corners

    def forward(self, x: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
        corners = None if self.mode == "nearest" else self.corners
        if self.scale == 1 if like is None else like.shape[-2:] == x.shape[-2:]:
            return x
        if like is None:
            return F.interpolate(x, scale_factor=self.scale, mode=self.mode, align_corners=corners)
        return F.interpolate(x, size=like.shape[-2:], mode=self.mode, align_corners=corners)
