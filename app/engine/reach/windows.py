"""Receptive fields through what reads neighbours: convolutions, pooling, padding, interpolation, shuffled pixels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction

from app.engine.reach.rules import Op, UnknownError, rule
from app.engine.reach.spans import Reads
from app.engine.reach.tensors import Reach, along, freed, reshaped


def _slid(x: Reach, shape: Sequence[int], kernel: list[int], stride: list[int], padding: list[int],
          dilation: list[int]) -> Reach:  # fmt: skip
    """A window that slides over the last dimensions, and gives `shape`."""
    first = len(shape) - len(kernel)
    for i, (k, s, p, d) in enumerate(zip(kernel, stride, padding, dilation, strict=True)):
        if (k, s, p) != (1, 1, 0):
            reads = Reads(lambda j, k=k, s=s, p=p, d=d: range(j * s - p, j * s - p + k * d, d), 1, s)  # type: ignore[misc]
            x = along(x, first + i, reads, shape[first + i])
    return x


def _spread(x: Reach, shape: Sequence[int], kernel: list[int], stride: list[int], padding: list[int],
            dilation: list[int]) -> Reach:  # fmt: skip
    """The transpose of `_slid`."""
    first = len(shape) - len(kernel)
    for i, (k, s, p, d) in enumerate(zip(kernel, stride, padding, dilation, strict=True)):

        def reads(j: int, k: int = k, s: int = s, p: int = p, d: int = d) -> list[int]:
            return [(j + p - tap * d) // s for tap in range(k) if (j + p - tap * d) % s == 0]

        x = along(x, first + i, Reads(reads, s, 1), shape[first + i])
    return x


@rule("convolution", "_convolution")
def _convolution(op: Op) -> list[Reach]:
    x, shape = op.reach("input"), op.shapes[0]
    if op.reach("weight").terms:
        raise UnknownError(op.name)
    count = len(shape) - 2
    kernel = list(op.reach("weight").shape[2:])
    x = freed(x, 1, shape[1])
    given = (kernel, op.pair("stride", count), op.pair("padding", count), op.pair("dilation", count))
    return [_spread(x, shape, *given) if op["transposed"] else _slid(x, shape, *given)]


@rule("im2col")
def _unfolded(op: Op) -> list[Reach]:
    """Each window a column: its elements are said to see what the window sees."""
    x, shape = op.reach("self"), op.shapes[0]
    given = [op.pair(name, 2) for name in ("kernel_size", "stride", "padding", "dilation")]
    kernel, stride, padding, dilation = given
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    ]
    x = _slid(freed(x, 1, shape[1]), (*shape[:2], *counts), kernel, stride, padding, dilation)
    return [reshaped(x, shape)]


@rule("max_pool2d_with_indices", "max_pool3d_with_indices", "avg_pool1d", "avg_pool2d", "avg_pool3d")
def _pool(op: Op) -> list[Reach]:
    count = int(op.name.split("pool")[1][0])
    kernel = op.pair("kernel_size", count)
    stride = op.pair("stride", count) or kernel
    dilation = op.pair("dilation", count) if op.get("dilation") else [1] * count
    x = _slid(op.reach("self"), op.shapes[0], kernel, stride, op.pair("padding", count), dilation)
    return [x] * len(op.shapes)


@rule("_adaptive_avg_pool2d", "_adaptive_avg_pool3d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def _adaptive(op: Op) -> list[Reach]:
    x = op.reach("self")
    shape = op.shapes[0]
    for dim in range(len(shape) - len(op["output_size"]), len(shape)):
        n, m = x.shape[dim], shape[dim]
        if n == m:
            continue
        ratio = Fraction(n, m)
        reads = Reads(
            lambda j, n=n, m=m: range(j * n // m, -(-(j + 1) * n // m)),  # type: ignore[misc]
            ratio.denominator,
            ratio.numerator,
        )
        x = freed(x, dim, 1) if m == 1 else along(x, dim, reads, m)
    return [x] * len(op.shapes)


@rule("constant_pad_nd", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d", "replication_pad1d",
       "replication_pad2d", "replication_pad3d")  # fmt: skip
def _pad(op: Op) -> list[Reach]:
    x = op.reach("self")
    pads = op.get("pad") if op.name == "constant_pad_nd" else op["padding"]
    shape = op.shapes[0]
    for i, (left, right) in enumerate(zip(pads[::2], pads[1::2], strict=True)):
        dim = len(shape) - 1 - i
        if left or right:
            x = along(x, dim, Reads(lambda j, left=left: (j - left,)), shape[dim])  # type: ignore[misc]
    return [x]


@rule("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact2d",
       "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d")  # fmt: skip
def _interpolated(op: Op) -> list[Reach]:
    x = op.reach("self")
    shape = op.shapes[0]
    count = len(shape) - 2
    names = {1: ["scales"], 2: ["scales_h", "scales_w"], 3: ["scales_d", "scales_h", "scales_w"]}[count]
    for dim, name in enumerate(names, 2):
        n, m = x.shape[dim], shape[dim]
        corners = bool(op.get("align_corners"))
        if n != m:
            x = along(x, dim, _between(op.name, _ratio(n, m, op.get(name), corners), corners), m)
    return [x]


def _ratio(n: int, m: int, scale: float | None, corners: bool) -> Fraction:
    """Input pixels an output pixel."""
    if corners:
        return Fraction(n - 1, m - 1) if m > 1 else Fraction(0)
    return 1 / Fraction(scale).limit_denominator(4096) if scale else Fraction(n, m)


def _between(name: str, ratio: Fraction, corners: bool) -> Reads:
    """The pixels between which an output pixel lies; one that lies on a pixel is that pixel alone."""
    half = Fraction(1, 2)

    def reads(j: int) -> Iterable[int]:
        if "nearest" in name:
            return (math.floor((j + half if "exact" in name else Fraction(j)) * ratio),)
        at = j * ratio if corners else (j + half) * ratio - half
        below = math.floor(at)
        if at == below:
            return (below,)
        return range(below - 1, below + 3) if "cubic" in name else (below, below + 1)

    return Reads(reads, ratio.denominator, ratio.numerator)
