"""Sizes in letters, found by running the drawing at several sizes of its Inputs, and the sizes at which it works.

No formula of any block is known here: an expression is fitted to what the blocks gave on meta and then tested at sizes
that it was not made from. The design that is asked about is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from app.design.expand import TooLargeError
from app.design.values import Design, End
from app.engine.symbols.checking import SizeError, check_sizes
from app.engine.symbols.finding import Expression, Finder
from app.engine.symbols.probing import Key, Prober
from app.engine.walk import Step, Walk
from app.messages.symbols import Letter, NodeSymbols, SymbolicPort, Symbols

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

__all__ = ["SizeError", "check_sizes", "symbols"]


def symbols(analyser: Analyser, design: Design, job: str = "") -> Symbols:
    """The sizes of all tensors in letters, for the part of the design that runs. Never raises for a bad design: see
    `problem`."""
    try:
        prober = Prober(analyser, design)
    except TooLargeError as error:
        return Symbols(job, problem=str(error))
    finder = Finder(prober)
    walk = prober.base
    said = _Said(walk, finder.find(), finder.start)
    nodes = tuple(said.node(step) for step in walk.steps.values())
    groups = tuple(
        NodeSymbols(g.id, g.where, g.node, said.ports(g.inputs), said.ports(g.outputs)) for g in walk.expanded.groups
    )
    letters = tuple(
        Letter(free.letter, free.size, free.names, said.steps[n], own.step)
        for n, (free, own) in enumerate(zip(prober.frees, finder.steps, strict=True))
    )
    return Symbols(job, letters, nodes, groups, prober.walks, prober.problem)


class _Said:
    """Puts the expressions of single sizes together."""

    def __init__(self, walk: Walk, found: Mapping[Key, Expression], start: tuple[int, ...]) -> None:
        self.walk, self.found = walk, found
        self.steps = [1] * (len(start) - 1)
        """By what multiples each letter may move so that all texts hold."""
        for expression in found.values():
            if expression.straight is not None:
                self.steps = [math.lcm(a, b) for a, b in zip(self.steps, expression.periods, strict=True)]

    def node(self, step: Step) -> NodeSymbols:
        call, sources = step.call, self.walk.expanded.sources[step.call.id]
        inputs = self.ports({port.name: sources.get(port.name) for port in step.ports})
        outputs = self.ports({end.port: end for end in self.walk.given.get(call.id, ())})
        return NodeSymbols(call.id, call.where, call.node, inputs, outputs)

    def ports(self, ends: Mapping[str, End | None]) -> tuple[SymbolicPort, ...]:
        return tuple(self._port(port, end) for port, end in ends.items() if end is not None and end in self.walk.values)

    def _port(self, port: str, end: End) -> SymbolicPort:
        levels = [
            [self.found[end, level, axis] for axis in range(len(tensor.shape))]
            for level, tensor in enumerate(self.walk.values[end])
        ]
        tensors = tuple(_joined([size.text for size in level]) for level in levels)
        exact = tuple(_joined([size.exact for size in level]) for level in levels)
        only = any(not size.known for level in levels for size in level)
        return SymbolicPort(port, self.walk.kinds[end], tensors, () if only or exact == tensors else exact, only)


def _joined(sizes: list[str]) -> str:
    """One text of a tensor's sizes; "" where one of them is not known."""
    if not sizes:
        return "one number"
    return " × ".join(sizes) if all(sizes) else ""
