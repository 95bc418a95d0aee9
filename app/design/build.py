"""Drawings written down in Python, a line a node: `chain(node("image", "Input", size=(3, 8, 8)), ...)`."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from app.design.values import Design, End, Node, Settings, Wire

PITCH = 260.0
"""Scene units from one node of a chain to the next."""

_FIELDS = ("name", "repeat", "shares", "follows", "momentum", "frozen")


def node(id: str, block: str = "", *, group: str = "", at: tuple[float, float] = (0, 0), **settings: Any) -> Node:
    """A node of a block, or with `group` of a Group; what is no field of a node is a setting."""
    fields = {key: settings.pop(key) for key in _FIELDS if key in settings}
    return Node(id=id, block=block, group=group, settings=Settings(settings), x=at[0], y=at[1], **fields)


def wire(source: str, target: str) -> Wire:
    """`wire("a", "b")` joins a.out to b.x; other ports are written out: `wire("a.out", "add.b")`."""
    start, _, output = source.partition(".")
    end, _, input = target.partition(".")
    return Wire(End(start, output or "out"), End(end, input or "x"))


def chain(*nodes: Node, more: tuple[Node, ...] = (), wires: tuple[Wire, ...] = (), **fields: Any) -> Design:
    """Nodes wired one after another from left to right, with `more` nodes and `wires` beside them.

    `fields` are those of a Design: groups, variants, recipe.
    """
    line = tuple(wire(a.id, b.id) for a, b in pairwise(nodes))
    placed = tuple(replace(n, x=PITCH * i) for i, n in enumerate(nodes))
    return Design(nodes=(*placed, *more), wires=(*line, *wires), **fields)
