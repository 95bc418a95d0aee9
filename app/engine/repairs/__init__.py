"""Repairs: ideas for mending a problem, the likeliest first; `app.engine.fixes` tries them out.

What takes away something drawn comes last and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.design.values import Design
from app.engine.repairs import habits, shapes, values, wiring
from app.engine.repairs.common import Candidate
from app.messages.reports import Problem

if TYPE_CHECKING:
    from app.engine.analysis import Analyser
    from app.engine.walk import Walk

REMOVABLE = ("missing-input", "dead-branch", "target-output", "block-missing", "group-missing", "failed", "refused",
             "rank", "one-value", "engine-ended")  # fmt: skip
"""Problems that go with the node that has them."""


def candidates(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Ideas for mending `problem`."""
    match problem.code:
        case "missing-input" | "same-twice":
            yield from wiring.wire_up(analyser, design, problem)
        case "differs" | "size":
            yield from shapes.match_shapes(design, walk, problem)
            yield from shapes.turn_round(design, walk, problem)
            yield from values.match_target(walk, problem)
        case "divides":
            yield from shapes.make_divide(design, walk, problem)
        case "rank":
            yield from shapes.change_rank(analyser, design, walk, problem)
        case "levels" | "strides":
            yield from shapes.more_levels(analyser, design, problem)
        case "dtype":
            yield from values.change_dtype(walk, problem)
        case "kernel" | "padding":
            yield from values.smaller_kernel(walk, problem)
            yield from values.reset_setting(analyser, design, walk, problem)
            yield from values.shrink_less(design, walk, problem)
        case "one-value":
            yield from values.shrink_less(design, walk, problem)
        case "setting" | "setting-unknown" | "expression" | "too-large" | "refused" | "failed":
            yield from values.reset_setting(analyser, design, walk, problem)
            yield from values.order_for(walk, problem)
            yield from shapes.multiple_first(design, walk, problem)
        case "shares" | "follows":
            yield from values.unshare(design, walk, problem)
        case "no-output":
            yield from wiring.add_output(analyser, design)
        case "no-input":
            yield from wiring.add_input(analyser, design)
        case _:
            yield from habits.candidates(analyser, design, walk, problem)
    if problem.node and problem.code in REMOVABLE:
        yield from wiring.remove(design, problem)
