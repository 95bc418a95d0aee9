"""Pooling of signals and volumes, and the rarer forms: norms, pyramids, fractions, and the way back up."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.pooling import (
    CEIL,
    COUNT_PADDING,
    KERNEL,
    PADDING,
    STRIDE,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    check_padding,
    largest,
)
from blocks.layers.shape import Flatten
from blocks.layers.sizes import Size, pair, triple

Pooled = Literal["max", "average"]

_LENGTH = setting("Length of the window.", min=1, shown=True)
_STEP = setting("Steps between windows: 2 halves the length.", min=1, shown=True)
_CUBE = setting("Length, height and width of the window; one number for all three.", min=1, shown=True)
_STEPS = setting("Steps between windows along length, height and width; one number for all three.", min=1, shown=True)
_EDGES = setting("Places added at each end of length, height and width; at most half the window.", min=0)


@block(
    "Max pool 1d", category="Layer", paper="torch.nn.MaxPool1d", icon="minimize-2", aliases=("pooling", "downsample"),
    helps="Events in a signal, such as a heartbeat or a click: the peak of each window is kept whole, and the layers "
          "behind see twice as far for half the arithmetic.",
    hurts="Which sample of a window won is lost, and with it the phase of a wave. Average pool 1d keeps slow signals "
          "smooth, a Conv 1d with stride 2 learns what to keep; the last step of an odd L is cut off.",
    inputs={"x": "B C L"}, outputs={"out": "B C L"},
    kernel_size=_LENGTH, stride=_STEP, padding=PADDING, ceil_mode=CEIL,
)  # fmt: skip
class MaxPool1d(nn.MaxPool1d):
    """Keep the largest value of each window of a signal.

    It shortens the signal and makes the network care less about when exactly something happens. It has no weights.
    """

    def __init__(self, kernel_size: int = 2, stride: int = 2, padding: int = 0, ceil_mode: bool = False) -> None:
        check_padding(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)


@block(
    "Average pool 1d", category="Layer", paper="torch.nn.AvgPool1d", icon="minimize-2",
    helps="Slow signals under noise: the mean of k samples lowers independent noise by the root of k, and as a "
          "low-pass it lessens aliasing before the length is cut.",
    hurts="A spike of one sample shrinks to a k-th: Max pool 1d keeps it. As a filter the plain mean still lets some "
          "high tones through; a Conv 1d with the same stride learns a better one.",
    aliases=("pooling", "downsample", "mean"), inputs={"x": "B C L"}, outputs={"out": "B C L"},
    kernel_size=_LENGTH, stride=_STEP, padding=PADDING, ceil_mode=CEIL, count_include_pad=COUNT_PADDING,
)  # fmt: skip
class AvgPool1d(nn.AvgPool1d):
    """Keep the mean of each window of a signal.

    It shortens the signal and smooths it. It has no weights.
    """

    def __init__(
        self,
        kernel_size: int = 2,
        stride: int = 2,
        padding: int = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        check_padding(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


@block(
    "Adaptive average pool 1d", category="Layer", paper="torch.nn.AdaptiveAvgPool1d", icon="minimize-2",
    helps="Recordings of several lengths before a Linear that takes one: each of the `output_size` cells averages its "
          "share of L.",
    hurts="Cells of a long recording last longer than those of a short one, so that speed no longer shows, and "
          "padding at the end is averaged in: for padded tokens Mean of tokens takes a mask.",
    aliases=("pooling", "resize", "mean"), inputs={"x": "B C L"}, outputs={"out": "B C l"},
    output_size=setting("Length that comes out, whatever comes in.", min=1, shown=True),
)  # fmt: skip
class AdaptiveAvgPool1d(nn.AdaptiveAvgPool1d):
    """Average a signal over as large windows as it takes to get the length that you ask for.

    With it a network accepts signals of several lengths; 1 averages all of it. It has no weights.
    """

    def __init__(self, output_size: int = 1) -> None:
        super().__init__(output_size)


@block(
    "Max pool 3d", category="Layer", paper="torch.nn.MaxPool3d", icon="minimize-2",
    helps="3d networks for clips, as C3D: first 1,2,2, so that L stays while H and W shrink, then 2,2,2. In volumes a "
          "bright spot of one voxel survives.",
    hurts="2,2,2 keeps one value of eight, and a clip of 16 images is one long after four of them. A strided Conv 3d "
          "learns what to keep; Average pool 3d is better where amounts count.",
    aliases=("pooling", "downsample", "video", "volume"), inputs={"x": "B C L H W"}, outputs={"out": "B C L H W"},
    kernel_size=_CUBE, stride=_STEPS, padding=_EDGES, ceil_mode=CEIL,
)  # fmt: skip
class MaxPool3d(nn.MaxPool3d):
    """Keep the largest value of each window of a video or volume.

    A window of 1, 2, 2 leaves the length as it is and halves height and width. It has no weights.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...] = (2, 2, 2),
        stride: tuple[int, ...] = (2, 2, 2),
        padding: tuple[int, ...] = (0, 0, 0),
        ceil_mode: bool = False,
    ) -> None:
        sizes = _cubes(kernel_size, stride, padding)
        super().__init__(*sizes, ceil_mode=ceil_mode)


