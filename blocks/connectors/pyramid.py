"""Where a pyramid's levels part and meet."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.sizes import shown

_FPN = "Lin et al. 2017, arXiv:1612.03144"


@block(
    "Pick level", category="Connector", paper=_FPN, icon="list", aliases=("pyramid", "select", "level"),
    helps="In front of a head that takes one map: -1 gives the level with the most meaning, for classifying, and 1 "
          "the one with the sharpest outlines.",
    hurts="The other levels are passed over though the backbone has worked them out. For objects of many sizes, or "
          "masks with both outline and meaning, let a neck join the levels first.",
    inputs={"x": port("number:[B c h w]", "A pyramid, finest level first.")}, outputs={"out": "B C H W"},
    level=setting("Which level: 1 is the finest, -1 the coarsest.", min=-32, max=32, shown=True),
)  # fmt: skip
class PickLevel(nn.Module):
    """Take one level out of a pyramid.

    It leads from a backbone or a neck, which give several feature maps, to a block that takes a single one.
    """

    def __init__(self, c: list[int], level: int = 1) -> None:
        super().__init__()
        if level == 0 or abs(level) > len(c):
            raise ValueError(
                f"level is {level}, but the pyramid has {len(c)} level{'s' if len(c) > 1 else ''}: "
                f"use 1 (finest) to {len(c)}, or -1 for the coarsest"
            )
        self.index = level - 1 if level > 0 else level

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        return x[self.index]


@block(
    "Bundle levels", category="Connector", paper=_FPN, icon="pyramid", aliases=("pyramid", "levels", "collect"),
    helps="Stages that you drew yourself in front of FPN or another neck: wired finest first, they count as a "
          "backbone.",
    hurts="It resizes and mixes nothing: most necks expect each level to be half as large as the one before. One map "
          "alone gains nothing from being a pyramid.",
    inputs={"xs*": port("number:B c h w", "The levels, finest first.")},
    outputs={"out": port("[B c h w]", "A pyramid of them, finest level first.")},
)  # fmt: skip
class BundleLevels(nn.Module):
    """Make a pyramid of feature maps that you wire one by one, finest first.

    With it any stages become a backbone for a neck that takes a pyramid.
    """

    def forward(self, *xs: torch.Tensor) -> list[torch.Tensor]:
        for i, (fine, coarse) in enumerate(pairwise(xs), 1):
            if coarse.shape[2] > fine.shape[2] or coarse.shape[3] > fine.shape[3]:
                raise ValueError(
                    f"level {i + 1} is {shown(coarse)} but level {i} is {shown(fine)}: wire the finest level first"
                )
        return list(xs)


@block(
    "Add a level", category="Connector", paper=_FPN, icon="pyramid", aliases=("pyramid", "levels", "append", "replace"),
    helps="A pooled level behind a backbone's last, for larger objects; or, with `replace`, the last level after a "
          "spatial pyramid pool or a transformer, as in YOLO and RT-DETR.",
    hurts="It sorts by height alone: a map as large as a level that is there already makes two of one size, where "
          "most necks expect each to be half of the one before.",
    inputs={
        "x": port("number:[B c h w]", "A pyramid, finest level first."),
        "level": port("number:B k h w", "A feature map that becomes a level of it."),
    },
    outputs={"out": port("[B c h w]", "The pyramid with the feature map where its size belongs.")},
    replace=setting("Take the coarsest level out: the feature map stands for it.", shown=True),
)  # fmt: skip
class AddLevel(nn.Module):
    """Put one more feature map into a pyramid, behind the levels that are as large as it or larger.

    A backbone's last level can so pass through further layers before it goes on with the others.
    """

    def __init__(self, replace: bool = False) -> None:
        super().__init__()
        self.replace = replace

    def forward(self, x: Sequence[torch.Tensor], level: torch.Tensor) -> list[torch.Tensor]:
        kept = list(x[:-1] if self.replace else x)
        finer = sum(other.shape[2] >= level.shape[2] for other in kept)
        return [*kept[:finer], level, *kept[finer:]]


@block(
    "Join levels", category="Connector", paper=_FPN, icon="combine",
    helps="One list of all answers of a detector, in the order in which Anchors puts its boxes, so that decoding and "
          "NMS see every level at once.",
    hurts="All levels need equally many channels, and rows and columns are gone: no convolution can follow. It suits "
          "answers; features are better joined by a neck.",
    aliases=("pyramid", "flatten", "concatenate", "rows"),
    inputs={"x": port("number:[B C h w]", "A pyramid whose levels have equally many channels.")},
    outputs={"out": port("B C L", "The places of all levels one after another, finest level first, row by row.")},
)  # fmt: skip
class JoinLevels(nn.Module):
    """Write the places of all levels of a pyramid behind one another.

    A detector's answers at places of all sizes so become one list.
    """

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.cat([level.flatten(2) for level in x], 2)
