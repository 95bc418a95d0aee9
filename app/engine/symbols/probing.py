"""Runs of a drawing on meta at several sizes of its Inputs, and what each tensor's sizes were."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from app.design.expand import TooLargeError
from app.design.values import Design, End
from app.engine.measure import Measured, Measurer, Value, on_meta, outputs_of
from app.engine.meta import Remembering
from app.engine.symbols.forms import Steps
from app.engine.symbols.inputs import Free, free_sizes, resized
from app.engine.walk import Walk, Walker
from app.messages.reports import Tensor
from blocks.card import Card, Kind

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

MOST_WALKS = 48
"""At how many sizes a drawing is run at most for one answer."""
MOST_BLOCKS = 100_000
"""How many blocks are walked at most for one answer: a drawing of thousands of blocks is run at fewer sizes. Counted,
not timed: the same drawing always gets the same answer."""
FEWEST_WALKS = 24
LARGEST = 10_000
"""Drawings that run more blocks than this are not run again and again."""
STEPS = (1, 2, 4, 8, 16, 32, 64, 3, 6, 7, 14, 28, 12, 24, 48, 5, 10, 20, 128, 160)
"""By how much sizes are changed until the drawing takes it, the most usual ones first."""
LEVELLED = 64
"""A multiple of the usual total strides of networks for images."""

Point = tuple[int, ...]
"""The batch, and a size for each letter."""
Key = tuple[End, int, int]
"""A size of a tensor: the output, the level of its pyramid, the axis."""


class Shapes(Measurer):
    """A Measurer that looks at shapes only: a third of the work. What it remembers is its own, so that sizes tried
    here push nothing out of the memo of analysis."""

    def _forward(self, card: Card, module: nn.Module, inputs: tuple[Value | None, ...], kinds: list[Kind]) -> Measured:
        values: list[Any] = [on_meta(value, kind) for value, kind in zip(inputs, kinds, strict=True)]
        with torch.device("meta"), Remembering():
            outputs = outputs_of(module(*values), card)
        strides = self._strides(card, module, inputs, kinds, outputs)
        return Measured(
            outputs=tuple(
                tuple(described(t, stride) for t, stride in zip(levels, of_levels, strict=True))
                for levels, of_levels in zip(outputs, strides, strict=True)
            )
        )


class Prober:
    """Walks over one design at other sizes, each once. Making one raises TooLargeError where the design is."""

    def __init__(self, analyser: Analyser, design: Design) -> None:
        self.classes = analyser.measurer.classes
        shapes = Shapes(analyser.cards, analyser.measurer.classes)
        shapes.trusted = analyser.measurer.trusted
        self._walker = Walker(analyser.cards, shapes)
        self.design = design
        self.base = self._walker.walk(design)
        if len(self.base.steps) > LARGEST:
            raise TooLargeError(
                f"the design runs {len(self.base.steps):,} blocks: it is tried at several sizes up to {LARGEST:,} only"
            )
        self.walks = 1
        self.most = min(MOST_WALKS, max(FEWEST_WALKS, MOST_BLOCKS // max(len(self.base.steps), 1)))
        self._use(free_sizes(self.base))

    def _use(self, frees: Sequence[Free]) -> None:
        self.frees = tuple(frees)
        self.start: Point = (1, *(free.size for free in frees))
        self.seen: dict[Point, dict[Key, int]] = {self.start: sizes_of(self.base)}

    def join(self, one: Free, other: Free) -> None:
        """Let two letters be one: the drawing takes them equal only."""
        both = one._replace(places=(*one.places, *other.places), names=tuple(dict.fromkeys(one.names + other.names)))
        self._use([both if free is one else free for free in self.frees if free is not other])

    @property
    def problem(self) -> str:
        """Why there are no letters; "" where there are."""
        if self.frees:
            return ""
        if not any(step.call.block == "Input" for step in self.base.steps.values()):
            return "The design has no Input, so no size is known: add an Input and wire it to the first block"
        return "No Input has a size that may change: only the batch does"

    @property
    def left(self) -> int:
        """How many more sizes may be tried."""
        return self.most - self.walks

    def design_at(self, point: Point) -> Design:
        sizes = {free.letter: size for free, size in zip(self.frees, point[1:], strict=True)}
        return resized(self.design, self.frees, sizes, self.base)

    def walk(self, point: Point) -> Walk:
        """The walk at other sizes; nothing of it is kept."""
        self.walks += 1
        return self._walker.walk(self.design_at(point), batch=point[0])

    def look(self, point: Point) -> Mapping[Key, int]:
        """The sizes of all tensors there; of those alone that have the form that they have at the drawing's size."""
        if point not in self.seen:
            sizes = sizes_of(self.walk(point))
            ranks, base = _ranks(sizes), _ranks(self.seen[self.start])
            same = {key: size for key, size in sizes.items() if ranks[key[0]] == base.get(key[0])}
            self.seen[point] = same
        return self.seen[point]

    def takes(self, point: Point) -> int:
        """How many tensors there are at these sizes."""
        return len(self.look(point))

    @property
    def all(self) -> int:
        return len(self.seen[self.start])

    def moved(self, offsets: Iterable[int], batch: int = 1) -> Point:
        """The drawing's own sizes, each changed by one of `offsets`."""
        return (batch, *(size + by for size, by in zip(self.start[1:], offsets, strict=True)))


