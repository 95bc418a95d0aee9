"""Attention that looks at a few places only, and learns where they lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.attention.reduction import Attend2d
from blocks.connectors.parts import Split
from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.sizes import every_place, shown

Positions = Literal["table", "depthwise", "none"]
DETR = "Zhu et al. 2020, arXiv:2010.04159"
DAT = "Xia et al. 2022, arXiv:2201.00520"
OTHER_POINTS = "another number of points needs as many other offsets and weights, and is refused with these"
POINTS = setting("How many points each head looks at on each level.", min=1, shown=True)
_REFERENCE = port(
    "B L N", "Where each token looks: x and y from 0 to 1, or x, y, width and height of a box round that place.",
    "B L 2",
)  # fmt: skip
_GROUPS = setting("Into how many groups the channels are split; each looks at points of its own.", min=1, shown=True)


@block(
    "Reference points", category="Attention", paper=DETR, icon="crosshair",
    helps="The encoder of Deformable DETR and the pixel decoder of Mask2Former, in which every place of the pyramid "
          "is a query that looks first round itself.",
    hurts="Queries for objects stand nowhere: give them learned points or predicted boxes. It takes each level as "
          "wholly filled, so that images padded to a common size have their padding looked at.",
    aliases=("coordinates", "centres", "deformable detr", "grid", "anchor points"),
    inputs={"x": port("number:[B c h w]", "A pyramid, of which only the sizes count.")},
    outputs={"out": port("B L 2", "x and y of every place from 0 to 1, finest level first, row by row.")},
    exempt={"gradient": "where the places of a map lie does not depend on its values"},
)  # fmt: skip
class ReferencePoints(nn.Module):
    """Give the middle of every place of every level.

    The tokens of a pyramid so begin to look where they stand. `Join levels` puts the tokens in the same order.
    """

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        levels = []
        for level in x:
            height, width = level.shape[2:]
            rows, columns = (
                (torch.arange(size, dtype=torch.float32, device=level.device) + 0.5) / size for size in (height, width)
            )
            levels.append(every_place(rows, columns))
        return torch.cat(levels)[None].expand(x[0].shape[0], -1, -1)


@block(
    "Sample a pyramid", category="Attention", paper=DETR, icon="spline",
    helps="Multi-scale deformable attention with offsets and weights of your own making: each token reads heads x "
          "levels x points places, however large the maps are.",
    hurts="Wired to another number of heads, levels or points than `offset` was made for, it refuses. It reads level "
          "by level through grid_sample, without the fused kernel of the paper; for one map there is Sample a map.",
    aliases=("deformable detr", "grid sample", "msdeformattn", "multi-scale"),
    inputs={
        "reference": _REFERENCE,
        "offset": port("B L K", "For each head, level and point how far it lies to the right and down, in places.",
                       "B L 96"),
        "weight": port("B L M", "For each head, level and point how much it counts, before a softmax over a head's.",
                       "B L 48"),
        "values": port("[B C%heads h w]", "What is looked at: levels with equally many channels."),
    },
    outputs={"out": port("B L C", "For each token the heads' averages, one behind another.")},
    heads=HEADS, points=POINTS, exempt={"settings:heads": OTHER_POINTS, "settings:points": OTHER_POINTS},
)  # fmt: skip
class SamplePyramid(nn.Module):
    """Average, for each token and head, what a few points on all levels of a pyramid hold.

    The core of multi-scale deformable attention, without weights. Between places values are interpolated; outside the
    map they are 0. With boxes as reference, offsets count in the box's halves, divided by the number of points.
    """

    def __init__(self, heads: int = 4, points: int = 4) -> None:
        super().__init__()
        self.heads, self.points = heads, points

    def forward(
        self, reference: torch.Tensor, offset: torch.Tensor, weight: torch.Tensor, values: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        self._check(reference, offset, weight, len(values))
        split = (self.heads, len(values), self.points)
        moved = offset.unflatten(2, (*split, 2))  # (B, L, heads, levels, points, 2)
        shares = weight.unflatten(2, (self.heads, -1)).softmax(3).unflatten(3, split[1:])
        centre = reference[:, :, None, None, :2]  # (B, L, 1, 1, 2)
        out: torch.Tensor | None = None
        for level, value in enumerate(values):
            height, width = value.shape[2:]
            if reference.shape[2] == 2:
                reach = torch.tensor([1 / width, 1 / height], dtype=value.dtype, device=value.device)
            else:
                reach = reference[:, :, None, None, 2:] * (0.5 / self.points)
            at = centre + moved[:, :, :, level] * reach  # (B, L, heads, points, 2)
            grid = (2 * at - 1).transpose(1, 2).flatten(0, 1)  # (B * heads, L, points, 2)
            grouped = value.unflatten(1, (self.heads, -1)).flatten(0, 1)  # (B * heads, C / heads, h, w)
            seen = F.grid_sample(grouped, grid, align_corners=False)  # (B * heads, C / heads, L, points)
            part = (seen * shares[:, :, :, level].transpose(1, 2).flatten(0, 1)[:, None]).sum(3)
            out = part if out is None else out + part
        assert out is not None
        return out.unflatten(0, (-1, self.heads)).flatten(1, 2).transpose(1, 2)

    def _check(self, reference: torch.Tensor, offset: torch.Tensor, weight: torch.Tensor, levels: int) -> None:
        if reference.shape[2] not in (2, 4):
            raise ValueError(f"`reference` is {shown(reference)}, but its last size must be 2 (x, y) or 4 (a box)")
        needed = self.heads * levels * self.points
        if (offset.shape[2], weight.shape[2]) != (2 * needed, needed):
            raise ValueError(
                f"`offset` has {offset.shape[2]} features and `weight` {weight.shape[2]}, but {self.heads} heads with "
                f"{self.points} points on {levels} levels need {2 * needed} and {needed}"
            )


@block(
    "Multi-scale deformable attention", category="Attention", paper=DETR, icon="spline",
    helps="Detection transformers on a pyramid, such as DINO and RT-DETR: fine levels stay affordable, and Deformable "
          "DETR reached better results than DETR, above all on small objects, in a tenth of the epochs.",
    hurts="Nothing tells a token what lies outside its few points, so that it must find its way by their gradient. "
          "Scattered reads are slow on phones; for one small map Multi-head cross-attention is simpler.",
    aliases=("deformable detr", "msda", "msdeformattn", "cross-attention", "pyramid", "dino", "rt-detr"),
    inputs={
        "x": port("B L D%heads", "Tokens that look: queries of objects, or the places of the pyramid itself."),
        "reference": _REFERENCE,
        "memory": port("[B C h w]", "What is looked at: levels with equally many channels."),
    },
    outputs={"out": "B L D"}, heads=HEADS, points=POINTS,
    exempt={"settings:levels": "it needs a pyramid of as many levels, and is refused with another"},
    levels=setting("How many levels the pyramid has.", min=1, shown=True),
)  # fmt: skip
class MultiScaleDeformableAttention(nn.Module):
    """Let each token look at a few points round a place of its own, on all levels of a pyramid.

    Two linear layers tell where the points lie and how much each counts; nothing is compared. The cost does not grow
    with the maps, so that fine levels are affordable. At the start each head looks in a direction of its own, its
    points one place farther out each.
    """

    def __init__(self, D: int, C: int, heads: int = 4, points: int = 4, levels: int = 3) -> None:
        super().__init__()
        count = heads * levels * points
        self.sampling_offsets = Linear(D, 2 * count, init="zero")
        self.attention_weights = Linear(D, count, init="zero")
        self.value_proj = PointwiseConv2d(C, D, init="xavier")
        self.attend = SamplePyramid(heads, points)
        self.output_proj = Linear(D, D, init="xavier")
        with torch.no_grad():
            self.sampling_offsets.bias.copy_(_star(heads, levels, points))

    def forward(self, x: torch.Tensor, reference: torch.Tensor, memory: Sequence[torch.Tensor]) -> torch.Tensor:
        values = [self.value_proj(level) for level in memory]
        offset, weight = self.sampling_offsets(x), self.attention_weights(x)
        return self.output_proj(self.attend(reference, offset, weight, values))


def _star(heads: int, levels: int, points: int) -> torch.Tensor:
    """Offsets of the first step: each head's ray from the middle, on a square, its points 1, 2, ... places out."""
    angles = torch.arange(heads, dtype=torch.float32) * (2 * math.pi / heads)
    rays = torch.stack((angles.cos(), angles.sin()), 1)
    rays = rays / rays.abs().amax(1, keepdim=True)
    out = torch.arange(1, points + 1, dtype=torch.float32)
    return (rays[:, None, None] * out[:, None]).expand(heads, levels, points, 2).flatten()


