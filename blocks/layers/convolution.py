"""Convolutions of images; other forms stand in `convolution_forms`, `deformable` and `local`."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, preset, setting
from blocks.layers.initialisation import INIT, Init, initialise
from blocks.layers.sizes import Size, pair, steps

Fit = Literal["padding", "same", "valid"]

OUT_CHANNELS = setting("How many filters, and so how many channels come out.", min=1, shown=True)
KERNEL = setting("Height and width of the window that each filter looks at.", min=1, shown=True)
STRIDE = setting("Steps between windows: 2 halves height and width.", min=1, shown=True)
PADDING = setting("Zeros added at each edge: half the kernel keeps the size.", min=0, when={"fit": "padding"})
DILATION = setting("Distance between the window's points: 2 skips every other one and so sees farther.", min=1)
GROUPS = setting("Into how many groups the channels are split; as many as channels is a depthwise conv.", min=1)
BIAS = setting("Add a learned number to each channel; pointless before a normalisation.")
FIT = setting(
    "What becomes of the edges. `padding`: zeros as `padding` says; `same`: as many zeros as it takes to come out at "
    "the size divided by the stride, one more at the end where their number is odd (as TensorFlow); `valid`: none."
)
MAPS = port("B K H W", "Feature maps with the channels that you set.")


@block(
    "Conv 2d", category="Layer", paper="torch.nn.Conv2d", icon="grid-3x3",
    helps="Local patterns at any image size, by 9 x C x K weights for a 3x3 window whatever H and W are. With a "
          "stride of 2 it learns what to keep when it halves a map, as ResNet's stages do.",
    hurts="Far places meet only after many layers. To halve a map without weights take Max pool 2d, against aliasing "
          "Average pool 2d, for any other ratio Interpolate; in wide layers Depthwise-separable conv 2d is cheaper.",
    aliases=("conv", "convolution", "filter", "atrous"),
    inputs={"x": port("B C%groups H W", "Images or feature maps.")}, outputs={"out": MAPS},
    out_channels=OUT_CHANNELS, kernel_size=KERNEL, stride=STRIDE, padding=PADDING, dilation=DILATION, groups=GROUPS,
    bias=BIAS, fit=FIT, init=INIT,
    presets={
        "grouped": preset(
            "The channels are split into 4 groups, each with filters of its own.", title="Grouped conv 2d", groups=4,
        ),
        "dilated": preset(
            "The window's points stand 2 apart: it sees farther at no cost.", title="Dilated conv 2d", padding=2,
            dilation=2,
        ),
    },
)  # fmt: skip
class Conv2d(nn.Conv2d):
    """Slide learned filters over an image.

    Each filter looks for one pattern everywhere in the image, with the same weights at every place. It is the basic
    layer of networks for images: cheap, and indifferent to where something is.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size = 1,
        dilation: Size = 1,
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
            input = pad_same(input, pair(self.kernel_size), pair(self.stride), pair(self.dilation))  # type: ignore[arg-type]
        return self._conv_forward(input, self.weight, self.bias)


def check_groups(out_channels: int, groups: int) -> None:
    """Raise ValueError where the filters cannot be split into the groups."""
    if out_channels % groups:
        raise ValueError(
            f"out_channels is {out_channels}, but it needs a multiple of groups = {groups}: "
            f"set it to {max(out_channels // groups, 1) * groups}, say"
        )


