"""Nodes that stand in the middle of a wire: put there, and taken out so that the wire is whole again."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from app.design import edits
from app.design import wires as rules
from app.design.ports import Catalogue, Ports, ports
from app.design.values import Design, End, Graph, Node, Wire
from blocks.card import Kind


def through(
    design: Design, graph: Graph, wire: Wire, first: Node, last: Node, catalogue: Catalogue
) -> tuple[End, End] | None:
    """The input of `first` and the output of `last` by which these could stand in the middle of a wire of `graph`;
    None when kinds do not fit."""
    source, target = kinds_of(design, graph, wire, catalogue)
    if source is None or target is None:
        return None
    into = next((p.name for p in ports(design, graph, first, catalogue).inputs if rules.kinds_fit(source, p.kind)), "")
    out = next((p.name for p in ports(design, graph, last, catalogue).outputs if rules.kinds_fit(p.kind, target)), "")
    return (End(first.id, into), End(last.id, out)) if into and out else None


def kinds_of(design: Design, graph: Graph, wire: Wire, catalogue: Catalogue) -> tuple[Kind | None, Kind | None]:
    """What a wire's output gives and its input takes; None where there is no such port."""

    def at(end: End) -> Ports:
        node = graph.by_id.get(end.node)
        return ports(design, graph, node, catalogue) if node is not None else Ports((), ())

    output, input = at(wire.source).output(wire.source.port), at(wire.target).input(wire.target.port)
    return output.kind if output else None, input.kind if input else None


def loose(graph: Graph, ids: Collection[str]) -> tuple[Node, Node] | None:
    """The first and the last of nodes that are wired among themselves only, so that they could go into a wire as one.

    None where a wire leads out of them or in, or where there is not one first and one last.
    """
    inside = set(ids)
    for id in inside:
        around = (*graph.into.get(id, ()), *graph.out_of.get(id, ()))
        if any(w.source.node not in inside or w.target.node not in inside for w in around):
            return None
    firsts = [id for id in inside if not graph.into.get(id)]
    lasts = [id for id in inside if not graph.out_of.get(id)]
    if len(firsts) != 1 or len(lasts) != 1:
        return None
    return graph.by_id[firsts[0]], graph.by_id[lasts[0]]


def splice(design: Design, where: str, wire: Wire, into: End, out: End, catalogue: Catalogue) -> Design:
    """Lead a wire through nodes that are there: into `into`, and on from `out`. Raises WiringError."""
    graph = design.graph(where)
    if wire not in graph.wires:
        raise edits.EditError(f"there is no wire {wire.source} -> {wire.target} here: it may have been deleted")
    design = edits.disconnect(design, where, [wire])
    design = edits.connect(design, where, wire.source, into, catalogue)
    return edits.connect(design, where, out, wire.target, catalogue)


def remove_and_heal(
    design: Design, where: str, nodes: Collection[str], wires: Collection[Wire], catalogue: Catalogue
) -> tuple[Design, tuple[Wire, ...]]:
    """Take away nodes and wires as `edits.remove` does, and wire what fed the nodes to what they fed.

    A node is bridged where one wire alone feeds it (but for optional inputs) and what comes by that fits behind it.
    The wires that were drawn for it come back too.
    """
    graph, gone = design.graph(where), set(nodes)
    new = tuple(_bridges(design, graph, gone, wires, catalogue))
    design = edits.remove(design, where, nodes, wires)
    for wire in new:
        design = edits.connect(design, where, wire.source, wire.target, catalogue)
    return design, new


def _bridges(
    design: Design, graph: Graph, gone: set[str], cut: Collection[Wire], catalogue: Catalogue
) -> list[Wire]:
    found = []
    for wire in graph.wires:
        if wire.source.node not in gone or wire.target.node in gone or wire in cut:
            continue
        origin = _origin(design, graph, wire.source, gone, cut, catalogue)
        if origin is None:
            continue
        bridge = replace(wire, source=origin)
        source, target = kinds_of(design, graph, bridge, catalogue)
        if source is not None and target is not None and rules.kinds_fit(source, target):
            found.append(bridge)
    return found


def _origin(
    design: Design, graph: Graph, end: End, gone: set[str], cut: Collection[Wire], catalogue: Catalogue
) -> End | None:
    """The output of a node that stays from which, by way of nodes that go, what stands at `end` comes."""
    while end.node in gone:
        node = graph.by_id[end.node]
        optional = {p.name for p in ports(design, graph, node, catalogue).inputs if p.optional}
        fed = [w for w in graph.into.get(node.id, ()) if w.target.port not in optional]
        if len(fed) != 1 or fed[0] in cut:
            return None
        end = fed[0].source
    return end
