"""The decoder of SegFormer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.heads.segmentation import CLASSES, DROPOUT, LIKE, SCORES, PixelClassifier
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import Dropout
from blocks.layers.shape import Interpolate
from blocks.necks.levels import LEVELS_IN


@block(
    "SegFormer head", category="Head", paper="Xie et al. 2021, arXiv:2105.15203", icon="grid-3x3",
    helps="Mix Transformer and other backbones that look far: 1x1 convolutions alone, the lightest head that reads "
          "all levels.",
    hurts="It adds no view of its own: on a ResNet-50 the paper's mIoU was some ten points below that on MiT-B2. CNN "
          "backbones want DeepLabv3+ or Semantic FPN head. All levels joined at stride 4 need memory.",
    aliases=("segmentation", "all-mlp decoder", "semantic", "pixel", "mask"),
    inputs={"x": LEVELS_IN, "like?": LIKE}, outputs={"out": SCORES}, classes=CLASSES,
    channels=setting("Channels to which every level is brought before they are joined.", min=1, shown=True),
    dropout=DROPOUT,
)  # fmt: skip
class SegFormerHead(nn.Module):
    """Bring all levels to the same channels and to the finest one's size, join them and classify every place.

    It holds 1x1 convolutions alone: the attention of the encoder has seen the whole image already. The scores come at
    the size of the finest level, or at that of the image where it is wired to `like`.
    """

    def __init__(self, c: list[int], classes: int = 21, channels: int = 256, dropout: float = 0.1) -> None:
        super().__init__()
        self.linear_c = nn.ModuleList(PointwiseConv2d(wide, channels) for wide in c)
        self.resize = Interpolate(1.0, "bilinear")
        self.fuse = ConvNormAct(len(c) * channels, channels, 1)
        self.dropout = Dropout(dropout)
        self.classifier = PixelClassifier(channels, classes)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        levels = [linear(level) for linear, level in zip(self.linear_c, x, strict=True)]
        finest = levels[0]
        levels = [finest, *(self.resize(level, finest) for level in levels[1:])]
        # Coarsest first, as in the reference.
        return self.classifier(self.dropout(self.fuse(torch.cat(levels[::-1], 1))), like)
