"""The connections of each call: what LeCun et al. 1998 counted of LeNet-5, 340,908 in all."""

from __future__ import annotations

from typing import Any

from app.engine.arguments import declared
from app.engine.measure import Measurer, build
from app.engine.reckoning.rules import Seen
from app.engine.reckoning.trace import trace
from app.engine.reckoning.weights import neurons
from app.engine.walk import Step, Walk, arguments_of


class Connections:
    """Counts them; equal calls are run once."""

    def __init__(self, measurer: Measurer) -> None:
        self._measurer = measurer
        self._memo: dict[Any, int] = {}

    def of(self, walk: Walk) -> dict[str, int]:
        """Call id -> the connections of its fully connected and convolutional layers for one sample, biases included.
        Calls without such layers, and those that did not run, are not in it."""
        found = {id: self._count(step) for id, step in walk.steps.items() if _ran(step)}
        return {id: count for id, count in found.items() if count}

    def _count(self, step: Step) -> int:
        key = step.call.block, step.call.settings, tuple(step.inputs.items())
        if key not in self._memo:
            self._memo[key] = self._traced(step)
        return self._memo[key]

    def _traced(self, step: Step) -> int:
        assert step.card is not None
        module = build(self._measurer.classes[step.call.block], arguments_of(step), "meta")
        kinds = [declared(step.card, port).kind for port in step.used]
        seen = trace(module, [step.inputs[port] for port in step.used], kinds, set())
        whole = Seen(seen.given_shapes, [tuple(t.shape) for t in seen.made])
        calls = [(c.module, Seen(c.given_shapes, [tuple(t.shape) for t in c.made])) for c in seen.calls]
        if not any(True for _ in module.children()):
            calls = [(module, whole)]
        return sum(
            line.result
            for layer, shapes in calls
            for line in neurons(layer, shapes)
            if line.about == "connections"
        )


def _ran(step: Step) -> bool:
    """Whether the call was run and may hold layers: an Input only says what comes."""
    ran = step.measured is not None and step.measured.refusal is None
    return ran and step.card is not None and step.call.block not in ("Input", "Target")
