"""Drawings for tests, in a line each: `chain(node("image", "Input", size=(3, 8, 8)), node("conv", "Conv2d"), ...)`."""

from __future__ import annotations

from typing import Any

from app.design.values import Design, End, Node, Settings, Wire


def node(id: str, block: str = "", *, group: str = "", at: tuple[float, float] = (0, 0), **settings: Any) -> Node:
    fields = {key: settings.pop(key) for key in ("repeat", "shares", "frozen", "name") if key in settings}
    return Node(id=id, block=block, group=group, settings=Settings(settings), x=at[0], y=at[1], **fields)


def wire(source: str, target: str) -> Wire:
    """`wire("a", "b")` joins a.out to b.x; ports other than these are written out: `wire("a.out", "add.b")`."""
    start, _, output = source.partition(".")
    end, _, input = target.partition(".")
    return Wire(End(start, output or "out"), End(end, input or "x"))


def chain(*nodes: Node, more: tuple[Node, ...] = (), wires: tuple[Wire, ...] = (), **fields: Any) -> Design:
    """Nodes one after another, `more` nodes and `wires` beside them."""
    line = tuple(wire(a.id, b.id) for a, b in zip(nodes, nodes[1:], strict=False))
    placed = tuple(
        Node(n.id, n.block, n.group, n.name, n.settings, 260.0 * i, n.y, n.repeat, n.shares, n.frozen)
        for i, n in enumerate(nodes)
    )
    return Design(nodes=(*placed, *more), wires=(*line, *wires), **fields)


IMAGE = node("image", "Input", size=(3, 32, 32))
OUTPUT = node("output", "Output")