@block(
    "Average pool 3d", category="Layer", paper="torch.nn.AvgPool3d", icon="minimize-2",
    helps="Volumes whose values are amounts, such as densities or doses: with windows that fill the volume evenly its "
          "mean is the same before and after.",
    hurts="A finding of one voxel falls to an eighth at every 2,2,2: Max pool 3d keeps it. Padding counts as 0 by "
          "default and pales the outer slices; set it not to count or leave it out.",
    aliases=("pooling", "downsample", "mean", "video", "volume"),
    inputs={"x": "B C L H W"}, outputs={"out": "B C L H W"},
    kernel_size=_CUBE, stride=_STEPS, padding=_EDGES, ceil_mode=CEIL, count_include_pad=COUNT_PADDING,
)  # fmt: skip
class AvgPool3d(nn.AvgPool3d):
    """Keep the mean of each window of a video or volume.

    Softer than max pooling: every place counts. It has no weights.
    """

    def __init__(
        self,
        kernel_size: tuple[int, ...] = (2, 2, 2),
        stride: tuple[int, ...] = (2, 2, 2),
        padding: tuple[int, ...] = (0, 0, 0),
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        sizes = _cubes(kernel_size, stride, padding)
        super().__init__(*sizes, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


@block(
    "Adaptive average pool 3d", category="Layer", paper="torch.nn.AdaptiveAvgPool3d", icon="minimize-2",
    helps="The end of a network for clips or scans of varying size: 1 leaves C numbers for a Linear, and 8,1,1 keeps "
          "eight steps of time for an LSTM behind it.",
    hurts="Averaged over all of L, a short action drowns in a long clip: keep several steps and let a recurrent layer "
          "or attention choose. L, H and W smaller than what is asked for only repeat values.",
    aliases=("pooling", "resize", "mean", "video", "volume", "global"),
    inputs={"x": "B C L H W"}, outputs={"out": "B C l h w"},
    output_size=setting("Length, height and width that come out; one number for all three.", min=1, shown=True),
)  # fmt: skip
class AdaptiveAvgPool3d(nn.AdaptiveAvgPool3d):
    """Average a video or volume over as large windows as it takes to get the sizes that you ask for.

    With 1 it averages all of it. It has no weights.
    """

    def __init__(self, output_size: tuple[int, ...] = (1, 1, 1)) -> None:
        super().__init__(triple("output_size", output_size))


Cube = tuple[int, int, int]


def _cubes(kernel: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...]) -> tuple[Cube, Cube, Cube]:
    window, edges = triple("kernel_size", kernel), triple("padding", padding)
    for size, edge in zip(window, edges, strict=True):
        check_padding(size, edge)
    return window, triple("stride", stride), edges


@block(
    "LP pool 2d", category="Layer", paper="torch.nn.LPPool2d (Sermanet et al. 2012, arXiv:1204.3968)",
    helps="A middle way between mean and maximum, moved by one setting: with power 2 it measures the energy of a "
          "window, as in Sermanet's house-number network.",
    hurts="Negative values lose their sign at power 2 and turn to NaN at odd or fractional powers: put a ReLU before "
          "it. It sums rather than averages, so that larger windows give larger values; Max pool 2d is cheaper.",
    icon="minimize-2", aliases=("pooling", "l2", "power", "norm"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    power=setting("2 is L2 pooling; 1 sums up, and large powers come near to the maximum.", min=0.01, shown=True),
    kernel_size=KERNEL, stride=STRIDE, ceil_mode=CEIL,
)  # fmt: skip
class LPPool2d(nn.LPPool2d):
    """Raise the values of each window to a power, sum them up and take the root.

    It lies between average pooling and max pooling; with power 2 it gives the length of the window's values.
    """

    def __init__(
        self, power: float = 2.0, kernel_size: Size = 2, stride: Size = 2, ceil_mode: bool = False
    ) -> None:
        super().__init__(power, kernel_size, stride, ceil_mode)


@block(
    "Spatial pyramid pool", category="Layer", paper="He et al. 2014, arXiv:1406.4729", icon="grid-3x3",
    helps="Linear layers on images of any size that must still know a rough layout, as in SPP-net: bins of 1, 2, 3 "
          "and 6 a side give 50 numbers a channel.",
    hurts="512 channels become 25,600 inputs for the next Linear, more than VGG's 25,088. Classifiers have taken "
          "Global average pool instead; SPP and SPPF in detectors keep the size of the map and are something else.",
    aliases=("spp", "sppnet", "pooling", "bins", "fixed size"), inputs={"x": "B C H W"},
    outputs={"out": port("B K", "A vector of C numbers for every bin, coarser levels as listed.")},
    bins=setting("Bins along height and width, a number for each level of the pyramid.", min=1, shown=True),
    pool=setting("What is kept of each bin: its largest value or its mean."),
)  # fmt: skip
class SpatialPyramidPool(nn.Module):
    """Pool an image of any size into grids of 1, 2, 3 and 6 bins a side, and write all bins in one row.

    The vector has the same length for every image size, so that linear layers can follow, and still knows roughly
    where something is.
    """

    def __init__(self, bins: tuple[int, ...] = (1, 2, 3, 6), pool: Pooled = "max") -> None:
        super().__init__()
        if not bins:
            raise ValueError("bins is empty, but it needs a number for each level: use 1, 2, 3, 6")
        made = AdaptiveMaxPool2d if pool == "max" else AdaptiveAvgPool2d
        self.pools = nn.ModuleList(made(n) for n in bins)
        self.flatten = Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.flatten(pool(x)) for pool in self.pools], 1)


