"""Convolutions of signals and volumes, and transposed ones, which make larger what a convolution makes smaller."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.convolution import BIAS, DILATION, FIT, GROUPS, MAPS, OUT_CHANNELS, Fit, check_groups, pad_same
from blocks.layers.initialisation import INIT, Init, initialise
from blocks.layers.sizes import Size, pair, triple

_LENGTH = setting("Length of the window that each filter looks at.", min=1, shown=True)
_STEP = setting("Steps between windows: 2 halves the length.", min=1, shown=True)
_EDGE = setting("Zeros added at each end: half the kernel keeps the length.", min=0, when={"fit": "padding"})
_CUBE = setting("Length, height and width of the window; one number for all three.", min=1, shown=True)
_STEPS = setting("Steps between windows along length, height and width; one number for all three.", min=1, shown=True)
_EDGES = setting("Zeros added at each end of length, height and width.", min=0, when={"fit": "padding"})
_SPREADS = setting("Distance between the window's points along length, height and width.", min=1)
_SIGNALS = port("B K L", "Signals with the channels that you set.")


@block(
    "Conv 1d", category="Layer", paper="torch.nn.Conv1d", icon="activity",
    helps="Sound, sensors and DNA: all L places are computed at once, where an LSTM goes step by step. With dilations "
          "of 1, 2, 4, ... the view doubles layer by layer, as in WaveNet.",
    hurts="It takes B x C x L: tokens of B x L x D need Permute first. What lies outside its window stays unseen, and "
          "`padding` lets it look into the future; where that must not be, set it to kernel - 1 and Slice the end off.",
    aliases=("conv", "convolution", "signal", "audio", "sequence", "temporal"),
    inputs={"x": port("B C%groups L", "Signals: channels and length.")}, outputs={"out": _SIGNALS},
    out_channels=OUT_CHANNELS, kernel_size=_LENGTH, stride=_STEP, padding=_EDGE, dilation=DILATION, groups=GROUPS,
    bias=BIAS, fit=FIT, init=INIT,
)  # fmt: skip
class Conv1d(nn.Conv1d):
    """Slide learned filters along a signal.

    Each filter looks for one pattern at every moment, with the same weights. Use it for sound, measurements over time
    and sequences of vectors whose features come first.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        fit: Fit = "padding",
        init: Init = "default",
    ) -> None:
        check_groups(out_channels, groups)
        edge = padding if fit == "padding" else 0
        super().__init__(
            C, out_channels, kernel_size, stride=stride, padding=edge, dilation=dilation, groups=groups, bias=bias
        )
        self.same = fit == "same"
        initialise(self, init)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.same:
            input = pad_same(input, self.kernel_size, self.stride, self.dilation)
        return self._conv_forward(input, self.weight, self.bias)


@block(
    "Conv 3d", category="Layer", paper="torch.nn.Conv3d", icon="box",
    helps="Motion in clips and structure in CT or MRI volumes, where neighbours in front and behind say as much as "
          "those beside. Weights of a 2d network can be repeated along L to begin with.",
    hurts="A 3x3x3 window has three times the weights of 3x3, and the maps grow by L, so that only small batches fit. "
          "A window of 1,3,3 followed by 3,1,1 with ReLU between did better at equal weights (R(2+1)D).",
    aliases=("conv", "convolution", "video", "volume", "c3d"),
    inputs={"x": port("B C%groups L H W", "Videos or volumes: channels, length, height and width.")},
    outputs={"out": port("B K L H W", "Videos or volumes with the channels that you set.")},
    out_channels=OUT_CHANNELS, kernel_size=_CUBE, stride=_STEPS, padding=_EDGES, dilation=_SPREADS, groups=GROUPS,
    bias=BIAS, fit=FIT, init=INIT,
)  # fmt: skip
class Conv3d(nn.Conv3d):
    """Slide learned filters through a video or a volume.

    Each filter looks for one pattern over space and time. A window of 1, 3, 3 looks at each image by itself, one of
    3, 1, 1 along time alone.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: tuple[int, ...] = (3, 3, 3),
        stride: tuple[int, ...] = (1, 1, 1),
        padding: tuple[int, ...] = (1, 1, 1),
        dilation: tuple[int, ...] = (1, 1, 1),
        groups: int = 1,
        bias: bool = True,
        fit: Fit = "padding",
        init: Init = "default",
    ) -> None:
        check_groups(out_channels, groups)
        super().__init__(
            C, out_channels, triple("kernel_size", kernel_size), stride=triple("stride", stride),
            padding=triple("padding", padding) if fit == "padding" else 0, dilation=triple("dilation", dilation),
            groups=groups, bias=bias,
        )  # fmt: skip
        self.same = fit == "same"
        initialise(self, init)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.same:
            input = pad_same(input, self.kernel_size, self.stride, self.dilation)
        return self._conv_forward(input, self.weight, self.bias)


def _check_transposed(stride: int, dilation: int, output_padding: int) -> None:
    if output_padding and output_padding >= max(stride, dilation):
        raise ValueError(
            f"output_padding is {output_padding}, but it needs less than the stride or the dilation: "
            f"it settles which of {stride} sizes comes out"
        )


_BETWEEN = setting("Steps between the windows that are written: 2 doubles the size.", min=1, shown=True)
_TAKEN = setting("Places taken off at each edge of what comes out.", min=0)
_ADDED = setting("Places added at the end of what comes out: a stride makes several sizes into one, this tells which.",
                 min=0)  # fmt: skip


@block(
    "Transposed conv 1d", category="Layer", paper="torch.nn.ConvTranspose1d", icon="activity",
    helps="Decoders and vocoders that must learn to fill in samples: HiFi-GAN raises L by 8, 8, 2 and 2 so, with "
          "kernels twice as long as the stride.",
    hurts="A kernel that is no multiple of the stride writes places unequally often, which is heard as a tone. Kernel "
          "3, stride 2 and padding 1 give an even L back only with `output_padding` 1.",
    aliases=("deconvolution", "upsample", "conv", "signal", "audio"),
    inputs={"x": port("B C%groups L", "Signals: channels and length.")}, outputs={"out": _SIGNALS},
    out_channels=OUT_CHANNELS, kernel_size=setting("Length of the window that each value is spread over.", min=1),
    stride=_BETWEEN, padding=_TAKEN, output_padding=_ADDED, dilation=DILATION, groups=GROUPS, bias=BIAS, init=INIT,
)  # fmt: skip
class ConvTranspose1d(nn.ConvTranspose1d):
    """Spread each value of a signal over a window by learned weights, and add up where windows meet.

    It is a convolution run backwards, and the learned way to make a signal longer.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: int = 2,
        stride: int = 2,
        padding: int = 0,
        output_padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init = "default",
    ) -> None:
        check_groups(out_channels, groups)
        _check_transposed(stride, dilation, output_padding)
        super().__init__(C, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation)
        initialise(self, init)


