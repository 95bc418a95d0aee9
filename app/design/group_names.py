"""What a Group is called and said to be, wherever it is used."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.edits import EditError
from app.design.names import check_name
from app.design.values import Design, Node


def rename_group(design: Design, group: str, name: str) -> Design:
    """Call a Group otherwise; the nodes that use it keep their own names. Raises NamingError."""
    _known(design, group)
    if name == group:
        return design
    check_name(name, design.group_by_name)

    def follow(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        if all(node.group != group for node in nodes):
            return nodes
        return tuple(replace(n, group=name) if n.group == group else n for n in nodes)

    groups = tuple(
        replace(g, name=name if g.name == group else g.name, nodes=follow(g.nodes)) for g in design.groups
    )
    return replace(design, nodes=follow(design.nodes), groups=groups)


def describe_group(design: Design, group: str, help: str) -> Design:
    """Say what a Group does."""
    _known(design, group)
    return replace(design, groups=tuple(replace(g, help=help) if g.name == group else g for g in design.groups))


def _known(design: Design, group: str) -> None:
    if group not in design.group_by_name:
        raise EditError(f"there is no Group `{group}` here: it may have been taken apart")
