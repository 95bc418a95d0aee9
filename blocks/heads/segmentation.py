"""Heads that give every pixel its scores; what they share is the pixel classifier at their end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.connectors import PickLevel
from blocks.declare import block, port, setting
from blocks.layers.convolution import Conv2d
from blocks.layers.shape import Interpolate
from blocks.layers.sizes import half
from blocks.necks.levels import LEVELS_IN

UNET = "Ronneberger et al. 2015, arXiv:1505.04597"
CLASSES = setting("How many classes there are to tell apart.", min=1, shown=True)
CORNERS = setting("Keep the values of the corners where they are when the scores are enlarged (align_corners).")
DROPOUT = setting("The share of features set to 0 in training, against learning by heart.", min=0, max=1)
LEVEL = setting("The level that is classified: 1 is the finest, -1 the coarsest.", min=-32, max=32)
LIKE = port("B k h w", "The image; with it the scores are brought to its height and width.")
SCORES = port("B K H W", "One score a class at every place, before any softmax.")


@block(
    "Pixel classifier", category="Head", paper="Long et al. 2014, arXiv:1411.4038", icon="grid-3x3",
    helps="The end of a decoder of your own on one map. With window 1 it has C weights a class, and `like` spares the "
          "Interpolate to the image's size.",
    hurts="It looks at single places and cannot smooth: put a decoder before it. Enlarging 16 times and more makes "
          "soft blobs. A pyramid wants Segmentation head, which picks the level.",
    aliases=("segmentation", "mask", "per-pixel", "dense"), inputs={"x": "B C H W", "like?": LIKE},
    outputs={"out": SCORES}, classes=CLASSES,
    kernel_size=setting("Height and width of the window; 1 looks at each place alone.", min=1, shown=True),
    corners=CORNERS,
)  # fmt: skip
class PixelClassifier(nn.Module):
    """One convolution that gives every place of a feature map a score a class.

    With the image wired to `like`, the scores are enlarged to its size. It is the last step of nearly every network
    for segmentation.
    """

    def __init__(self, C: int, classes: int = 21, kernel_size: int = 1, corners: bool = False) -> None:
        super().__init__()
        self.conv = Conv2d(C, classes, kernel_size, padding=half(kernel_size))
        self.resize = Interpolate(1.0, "bilinear", corners)

    def forward(self, x: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
        return self.resize(self.conv(x), like)


@block(
    "Segmentation head", category="Head", paper=UNET, icon="grid-3x3",
    helps="The end of a U-Net, U-Net++ or pyramid attention decoder, whose finest level is at the image's size or "
          "half of it: nothing but scores remains to be made.",
    hurts="Directly on a backbone the finest level knows outlines but not what they belong to: put a U-Net decoder "
          "between, or take SegFormer or Semantic FPN head, which read all levels.",
    aliases=("unet", "u-net", "pixel", "mask", "semantic"), inputs={"x": LEVELS_IN, "like?": LIKE},
    outputs={"out": SCORES}, classes=CLASSES,
    kernel_size=setting("Height and width of the window; 1 looks at each place alone.", min=1, shown=True),
    level=LEVEL, corners=CORNERS,
)  # fmt: skip
class SegmentationHead(nn.Module):
    """Give every place of one level, as a rule the finest, a score a class.

    It stands after a neck that has carried the knowledge of the coarse levels down to the fine ones, such as the
    decoder of a U-Net, which has nothing else at its end.
    """

    def __init__(
        self, c: list[int], classes: int = 21, kernel_size: int = 3, level: int = 1, corners: bool = False
    ) -> None:
        super().__init__()
        self.index = PickLevel(c, level).index
        self.classify = PixelClassifier(c[self.index], classes, kernel_size, corners)

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> torch.Tensor:
        return self.classify(x[self.index], like)
