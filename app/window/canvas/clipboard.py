"""Copied nodes on the system's clipboard: a small design as a file's text, so that they paste into an editor too."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from PySide6.QtCore import QMimeData
from PySide6.QtGui import QGuiApplication

from app.design import edits, file
from app.design.names import free_name
from app.design.values import Design, Graph, Group, Node

MIME = "application/x-netloom-nodes"


def write(design: Design, graph: Graph, ids: Iterable[str]) -> None:
    """Copy nodes of `graph`, the wires between them and the Groups that they use."""
    chosen = set(ids)
    nodes = tuple(n for n in graph.nodes if n.id in chosen)
    wires = tuple(w for w in graph.wires if w.source.node in chosen and w.target.node in chosen)
    used: set[str] = set()
    for node in nodes:
        if node.group:
            used |= edits.used_groups(design, node.group)
    nodes = tuple(msgspec.structs.replace(n, shares="") if n.shares not in chosen else n for n in nodes)
    held = Design(nodes=nodes, wires=wires, groups=tuple(g for g in design.groups if g.name in used))
    text = file.dumps(held)
    data = QMimeData()
    data.setData(MIME, text)
    data.setText(text.decode())
    QGuiApplication.clipboard().setMimeData(data)


def read() -> Design | None:
    """What was copied; None when the clipboard holds something else."""
    data = QGuiApplication.clipboard().mimeData()
    if data is None or not (data.hasFormat(MIME) or data.hasText()):
        return None
    held = bytes(data.data(MIME).data()) if data.hasFormat(MIME) else data.text().encode()
    try:
        design = file.loads(held, "the clipboard")
    except file.FileError:
        return None  # a text that is no drawing: the caller says that there is nothing to paste
    return design if design.nodes else None


def bring_groups(design: Design, groups: Iterable[Group], nodes: Iterable[Node]) -> tuple[Design, list[Node]]:
    """Add the Groups that pasted nodes need, under a new name where one of that name has another inside."""
    held = {group.name: group for group in groups}
    new: dict[str, str] = {}
    taken: dict[str, object] = {**design.group_by_name, **held}
    for name, group in held.items():
        here = design.group_by_name.get(name)
        if here is not None and here != group:
            new[name] = free_name(name, taken)
            taken[new[name]] = group

    def renamed(node: Node) -> Node:
        return msgspec.structs.replace(node, group=new[node.group]) if node.group in new else node

    for name, group in held.items():
        wanted = new.get(name, name)
        if wanted not in design.group_by_name:
            inside = tuple(map(renamed, group.nodes))
            design = edits.add_group(design, msgspec.structs.replace(group, name=wanted, nodes=inside))
    return design, list(map(renamed, nodes))
