"""Feed-forward networks of transformers that work on feature maps, and what all their stages have in common."""

from __future__ import annotations

from itertools import accumulate

import torch
from torch import nn

from blocks.attention.projections import DROPOUT
from blocks.declare import block, setting
from blocks.layers.activation import Activation, ReLU, make_activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d
from blocks.layers.dropout import Dropout

EXPANSION = setting("By how much the channels grow inside the feed-forward network.", min=0.1)
DEPTH = setting("How many blocks follow one another.", min=1, max=1000, shown=True)
DROP_PATH = setting("The share of samples for which a branch is left out in training.", min=0, max=1)
FIRST_DROP_PATH = setting("That share for the first block; the others rise from it to `drop_path`.", min=0, max=1)
EPS = setting("A small number added to the layer norms' variance, against division by zero.", min=0)


def rising(first: float, last: float, depth: int) -> list[float]:
    """Rates of `depth` blocks in a row, from the first to the last."""
    return [first + (last - first) * i / max(depth - 1, 1) for i in range(depth)]


def rates(drop_path: float, depths: tuple[int, ...]) -> list[tuple[float, float]]:
    """First and last rate of each stage, rising from 0 over all blocks of all stages."""
    every = rising(0.0, drop_path, sum(depths))
    return [(every[end - depth], every[end - 1]) for depth, end in zip(depths, accumulate(depths), strict=True)]


@block(
    "Feed-forward 2d", category="Layer", paper="Vaswani et al. 2017, arXiv:1706.03762", icon="network",
    helps="Blocks of your own on maps, after whatever mixes the places. As 1x1 convolutions it spares the way to "
          "tokens and back that Feed-forward would need.",
    hurts="It never sees a neighbour, so alone it is a classifier of single places. At expansion 4 it has 8 C^2 "
          "weights and keeps maps of 4 C channels in training, on fine maps more than the attention.",
    aliases=("mlp", "ffn", "pointwise", "transformer"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    expansion=setting("By how much the channels grow inside.", min=0.1, shown=True), activation=ACTIVATION,
    dropout=DROPOUT,
)  # fmt: skip
class FeedForward2d(nn.Module):
    """Mix the channels of each place by two 1x1 convolutions, wider in between.

    In a transformer's block it follows the attention: attention mixes places, this mixes channels.
    """

    def __init__(
        self, C: int, expansion: float = 4.0, activation: Activation = "gelu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        width = int(C * expansion)
        self.expand = PointwiseConv2d(C, width)
        self.act = make_activation(activation)
        self.project = PointwiseConv2d(width, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.expand, self.act, self.dropout, self.project, self.dropout):
            if layer is not None:
                x = layer(x)
        return x


@block(
    "Mix feed-forward", category="Layer", paper="Xie et al. 2021, arXiv:2105.15203", icon="network",
    helps="Transformers on maps that meet other sizes of image later: with it in place of stored positions "
          "SegFormer's accuracy fell by 0.7 % at another resolution and not by 3.3.",
    hurts="The depthwise window runs on expansion * C channels and waits for memory, so the part is slower than its "
          "MACs say. Where attention has positions of its own Feed-forward 2d does as well.",
    aliases=("mix-ffn", "convolutional feed-forward", "mlp", "ffn", "depthwise", "segformer", "pvt"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    expansion=setting("By how much the channels grow inside.", min=0.1, shown=True),
    early_relu=setting("Bend before the depthwise convolution too, as PVT v2 with linear attention does."),
    activation=ACTIVATION, dropout=DROPOUT,
)  # fmt: skip
class MixFeedForward(nn.Module):
    """A feed-forward network with a 3x3 depthwise convolution between its two 1x1 convolutions.

    The convolution sees neighbours and, by the zeros at the edges, where it is. So SegFormer and PVT v2
    (Wang et al. 2021, arXiv:2106.13797) need no positions and take images of any size.
    """

    def __init__(
        self,
        C: int,
        expansion: float = 4.0,
        early_relu: bool = False,
        activation: Activation = "gelu",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        width = int(C * expansion)
        self.expand = PointwiseConv2d(C, width)
        self.relu = ReLU() if early_relu else None
        self.depthwise = DepthwiseConv2d(width)
        self.act = make_activation(activation)
        self.project = PointwiseConv2d(width, C)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.expand, self.relu, self.depthwise, self.act, self.dropout, self.project, self.dropout):
            if layer is not None:
                x = layer(x)
        return x
