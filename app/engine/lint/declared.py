"""What an export holds, and the blocks in it that say of themselves that they do not export."""

from __future__ import annotations

from collections.abc import Iterator

from app.engine.surroundings import problem
from app.engine.walk import Step, Walk, reaching
from app.messages.reports import Problem


def find(walk: Walk) -> Iterator[Problem]:
    """The blocks on the way to an Output that are exempt from the export by their declaration."""
    # Few blocks are exempt from anything: look at those alone, for every edit pays for this.
    exempt = [step for step in walk.steps.values() if step.card is not None and step.card.exempt]
    exempt = [step for step in exempt if dict(step.card.exempt).get("onnx")]  # type: ignore[union-attr]
    if not exempt:
        return
    kept = {step.call.id for step in exported(walk)}
    for step in exempt:
        if step.call.id in kept and step.card is not None:
            reason = dict(step.card.exempt)["onnx"].rstrip(".")
            yield problem(step, "warning", "export-exempt", f"it does not export: {reason}")


def exported(walk: Walk) -> list[Step]:
    """The calls that run and feed an Output, which are all that an export holds."""
    outputs = {id for id, step in walk.steps.items() if step.call.block == "Output"}
    needed = reaching(walk, outputs)
    return [step for id, step in walk.steps.items() if id in needed and ran(walk, step)]


def ran(walk: Walk, step: Step) -> bool:
    here = walk.steps.get(step.call.id)
    return here is not None and here.measured is not None and here.measured.refusal is None
