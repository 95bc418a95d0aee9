"""Sizes of windows: one number for a square, or height and width; numbers of channels."""

from __future__ import annotations

import torch

from blocks.declare import setting

DIM = setting("Which size: 1 is the first after the batch, such as the channels; -1 is the last.", shown=True)

Size = int | tuple[int, int]
"""How a block's constructor takes kernels, strides and paddings, as torch's own layers do; its form is a pair."""


def pair(size: Size) -> tuple[int, int]:
    """`3` as `(3, 3)`; a pair as it is."""
    return (size, size) if isinstance(size, int) else size


def half(kernel_size: Size, dilation: Size = 1) -> tuple[int, int]:
    """The padding with which an odd kernel keeps height and width."""
    (height, width), (down, across) = pair(kernel_size), pair(dilation)
    return (down * (height - 1) // 2, across * (width - 1) // 2)


def rounded(channels: float, divisor: int = 8) -> int:
    """The nearest multiple of `divisor`, at least one of it, and one more where that would take off over a tenth.

    So the MobileNets keep channels even for the hardware when a width multiplier scales them.
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


def triple(name: str, size: tuple[int, ...]) -> tuple[int, int, int]:
    """`(3,)` as `(3, 3, 3)`; three numbers as they are. Raises ValueError for any other count, naming the setting."""
    if len(size) == 1:
        return (size[0], size[0], size[0])
    if len(size) != 3:
        raise ValueError(f"{name} has {len(size)} numbers, but it needs one, or three: length, height, width")
    return (size[0], size[1], size[2])


def check_dim(dim: int) -> int:
    """The number of a size as it is; raises ValueError for 0, the batch: samples must stay apart."""
    if dim == 0:
        raise ValueError("dim is 0, the batch, whose samples must stay apart: use 1 (channels) or -1 (the last size)")
    return dim


def length(x: torch.Tensor, dim: int) -> int:
    """How long the size `dim` is. Raises ValueError where there is no such size, or it is the batch."""
    if not -x.dim() < dim < x.dim():
        raise ValueError(f"dim is {dim}, but `x` is {shown(x)}: use 1 to {x.dim() - 1}, or -1 for the last size")
    return x.shape[dim]


def steps(size: int, step: int) -> int:
    """How many steps cover a size. It is not written with two minus signs, for a size that is left open: ONNX divides
    towards zero."""
    return (size + step - 1) // step


def shown(x: torch.Tensor) -> str:
    """A tensor's shape as messages show it: 1x3x224x224."""
    return "x".join(map(str, x.shape))


def every_place(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """(H * W, 2): the column's and the row's number of each place, row by row."""
    both = columns.expand(rows.shape[0], -1), rows[:, None].expand(-1, columns.shape[0])
    return torch.stack(both, -1).flatten(0, 1)


def is_open(x: torch.Tensor) -> bool:
    """Whether an exporter leaves the height or the width of a map open."""
    return any(isinstance(size, torch.SymInt) for size in x.shape[2:])
