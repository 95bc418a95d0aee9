"""The two halves of a U-Net's steps: double convolutions on the way down, joining with a finer map on the way up."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.connectors.form import Crop
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, NORM, ConvNormAct
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.layers.normalisation import Norm
from blocks.layers.shape import Interpolate

Fill = Literal["same", "valid"]
Up = Literal["nearest", "bilinear", "transposed"]

UNET = "Ronneberger et al. 2015, arXiv:1505.04597"
CHANNELS = setting("How many channels come out.", min=1, shown=True)
FIT = setting("`same` keeps the size by zeros at the edges; `valid` adds none, so that edges are lost as published.")
UP = setting(
    "How the coarse map is enlarged: `nearest` and `bilinear` to the finer one's size, `transposed` by a learned 2x2 "
    "convolution that gives the channels you set.", shown=True,
)  # fmt: skip


@block(
    "Double convolution", category="Backbone", paper=UNET, icon="layers", aliases=("unet", "u-net", "conv"),
    helps="Medical segmentation trained from scratch on few images, at each size of a U-Net. Take group or instance "
          "norm where a batch holds one or two scans.",
    hurts="At the image's full size its maps are most of a U-Net's memory. `valid` cuts 4 rows and 4 columns off. "
          "Nothing goes around it: for more depth a basic block trains better.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=CHANNELS, fit=FIT, norm=NORM, activation=ACTIVATION,
)  # fmt: skip
class DoubleConv(nn.Module):
    """Two 3x3 convolutions, each with a norm and an activation.

    It is the step of a U-Net at one size, on the way down and on the way up. The paper has neither norm nor padding.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        fit: Fill = "same",
        norm: Norm = "batch",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        padding = None if fit == "same" else 0
        self.conv1 = ConvNormAct(C, channels, 3, padding=padding, norm=norm, activation=activation)
        self.conv2 = ConvNormAct(channels, channels, 3, padding=padding, norm=norm, activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv2(self.conv1(x))


@block(
    "U-Net up step", category="Neck", paper=UNET, icon="corner-down-right", aliases=("unet", "decoder", "skip", "up"),
    helps="A decoder of your own, one step at a time, or attention of your own on `skip`: joined, not added, so that "
          "fine details survive in channels of their own.",
    hurts="Both convolutions work at the finer size, the first on C + K channels (`channels` + K with `transposed`): "
          "dear on fine maps, where an FPN adds 1x1 convolutions instead.",
    inputs={"x": port("B C H W", "The coarse map."), "skip": port("B K h w", "The finer map of the way down.")},
    outputs={"out": port("B N h w", "Feature maps with the channels that you set, in the finer map's size.")},
    channels=CHANNELS, up=UP, fit=FIT, norm=NORM, activation=ACTIVATION,
    skip_first=setting("Join the finer map's channels before the coarse one's, as the paper's figure has it."),
)  # fmt: skip
class UNetUp(nn.Module):
    """Enlarge a coarse map, join it with the finer one of the way down, and convolve both twice.

    The coarse map knows what is there, the finer one where exactly. Without padding the finer map is larger: its
    middle is taken.
    """

    def __init__(
        self,
        C: int,
        K: int,
        channels: int = 64,
        up: Up = "nearest",
        fit: Fill = "same",
        norm: Norm = "batch",
        activation: Activation = "relu",
        skip_first: bool = False,
    ) -> None:
        super().__init__()
        self.skip_first = skip_first
        self.up = ConvTranspose2d(C, channels) if up == "transposed" else None
        if fit == "same":
            self.resize: nn.Module | None = Interpolate(mode="nearest" if up == "transposed" else up)
        else:
            self.resize = None if up == "transposed" else Interpolate(2.0, up)
            self.crop = Crop()
        self.fit = fit
        self.convs = DoubleConv((C if self.up is None else channels) + K, channels, fit, norm, activation)

    def forward(self, x: torch.Tensor, skip: torch.Tensor) -> torch.Tensor:
        if self.up is not None:
            x = self.up(x)
        if self.fit == "same" and self.resize is not None:
            x = self.resize(x, skip)
        else:
            x = x if self.resize is None else self.resize(x)
            x = self.crop(x, skip)
            skip = self.crop(skip, x)
        return self.convs(torch.cat([skip, x] if self.skip_first else [x, skip], 1))