def described(tensor: torch.Tensor, stride: float | None = None) -> Tensor:
    """A tensor as reports have it."""
    return Tensor(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), stride)


def sizes_of(walk: Walk) -> dict[Key, int]:
    """Every size of every tensor of a walk."""
    return {
        (end, level, axis): size
        for end, value in walk.values.items()
        for level, tensor in enumerate(value)
        for axis, size in enumerate(tensor.shape)
    }


def _ranks(sizes: Iterable[Key]) -> dict[End, int]:
    """How many sizes each output has in all, which differs where its levels or axes are others."""
    counts: dict[End, int] = {}
    for end, *_ in sizes:
        counts[end] = counts.get(end, 0) + 1
    return counts


def accepted_steps(prober: Prober) -> tuple[list[Steps], list[int]]:
    """For each letter the finest steps in which it may change so that as much of the drawing runs as at its own size,
    and by how much it may be moved at the same time as the others.

    Growing is tried first: small sizes end sooner than large ones.
    """
    found: dict[int, tuple[int, int]] = {}
    for family in dict.fromkeys(free.family for free in prober.frees):
        found[family] = _family_steps(prober, family)
        _join_equal(prober, family, *found[family])
    steps = [Steps(free.size, *found[free.family]) for free in prober.frees]
    return steps, [_reach(prober, steps, n) for n in range(len(steps))]


def _family_steps(prober: Prober, family: int) -> tuple[int, int]:
    """(step, way) of the letters of one Input, moved together."""
    inside = [free.family == family for free in prober.frees]
    smallest = min(free.size for free in prober.frees if free.family == family)
    best, chosen = 0, (1, 1)
    for way in (1, -1):
        for step in STEPS:
            if way * step + smallest < 1 or prober.left < prober.most // 2:
                continue
            taken = prober.takes(prober.moved(way * step if there else 0 for there in inside))
            if taken > best:
                best, chosen = taken, (step, way)
            if best == prober.all:
                return chosen
    return chosen


def _join_equal(prober: Prober, family: int, step: int, way: int) -> None:
    """Where height and width must be equal, they are one letter."""
    members = [n for n, free in enumerate(prober.frees) if free.family == family]
    if len(members) != 2 or len({prober.frees[n].size for n in members}) > 1:
        return
    alone = prober.takes(prober.moved(way * step * (n == members[0]) for n in range(len(prober.frees))))
    together = prober.takes(prober.moved(way * step * (n in members) for n in range(len(prober.frees))))
    if alone < together:
        prober.join(*(prober.frees[n] for n in members))


def _reach(prober: Prober, steps: Sequence[Steps], letter: int) -> int:
    """By how much the letter is moved to see how it goes on: what the drawing takes of a wide move, less otherwise."""
    own, image = steps[letter], prober.frees[letter].letter[0] in "HW"
    least = prober.takes(prober.moved(s.way * s.step if n == letter else 0 for n, s in enumerate(steps)))
    level = math.lcm(LEVELLED if image else LEVELLED // 4, own.step)
    for reach in (level, 16 * own.step, 8 * own.step, 4 * own.step, 2 * own.step):
        if own.size + own.way * reach < 1:
            continue
        point = prober.moved(s.way * reach if n == letter else 0 for n, s in enumerate(steps))
        if prober.takes(point) >= least:
            return reach
    return own.step
