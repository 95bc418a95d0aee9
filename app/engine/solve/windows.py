"""Windows that slide along a size: how many places come out, and how usual such a window is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

Cost = tuple[float, ...]  # the smaller, the simpler
WINDOW = ("kernel_size", "stride", "padding", "dilation", "output_padding")


class Window(NamedTuple):
    """A window along one size, with torch's names in the order of WINDOW."""

    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    output_padding: int = 0

    def places(self, n: int, form: str) -> int:
        """How many places come out of `n`: the formulas on torch's pages of Conv2d, MaxPool2d and ConvTranspose2d."""
        reach = self.dilation * (self.kernel - 1) + 1
        if form == "up":
            fits = self.output_padding < max(self.stride, self.dilation)
            return (n - 1) * self.stride - 2 * self.padding + reach + self.output_padding if fits else 0
        if form == "same":
            return -(-n // self.stride)
        room = n + 2 * self.padding - reach
        if form == "ceil" and room >= 0:
            last = -(-room // self.stride)
            return last + (last * self.stride < n + self.padding)
        return room // self.stride + 1 if room >= 0 else 0

    def oddness(self, form: str) -> float:
        """How far this is from what people draw: small odd kernels, steps of 1 or 2, edges that keep the size."""
        k, s, p, d, added = self
        reach = d * (k - 1) + 1
        even = k % s == 0 and (form == "up" or s > 1)  # all places are then covered equally often
        odd = (0 if k % 2 or even else 1) + max(0, k - 7) / 4 + (k == 1)
        odd += (0 if s <= 2 else 0.5 if k == s else s / 2 - 1) + 3 * (s > k) + (d if d > 1 else 0) + added
        usual = (reach - s) // 2 if form == "up" else (reach - 1) // 2
        return odd + (p not in (0, usual)) + 3 * (2 * p > reach)


def cost(row: Sequence[Window], now: Sequence[Window], form: str) -> Cost:
    """How far windows are from what stands there and from what people draw."""
    columns, before = list(zip(*row, strict=True)), list(zip(*now, strict=True))
    odd = sum(a.oddness(form) for a in row) / len(row) + 1.5 * sum(len(set(column)) - 1 for column in columns)
    away = sum(abs(x - y) for a, b in zip(row, now, strict=True) for x, y in zip(a, b, strict=True))
    return (sum(a != b for a, b in zip(columns, before, strict=True)), columns[0] != before[0], odd, away)
