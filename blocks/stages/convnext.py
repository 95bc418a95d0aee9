"""The blocks of ConvNeXt, version 1 and 2."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, port, setting
from blocks.layers.activation import GELU
from blocks.layers.composite import check_odd
from blocks.layers.convolution import Conv2d, DepthwiseConv2d, PointwiseConv2d
from blocks.layers.dropout import DropPath
from blocks.layers.normalisation import GlobalResponseNorm, LayerNorm2d
from blocks.layers.scale import LayerScale2d
from blocks.stages.feedforward import DEPTH, DROP_PATH, EXPANSION, FIRST_DROP_PATH, rising
from blocks.stages.metaformer import CHANNELS, LAYER_SCALE, EmbeddedStage

CONVNEXT = "Liu et al. 2022, arXiv:2201.03545"
KERNEL = setting("Height and width of the depthwise window; odd.", min=1)
RESPONSE_NORM = setting("Normalise the channels' responses in the middle, as ConvNeXt V2 does (arXiv:2301.00808).")
_EPS = 1e-6


@block(
    "ConvNeXt block", category="Backbone", paper=CONVNEXT, icon="git-merge",
    helps="Where Swin's accuracy is wanted without windows, shifts or positions: only convolutions, so that it takes "
          "maps of any size. It is trained like a transformer: AdamW, long schedules, drop path.",
    hurts="Its 7x7 depthwise window waits for memory, so a GPU runs it slower than a bottleneck of as many MACs, "
          "above all without channels-last. A layer norm cannot be folded into a convolution for int8.",
    aliases=("convnext", "convnext v2", "depthwise", "inverted bottleneck", "residual"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=KERNEL, expansion=EXPANSION, layer_scale=LAYER_SCALE, response_norm=RESPONSE_NORM, drop_path=DROP_PATH,
)  # fmt: skip
class ConvNeXtBlock(nn.Module):
    """A wide depthwise convolution, then a feed-forward network on the channels, with a connection around both.

    It is a residual block made over after the pattern of transformers: one norm, one bend, and few but large windows.
    Version 2 puts a response norm in the place of the layer scale.
    """

    def __init__(
        self,
        C: int,
        kernel_size: int = 7,
        expansion: float = 4.0,
        layer_scale: float | None = 1e-6,
        response_norm: bool = False,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        width = int(C * expansion)
        self.depthwise = DepthwiseConv2d(C, kernel_size, padding=kernel_size // 2)
        self.norm = LayerNorm2d(C, _EPS)
        self.expand = PointwiseConv2d(C, width)
        self.act = GELU()
        self.response = GlobalResponseNorm(width) if response_norm else None
        self.project = PointwiseConv2d(width, C)
        self.scale = None if layer_scale is None else LayerScale2d(C, layer_scale)
        self.drop_path = DropPath(drop_path) if drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.depthwise(x))
        for layer in (self.expand, self.act, self.response, self.project, self.scale, self.drop_path):
            if layer is not None:
                y = layer(y)
        return x + y


@block(
    "ConvNeXt stage", category="Backbone", paper=CONVNEXT, icon="square-stack",
    helps="Depths 3, 3, 9, 3 of it make ConvNeXt-T. The layer norm before the step that halves the map is what keeps "
          "the training of such a network steady.",
    hurts="With the default layer scale of 1e-6 all blocks begin as nearly nothing and wake late in a short training: "
          "raise it or leave it empty. The 2x2 step drops the last row of an odd map, 7 becomes 3.",
    aliases=("convnext", "convnext v2", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size where `channels` is set.")},
    channels=CHANNELS, depth=DEPTH, kernel_size=KERNEL, expansion=EXPANSION, layer_scale=LAYER_SCALE,
    response_norm=RESPONSE_NORM, attention=ATTENTION, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
)  # fmt: skip
class ConvNeXtStage(EmbeddedStage):
    """A norm and a 2x2 convolution that halve the map, then ConvNeXt blocks in a row.

    A ConvNeXt is four such stages, each with half the size and twice the channels of the one before; the first keeps
    the map as the stem gives it.
    """

    def __init__(
        self,
        C: int,
        channels: int | None = None,
        depth: int = 2,
        kernel_size: int = 7,
        expansion: float = 4.0,
        layer_scale: float | None = 1e-6,
        response_norm: bool = False,
        attention: MapAttention = "none",
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
    ) -> None:
        wide = channels or C
        embed = nn.Sequential(LayerNorm2d(C, _EPS), Conv2d(C, wide, 2, 2, padding=0)) if channels else None
        blocks = (
            ConvNeXtBlock(wide, kernel_size, expansion, layer_scale, response_norm, rate)
            for rate in rising(first_drop_path, drop_path, depth)
        )
        super().__init__(embed, blocks, wide, attention=attention)
