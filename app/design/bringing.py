"""Brings Groups of another drawing into this one: what is pasted, and the Groups that a person keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable

from msgspec.structs import replace

from app.design import edits
from app.design.names import check_name, free_name
from app.design.nesting import NestingError, check_nesting
from app.design.values import Design, Group, Node


def bring_groups(design: Design, groups: Iterable[Group], nodes: Iterable[Node]) -> tuple[Design, list[Node]]:
    """Add the Groups that `nodes` need; returns the design and the nodes, which name them as they are called here.

    A Group that is here already is used again; one whose name another Group has here gets a free name, and what uses
    it follows.
    """
    held = Design(groups=tuple(groups))
    try:
        check_nesting(held)  # below one goes from the innermost outwards: that must have an end
    except NestingError as error:
        raise edits.EditError(str(error)) from None
    nodes = list(nodes)
    called: dict[str, str] = {}

    def renamed(node: Node) -> Node:
        return replace(node, group=called[node.group]) if called.get(node.group, node.group) != node.group else node

    todo = list(dict.fromkeys(node.group for node in nodes if node.group in held.group_by_name))
    while todo:
        group = held.group_by_name[todo[-1]]
        inner = [n.group for n in group.nodes if n.group in held.group_by_name and n.group not in called]
        if inner:
            todo += inner
            continue
        todo.pop()
        if group.name in called:
            continue
        wanted = replace(group, nodes=tuple(map(renamed, group.nodes)))
        same = _same(design, wanted)
        called[group.name] = same or free_name(group.name, {**design.group_by_name, **held.group_by_name})
        if not same:
            if group.name not in design.group_by_name:
                called[group.name] = group.name
            design = edits.add_group(design, replace(wanted, name=called[group.name]))
    return design, list(map(renamed, nodes))


def _same(design: Design, wanted: Group) -> str:
    """The Group of the design that is `wanted`, under its name or one that was made of it; "" for none."""
    own = re.compile(re.escape(wanted.name) + r"(_\d+)?")
    names = (g.name for g in design.groups if own.fullmatch(g.name) and replace(g, name=wanted.name) == wanted)
    return min(names, key=lambda name: (len(name), name), default="")


def as_drawing(design: Design, name: str) -> Design:
    """One Group by itself, with the Groups that it uses: a drawing with a single node."""
    used = edits.used_groups(design, name)
    return Design(nodes=(Node(id=name, group=name),), groups=tuple(g for g in design.groups if g.name in used))


def main_group(drawing: Design) -> Group | None:
    """The Group that `as_drawing` made a drawing of; None where the drawing is another."""
    if len(drawing.nodes) != 1 or drawing.nodes[0].group not in drawing.group_by_name:
        return None
    return drawing.group_by_name[drawing.nodes[0].group]


def rename_main(drawing: Design, name: str) -> Design:
    """The same under another name for its Group. Raises NamingError."""
    group = main_group(drawing)
    assert group is not None
    if name == group.name:
        return drawing
    check_name(name, drawing.group_by_name)
    groups = tuple(replace(g, name=name) if g is group else g for g in drawing.groups)
    return replace(drawing, nodes=(Node(id=name, group=name),), groups=groups)