@block(
    "Transposed conv 2d", category="Layer", paper="torch.nn.ConvTranspose2d (Zeiler et al. 2010)", icon="grid-3x3",
    helps="The way up of U-Net: 2x2 at stride 2 gives each of the four new places weights of its own, with no "
          "overlap, in one cheap step.",
    hurts="A kernel that is no multiple of the stride, such as 3 at 2, draws a chequered pattern. Interpolate and a "
          "3x3 Conv 2d avoid it (Odena et al. 2016); Pixel shuffle is the usual choice for super-resolution.",
    aliases=("deconvolution", "upsample", "conv", "up-convolution"),
    inputs={"x": port("B C%groups H W", "Feature maps.")}, outputs={"out": MAPS}, out_channels=OUT_CHANNELS,
    kernel_size=setting("Height and width of the window that each value is spread over.", min=1, shown=True),
    stride=_BETWEEN, padding=_TAKEN, output_padding=_ADDED, dilation=DILATION, groups=GROUPS, bias=BIAS, init=INIT,
)  # fmt: skip
class ConvTranspose2d(nn.ConvTranspose2d):
    """Spread each value of a feature map over a window by learned weights, and add up where windows meet.

    It is a convolution run backwards, and the learned way to make feature maps larger. A kernel that is a multiple of
    the stride avoids a chequered pattern.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: Size = 2,
        stride: Size = 2,
        padding: Size = 0,
        output_padding: Size = 0,
        dilation: Size = 1,
        groups: int = 1,
        bias: bool = True,
        init: Init = "default",
    ) -> None:
        check_groups(out_channels, groups)
        for sizes in zip(pair(stride), pair(dilation), pair(output_padding), strict=True):
            _check_transposed(*sizes)
        super().__init__(C, out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation)
        initialise(self, init)


@block(
    "Transposed conv 3d", category="Layer", paper="torch.nn.ConvTranspose3d", icon="box",
    helps="The way up of a 3d U-Net or V-Net. A window and stride of 1,2,2 leave L alone, which suits scans whose "
          "slices lie farther apart than their pixels.",
    hurts="At 2,2,2 it has 8 x C x K weights and makes eight times the voxels, often the largest tensors of the "
          "network: narrow C before it. Overlapping windows draw a pattern of cubes.",
    aliases=("deconvolution", "upsample", "conv", "video", "volume"),
    inputs={"x": port("B C%groups L H W", "Videos or volumes: channels, length, height and width.")},
    outputs={"out": port("B K L H W", "Videos or volumes with the channels that you set.")}, out_channels=OUT_CHANNELS,
    kernel_size=setting("Window that each value is spread over; one number for length, height and width.", min=1,
                        shown=True),
    stride=_BETWEEN, padding=_TAKEN, output_padding=_ADDED, dilation=_SPREADS, groups=GROUPS, bias=BIAS, init=INIT,
)  # fmt: skip
class ConvTranspose3d(nn.ConvTranspose3d):
    """Spread each value of a video or volume over a window by learned weights, and add up where windows meet.

    It is a convolution run backwards, and the learned way to make volumes larger, as 3d U-Nets do.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: tuple[int, ...] = (2, 2, 2),
        stride: tuple[int, ...] = (2, 2, 2),
        padding: tuple[int, ...] = (0, 0, 0),
        output_padding: tuple[int, ...] = (0, 0, 0),
        dilation: tuple[int, ...] = (1, 1, 1),
        groups: int = 1,
        bias: bool = True,
        init: Init = "default",
    ) -> None:
        check_groups(out_channels, groups)
        steps, spreads = triple("stride", stride), triple("dilation", dilation)
        added = triple("output_padding", output_padding)
        for sizes in zip(steps, spreads, added, strict=True):
            _check_transposed(*sizes)
        super().__init__(
            C, out_channels, triple("kernel_size", kernel_size), steps, triple("padding", padding), added, groups,
            bias, spreads,
        )  # fmt: skip
        initialise(self, init)
