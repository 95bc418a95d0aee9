"""Heads that read a fine level beside the coarsest one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.heads.segmentation import CLASSES, CORNERS, DROPOUT, LIKE, SCORES, PixelClassifier
from blocks.layers.activation import Sigmoid
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.dropout import Dropout
from blocks.layers.pooling import GlobalAvgPool
from blocks.layers.shape import Interpolate
from blocks.necks.levels import SEVERAL_LEVELS_IN


@block(
    "DeepLabv3+ head", category="Head", paper="Chen et al. 2018, arXiv:1802.02611", icon="grid-3x3",
    helps="Outlines matter and the backbone gives strides 4 and 16: two 3x3 convolutions at the fine size sharpen "
          "what ASPP says. The output has a quarter of the image's sides.",
    hurts="Its first convolution sees 304 channels at stride 4 and does about half of the work: phones want LR-ASPP "
          "head. Levels between the finest and the coarsest are not read; Semantic FPN head reads all.",
    aliases=("deeplab", "decoder", "segmentation", "semantic"), inputs={"x": SEVERAL_LEVELS_IN, "like?": LIKE},
    outputs={"out": SCORES}, classes=CLASSES,
    channels=setting("Channels of the two 3x3 convolutions.", min=1, shown=True),
    fine_channels=setting("To how many channels the finest level is brought: few, not to drown the rest.", min=1),
    dropout=DROPOUT, corners=CORNERS,
)  # fmt: skip
class DeepLabPlusHead(nn.Module):
    """Enlarge the coarsest level to the finest, join both, and classify every place.

    The fine level gives the sharp outlines that the coarse one has lost. It stands after atrous spatial pyramid
    pooling (the neck ASPP); let the backbone give two levels, of strides 4 and 16 in the paper.
    """

    def __init__(
        self,
        c: list[int],
        classes: int = 21,
        channels: int = 256,
        fine_channels: int = 48,
        dropout: float = 0.1,
        corners: bool = False,
    ) -> None:
        super().__init__()
        self.reduce = ConvNormAct(c[0], fine_channels, 1)
        self.resize = Interpolate(mode="bilinear", corners=corners)
        self.conv1 = ConvNormAct(c[-1] + fine_channels, channels, 3)
        self.conv2 = ConvNormAct(channels, channels, 3)
        self.dropout = Dropout(dropout)
        self.classify = PixelClassifier(channels, classes, corners=corners)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        fine = self.reduce(x[0])
        joined = torch.cat([self.resize(x[-1], fine), fine], 1)
        return self.classify(self.dropout(self.conv2(self.conv1(joined))), like)


@block(
    "LR-ASPP head", category="Head", paper="Howard et al. 2019, arXiv:1905.02244", icon="grid-3x3",
    helps="Real-time segmentation on phones after MobileNetV3: a gate from the whole image and 1x1 convolutions cost "
          "next to nothing.",
    hurts="Outlines at stride 8 stay coarse, and no window mends them. The gate averages the whole map, so crops in "
          "training and whole images in use differ. With a GPU DeepLabv3+ head is more accurate.",
    aliases=("lite", "mobilenet", "segmentation", "semantic"), inputs={"x": SEVERAL_LEVELS_IN, "like?": LIKE},
    outputs={"out": SCORES}, classes=CLASSES,
    channels=setting("To how many channels the coarsest level is brought.", min=1, shown=True), corners=CORNERS,
)  # fmt: skip
class LRASPPHead(nn.Module):
    """Classify the coarsest level and the finest one, each by a 1x1 convolution, and add both.

    The coarse level is rescaled by a gate that sees the whole image. It is made for phones: there is no convolution
    of more than one place. The paper reads strides 8 and 16.
    """

    def __init__(self, c: list[int], classes: int = 21, channels: int = 128, corners: bool = False) -> None:
        super().__init__()
        self.project = ConvNormAct(c[-1], channels, 1)
        self.pool = GlobalAvgPool(keep_size=True)
        self.gate = Conv2d(c[-1], channels, 1, padding=0, bias=False)
        self.sigmoid = Sigmoid()
        self.resize = Interpolate(1.0, "bilinear", corners)
        self.fine = PixelClassifier(c[0], classes)
        self.coarse = PixelClassifier(channels, classes)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        fine, coarse = x[0], x[-1]
        seen = self.project(coarse) * self.sigmoid(self.gate(self.pool(coarse)))
        scores = self.fine(fine) + self.coarse(self.resize(seen, fine))
        return self.resize(scores, like)
