"""A call and what stands around it: who feeds it, who reads it, who made a size what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.design.values import Design, End
from app.engine.walk import Step, Walk, reaching
from app.messages.reports import Problem

PASSING = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Dropout2d", "AlphaDropout")
"""Blocks that change no value in eval mode, only its place."""
WIDTHS = ("out_channels", "out_features", "channels", "features", "classes", "hidden")
"""Settings that say how many channels or features a block gives."""


class Around:
    """Who feeds whom in a walk, and what a problem is made of."""

    def __init__(self, design: Design, walk: Walk) -> None:
        self.design, self.walk = design, walk
        self.readers: dict[End, list[tuple[str, str]]] = {}
        """Output -> the (call, port) pairs that it is wired to."""
        for id, sources in walk.expanded.sources.items():
            for port, end in sources.items():
                self.readers.setdefault(end, []).append((id, port))

    def source(self, id: str, port: str = "x") -> Step | None:
        """The call that feeds a port."""
        end = self.walk.expanded.sources[id].get(port)
        return self.walk.steps.get(end.node) if end is not None else None

    def before(self, step: Step | None, passing: tuple[str, ...] = PASSING) -> Step | None:
        """The call itself or, going up, the first that does more than pass values on."""
        while step is not None and step.call.block in passing:
            step = self.source(step.call.id)
        return step

    def fed(self, step: Step) -> list[Step]:
        """The calls that read any output of this one."""
        ends = self.walk.given.get(step.call.id, ())
        return [self.walk.steps[id] for end in ends for id, _ in self.readers.get(end, ())]

    def above(self, *ids: str) -> list[Step]:
        """The calls that feed any of these, in the order in which they run."""
        found = reaching(self.walk, set(ids)) - set(ids)
        return [step for id, step in self.walk.steps.items() if id in found]

    def of(self, *categories: str) -> list[Step]:
        return [s for s in self.walk.steps.values() if s.card is not None and s.card.category in categories]

    def setting(self, step: Step, name: str) -> Any:
        """A setting of a call as it is there."""
        declared = step.card.setting(name) if step.card is not None else None
        return step.call.settings.get(name, declared.default if declared else None)


def problem(step: Step, severity: str, code: str, said: str, port: str = "", blame: str = "") -> Problem:
    """A problem of one call."""
    call = step.call
    return Problem(severity, call.id, call.name, call.where, call.node, port, code, f"{call.name}: {said}", blame)


def first_to_change(walk: Walk, end: End, differing: Sequence[int]) -> str:
    """Go up while an input has as many sizes as the output and the same at `differing`; the node where they changed."""
    while True:
        value = walk.values[end][0].shape
        above = [e for e in walk.expanded.sources[end.node].values() if e in walk.values]
        same = [
            e
            for e in above
            if len(walk.values[e]) == 1
            and len(walk.values[e][0].shape) == len(value)
            and all(walk.values[e][0].shape[i] == value[i] for i in differing)
        ]
        if not same:
            return end.node
        end = same[0]


def width_of(step: Step | None) -> str:
    """The setting of a call's block that says how many channels or features it gives; "" where there is none."""
    if step is None or step.card is None:
        return ""
    return next((name for name in WIDTHS if step.card.setting(name)), "")