def pad_same(
    x: torch.Tensor, kernel_size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> torch.Tensor:
    """Zeros at the edges with which a window that steps by `stride` gives ceil(size / stride) places."""
    edges: list[int] = []
    sizes = x.shape[-len(kernel_size) :]
    for size, kernel, step, spread in zip(sizes, kernel_size, stride, dilation, strict=True):
        missing = max((steps(size, step) - 1) * step + spread * (kernel - 1) + 1 - size, 0)
        edges = [missing // 2, missing - missing // 2, *edges]  # torch counts from the last size
    return F.pad(x, edges)


@block(
    "Depthwise conv 2d", category="Layer", paper="Howard et al. 2017, arXiv:1704.04861", icon="grid-3x3",
    helps="The spatial half of a separable layer, as in MobileNet and ConvNeXt: k x k x C weights rather than k x k x "
          "C x K, so that windows of 7x7 and more stay affordable.",
    hurts="Channels meet only if a Pointwise conv 2d stands beside it. It moves much memory for few operations, so "
          "that a GPU runs it far slower than its MACs suggest, and eight bits want a scale for each channel.",
    aliases=("conv", "convolution", "dw", "separable"),
    inputs={"x": port("B C H W", "Images or feature maps.")},
    outputs={"out": port("B K H W", "Feature maps: `multiplier` times the channels.")},
    kernel_size=KERNEL, stride=STRIDE, padding=PADDING, dilation=DILATION,
    multiplier=setting("How many filters each channel gets.", min=1), bias=BIAS, fit=FIT, init=INIT,
)  # fmt: skip
class DepthwiseConv2d(Conv2d):
    """Slide filters over each channel by itself.

    The channels are not mixed, which makes it many times cheaper than a full convolution. A pointwise convolution
    after it mixes them: both together are a depthwise-separable convolution.
    """

    def __init__(
        self,
        C: int,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size = 1,
        dilation: Size = 1,
        multiplier: int = 1,
        bias: bool = True,
        fit: Fit = "padding",
        init: Init = "default",
    ) -> None:
        super().__init__(C, C * multiplier, kernel_size, stride, padding, dilation, C, bias, fit, init)


@block(
    "Pointwise conv 2d", category="Layer", paper="Lin et al. 2013, arXiv:1312.4400", icon="grid-3x3",
    helps="Narrowing and widening C around a costly layer, mixing behind a Depthwise conv 2d, and scoring each pixel. "
          "It is one matrix product, which every device runs well.",
    hurts="It sees no neighbours, so that a network of it alone judges each pixel by itself. In separable networks it "
          "takes most of the time (95% in MobileNet): `groups` with Channel shuffle cut that.",
    aliases=("conv", "convolution", "1x1", "pw", "projection"),
    inputs={"x": port("B C%groups H W", "Images or feature maps.")}, outputs={"out": MAPS},
    out_channels=OUT_CHANNELS, groups=GROUPS, bias=BIAS, init=INIT,
)  # fmt: skip
class PointwiseConv2d(Conv2d):
    """Mix the channels at each place into new ones: a convolution whose window is a single place.

    It is a linear layer that is applied everywhere, and the cheap way to change the number of channels.
    """

    def __init__(
        self, C: int, out_channels: int = 64, groups: int = 1, bias: bool = True, init: Init = "default"
    ) -> None:
        super().__init__(C, out_channels, 1, padding=0, groups=groups, bias=bias, init=init)


@block(
    "Depthwise-separable conv 2d", category="Layer", paper="Chollet 2016, arXiv:1610.02357", icon="grid-3x3",
    helps="A 3x3 Conv 2d on small devices for 8 to 9 times fewer operations: MobileNet lost about a point on ImageNet "
          "by it (70.6 rather than 71.7%).",
    hurts="MobileNet has a norm and an activation between both steps: its weights want Depthwise-separable block. On "
          "a GPU, where the depthwise step waits for memory, a Conv 2d with few channels can be as fast.",
    aliases=("conv", "convolution", "separable", "xception", "mobilenet"),
    inputs={"x": port("B C H W", "Images or feature maps.")}, outputs={"out": MAPS},
    out_channels=OUT_CHANNELS, kernel_size=KERNEL, stride=STRIDE, padding=PADDING, dilation=DILATION, bias=BIAS,
    fit=FIT, init=INIT,
)  # fmt: skip
class DepthwiseSeparableConv2d(nn.Module):
    """A filter for each channel, then a pointwise convolution that mixes the channels.

    It does the work of a convolution in two cheap steps, looking around and mixing, with about a kernel's area fewer
    weights. There is nothing in between, as in Xception; with norms and activations draw both layers.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size = 1,
        dilation: Size = 1,
        bias: bool = True,
        fit: Fit = "padding",
        init: Init = "default",
    ) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv2d(C, kernel_size, stride, padding, dilation, 1, bias, fit, init)
        self.pointwise = PointwiseConv2d(C, out_channels, 1, bias, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.pointwise(self.depthwise(x))
        return out