@block(
    "Fractional max pool 2d", category="Layer", paper="Graham 2014, arXiv:1412.6071", icon="minimize-2",
    helps="Small images, where halving runs out of pixels after a few layers: at a ratio of 0.7 a map allows about "
          "twice as many steps, and random windows act as gentle distortions.",
    hurts="More layers at larger sizes cost more time and memory, and sizes such as 22 of 32 seldom meet those of a "
          "skip connection. Shifting and stretching the training images distorts as well, with plain Max pool 2d.",
    aliases=("pooling", "downsample", "random"), inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
    kernel_size=KERNEL, ratio=setting("What height and width are multiplied by.", min=0.01, max=1, shown=True),
)  # fmt: skip
class FractionalMaxPool2d(nn.Module):
    """Keep the largest values of windows that stand at random distances, so that any ratio of sizes is possible.

    It makes an image smaller by less than half, and so allows more layers. In training the windows are drawn anew each
    time; afterwards they stand at even distances.
    """

    def __init__(self, kernel_size: Size = 2, ratio: float = 0.7) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.ratio = ratio

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = [max(int(n * self.ratio), 1) for n in x.shape[2:]]
        for name, n, out, kernel in zip(("height", "width"), x.shape[2:], size, self.kernel_size, strict=True):
            if out + kernel - 1 > n:
                raise ValueError(
                    f"{out} windows of {kernel} do not fit a {name} of {n} apart from one another: lower the ratio"
                )
        if self.training:
            return F.fractional_max_pool2d(x, self.kernel_size, output_size=size)
        rows, columns = (_places(*given) for given in zip(x.shape[2:], size, self.kernel_size, strict=True))
        return largest(x, rows, columns)


