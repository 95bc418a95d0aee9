"""Pooling of images: make feature maps smaller by summing up windows. Other forms stand in `pooling_forms`."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.sizes import Size, pair, steps

KERNEL = setting("Height and width of the window.", min=1, shown=True)
STRIDE = setting("Steps between windows: 2 halves height and width.", min=1, shown=True)
PADDING = setting("Places added at each edge; at most half the kernel.", min=0)
CEIL = setting("Keep the windows at the edge that are only partly filled.")
COUNT_PADDING = setting("Let the zeros of the padding count for the mean.")
_KEEP_SIZE = setting("Give B x C x 1 x 1, for a layer that needs an image, rather than B x C.")


def check_padding(kernel_size: Size, padding: Size) -> None:
    """Raise ValueError for padding of more than half the window: some windows would hold nothing else."""
    for kernel, edge in zip(pair(kernel_size), pair(padding), strict=True):
        if 2 * edge > kernel:
            raise ValueError(f"padding is {edge}, but a window of {kernel} takes at most {kernel // 2}")


@block(
    "Max pool 2d", category="Layer", paper="torch.nn.MaxPool2d", icon="minimize-2", aliases=("pooling", "downsample"),
    helps="Halving maps without weights where it matters that a pattern is there, as in VGG, U-Net and the stems of "
          "ResNets. The gradient goes to each window's winner undivided.",
    hurts="Three of four values are lost, and shifting the image by a pixel changes the result: Average pool 2d is "
          "smoother, a Conv 2d with stride 2 learns what to keep, Interpolate meets any size. An odd last row is cut "
          "off.",
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=KERNEL, stride=STRIDE, padding=PADDING, ceil_mode=CEIL,
    dilation=setting("Distance between the window's points: 2 skips every other one.", min=1),
)  # fmt: skip
class MaxPool2d(nn.MaxPool2d):
    """Keep the largest value of each window.

    It halves an image and makes the network care less about where exactly something is. It has no weights.
    """

    def __init__(
        self,
        kernel_size: Size = 2,
        stride: Size = 2,
        padding: Size = 0,
        ceil_mode: bool = False,
        dilation: Size = 1,
    ) -> None:
        check_padding(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, dilation, ceil_mode=ceil_mode)


@block(
    "Average pool 2d", category="Layer", paper="torch.nn.AvgPool2d", icon="minimize-2",
    helps="Smoothing before a step of 2, which lessens aliasing, with a gradient for every place: DenseNet's "
          "transitions and the shortcuts of ResNet-D halve their maps so.",
    hurts="One strong response is divided by the window's area, so that small things fade: Max pool 2d keeps them, "
          "and a Conv 2d with stride 2 learns its filter. Zeros of the padding darken edges by default.",
    aliases=("pooling", "downsample", "mean"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=KERNEL, stride=STRIDE, padding=PADDING, ceil_mode=CEIL, count_include_pad=COUNT_PADDING,
)  # fmt: skip
class AvgPool2d(nn.AvgPool2d):
    """Keep the mean of each window.

    Softer than max pooling: every place counts. It has no weights.
    """

    def __init__(
        self,
        kernel_size: Size = 2,
        stride: Size = 2,
        padding: Size = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        check_padding(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)


@block(
    "Adaptive average pool 2d", category="Layer", paper="torch.nn.AdaptiveAvgPool2d", icon="minimize-2",
    helps="Linear layers behind a backbone whose images vary in size (VGG keeps 7 x 7, PSPNet bins of 1, 2, 3 and 6), "
          "where the mean of each region is what counts.",
    hurts="Where a size does not divide, windows overlap and differ in size. A map smaller than `output_size` only "
          "gets its values repeated: Interpolate blends them. For one number a channel Global average pool says it "
          "plainer.",
    aliases=("pooling", "resize", "mean"), inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
    output_size=setting("Height and width that come out, whatever comes in.", min=1, shown=True),
)  # fmt: skip
class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """Average over as large windows as it takes to get the size that you ask for.

    With it a network accepts images of several sizes. It has no weights.
    """

    def __init__(self, output_size: Size = 1) -> None:
        super().__init__(output_size)


@block(
    "Adaptive max pool 2d", category="Layer", paper="torch.nn.AdaptiveMaxPool2d", icon="minimize-2",
    helps="A fixed grid from maps of any size in which each cell reports its strongest response, so that a small "
          "object in a large cell is not averaged away.",
    hurts="In each step only one place of a cell learns, and one outlier speaks for all; Adaptive average pool 2d is "
          "steadier. It gathers its windows by index, which ONNX can say, and so copies the map first.",
    aliases=("pooling", "resize"), inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
    output_size=setting("Height and width that come out, whatever comes in.", min=1, shown=True),
)  # fmt: skip
class AdaptiveMaxPool2d(nn.Module):
    """Keep the largest value of as large windows as it takes to get the size that you ask for.

    With it a network accepts images of several sizes. It has no weights.
    """

    def __init__(self, output_size: Size = 1) -> None:
        super().__init__()
        self.output_size = pair(output_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        # torch's own adaptive max pooling has no ONNX form but for one window
        rows, columns = (_adapted(n, out) for n, out in zip(x.shape[2:], self.output_size, strict=True))
        return largest(x, rows, columns)


def _adapted(size: int, windows: int) -> torch.Tensor:
    """The places that each window sees, (windows, places); a shorter one sees its last place again."""
    if isinstance(size, torch.SymInt):  # an exporter leaves it open: as many as any window may see
        longest = size // windows + 2
    else:
        longest = max(steps((i + 1) * size, windows) - i * size // windows for i in range(windows))
    window = torch.arange(windows, device="cpu")[:, None]
    start, end = window * size // windows, ((window + 1) * size + windows - 1) // windows
    return torch.minimum(start + torch.arange(longest, device="cpu"), end - 1)


def largest(x: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """The largest value where each window of rows meets each window of columns: (windows, places) both."""
    rows, columns = rows.to(x.device), columns.to(x.device)
    x = x[:, :, rows.flatten()].unflatten(2, rows.shape).amax(3)  # (B, C, h, W)
    return x[:, :, :, columns.flatten()].unflatten(3, columns.shape).amax(4)


@block(
    "Global average pool", category="Layer", paper="Lin et al. 2013, arXiv:1312.4400", icon="crosshair",
    helps="Before the last Linear of a classifier: C inputs rather than C x H x W, at any H and W, which spared "
          "GoogLeNet and ResNet the huge layers of VGG. Class activation maps can be read through it.",
    hurts="Where something is gets lost, and what fills a hundredth of the map counts a hundredth: Global max pool "
          "keeps small things, Adaptive average pool 2d a coarse layout. Nothing dense can be predicted behind it.",
    aliases=("gap", "pooling", "mean", "squeeze"), inputs={"x": "B C H W"},
    outputs={"out": port("B C *S", "One number a channel.")},
    keep_size=_KEEP_SIZE,
)  # fmt: skip
class GlobalAvgPool(nn.Module):
    """Average each channel over the whole image.

    What remains is one number a channel: whether a pattern is there, not where. It stands between the last feature
    map and a classifier, and has no weights.
    """

    def __init__(self, keep_size: bool = False) -> None:
        super().__init__()
        self.keep_size = keep_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3), keepdim=self.keep_size)


@block(
    "Global max pool", category="Layer", paper="Oquab et al. 2015, Is object localization for free?", icon="crosshair",
    helps="Small or rare things of which one is enough, such as a lesion in a scan, and locating objects from labels "
          "of whole images: one place decides, however large the map.",
    hurts="A single noisy place decides as well, only one place a channel gets a gradient, and larger images give "
          "larger maxima by chance. Global average pool trains more steadily.",
    aliases=("gmp", "pooling", "squeeze"), inputs={"x": "B C H W"},
    outputs={"out": port("B C *S", "One number a channel.")}, keep_size=_KEEP_SIZE,
)  # fmt: skip
class GlobalMaxPool(nn.Module):
    """Keep the largest value of each channel of the whole image.

    What remains is how strongly a pattern shows at the place that shows it best. It has no weights.
    """

    def __init__(self, keep_size: bool = False) -> None:
        super().__init__()
        self.keep_size = keep_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.amax((2, 3), keepdim=self.keep_size)
