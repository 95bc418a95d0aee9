"""The order of a Group's ports: that of the GroupInput and GroupOutput nodes inside. Wires go by name and stay."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.borders import PORT_BLOCKS
from app.design.edits import EditError
from app.design.values import Design, Group, Node


def port_nodes(group: Group, block: str) -> tuple[Node, ...]:
    """The nodes that are a Group's inputs (`GroupInput`) or outputs (`GroupOutput`), in the order of its ports."""
    return tuple(node for node in group.nodes if node.block == block)


def move_port(design: Design, group: str, id: str, by: int) -> Design:
    """Move a port up (`by` < 0) or down among the Group's ports of its side, as far as there is room."""
    inside = design.group_by_name.get(group)
    if inside is None:
        raise EditError(f"there is no Group `{group}` here: it may have been taken apart")
    node = inside.by_id.get(id)
    if node is None or node.block not in PORT_BLOCKS:
        raise EditError(f"`{group}` has no port `{id}`: it may have been deleted")
    ordered = list(port_nodes(inside, node.block))
    at = ordered.index(node)
    ordered.insert(min(max(at + by, 0), len(ordered) - 1), ordered.pop(at))
    # The ports of that side take each other's places among the nodes; all other nodes stay where they are.
    left = iter(ordered)
    nodes = tuple(next(left) if n.block == node.block else n for n in inside.nodes)
    if nodes == inside.nodes:
        return design
    return replace(design, groups=tuple(replace(g, nodes=nodes) if g is inside else g for g in design.groups))
