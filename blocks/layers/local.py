"""Convolutions whose weights differ from place to place."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.convolution import KERNEL, MAPS, OUT_CHANNELS, STRIDE
from blocks.layers.initialisation import INIT, Init, fill
from blocks.layers.sizes import Size, pair


@block(
    "Locally connected 2d", category="Layer", paper="Taigman et al. 2014, DeepFace (CVPR)", icon="grid-3x3",
    helps="Aligned faces, fixed cameras and spectrograms, in which a row or a corner means something by itself, and "
          "data enough to learn every place apart.",
    hurts="3x3 filters from 16 to 16 channels on 32 x 32 take 2.07 million weights, where Conv 2d takes 2,304. What "
          "is learned at one place is unknown at the next, and another image size does not fit.",
    aliases=("conv", "unshared", "deepface", "local"),
    inputs={"x": port("B C H W", "Images of one size: the weights are made for it.")}, outputs={"out": MAPS},
    out_channels=OUT_CHANNELS, kernel_size=KERNEL, stride=STRIDE,
    padding=setting("Zeros added at each edge.", min=0),
    bias=setting("Add a learned number to each channel at each place."), init=INIT,
)  # fmt: skip
class LocallyConnected2d(nn.Module):
    """A convolution with weights of its own at every place.

    It suits images in which each place has a meaning, such as aligned faces: eyes are looked for where eyes are. It
    has as many times the weights of a convolution as there are places, and takes images of one size only.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        out_channels: int = 16,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size = 0,
        bias: bool = True,
        init: Init = "default",
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)
        windows = zip((H, W), self.kernel_size, self.stride, self.padding, strict=True)
        self.places = tuple((n + 2 * edge - kernel) // step + 1 for n, kernel, step, edge in windows)
        if min(self.places) < 1:
            raise ValueError(f"a window of {self.kernel_size} does not fit an image of {H}x{W}: make it smaller")
        inputs = C * self.kernel_size[0] * self.kernel_size[1]
        self.weight = nn.Parameter(torch.empty(self.places[0] * self.places[1], inputs, out_channels))
        self.bias = nn.Parameter(torch.zeros(out_channels, *self.places)) if bias else None
        if init == "default":
            bound = 1 / math.sqrt(inputs)  # as torch's convolutions begin
            nn.init.uniform_(self.weight, -bound, bound)
            return
        for place in self.weight.data:  # a rule looks at the weights of one place, as (out, in)
            fill(place.t(), init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        columns = F.unfold(x, self.kernel_size, padding=self.padding, stride=self.stride)  # (B, C * k * k, places)
        out = torch.einsum("bip,pio->bop", columns, self.weight).unflatten(2, self.places)
        return out if self.bias is None else out + self.bias
