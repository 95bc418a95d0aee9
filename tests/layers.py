"""Drawings opened down to single layers."""

from __future__ import annotations

from app.design.grouping import open_into
from app.design.values import Design
from app.engine.opening import OpeningError, open_node


def down_to_layers(design: Design) -> Design:
    """Every block opened that opens, and every block inside."""
    todo = [("", node.id) for node in design.nodes]
    while todo:
        where, id = todo.pop()
        try:
            design = open_into(design, where, id, open_node(design, where, id).group)
        except OpeningError:
            continue
        name = design.graph(where).by_id[id].group
        todo += [(name, node.id) for node in design.group_by_name[name].nodes if not node.block.startswith("Group")]
    return design