@block(
    "Sample a map", category="Attention", paper=DAT, icon="spline",
    helps="A deformable attention of your own in DAT's manner: one point for each cell of a coarse grid, whose "
          "`reach` keeps points from all gathering at one spot.",
    hurts="Points near the edge may leave the map and read zeros, and a point learns only from the four pixels around "
          "it, so that offsets should begin small. For a whole window at each place take Deformable aggregation.",
    aliases=("dat", "grid sample", "deformable", "offsets"),
    inputs={
        "x": port("B C%groups H W", "The map that is looked at."),
        "offset": port("B K h w", "For each group how far each of the points moves, down and to the right.",
                       "B 4 h w"),
    },
    outputs={
        "seen": port("B C h w", "What the points hold."),
        "at": port("B K h w", "Where each group's points lie, down and to the right, from -1 to 1.",
                   "B 4 h w"),
    },
    groups=_GROUPS,
    reach=setting("How far a point may move at most, in distances between points; 0 sets no bound.", min=0),
    exempt={"settings:groups": "another number of groups needs as many other offsets, and is refused with these"},
)  # fmt: skip
class SampleMap(nn.Module):
    """Read a map at points of an even grid, each moved by an offset.

    The core of deformable attention on one map, without weights: keys and values are made of what the points hold.
    """

    def __init__(self, groups: int = 2, reach: float = 2.0) -> None:
        super().__init__()
        self.groups, self.reach = groups, reach

    def forward(self, x: torch.Tensor, offset: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if offset.shape[1] != 2 * self.groups:
            raise ValueError(
                f"`offset` has {offset.shape[1]} channels, but {self.groups} groups need {2 * self.groups}: one down "
                "and one to the right each"
            )
        height, width = offset.shape[2:]
        moved = offset.unflatten(1, (self.groups, 2))  # (B, groups, 2, h, w)
        rows, columns = (_spread(size, x) for size in (height, width))
        even = torch.stack((rows[:, None].expand(-1, width), columns.expand(height, -1)))  # (2, h, w)
        if self.reach:
            steps = [1 / max(size - 1, 1) for size in (height, width)]
            step = torch.tensor(steps, dtype=x.dtype, device=x.device)[:, None, None]
            at = even + moved.tanh() * step * self.reach
        else:
            at = (even + moved).clamp(-1, 1)
        grouped = x.unflatten(1, (self.groups, -1)).flatten(0, 1)  # (B * groups, C / groups, H, W)
        grid = at.flatten(0, 1).permute(0, 2, 3, 1).flip(3)  # x before y
        seen = F.grid_sample(grouped, grid, align_corners=True)
        return seen.unflatten(0, (-1, self.groups)).flatten(1, 2), at.flatten(1, 2)


def _spread(count: int, like: torch.Tensor) -> torch.Tensor:
    """The middles of `count` places, as the reference lays them: the first place's edge is -1, the last's middle 1."""
    middles = torch.arange(count, dtype=like.dtype, device=like.device) + 0.5
    return middles * (2 / max(count - 1, 1)) - 1


@block(
    "Bias by distance", category="Attention", paper=DAT, icon="ruler",
    helps="Attention whose keys lie between places, as those that Sample a map reads: the bias changes smoothly with "
          "distance, so that the points get a gradient through it too.",
    hurts="A map of 56 x 56 takes 12,321 numbers a head, made for that size and stretched for others. Keys that lie "
          "at whole places, as in windows, are served by the smaller table of Window attend.",
    aliases=("dat", "relative position bias", "deformable", "rpe"),
    inputs={
        "x": port("B C H W", "The map whose places look; only its size counts."),
        "at": port("B K h w", "Where each group's points lie, down and to the right, from -1 to 1.",
                   "B 4 h w"),
    },
    outputs={"out": port("B N L M", "For each head, place and point what is added to how well they fit.")},
    heads=HEADS,
)  # fmt: skip
class DistanceBias(nn.Module):
    """Give each head a learned liking for each distance, read off a table between its entries.

    The points of deformable attention lie anywhere, so that a place of the table is rarely hit: neighbours are
    blended. The table fits the map with which the block is made; other sizes stretch it.
    """

    def __init__(self, H: int, W: int, heads: int = 4) -> None:
        super().__init__()
        self.rpe_table = nn.Parameter(torch.empty(heads, 2 * H - 1, 2 * W - 1))
        nn.init.trunc_normal_(self.rpe_table, std=0.01)

    def forward(self, x: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        heads, groups = len(self.rpe_table), at.shape[1] // 2
        if not groups or heads % groups or at.shape[1] % 2:
            raise ValueError(
                f"`at` has {at.shape[1]} channels, two for each group of channels, but the {heads} heads need a number "
                "of groups that divides them"
            )
        height, width = x.shape[2:]
        rows, columns = (torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device) for size in (height, width))
        here = every_place(rows, columns)
        there = at.unflatten(1, (groups, 2)).flatten(3).transpose(2, 3).flip(3)  # (B, groups, points, 2)
        far = (here[:, None] - there[:, :, None]) / 2  # (B, groups, H * W, points, 2)
        table = self.rpe_table.unflatten(0, (groups, -1))[None].expand(x.shape[0], -1, -1, -1, -1)
        bias = F.grid_sample(table.flatten(0, 1), far.flatten(0, 1), align_corners=True)
        return bias.unflatten(0, (-1, groups)).flatten(1, 2)


@block(
    "Deformable attention", category="Attention", paper=DAT, icon="spline",
    helps="The last two stages of a backbone, 14 x 14 and 7 x 7, where DAT has it: keys lie on objects rather than in "
          "a fixed grid, and at stride 2 they are a quarter as many as the places.",
    hurts="All queries share the same points, so that fine detail suffers: DAT alternates it with attention in "
          "windows. `table` is made for one H x W and stretched for others, and reading between pixels is slow on "
          "phones.",
    aliases=("dat", "deformable transformer", "offsets", "self-attention", "sampling"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, groups=_GROUPS,
    stride=setting("One point is looked at for each square of this side.", min=1, shown=True),
    kernel_size=setting("Window of the depthwise convolution off which the offsets are read.", min=1),
    reach=setting("How far a point may move at most, in distances between points; 0 sets no bound.", min=0),
    positions=setting(
        "`table` adds a learned liking for each distance; `depthwise` adds a depthwise convolution of the queries; "
        "`none` knows no distances."
    ),
    attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT,
)  # fmt: skip
class DeformableAttention(nn.Module):
    """Self-attention on a feature map in which all places look at the same few points, moved to where it matters.

    A small branch on the queries moves the points of an even grid; keys and values are read there. It is the
    attention of DAT's later stages; `Multi-scale deformable attention` is that of Deformable DETR.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        heads: int = 4,
        groups: int = 2,
        stride: int = 2,
        kernel_size: int = 5,
        reach: float = 2.0,
        positions: Positions = "table",
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if heads % groups:
            raise ValueError(f"there are {heads} heads, but they need a multiple of groups = {groups}")
        padding = kernel_size // 2 if kernel_size != stride else 0
        self.groups = groups
        self.proj_q = PointwiseConv2d(C, C)
        self.split = Split(C, groups)
        self.conv_offset = nn.Sequential(
            DepthwiseConv2d(C // groups, kernel_size, stride=stride, padding=padding),
            LayerNorm2d(C // groups, 1e-5), GELU(), PointwiseConv2d(C // groups, 2, bias=False),
        )  # fmt: skip
        self.sample = SampleMap(groups, reach)
        self.proj_k, self.proj_v = PointwiseConv2d(C, C), PointwiseConv2d(C, C)
        self.bias = DistanceBias(H, W, heads) if positions == "table" else None
        self.attend = Attend2d(heads, attention_dropout)
        self.around = DepthwiseConv2d(C) if positions == "depthwise" else None
        self.proj_out = PointwiseConv2d(C, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q = self.proj_q(x)
        parts = self.split(q)
        offset = torch.cat([self.conv_offset(parts[i]) for i in range(self.groups)], 1)
        seen, at = self.sample(x, offset)
        bias = None if self.bias is None else self.bias(x, at)
        out = self.attend(q, self.proj_k(seen), self.proj_v(seen), bias)
        if self.around is not None:
            out = out + self.around(q)
        out = self.proj_out(out)
        return out if self.dropout is None else self.dropout(out)
