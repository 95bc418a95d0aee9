"""Attention over channels beyond squeeze-and-excitation: ECA, gather-excite, CBAM's channel part."""

from __future__ import annotations

from math import log2
from typing import Literal

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import ReLU, Sigmoid
from blocks.layers.composite import ConvNormAct, check_odd
from blocks.layers.convolution import Conv2d
from blocks.layers.initialisation import INIT, Init, initialise
from blocks.layers.pooling import AvgPool2d, GlobalAvgPool, GlobalMaxPool
from blocks.layers.shape import Interpolate

Gather = Literal["pool", "conv"]

ECA = "Wang et al. 2019, arXiv:1910.03151"
REDUCTION = setting("The gate's bottleneck divides C by this.", min=1, shown=True)


@block(
    "Convolution along channels", category="Layer", paper=ECA, icon="sliders-horizontal",
    helps="Gates as in ECA, on B x C x 1 x 1: each channel sees a few beside it for k weights in all, where two "
          "linear layers would take 2 x C x C / 16.",
    hurts="Which channels lie side by side is chance, so that on full maps it mixes hardly anything: Pointwise conv "
          "2d joins all C. It moves the channels to the end and back, which copies a large map.",
    aliases=("conv", "eca", "channel mixing"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=setting("How many neighbouring channels are mixed into one; odd.", min=1, shown=True), init=INIT,
)  # fmt: skip
class ChannelConv(nn.Conv1d):
    """Slide one small filter over the channels of each place.

    All channels share the same few weights: the cheapest way to let a channel see those beside it.
    """

    def __init__(self, kernel_size: int = 3, init: Init = "default") -> None:
        check_odd("kernel_size", kernel_size)
        super().__init__(1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        return super().forward(rows.reshape(-1, 1, x.shape[1])).reshape(rows.shape).permute(0, 3, 1, 2)


@block(
    "Efficient channel attention", category="Attention", paper=ECA, icon="sliders-horizontal",
    helps="A channel gate in every block at no weight to speak of, 80 in a whole ResNet-50, which gained more than 2 "
          "points on ImageNet in the paper.",
    hurts="A gate hears only of the channels next to its own by number; Squeeze-and-Excitation lets all C speak. It "
          "tells no place from another: where position counts take Coordinate attention or CBAM.",
    aliases=("eca", "eca-net", "channel attention"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=setting(
        "How many neighbouring channels a gate is made of, odd; empty: more for more channels, 5 for 256.", min=1,
        shown=True,
    ),
)  # fmt: skip
class EfficientChannelAttention(nn.Module):
    """Rescale each channel by a gate that a small filter along the channels makes of their global averages.

    It does what squeeze-and-excitation does without its bottleneck, with a handful of weights for the whole block.
    """

    def __init__(self, C: int, kernel_size: int | None = None) -> None:
        super().__init__()
        if kernel_size is None:
            near = int((log2(C) + 1) / 2)
            kernel_size = max(near if near % 2 else near + 1, 3)
        self.squeeze = GlobalAvgPool(keep_size=True)
        self.conv = ChannelConv(kernel_size)
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.gate(self.conv(self.squeeze(x)))


@block(
    "Channel attention", category="Attention", paper="Woo et al. 2018, arXiv:1807.06521", icon="sliders-horizontal",
    helps="The gate of channels alone out of CBAM: the maximum speaks for a strong but small response that a mean "
          "over H x W would hide, at the weights of Squeeze-and-Excitation.",
    hurts="It reduces the map twice where Squeeze-and-Excitation does once, for a few tenths of a point in the paper, "
          "and the maximum follows single noisy pixels. Without any bottleneck there is Efficient channel attention.",
    aliases=("cbam", "channel gate"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, reduction=REDUCTION,
)  # fmt: skip
class ChannelAttention(nn.Module):
    """Rescale each channel by a gate computed from its global average and its global maximum.

    Both go through the same two layers and are added up. It is the first half of CBAM.
    """

    def __init__(self, C: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(C // reduction, 1)
        self.average, self.largest = GlobalAvgPool(keep_size=True), GlobalMaxPool(keep_size=True)
        self.reduce = Conv2d(C, hidden, 1, padding=0)
        self.act = ReLU()
        self.expand = Conv2d(hidden, C, 1, padding=0)
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = self.expand(self.act(self.reduce(self.average(x))))
        most = self.expand(self.act(self.reduce(self.largest(x))))
        return x * self.gate(mean + most)


@block(
    "Gather-excite", category="Attention", paper="Hu et al. 2018, arXiv:1810.12348", icon="sliders-horizontal",
    helps="Scenes in which one gate for the whole image is too coarse: with an extent of 4 or 8 each region opens "
          "other channels, and with `pool` for no weights at all.",
    hurts="Gates are repeated over squares of `extent`, so that they jump at the borders. The paper found larger "
          "extents better and the whole image best: for that Squeeze-and-Excitation is the plain form.",
    aliases=("ge", "genet", "channel attention", "context"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    extent=setting("By how much height and width shrink where context is gathered: a power of 2, or 0 for the whole "
                   "image.", min=0, shown=True),
    gather=setting("`pool` averages a neighbourhood, without weights; `conv` learns depthwise convolutions of stride 2 "
                   "and needs an extent of 2 or more.", shown=True),
    reduction=setting("Mix the gathered channels by two layers whose bottleneck divides C by this; 0 leaves it out.",
                      min=0),
)  # fmt: skip
class GatherExcite(nn.Module):
    """Rescale each place of each channel by what a wide neighbourhood of it shows.

    Context is gathered over large windows, and its sigmoid is spread over the image again. Over the whole image and
    with the two layers it is squeeze-and-excitation. By default it has no weights at all.
    """

    def __init__(self, C: int, extent: int = 4, gather: Gather = "pool", reduction: int = 0) -> None:
        super().__init__()
        if extent & (extent - 1) or extent == 1:
            raise ValueError(f"extent is {extent}, but it needs a power of 2, or 0 for the whole image: use 4")
        if gather == "conv" and extent == 0:
            raise ValueError("extent is 0, the whole image, but `conv` gathers in steps of 2: use an extent of 8, say")
        if extent == 0:
            self.gather: nn.Module = GlobalAvgPool(keep_size=True)
        elif gather == "pool":
            self.gather = AvgPool2d(2 * extent - 1, extent, extent - 1, count_include_pad=False)
        else:
            steps = extent.bit_length() - 1
            self.gather = nn.Sequential(
                *(ConvNormAct(C, C, 3, 2, groups=C, activation="relu") for _ in range(steps - 1)),
                ConvNormAct(C, C, 3, 2, groups=C, activation="none"),
            )
        self.mix = None
        if reduction:
            hidden = max(C // reduction, 1)
            self.mix = nn.Sequential(Conv2d(C, hidden, 1, padding=0), ReLU(), Conv2d(hidden, C, 1, padding=0))
        self.spread = Interpolate() if extent else None
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context = self.gather(x)
        if self.mix is not None:
            context = self.mix(context)
        if self.spread is not None:
            context = self.spread(context, x)
        return x * self.gate(context)
