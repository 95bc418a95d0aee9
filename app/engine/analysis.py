"""Analysis of a drawing: every node's shapes and costs, the totals, and what is wrong with it.

The walk goes on past a failed node, so totals stay exact for the part that is valid. It never writes into the design.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from app.design.expand import GroupCall, TooLargeError
from app.design.values import Design, End
from app.engine import fixes, problems
from app.engine.measure import Measurer
from app.engine.step_memory import StepCost, training_step
from app.engine.walk import Step, Walk, Walker, reaching
from app.messages import Analysis
from app.messages.reports import Memory, Named, NodeReport, PortShape, Problem, Uncounted
from blocks.card import Card

NOT_NETWORK = ("Loss", "Metric")
"""Categories whose parameters and MACs are no part of the network's totals."""


class Analyser:
    """Analyses designs; what it measured once it knows (`Measurer`)."""

    def __init__(self, cards: Mapping[str, Card], classes: Mapping[str, type]) -> None:
        self.cards = cards
        self.measurer = Measurer(cards, classes)
        self._walker = Walker(cards, self.measurer)

    def analyse(
        self,
        design: Design,
        *,
        revision: int = 0,
        batch: int = 1,
        with_fixes: bool = True,
        running: Callable[[str], None] | None = None,
        ended: Mapping[str, str] | None = None,
    ) -> Analysis:
        """Shapes, costs and problems of `design`. `running` is told of each node before its first run; the calls in
        `ended` have ended an engine (id -> how) and are not run with the same inputs again; without it those before
        are not."""
        if ended is not None:
            self._walker.leave_out(ended)
        try:
            walk = self.walk(design, batch=batch, running=running)
        except TooLargeError as error:
            problem = Problem("error", "", "", "", "", "", "too-large", str(error))
            return Analysis(revision, valid=False, partial=True, problems=(problem,))
        found = problems.find(design, walk)
        analysis = summarise(design, walk, found, revision)
        if with_fixes and found:
            analysis = fixes.offer(self, design, walk, analysis, batch)
        return analysis

    def walk(self, design: Design, *, batch: int = 1, running: Callable[[str], None] | None = None) -> Walk:
        """Run every call on meta. Raises TooLargeError."""
        return self._walker.walk(design, batch=batch, running=running)


def _open_ends(walk: Walk) -> set[str]:
    """The ids of the calls whose outputs go nowhere."""
    fed = {end.node for sources in walk.expanded.sources.values() for end in sources.values()}
    kinds = (*NOT_NETWORK, "Ends")
    return {id for id, s in walk.steps.items() if id not in fed and s.card is not None and s.card.category not in kinds}


def summarise(design: Design, walk: Walk, found: tuple[Problem, ...], revision: int) -> Analysis:
    """Put reports and totals together."""
    ends = [s for s in walk.steps.values() if s.card is not None and s.card.category in ("Ends", "Loss")]
    outputs = {s.call.id for s in ends if s.call.block == "Output"}
    losses = {s.call.id for s in ends if s.card is not None and s.card.category == "Loss"}
    everything = set(walk.steps)
    # While something waits for a wire, what leads nowhere yet is meant to lead on: it counts as if it did.
    open_ends = _open_ends(walk) if any(p.code == "missing-input" for p in found) else set()
    for_inference = reaching(walk, outputs | open_ends) if outputs else everything
    for_training = reaching(walk, outputs | losses | open_ends) if outputs or losses else everything

    reports, uncounted = [], []
    costs: list[StepCost] = []
    owned: set[str] = set()
    parameters = trainable = buffers = macs = activations = weight_bytes = 0
    for id, step in walk.steps.items():
        report = _report(walk, step, step.call.module in owned)
        owned.add(step.call.module)
        reports.append(report)
        if step.measured is None or step.card is None or step.measured.refusal is not None:
            continue
        network = step.card.category not in NOT_NETWORK and step.call.block != "Target"
        if network and id in for_training:
            parameters += report.parameters
            trainable += report.trainable
            buffers += report.buffers
            activations += report.activations
            weights = step.measured.weight_bytes if report.parameters or report.buffers else 0
            weight_bytes += weights
            largest = step.measured.largest if report.trainable else 0
            costs.append(StepCost(weights, report.activations, step.measured.ports, report.trainable, largest))
        if network and id in for_inference:
            macs += report.macs
            uncounted += [Uncounted(id, operation) for operation in step.measured.uncounted]
    by_id = {report.id: report for report in reports}
    groups = tuple(_group_report(walk, g, by_id) for g in walk.expanded.groups)
    errors = [p for p in found if p.severity == "error"]
    names = {p.id for p in errors}
    if names:
        reports = [r if r.id not in names else replace(r, ok=False) for r in reports]
    return Analysis(
        revision=revision,
        valid=not errors,
        partial=not all([r.ok for r in reports]) or bool(walk.expanded.troubles),
        parameters=parameters,
        trainable_parameters=trainable,
        buffers=buffers,
        macs=macs,
        memory=Memory(weight_bytes, activations, training_step(costs)),
        inputs=tuple(
            Named(s.call.name, s.measured.outputs[0])
            for s in ends
            if s.call.block == "Input" and s.call.id in for_inference and s.measured and s.measured.outputs
        ),
        outputs=tuple(
            Named(s.call.name, value, walk.kinds[walk.expanded.sources[s.call.id]["x"]])
            for s in ends
            if s.call.block == "Output" and (value := s.inputs.get("x")) is not None
        ),
        nodes=tuple(reports),
        groups=groups,
        problems=found,
        uncounted=tuple(uncounted),
    )


def _report(walk: Walk, step: Step, shared: bool) -> NodeReport:
    call, card, measured = step.call, step.card, step.measured
    sources, kinds, values = walk.expanded.sources[call.id], walk.kinds, walk.values
    given = [(name, value) for name, value in step.inputs.items() if value is not None]
    inputs = tuple([PortShape(name, kinds[sources[name]], value) for name, value in given])
    if measured is None or card is None or measured.refusal is not None:
        return NodeReport(call.id, call.name, call.where, call.node, call.block, inputs, ok=False)
    return NodeReport(
        call.id, call.name, call.where, call.node, call.block, inputs,
        outputs=tuple([PortShape(end.port, kinds[end], values[end]) for end in walk.given.get(call.id, ())]),
        parameters=0 if shared else measured.parameters,
        trainable=0 if shared or call.frozen else measured.trainable,
        buffers=0 if shared else measured.buffers,
        macs=measured.macs,
        activations=measured.activations,
        opens=measured.opens,
    )  # fmt: skip


def _group_report(walk: Walk, group: GroupCall, reports: dict[str, NodeReport]) -> NodeReport:
    inside = [reports[id] for id in group.members]

    def shapes(ends: Mapping[str, End | None]) -> tuple[PortShape, ...]:
        return tuple(
            PortShape(port, walk.kinds[end], value)
            for port, end in ends.items()
            if end is not None and (value := walk.values.get(end)) is not None
        )

    return NodeReport(
        id=group.id,
        name=group.name,
        where=group.where,
        node=group.node,
        block=group.group,
        inputs=shapes(group.inputs),
        outputs=shapes(group.outputs),
        parameters=sum(r.parameters for r in inside),
        trainable=sum(r.trainable for r in inside),
        buffers=sum(r.buffers for r in inside),
        macs=sum(r.macs for r in inside),
        activations=sum(r.activations for r in inside),
        ok=all(r.ok for r in inside),
    )
