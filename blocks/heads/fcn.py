"""The head of fully convolutional networks, and those that differ from it in numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from blocks.connectors import PickLevel
from blocks.declare import block, setting
from blocks.heads.segmentation import CLASSES, CORNERS, DROPOUT, LEVEL, LIKE, SCORES, PixelClassifier
from blocks.layers.composite import ConvNormAct
from blocks.layers.dropout import Dropout
from blocks.necks.levels import LEVELS_IN

_CHANNELS = setting("Channels of the 3x3 convolution; empty: a quarter of what comes in.", min=1, shown=True)
_DENSE: dict[str, Any] = {
    "category": "Head", "icon": "grid-3x3", "inputs": {"x": LEVELS_IN, "like?": LIKE}, "outputs": {"out": SCORES},
    "classes": CLASSES, "channels": _CHANNELS, "dropout": DROPOUT, "level": LEVEL, "corners": CORNERS,
}  # fmt: skip


@block(
    "FCN head", paper="Long et al. 2014, arXiv:1411.4038", **_DENSE,
    helps="Baselines and the auxiliary loss of PSPNet or DeepLab on an inner level, weighted by 0.4 in common "
          "practice. One 3x3 convolution is all it adds.",
    hurts="It sees only what its level sees, and at stride 32 scores are enlarged 32 times: dilate the backbone to "
          "stride 8, put ASPP or PPM before it, or take Semantic FPN head for more levels.",
    aliases=("fully convolutional", "segmentation", "semantic", "auxiliary"),
)  # fmt: skip
class FCNHead(nn.Module):
    """A 3x3 convolution and a classifier of every place, on one level of the pyramid.

    It is the plainest head for segmentation, and the usual auxiliary one: wired to an inner level with a loss of its
    own, it helps the layers below to train.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 21,
        channels: int | None = None,
        dropout: float = 0.1,
        level: int = -1,
        corners: bool = False,
    ) -> None:
        super().__init__()
        self.index = PickLevel(c, level).index
        channels = channels or max(c[self.index] // 4, 1)
        self.conv = ConvNormAct(c[self.index], channels, 3)
        self.dropout = Dropout(dropout)
        self.classify = PixelClassifier(channels, classes, corners=corners)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        return self.classify(self.dropout(self.conv(x[self.index])), like)


@block(
    "PSP head", paper="Zhao et al. 2016, arXiv:1612.01105", aliases=("pspnet", "segmentation", "semantic"), **_DENSE,
    helps="After PPM on a backbone dilated to stride 8: its 3x3 convolution is there to bring the doubled channels, "
          "the level's and its means, down to 512.",
    hurts="Without PPM before it, it is an FCN head with a larger convolution. Behind a ResNet-50 that convolution "
          "has 18.9 M weights and works at stride 8: SegFormer or LR-ASPP head are much lighter.",
)  # fmt: skip
class PSPHead(FCNHead):
    """The head of PSPNet: a 3x3 convolution and a classifier of every place.

    It stands after pyramid pooling (the neck PPM), which tells every place what the whole image and its quarters
    hold.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 21,
        channels: int | None = 512,
        dropout: float = 0.1,
        level: int = -1,
        corners: bool = False,
    ) -> None:
        super().__init__(c, classes, channels, dropout, level, corners)


@block(
    "DeepLabv3 head", paper="Chen et al. 2017, arXiv:1706.05587", aliases=("deeplab", "segmentation", "semantic"),
    helps="After ASPP, with an output stride of 16 for speed or 8 for accuracy, where torchvision's or published "
          "DeepLabv3 weights are to be loaded.",
    hurts="Reads one level, so outlines are enlarged eight or sixteen times and blur: DeepLabv3+ head adds the fine "
          "level for little more. Directly on a backbone it lacks the wide view.",
    **_DENSE,
)  # fmt: skip
class DeepLabHead(FCNHead):
    """The head of DeepLabv3: a 3x3 convolution and a classifier of every place.

    It stands after atrous spatial pyramid pooling (the neck ASPP), which looks at each place with windows of several
    widths.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 21,
        channels: int | None = 256,
        dropout: float = 0.0,
        level: int = -1,
        corners: bool = False,
    ) -> None:
        super().__init__(c, classes, channels, dropout, level, corners)
