"""Deformable convolution, version 3, as InternImage has it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.composite import check_odd
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.sizes import every_place

DCN_V3 = "Wang et al. 2022, arXiv:2211.05778"
FIRST_STEP = "offsets and weights begin at 0, as published: what they are read off gets a gradient from the second step"
OTHER_OFFSETS = "another number of points needs as many other offsets and weights, and is refused with these"
KERNEL = setting("Points along each side of the window; odd.", min=1, shown=True)
GROUPS = setting(
    "Into how many groups the channels are split; each moves and weighs its points by itself.", min=1, shown=True
)
REACH = setting("By how much offsets and the window itself are stretched.", min=0.01)


@block(
    "Deformable aggregation", category="Layer", paper=DCN_V3, icon="spline",
    helps="DCNv3 with offsets and weights of your own, such as ones that several layers share: the softmax over a "
          "window's points keeps the result within what was read.",
    hurts="Offsets are x before y and points go down the columns; those made for Deformable conv 2d run the other "
          "way, fit in size and are misread. It mixes no channels: 1x1 convolutions must stand round it.",
    aliases=("dcnv3", "deformable", "sampling", "offsets"),
    inputs={
        "x": port("B C%groups H W", "Feature maps to look at."),
        "offset": port("B K H W", "For each group and point, down the columns, its moves to the right and down.",
                       "B 72 H W"),
        "weight": port("B N H W", "For each group and point how much it counts, before a softmax over the points.",
                       "B 36 H W"),
    },
    outputs={"out": "B C H W"}, groups=GROUPS, kernel_size=KERNEL, reach=REACH,
    exempt={"settings:groups": OTHER_OFFSETS, "settings:kernel_size": OTHER_OFFSETS},
)  # fmt: skip
class DeformableAggregation(nn.Module):
    """Average a window's points, moved and weighed as other maps say.

    Between pixels values are interpolated; outside the map they are 0. It has no weights of its own: convolutions
    before it give offsets and weights.
    """

    def __init__(self, groups: int = 4, kernel_size: int = 3, reach: float = 1.0) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        self.groups, self.points, self.reach = groups, kernel_size**2, reach
        self.side = kernel_size

    def forward(self, x: torch.Tensor, offset: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        needed = self.groups * self.points
        if (offset.shape[1], weight.shape[1]) != (2 * needed, needed):
            raise ValueError(
                f"`offset` has {offset.shape[1]} channels and `weight` {weight.shape[1]}, but {self.groups} groups of "
                f"{self.points} points need {2 * needed} and {needed}"
            )
        height, width = x.shape[2:]
        spread = torch.arange(self.side, dtype=x.dtype, device=x.device) - self.side // 2
        # The points of a window are counted down its columns, as the published weights have them.
        window = torch.stack((spread.repeat_interleave(self.side), spread.repeat(self.side)), -1)  # (P, 2)
        rows = torch.arange(height, dtype=x.dtype, device=x.device)
        columns = torch.arange(width, dtype=x.dtype, device=x.device)
        here = every_place(rows, columns)
        moved = offset.flatten(2).unflatten(1, (self.groups, self.points, 2)).permute(0, 1, 4, 2, 3)
        at = here[:, None] + (window + moved) * self.reach  # (B, groups, H * W, P, 2)
        grid = torch.stack(((2 * at[..., 0] + 1) / width - 1, (2 * at[..., 1] + 1) / height - 1), -1)
        grouped = x.unflatten(1, (self.groups, -1)).flatten(0, 1)  # (B * groups, C / groups, H, W)
        seen = F.grid_sample(grouped, grid.flatten(0, 1), align_corners=False)  # (B * groups, C / groups, H * W, P)
        shares = weight.flatten(2).unflatten(1, (self.groups, self.points)).softmax(2).transpose(2, 3)
        out = (seen * shares.flatten(0, 1)[:, None]).sum(3)
        return out.unflatten(0, (-1, self.groups)).flatten(1, 2).unflatten(2, (height, width))


@block(
    "Deformable conv v3", category="Layer", paper=DCN_V3, icon="spline",
    helps="Backbones for detection and segmentation in InternImage's manner: each place chooses where to look, as "
          "with attention, and the cost grows with H x W only.",
    hurts="Scattered reads make it slow for its MACs; DCNv4 dropped the softmax over points and ran three times as "
          "fast. It keeps C and the size: with a stride or other channels take Deformable conv 2d.",
    aliases=("dcnv3", "dcn", "internimage", "offsets", "modulated"),
    inputs={"x": port("B C%groups H W", "Feature maps.")}, outputs={"out": "B C H W"},
    groups=GROUPS, kernel_size=KERNEL, reach=REACH, exempt={"gradient": FIRST_STEP},
)  # fmt: skip
class DeformConvV3(nn.Module):
    """A convolution whose points move, and weigh, as each place asks.

    A small branch on the input tells for each group of channels where the points of its window lie and how much each
    counts; 1x1 convolutions around it mix the channels. It can see as far as attention does, at the cost of a
    convolution.
    """

    def __init__(self, C: int, groups: int = 4, kernel_size: int = 3, reach: float = 1.0) -> None:
        super().__init__()
        points = groups * kernel_size**2
        self.input = PointwiseConv2d(C, C, init="xavier")
        self.look = nn.Sequential(DepthwiseConv2d(C, kernel_size, padding=kernel_size // 2), LayerNorm2d(C), GELU())
        self.offset = PointwiseConv2d(C, 2 * points, init="zero")
        self.weight = PointwiseConv2d(C, points, init="zero")
        self.aggregate = DeformableAggregation(groups, kernel_size, reach)
        self.output = PointwiseConv2d(C, C, init="xavier")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        seen = self.look(x)
        return self.output(self.aggregate(self.input(x), self.offset(seen), self.weight(seen)))
