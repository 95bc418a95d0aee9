"""Repairs that draw or take away: wires, inputs, outputs, nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.design import changes, edits
from app.design.ports import ports
from app.design.values import Design, End, Node
from app.design.wires import downstream, kinds_fit
from app.engine.repairs.common import Candidate
from app.messages.reports import Problem
from blocks.card import Port

if TYPE_CHECKING:
    from app.engine.analysis import Analyser

NEAREST = 6
"""So many outputs are offered to an input that lacks one."""


def wire_up(analyser: Analyser, design: Design, problem: Problem) -> Iterator[Candidate]:
    """Wire the nearest outputs to the left that fit."""
    graph = design.graph(problem.where)
    node = graph.by_id[problem.node]
    port = ports(design, graph, node, analyser.cards).input(problem.port)
    if port is None:
        return
    target = End(node.id, problem.port)
    place = f"{node.name}.{problem.port}" if len(ports(design, graph, node, analyser.cards).inputs) > 1 else node.name
    if (drawn := graph.wire_into(target)) is not None:
        place += f" instead of {graph.by_id[drawn.source.node].name}"
    offers: list[tuple[bool, float, int, str, End]] = []
    fed = downstream(graph, node.id)
    for other in graph.nodes:
        if other.id in fed:
            continue
        outputs = ports(design, graph, other, analyser.cards).outputs
        for output in outputs:
            end = End(other.id, output.name)
            if not kinds_fit(output.kind, port.kind) or (port.dtype == "int") != (other.block == "Target"):
                continue
            if drawn is not None and drawn.source == end:
                continue
            taken = any(w.source == end for w in graph.out_of.get(other.id, ()))
            distance = math.hypot(node.x - other.x, 2 * (node.y - other.y)) + (1e4 if other.x >= node.x else 0)
            name = f"{other.name}.{output.name}" if len(outputs) > 1 else other.name
            offers.append((taken, distance, len(offers), name, end))
    for _taken, _distance, _order, name, end in sorted(offers)[:NEAREST]:
        yield f"Wire {name} to {place}", (changes.connect(problem.where, end, target),)
    if port.dtype == "int" and "Target" in analyser.cards and not problem.where:
        target_node = edits.new_node(design, "", "Target", name="target", x=node.x - 260, y=node.y + 120)
        wire = changes.connect("", End(target_node.id, "out"), target)
        yield f"Add a Target before {node.name}", (changes.AddNode("", target_node), wire)
    elif "Input" in analyser.cards and not problem.where and port.kind == "tensor":
        yield _new_input(design, node, port)


def remove(design: Design, problem: Problem) -> Iterator[Candidate]:
    """Take the node away; where it stands between two others, these are wired to each other."""
    graph = design.graph(problem.where)
    name, id = graph.by_id[problem.node].name, problem.node
    gone = changes.Remove(problem.where, (id,))
    into, out = graph.into.get(id, ()), graph.out_of.get(id, ())
    if len(into) == 1 and out:
        before = graph.by_id[into[0].source.node].name
        wires = tuple(changes.connect(problem.where, into[0].source, w.target) for w in out)
        yield f"Remove {name} and wire {before} in its place", (gone, *wires)
    yield f"Remove {name}", (gone,)


def add_output(analyser: Analyser, design: Design) -> Iterator[Candidate]:
    """Wire the last nodes whose answers go nowhere, or only to a loss or a metric, to a new Output."""
    judges = {c.id for c in analyser.cards.values() if c.category in ("Loss", "Metric")}
    ends: list[tuple[Node, str]] = []
    for node in design.nodes:
        outputs = ports(design, design, node, analyser.cards).outputs
        fed = {design.by_id[w.target.node].block for w in design.out_of.get(node.id, ())}
        if outputs and fed <= judges and node.block not in ("Input", "Target", *judges):
            ends.append((node, outputs[0].name))
    for node, port in sorted(ends, key=lambda e: -e[0].x)[:3]:
        output = edits.new_node(design, "", "Output", name="output", x=node.x + 260, y=node.y)
        wire = changes.connect("", End(node.id, port), End(output.id, "x"))
        yield f"Add an Output after {node.name}", (changes.AddNode("", output), wire)


def add_input(analyser: Analyser, design: Design) -> Iterator[Candidate]:
    for node in design.nodes:
        for port in ports(design, design, node, analyser.cards).inputs:
            if port.kind == "tensor" and not port.optional and design.wire_into(End(node.id, port.name)) is None:
                yield _new_input(design, node, port)
                return


def _new_input(design: Design, node: Node, port: Port) -> Candidate:
    new = edits.new_node(design, "", "Input", name="image", x=node.x - 260, y=node.y)
    wire = changes.connect("", End(new.id, "out"), End(node.id, port.name))
    return f"Add an Input before {node.name}", (changes.AddNode("", new), wire)
