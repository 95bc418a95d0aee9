"""Repairs of what runs, but learns badly (`app.engine.habits`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from app.design import changes, edits
from app.design.values import Design, End, Settings, Wire
from app.engine.habits import spare_biases, straight_pairs, trains
from app.engine.repairs import data
from app.engine.repairs.common import Candidate, between
from app.engine.repairs.wiring import remove
from app.engine.surroundings import Around
from app.engine.walk import Step, Walk
from app.messages.data import PROBLEM_CODES
from app.messages.reports import Problem

if TYPE_CHECKING:
    from app.engine.analysis import Analyser


def candidates(analyser: Analyser, design: Design, walk: Walk, problem: Problem) -> Iterator[Candidate]:
    """Ideas for mending a habit."""
    around = Around(design, walk)
    match problem.code:
        case "softmax-loss" | "bounded-scores":
            yield from _wire_around(around, problem)
        case "norm-last" | "dropout-last":
            yield from _move_before(around, problem)
            yield from remove(design, problem)
        case "spare-bias":
            yield from _without_bias(around)
        case "no-activation":
            yield from _bend(around)
        case "no-positions":
            yield from _positions(around, problem)
        case "no-gradient":
            yield from _freeze(around, problem)
            yield from remove(design, problem)
        case "all-frozen":
            yield from _thaw(around, problem)
        case code if code in PROBLEM_CODES:
            yield from data.candidates(around, problem)


def _wire_around(around: Around, problem: Problem) -> Iterator[Candidate]:
    """Judge the scores before the activation; what else reads it goes on reading it."""
    blamed = around.walk.steps[problem.blame].call
    if blamed.where != problem.where:
        return
    wire = around.design.graph(problem.where).wire_into(End(blamed.node, "x"))
    if wire is None:
        return
    name = around.design.graph(problem.where).by_id[wire.source.node].name
    target = End(problem.node, problem.port)
    yield f"Wire {name} to {problem.name} instead", (changes.connect(problem.where, wire.source, target),)


def _move_before(around: Around, problem: Problem) -> Iterator[Candidate]:
    """The node goes to the wire into the layer that it stands behind."""
    design, where = around.design, problem.where
    graph = design.graph(where)
    layer = around.walk.steps[problem.blame].call
    wire = graph.wire_into(End(layer.node, "x")) if layer.where == where else None
    own = graph.wire_into(End(problem.node, "x"))
    if wire is None or own is None:
        return
    node = graph.by_id[problem.node]
    a, b = graph.by_id[wire.source.node], graph.by_id[layer.node]
    moved = replace(node, x=(a.x + b.x) / 2, y=(a.y + b.y) / 2)
    onward = tuple(changes.connect(where, own.source, w.target) for w in graph.out_of.get(node.id, ()))
    yield f"Move {node.name} before {b.name}", (
        changes.Remove(where, (node.id,)), *onward, changes.InsertOnWire(where, wire, moved, "x", "out"),
    )  # fmt: skip


def _without_bias(around: Around) -> Iterator[Candidate]:
    places = list(dict.fromkeys((s.call.where, s.call.node) for s, _ in spare_biases(around)))
    what = f"all {len(places)} biases" if len(places) > 1 else "the bias"
    yield f"Leave {what} out", tuple(changes.set_setting(where, node, "bias", False) for where, node in places)


def _wire_of(around: Around, problem: Problem) -> Wire | None:
    return around.design.graph(problem.where).wire_into(End(problem.node, problem.port or "x"))


def _bend(around: Around) -> Iterator[Candidate]:
    """An activation in each pair at once."""
    wires = [
        (second.call.where, wire)
        for _, second in straight_pairs(around)
        if (wire := around.design.graph(second.call.where).wire_into(End(second.call.node, "x"))) is not None
    ]
    what = f"each of {len(wires)} pairs" if len(wires) > 1 else "the two"
    for block in ("ReLU", "GELU"):
        edit, design = [], around.design
        for where, wire in wires:
            edit.append(between(design, where, wire, block, block.lower(), Settings()))
            design = edits.add_node(design, where, edit[-1].node)  # so that the next one gets a name of its own
        yield f"Put a {block} between {what}", tuple(edit)


def _positions(around: Around, problem: Problem) -> Iterator[Candidate]:
    wire = _wire_of(around, problem)
    if wire is None:
        return
    for block, title in (
        ("LearnedPositions", "Add learned positions"), ("SineCosinePositions", "Add sine and cosine positions"),
    ):  # fmt: skip
        yield title, (between(around.design, problem.where, wire, block, "positions", Settings()),)


def _freeze(around: Around, problem: Problem) -> Iterator[Candidate]:
    """Say that what stands before the StopGradient is meant to stay as it is."""
    places = _places([s for s in around.above(problem.id) if trains(s)])
    yield "Freeze what stands before it", tuple(changes.SetFrozen(where, node, True) for where, node in places)


def _thaw(around: Around, problem: Problem) -> Iterator[Candidate]:
    places = [
        (where, node) for where, node in _places([s for s in around.above(problem.id) if s.call.frozen])
        if around.design.graph(where).by_id[node].frozen
    ]  # fmt: skip
    last = around.walk.steps[problem.blame].call
    if (last.where, last.node) in places:
        yield f"Let {last.name} learn again", (changes.SetFrozen(last.where, last.node, False),)
    if len(places) > 1:
        yield "Let all learn again", tuple(changes.SetFrozen(where, node, False) for where, node in places)


def _places(steps: list[Step]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((s.call.where, s.call.node) for s in steps))
