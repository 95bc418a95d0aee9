"""Which ports a node has: its card's, with repeated ports spelled out, or those that its Group's inside declares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from app.design.values import Design, End, Graph, Group, Node, SettingValue
from blocks.card import Card, Kind, Port

Catalogue = Mapping[str, Card]


MAX_REPEATED = 1000
"""How many wires a port of any number takes."""


class Ports(NamedTuple):
    """The ports of one node, in the order in which its block's forward takes and gives them."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]

    def input(self, name: str) -> Port | None:
        return next((p for p in self.inputs if p.name == name), None)

    def output(self, name: str) -> Port | None:
        return next((p for p in self.outputs if p.name == name), None)


def letter(index: int) -> str:
    """Name of the index-th of a repeated port: a, b, ..., z, aa, ab, ..."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


def ports(design: Design, graph: Graph, node: Node, catalogue: Catalogue) -> Ports:
    """The ports of `node`, which stands in `graph`; a repeated input shows one free port past the wired ones.

    A node whose block or Group is unknown has the ports that its wires name, of any kind.
    """
    if node.group:
        group = design.group_by_name.get(node.group)
        return group_ports(group) if group else _ports_of_wires(graph, node)
    card = catalogue.get(node.block)
    if card is None:
        return _ports_of_wires(graph, node)
    if node.block != "GroupInput" and not any(port.many for port in (*card.inputs, *card.outputs)):
        return Ports(card.inputs, card.outputs)
    wired = {wire.target.port for wire in graph.into.get(node.id, ())}
    inputs = [p for port in card.inputs for p in _spell(port, card, node, wired)]
    outputs = [p for port in card.outputs for p in _spell(port, card, node, set())]
    if node.block == "GroupInput":
        outputs = [msgspec.structs.replace(p, kind=port_kind(node)) for p in outputs]
    return Ports(tuple(inputs), tuple(outputs))


def group_ports(group: Group) -> Ports:
    """A Group's ports: one for each GroupInput and GroupOutput inside, named as they are."""
    inputs, outputs = [], []
    for node in group.nodes:
        if node.block == "GroupInput":
            inputs.append(Port(node.name, "*S", kind=port_kind(node), help=f"Feeds `{node.name}` inside the Group."))
        elif node.block == "GroupOutput":
            help = f"What reaches `{node.name}` inside the Group."
            outputs.append(Port(node.name, "*S", kind=port_kind(node), help=help))
    return Ports(tuple(inputs), tuple(outputs))


def port_kind(node: Node) -> Kind:
    """The kind of wire that a GroupInput or GroupOutput stands for."""
    kind = node.settings.get("kind", "tensor")
    return kind if kind in ("pyramid", "boxes", "detections", "scalar") else "tensor"


def _spell(port: Port, card: Card, node: Node, wired: set[str]) -> list[Port]:
    if not port.many:
        return [port]
    if port.many == "*":
        fixed = {p.name for p in card.inputs if not p.many}
        names = (name for name in map(letter, range(MAX_REPEATED)) if name not in fixed)
        listed: list[str] = []
        missing = set(wired - fixed)
        for name in names:
            free = not missing and len(listed) >= port.at_least
            listed.append(name)
            missing.discard(name)
            if free or len(listed) > len(wired) + 64:
                break
    else:
        listed = repeated_names(port, card, node.settings.get(port.many, _default(card, port.many)))
    return [msgspec.structs.replace(port, name=name, many="") for name in listed]


def repeated_names(port: Port, card: Card, value: SettingValue) -> list[str]:
    """Port names for `out*parts` (a count: out1, out2, ...) or `xs*names` (the names themselves)."""
    if isinstance(value, tuple):
        return [str(name) for name in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return [f"{port.name}{i + 1}" for i in range(min(max(value, 0), 256))]
    return repeated_names(port, card, _default(card, port.many))  # an expression: its value is known only in analysis


def _default(card: Card, name: str) -> SettingValue:
    setting = card.setting(name)
    return setting.default if setting else 1


def _ports_of_wires(graph: Graph, node: Node) -> Ports:
    def anything(ends: list[End]) -> tuple[Port, ...]:
        return tuple(Port(name, "*S", kind="any") for name in dict.fromkeys(end.port for end in ends))

    return Ports(
        anything([w.target for w in graph.into.get(node.id, ())]),
        anything([w.source for w in graph.out_of.get(node.id, ())]),
    )
