"""Round values for the axes of a chart, and how its numbers are written."""

from __future__ import annotations

import math

DURATIONS = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800,
)  # fmt: skip
"""Seconds between two ticks of time."""


def nice_ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """At most count + 1 round values within low..high."""
    if not high > low:
        return [low]
    rough = (high - low) / max(count, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * 0.999)
    step = max(math.ceil(step), 1) if whole else step
    return _multiples(step, low, high)


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def time_ticks(low: float, high: float, count: int) -> list[tuple[float, str]]:
    """Round times in seconds within low..high, and how they are written."""
    rough = (high - low) / max(count, 1)
    if rough < DURATIONS[0]:
        return [(value, duration(value)) for value in nice_ticks(low, high, count)]
    step = next((step for step in DURATIONS if step >= rough), DURATIONS[-1])
    return [(value, duration(value)) for value in _multiples(step, low, high)]


def duration(seconds: float) -> str:
    """"40 s", "2:30 min", "1:05 h"."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min" if whole % 60 == 0 else f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600} h" if whole % 3600 < 60 else f"{whole // 3600}:{whole % 3600 // 60:02} h"


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """Values whose logarithms to base 10 are within low..high: whole powers, or where there are few also 2 and 5."""
    first, last = math.ceil(low - 1e-9), math.floor(high + 1e-9)
    powers = list(range(first, last + 1))
    if len(powers) > count:
        powers = powers[:: math.ceil(len(powers) / count)]
    if len(powers) >= 3:
        return [10.0**power for power in powers]
    steps = [m * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for m in (1, 2, 5)]
    found = [value for value in steps if low - 1e-9 <= math.log10(value) <= high + 1e-9]
    return found if 2 <= len(found) <= count + 2 else nice_ticks(10.0**low, 10.0**high, count)


def reach(done: float, epochs: float) -> float:
    """Where the axis of a run of `epochs` ends while `done` are over: a long run's first epochs are not squeezed into
    its first pixels; the axis grows in steps, so that it seldom moves."""
    steps = (size * 10**power for power in range(1, 10) for size in (1, 2, 5))
    return max(min(next((step for step in steps if done <= step), done), epochs), done)


def in_words(value: float) -> str:
    """A value of a curve in seven characters at most: 0.0312, 12.30, 1.2e+05."""
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e4:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
