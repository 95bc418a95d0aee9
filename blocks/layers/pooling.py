"""Pooling: make feature maps smaller by summing up windows."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting

_KERNEL = setting("Height and width of the window.", min=1, shown=True)
_STRIDE = setting("Steps between windows: 2 halves height and width.", min=1, shown=True)
_PADDING = setting("Places added at each edge; at most half the kernel.", min=0)
_CEIL = setting("Keep the windows at the edge that are only partly filled.")


def _check(kernel_size: tuple[int, int], padding: tuple[int, int]) -> None:
    for kernel, edge in zip(kernel_size, padding, strict=True):
        if 2 * edge > kernel:
            raise ValueError(f"padding is {edge}, but a window of {kernel} takes at most {kernel // 2}")


@block(
    "Max pool 2d", category="Layer", paper="torch.nn.MaxPool2d", icon="minimize-2", aliases=("pooling", "downsample"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=_KERNEL, stride=_STRIDE, padding=_PADDING, ceil_mode=_CEIL,
)  # fmt: skip
class MaxPool2d(nn.MaxPool2d):
    """Keep the largest value of each window.

    It halves an image and makes the network care less about where exactly something is. It has no weights.
    """

    def __init__(
        self,
        kernel_size: tuple[int, int] = (2, 2),
        stride: tuple[int, int] = (2, 2),
        padding: tuple[int, int] = (0, 0),
        ceil_mode: bool = False,
    ) -> None:
        _check(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)


@block(
    "Average pool 2d", category="Layer", paper="torch.nn.AvgPool2d", icon="minimize-2",
    aliases=("pooling", "downsample", "mean"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=_KERNEL, stride=_STRIDE, padding=_PADDING, ceil_mode=_CEIL,
)  # fmt: skip
class AvgPool2d(nn.AvgPool2d):
    """Keep the mean of each window.

    Softer than max pooling: every place counts. It has no weights.
    """

    def __init__(
        self,
        kernel_size: tuple[int, int] = (2, 2),
        stride: tuple[int, int] = (2, 2),
        padding: tuple[int, int] = (0, 0),
        ceil_mode: bool = False,
    ) -> None:
        _check(kernel_size, padding)
        super().__init__(kernel_size, stride, padding, ceil_mode=ceil_mode)


@block(
    "Adaptive average pool 2d", category="Layer", paper="torch.nn.AdaptiveAvgPool2d", icon="minimize-2",
    aliases=("pooling", "resize", "mean"), inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
    output_size=setting("Height and width that come out, whatever comes in.", min=1, shown=True),
)  # fmt: skip
class AdaptiveAvgPool2d(nn.AdaptiveAvgPool2d):
    """Average over as large windows as it takes to get the size that you ask for.

    With it a network accepts images of several sizes. It has no weights.
    """

    def __init__(self, output_size: tuple[int, int] = (1, 1)) -> None:
        super().__init__(output_size)


@block(
    "Global average pool", category="Layer", paper="Lin et al. 2013, arXiv:1312.4400", icon="crosshair",
    aliases=("gap", "pooling", "mean", "squeeze"), inputs={"x": "B C H W"},
    outputs={"out": port("B C *S", "One number a channel.")},
    keep_size=setting("Give B x C x 1 x 1, for a layer that needs an image, rather than B x C."),
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
