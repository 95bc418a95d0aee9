"""The segmentation branch of panoptic feature pyramid networks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.heads.segmentation import CLASSES, CORNERS, LIKE, SCORES, PixelClassifier
from blocks.layers.composite import ConvNormAct
from blocks.layers.dropout import Dropout2d
from blocks.layers.normalisation import Norm
from blocks.layers.shape import Interpolate
from blocks.necks.levels import LEVELS_IN


@block(
    "Semantic FPN head", category="Head", paper="Kirillov et al. 2019, arXiv:1901.02446", icon="grid-3x3",
    helps="Semantic beside instance segmentation on one FPN, and a strong light head for any pyramid: all levels are "
          "read, and group norm lets it train on two images a device.",
    hurts="It expects a neck: the fine levels of a raw backbone know little of what they show. All levels count alike "
          "in the sum, and 3x3 convolutions at stride 4 take most time; SegFormer head has none.",
    aliases=("panoptic fpn", "segmentation", "semantic"), inputs={"x": LEVELS_IN, "like?": LIKE},
    outputs={"out": SCORES}, classes=CLASSES, channels=setting("Channels of all its convolutions.", min=1, shown=True),
    norm=setting("The normalisation after each 3x3 convolution."),
    dropout=setting("The share of channels set to 0 in training, against learning by heart.", min=0, max=1),
    corners=CORNERS,
)  # fmt: skip
class SemanticFPNHead(nn.Module):
    """Bring every level of a feature pyramid to the finest one's size, add them all, and classify every place.

    A level is enlarged step by step: one 3x3 convolution and one doubling for each level that is finer than it. So
    all levels have their say at the end.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 21,
        channels: int = 128,
        norm: Norm = "group",
        dropout: float = 0.2,
        corners: bool = False,
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(ConvNormAct(channels if step else C, channels, 3, norm=norm) for step in range(max(i, 1))))
            for i, C in enumerate(c)
        )
        self.resize = Interpolate(mode="bilinear", corners=corners)
        self.dropout = Dropout2d(dropout)
        self.classify = PixelClassifier(channels, classes, corners=corners)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        seen = []
        for i, branch in enumerate(self.branches):
            level = x[i]
            for step, conv in enumerate(branch.children()):
                level = conv(level)
                if i:
                    level = self.resize(level, x[i - 1 - step])
            seen.append(level)
        return self.classify(self.dropout(reduce(add, reversed(seen))), like)
