"""The simple feature pyramid, for backbones that give one size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.convolution import Conv2d
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.pooling import MaxPool2d


@block(
    "Simple feature pyramid", category="Neck", paper="Li et al. 2022, arXiv:2203.16527", icon="pyramid",
    helps="ViT backbone before detection heads: four strides from the last map alone, as accurate in ViTDet as an FPN "
          "over several layers of a plain ViT.",
    hurts="A convolutional or Swin backbone has real fine levels: making them up from the coarsest throws those away, "
          "take FPN. Transposed convolutions at stride 4 of a wide ViT cost memory.",
    aliases=("sfp", "vitdet", "vit", "feature pyramid"),
    inputs={"x": port("[B c h w]", "A plain backbone's pyramid; its last level is taken.")},
    outputs={"out": port("[B c h w]", "4, 2, 1 and half the size of that level: strides 4, 8, 16, 32 for ViT/16.")},
    channels=setting("Channels of every level that comes out.", min=1, shown=True),
)  # fmt: skip
class SimpleFeaturePyramid(nn.Module):
    """Make a pyramid of a single map: enlarge it by transposed convolutions and shrink it by a pool.

    It gives a plain vision transformer the levels that detectors need. Every level is brought to the same channels by
    a 1x1 and smoothed by a 3x3 convolution.
    """

    def __init__(self, c: list[int], channels: int = 256) -> None:
        super().__init__()
        C = c[-1]
        half, quarter = max(C // 2, 1), max(C // 4, 1)
        up = [ConvTranspose2d(C, half), LayerNorm2d(half), GELU(), ConvTranspose2d(half, quarter)]
        self.levels = nn.ModuleList(
            (
                nn.Sequential(*up, *_out(quarter, channels)),
                nn.Sequential(ConvTranspose2d(C, half), *_out(half, channels)),
                nn.Sequential(*_out(C, channels)),
                nn.Sequential(MaxPool2d(), *_out(C, channels)),
            )
        )

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [level(x[-1]) for level in self.levels]


def _out(C: int, channels: int) -> list[nn.Module]:
    return [
        Conv2d(C, channels, 1, padding=0, bias=False), LayerNorm2d(channels),
        Conv2d(channels, channels, bias=False), LayerNorm2d(channels),
    ]  # fmt: skip
