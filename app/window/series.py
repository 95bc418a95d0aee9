"""The points of a curve: kept so that a million can be added to, smoothed and drawn while one watches.

numpy is imported when the first line is made, not before: a window that trains nothing does not pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

AXES = ("epochs", "steps", "time")
MACHINE = "machine"
"""The split of what is no value of the network: samples a second, and memory."""
RATE, MEMORY, GPU_MEMORY = "samples/s", "memory (MB)", "GPU memory (MB)"

_EPOCH, _STEP, _SECOND, _VALUE = range(4)


class Line:
    """Points in the order of training, each with its epochs done, its step, its seconds (nan: not known), its value.

    As a sequence it gives (epochs, value). Points that are no number are not taken.
    """

    def __init__(self) -> None:
        import numpy

        self._data: Any = numpy.empty((4, 16))
        self._count = 0
        self._smoothed: tuple[float, Any, int, float] | None = None
        """The weight, the smoothed values, how many of them are right, and the sum that the next one begins with."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[tuple[float, float]]:
        epochs, values = self._data[_EPOCH, : self._count], self._data[_VALUE, : self._count]
        return zip(epochs.tolist(), values.tolist(), strict=True)

    def __getitem__(self, at: int) -> tuple[float, float]:
        at = range(self._count)[at]
        return float(self._data[_EPOCH, at]), float(self._data[_VALUE, at])

    @property
    def steps(self) -> Any:
        return self._data[_STEP, : self._count]

    @property
    def values(self) -> Any:
        return self._data[_VALUE, : self._count]

    def along(self, axis: str) -> Any:
        """Where the points stand on one of the AXES."""
        return self._data[AXES.index(axis), : self._count]

    def append(self, epochs: float, value: float, step: float = math.nan, seconds: float = math.nan) -> None:
        """Add a point; those at its place or beyond it go: a resumed run goes back to its last checkpoint."""
        while self._count and self._data[_EPOCH, self._count - 1] >= epochs:
            self._count -= 1
        if math.isfinite(value):
            self._room(1)
            self._data[:, self._count] = (epochs, step, seconds, value)
            self._count += 1

    def extend(self, steps: Any, values: Any) -> None:
        """Add many points by their steps; `place` puts them on the other axes."""
        import numpy

        steps, values = numpy.asarray(steps, float), numpy.asarray(values, float)
        good = numpy.isfinite(values)
        steps, values = steps[good], values[good]
        self._room(len(steps))
        end = self._count + len(steps)
        self._data[_EPOCH, self._count : end] = steps
        self._data[_STEP, self._count : end] = steps
        self._data[_SECOND, self._count : end] = numpy.nan
        self._data[_VALUE, self._count : end] = values
        self._count = end

    def place(self, steps_per_epoch: float, clock: tuple[Any, Any] | None) -> None:
        """Work out epochs, and from the `clock` (steps, seconds) the seconds, from the steps."""
        import numpy

        self._data[_EPOCH, : self._count] = self.steps / (steps_per_epoch or 1.0)
        if clock is not None and len(clock[0]):
            self._data[_SECOND, : self._count] = numpy.interp(self.steps, *clock)

    def copy(self) -> Line:
        made = Line()
        made._data, made._count = self._data.copy(), self._count
        return made

    def _room(self, more: int) -> None:
        import numpy

        if self._count + more > self._data.shape[1]:
            wider = numpy.empty((4, max(2 * self._data.shape[1], self._count + more)))
            wider[:, : self._count] = self._data[:, : self._count]
            self._data = wider
        if self._smoothed is not None and self._smoothed[2] > self._count:
            self._smoothed = None  # points were taken back

    def smoothed(self, weight: float) -> Any:
        """The values' exponential moving average: each is weight x the one before + (1 - weight) x the value, divided
        by 1 - weight^n, so that the first ones are not drawn to 0."""
        import numpy

        if weight <= 0:
            return self.values
        kept = self._smoothed
        if kept is None or kept[0] != weight or kept[2] > self._count:
            kept = (weight, numpy.empty(0), 0, 0.0)
        _, known, count, last = kept
        if count < self._count:
            if len(known) < self._count:
                known = numpy.concatenate([known[:count], numpy.empty(len(self._data[0]) - count)])
            sums = recur(self.values[count : self._count] * (1 - weight), weight, last)
            powers = numpy.arange(count + 1, self._count + 1)
            known[count : self._count] = sums / -numpy.expm1(powers * math.log(weight))
            self._smoothed = (weight, known, self._count, float(sums[-1]))
        return known[: self._count]

    def at(self, axis: str, x: float | None) -> int | None:
        """The index of the point nearest to `x`; of the last with None. None where there is no point."""
        if not self._count:
            return None
        if x is None:
            return self._count - 1
        places = self.along(axis)
        right = min(int(places.searchsorted(x)), self._count - 1)
        left = max(right - 1, 0)
        return left if abs(places[left] - x) <= abs(places[right] - x) else right


Points = dict[tuple[str, str], Line]
"""(split, name of the value) -> its points."""

BLOCK = 64


def recur(values: Any, weight: float, last: float) -> Any:
    """s[i] = weight * s[i - 1] + values[i], with s[-1] = `last`, without a Python loop over the points: blocks of 64 at
    once, and what one block hands to the next is such a recurrence again."""
    import numpy

    if len(values) <= BLOCK:
        sums = numpy.empty(len(values))
        for i, value in enumerate(values.tolist()):
            last = weight * last + value
            sums[i] = last
        return sums
    whole = len(values) // BLOCK
    exponents = numpy.arange(BLOCK)[:, None] - numpy.arange(BLOCK)[None, :]
    within = numpy.where(exponents >= 0, weight ** numpy.maximum(exponents, 0), 0.0)
    blocks = values[: whole * BLOCK].reshape(whole, BLOCK) @ within.T
    ends = recur(blocks[:, -1], weight**BLOCK, last)
    before = numpy.concatenate([[last], ends[:-1]])
    blocks += before[:, None] * weight ** numpy.arange(1, BLOCK + 1)
    rest = recur(values[whole * BLOCK :], weight, float(ends[-1]))
    return numpy.concatenate([blocks.ravel(), rest])


def thin(x: Any, y: Any, left: float, right: float, columns: int) -> tuple[Any, Any, bool]:
    """What can be seen of a line within left..right on so many columns of pixels: as it is where it has at most two
    points a column, else for each column the ends of an upright stroke from its lowest point to its highest, so that no
    peak is lost, and on to its neighbour's, so that the strokes are one band. Whether they are strokes is told last.
    `x` does not fall."""
    import numpy

    first = max(int(x.searchsorted(left)) - 1, 0)
    last = min(int(x.searchsorted(right, "right")) + 1, len(x))
    x, y = x[first:last], y[first:last]
    if len(x) <= 2 * columns:
        return x, y, False
    starts = numpy.unique(x.searchsorted(numpy.linspace(left, right, columns + 1)[1:-1]))
    starts = numpy.concatenate([[0], starts[(starts > 0) & (starts < len(x))]])
    ends = numpy.concatenate([starts[1:], [len(x)]]) - 1
    low, high = numpy.minimum.reduceat(y, starts), numpy.maximum.reduceat(y, starts)
    low[1:], high[1:] = numpy.minimum(low[1:], high[:-1]), numpy.maximum(high[1:], low[:-1])
    thin_x, thin_y = numpy.repeat((x[starts] + x[ends]) / 2, 2), numpy.empty(2 * len(starts))
    thin_y[0::2], thin_y[1::2] = low, high
    return thin_x, thin_y, True
