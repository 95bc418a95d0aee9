"""Drawings of the zoo by name, and drawings opened down to single layers."""

from __future__ import annotations

from typing import NamedTuple

from app.design import file
from app.design.edits import EditError
from app.design.grouping import open_into
from app.design.paths import apply_variant
from app.design.values import Design, Settings
from app.engine.compile import shared_analyser
from app.engine.opening import OpeningError, open_node
from examples import zoo

ENDS = ("Input", "Output", "Target", "GroupInput", "GroupOutput")


def drawn(name: str) -> Design:
    """The network of the zoo that is called so."""
    cards, path = shared_analyser().cards, zoo.find(name)
    assert path is not None
    return apply_variant(file.load(path, cards), name, cards)


class Opened(NamedTuple):
    """A drawing with its blocks opened, how many times, and of the others the block and why it stays closed."""

    design: Design
    times: int
    closed: list[tuple[str, str]]


def down_to_layers(design: Design, *, alike: bool = True) -> Opened:
    """Open every block that opens, and every block inside; without `alike` one of equal block and settings."""
    todo = [("", node.id) for node in design.nodes]
    seen: set[tuple[str, Settings]] = set()
    times = 0
    closed: list[tuple[str, str]] = []
    while todo:
        where, id = todo.pop()
        node = design.graph(where).by_id[id]
        kind = node.block, node.settings
        if node.group or node.block in ENDS or (kind in seen and not alike):
            continue
        seen.add(kind)
        try:
            design = open_into(design, where, id, open_node(design, where, id).group)
        except (OpeningError, EditError) as error:
            closed.append((node.block, str(error)))
            continue
        times += 1
        name = design.graph(where).by_id[id].group
        todo += [(name, inner.id) for inner in design.group_by_name[name].nodes]
    return Opened(design, times, closed)
