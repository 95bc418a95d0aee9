"""Which pixels of the network's input each index sees, along one axis: the arithmetic of receptive fields.

All is as on an endless image: edges cut nothing off.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import NamedTuple

MOST_PHASES = 4096
"""With more phases than that, `Spans` are widened to what holds for all of them."""

Number = int | float | Fraction


class Spans(NamedTuple):
    """Index i of P phases sees the pixels `first[i % P] + (i // P) * jump` to `last[i % P] + (i // P) * jump`.

    More than one phase is needed behind transposed convolutions, interpolation and windows, where neighbours see
    differently much. A phase that sees nothing has first = inf, last = -inf.
    """

    first: tuple[Number, ...]
    last: tuple[Number, ...]
    jump: Number

    @property
    def step(self) -> Number:
        """Pixels from one index to the next, on average."""
        return Fraction(self.jump) / len(self.first) if math.isfinite(self.jump) else 0

    @property
    def size(self) -> Number:
        """How many pixels the index that sees most sees."""
        return max(0, *(b - a + 1 for a, b in zip(self.first, self.last, strict=True)))

    def at(self, index: int) -> tuple[Number, Number]:
        rounds, phase = divmod(index, len(self.first))
        return self.first[phase] + rounds * self.jump, self.last[phase] + rounds * self.jump


PIXELS = Spans((0,), (0,), 1)
"""The input itself."""
WHOLE = Spans((-math.inf,), (math.inf,), 0)


class Reads(NamedTuple):
    """What an operation reads: `at(j)` gives the indices that its output j depends on; `out` further along it reads
    `into` further along."""

    at: Callable[[int], Iterable[int]]
    out: int = 1
    into: int = 1


def gathered(spans: Spans, reads: Reads) -> Spans:
    """The spans of an operation's output."""
    if spans == WHOLE:
        return WHOLE
    phases = len(spans.first)
    period = reads.out * phases // math.gcd(phases, reads.into)
    if period > MOST_PHASES:
        return WHOLE if phases == 1 else gathered(_widened(spans), reads)
    first, last = [], []
    for j in range(period):
        seen = [spans.at(i) for i in reads.at(j)]
        first.append(min((a for a, _ in seen), default=math.inf))
        last.append(max((b for _, b in seen), default=-math.inf))
    return _reduced(Spans(tuple(first), tuple(last), spans.jump * (reads.into // math.gcd(phases, reads.into))))


def _widened(spans: Spans) -> Spans:
    """One phase that sees at least what each of the phases sees."""
    step = spans.step
    first = min(a - step * i for i, a in enumerate(spans.first))
    last = max(b - step * i for i, b in enumerate(spans.last))
    return Spans((first,), (last,), step)


def _reduced(spans: Spans) -> Spans:
    """With as few phases as tell the same."""
    phases = len(spans.first)
    for fewer in range(1, phases):
        if phases % fewer:
            continue
        exact = Fraction(spans.jump) * fewer / phases
        jump: Number = int(exact) if exact.denominator == 1 else exact
        if all(line[i + fewer] == line[i] + jump for line in (spans.first, spans.last) for i in range(phases - fewer)):
            return Spans(spans.first[:fewer], spans.last[:fewer], jump)
    return spans


def joined(a: Spans, b: Spans, count: int) -> Spans:
    """What either sees, at each of `count` indices."""
    if a == b:
        return a
    if WHOLE in (a, b):
        return WHOLE
    if a.step == b.step:
        phases = math.lcm(len(a.first), len(b.first))
        jump = a.jump * (phases // len(a.first))
    else:  # they drift apart: what holds for the indices that there are is listed one by one
        phases = count
        jump = max(a.step, b.step) * count
    if phases > MOST_PHASES:
        return WHOLE
    pairs = [(a.at(i), b.at(i)) for i in range(phases)]
    both = Spans(tuple(min(x[0], y[0]) for x, y in pairs), tuple(max(x[1], y[1]) for x, y in pairs), jump)
    return _reduced(both)


def repeated(spans: Spans, times: int) -> Spans:
    """Each index so many times in a row."""
    return gathered(spans, Reads(lambda j: (j // times,), times, 1))
