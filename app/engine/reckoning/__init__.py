"""The reckoning: how a node's numbers come about, as formulas with the numbers put in.

The formulas are explanation, never the source: what is shown elsewhere is what the module itself gave, and each line
holds both, so that a formula that is wrong for some setting says so.
"""

from __future__ import annotations

from app.design.values import Design
from app.engine.analysis import Analyser
from app.engine.arguments import declared
from app.engine.measure import Measured, build
from app.engine.reckoning import forms, sequences, shapes  # noqa: F401  they register their rules
from app.engine.reckoning.curves import curve
from app.engine.reckoning.groups import reckon_group
from app.engine.reckoning.node import Node, costs, output_lines
from app.engine.reckoning.words import sentence
from app.engine.walk import Step, arguments_of
from app.messages.reckoning import Reckoning

__all__ = ["reckon", "reckon_step"]


def reckon(analyser: Analyser, design: Design, where: str, node: str, job: str = "") -> Reckoning:
    """How the numbers of the node `node` of the graph `where` ("" for the top) come about.

    A Group is told by its members. What cannot run has a sentence alone. Raises KeyError for a node that is not there.
    """
    drawn = design.graph(where).by_id[node]
    walk = analyser.walk(design)
    if drawn.group:
        return reckon_group(analyser, design, where, node, job)
    step = next((s for s in walk.steps.values() if s.call.where == where and s.call.node == node), None)
    if step is None:
        return Reckoning(job, sentence=f"{drawn.name} is not run: it stands in a Group that is not used.")
    return reckon_step(analyser, step, job)


def reckon_step(analyser: Analyser, step: Step, job: str = "") -> Reckoning:
    """The same of one call that was walked over."""
    name, measured, card = step.call.name.rpartition("/")[2], step.measured, step.card
    if card is None or measured is None:
        return Reckoning(job, sentence=f"{name} does not run: one of its inputs is not there yet. Mend that first.")
    if measured.refusal is not None:
        return Reckoning(job, sentence=f"{name} does not run: {measured.refusal}. Mend that first.")
    if not card.inputs:
        return Reckoning(job, sentence=f"{name} gives what the data give: nothing is worked out.")
    if not card.outputs:
        return Reckoning(job, sentence=f"{name} hands on what it gets: nothing is worked out.")
    return _run(analyser, step, measured, job)


def _run(analyser: Analyser, step: Step, measured: Measured, job: str) -> Reckoning:
    assert step.card is not None
    cls = analyser.measurer.classes[step.call.block]
    arguments = arguments_of(step)
    node = Node.watched(
        step.card, build(cls, arguments, "meta"), tuple(step.inputs[p] for p in step.used),
        [declared(step.card, p).kind for p in step.used], measured,
    )  # fmt: skip
    lines, parts = costs(node)
    drawn = None
    if step.card.section == "Activation":
        drawn = curve(build(cls, arguments, "cpu"), step.card, tuple(node.seen.inputs[0].shape))
    return Reckoning(job, tuple(output_lines(node) + lines), drawn, parts, sentence(node))
