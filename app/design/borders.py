"""Wires at the border of a Group: they follow its ports, which are nodes inside it, wherever the Group is used."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from app.design import wires as rules
from app.design.ports import Catalogue, group_ports
from app.design.values import Design, End, Graph, Node, Wire

PORT_BLOCKS = ("GroupInput", "GroupOutput")


def _rewire(design: Design, change: Callable[[str, Graph], tuple[Wire, ...]]) -> Design:
    """The design with the wires of every graph replaced; graphs whose wires stay are the same objects."""
    groups = []
    for group in design.groups:
        wires = change(group.name, group)
        groups.append(group if wires == group.wires else replace(group, wires=wires))
    return replace(design, wires=change("", design), groups=tuple(groups))


def _users(graph: Graph, group: str) -> set[str]:
    return {node.id for node in graph.nodes if node.group == group}


def rename_port(design: Design, group: str, port: Node, name: str) -> Design:
    """Let the wires at a Group's port follow its new name."""
    side = "target" if port.block == "GroupInput" else "source"

    def follow(_where: str, graph: Graph) -> tuple[Wire, ...]:
        users = _users(graph, group)

        def renamed(wire: Wire) -> Wire:
            end: End = getattr(wire, side)
            if end.node not in users or end.port != port.name:
                return wire
            return replace(wire, **{side: End(end.node, name)})

        return tuple(map(renamed, graph.wires)) if users else graph.wires

    return _rewire(design, follow)


def drop_loose(design: Design, group: str) -> Design:
    """Take away the wires to ports that the Group no longer has."""
    has = group_ports(design.group_by_name[group])

    def trim(_where: str, graph: Graph) -> tuple[Wire, ...]:
        users = _users(graph, group)
        return tuple(
            w
            for w in graph.wires
            if (w.target.node not in users or has.input(w.target.port))
            and (w.source.node not in users or has.output(w.source.port))
        )

    return _rewire(design, trim)


def drop_misfits(design: Design, where: str, id: str, catalogue: Catalogue) -> Design:
    """Take away the wires at a node that its ports, changed by a setting, do not take any more."""
    outside = where and design.graph(where).by_id[id].block in PORT_BLOCKS

    def fits(place: str, wire: Wire) -> bool:
        try:
            rules.check_wire(design, place, wire, catalogue, acyclic=False, occupied=False)
        except rules.WiringError:
            return False
        return True

    def trim(place: str, graph: Graph) -> tuple[Wire, ...]:
        ids = _users(graph, where) if outside else set()
        if place == where:
            ids = ids | {id}
        return tuple(
            w for w in graph.wires if (w.source.node not in ids and w.target.node not in ids) or fits(place, w)
        )

    return _rewire(design, trim)


def shapes_ports(node: Node, setting: str, catalogue: Catalogue) -> bool:
    """Whether a setting says which ports a node has or what they take."""
    card = catalogue.get(node.block)
    if node.block in PORT_BLOCKS or card is None:
        return node.block in PORT_BLOCKS
    return any(port.many == setting for port in (*card.inputs, *card.outputs))