def _places(size: int, windows: int, kernel: int) -> torch.Tensor:
    """The places that each of the windows sees, where the random number of torch's function is a half."""
    step = (size - kernel) / max(windows - 1, 1)
    starts = [int((i + 0.5) * step) - int(0.5 * step) for i in range(windows - 1)] + [size - kernel]
    return torch.tensor([[start + i for i in range(kernel)] for start in starts], device="cpu")


@block(
    "Max pool with indices", category="Layer", paper="torch.nn.MaxPool2d", icon="minimize-2",
    helps="Encoders in the manner of SegNet: only places go over to the decoder, not whole maps, and Max unpool 2d "
          "puts edges back where they were.",
    hurts="Each index takes 8 bytes, twice a float32 value, so that with nothing wired to it Max pool 2d is leaner. "
          "Handing the features themselves over, as U-Net does, tells the decoder more.",
    aliases=("pooling", "downsample", "segnet", "argmax"), inputs={"x": "B C H W"},
    outputs={
        "out": port("B C H W", "The largest value of each window."),
        "indices": port("int:B C H W", "Where in the image it stood, counted along the rows."),
    },
    kernel_size=KERNEL, stride=STRIDE, padding=PADDING,
)  # fmt: skip
class MaxPoolIndices(nn.Module):
    """Keep the largest value of each window, and where it stood.

    A max unpooling later puts values back to just those places, so that edges stay sharp on the way up, as in SegNet.
    """

    def __init__(self, kernel_size: Size = 2, stride: Size = 2, padding: Size = 0) -> None:
        check_padding(kernel_size, padding)
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return F.max_pool2d(x, self.kernel_size, self.stride, self.padding, return_indices=True)  # type: ignore[return-value]


@block(
    "Max unpool 2d", category="Layer", paper="Zeiler and Fergus 2013, arXiv:1311.2901", icon="maximize-2",
    helps="The way up of SegNet, without weights, and pictures of what a unit responds to: values return to exactly "
          "the pixels from which they came.",
    hurts="Three of four places come out as 0, so that convolutions must fill them; Interpolate with a skip "
          "connection is smoother. Where windows overlapped, two values may claim one place and one of them is lost.",
    aliases=("unpooling", "upsample", "segnet"),
    inputs={
        "x": "B C H W", "indices": port("int:B C H W", "The places that a max pool with indices gives."),
        "like?": port("number:B c h w", "What was pooled: its height and width come out."),
    },
    outputs={"out": port("B C h w", "The values at their places, and 0 between them.")},
    kernel_size=KERNEL, stride=STRIDE, padding=PADDING,
)  # fmt: skip
class MaxUnpool2d(nn.Module):
    """Put values back to the places from which a max pool took the largest, and 0 everywhere else.

    Set window, stride and padding as those of the pool. Where the pool cut off an odd edge, wire what it was given to
    `like`.
    """

    def __init__(self, kernel_size: Size = 2, stride: Size = 2, padding: Size = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)

    def forward(
        self, x: torch.Tensor, indices: torch.Tensor, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        if like is None:
            windows = zip(x.shape[2:], self.kernel_size, self.stride, self.padding, strict=True)
            height, width = ((n - 1) * step - 2 * edge + kernel for n, kernel, step, edge in windows)
        else:
            height, width = like.shape[2:]
        empty = x.new_zeros(*x.shape[:2], height * width)
        return empty.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, (height, width))
