"""What an export holds, and the blocks in it that say of themselves that they do not export."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.surroundings import problem
from app.engine.walk import Step, Walk, reaching
from app.messages.reports import Problem


def find(walk: Walk) -> Iterator[Problem]:
    """The blocks on the way to an Output that are exempt from the export by their declaration."""
    for step in exported(walk):
        reason = dict(step.card.exempt).get("onnx") if step.card is not None else None
        if reason:
            yield problem(step, "warning", "export-exempt", f"it does not export: {reason.rstrip('.')}")


def exported(walk: Walk) -> list[Step]:
    """The calls that run and feed an Output, which are all that an export holds."""
    outputs = {id for id, step in walk.steps.items() if step.call.block == "Output"}
    needed = reaching(walk, outputs)
    return [step for id, step in walk.steps.items() if id in needed and ran(walk, step)]


def ran(walk: Walk, step: Step) -> bool:
    here = walk.steps.get(step.call.id)
    return here is not None and here.measured is not None and here.measured.refusal is None
