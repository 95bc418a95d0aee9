"""What the repairs have in common: what a candidate is, a node in the middle of a wire."""

from __future__ import annotations

from msgspec.structs import replace

from app.design import changes, edits
from app.design.values import Design, Settings, Wire

Candidate = tuple[str, tuple[changes.Change, ...]]

MAX_SIZE = 10**12
"""Larger sizes have their divisors and multiples left unsearched."""


def between(
    design: Design, where: str, wire: Wire, block: str, name: str, settings: Settings, input: str = "x"
) -> changes.InsertOnWire:
    """Put a new node in the middle of a wire."""
    graph = design.graph(where)
    a, b = graph.by_id[wire.source.node], graph.by_id[wire.target.node]
    node = replace(
        edits.new_node(design, where, block, name=name, x=(a.x + b.x) / 2, y=(a.y + b.y) / 2), settings=settings
    )
    return changes.InsertOnWire(where, wire, node, input, "out")
