"""Paths in variants (`encoder/stage.width`) follow when what they name is renamed."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from app.design.values import Design, Graph, Node, Settings

Step = tuple[str, Node]
"""One part of a path: the Group in which it was found ("" is the top), and the node."""


def steps(design: Design, path: str) -> list[Step] | None:
    """The nodes that `path` leads through; None where it leads nowhere."""
    where, found = "", []
    for name in path.rpartition(".")[0].split("/"):
        if where and where not in design.group_by_name:
            return None
        graph: Graph = design.graph(where)
        node = graph.by_name.get(name) or graph.by_id.get(name)
        if node is None:
            return None
        found.append((where, node))
        where = node.group or "."  # a block has no inside: a further name leads nowhere
    return found


def rewrite(design: Design, before: Design, change: Callable[[list[Step], list[str], str], str]) -> Design:
    """`design` with the paths of its variants made anew by `change`, which gets the steps that a path led through in
    the design `before`, their names as written, and the setting. Paths that led nowhere stay."""
    if not design.variants:
        return design

    def path(old: str) -> str:
        found = steps(before, old)
        names, _, setting = old.rpartition(".")
        return old if found is None else change(found, names.split("/"), setting)

    variants = tuple(
        replace(v, settings=Settings({path(k): value for k, value in v.settings.items()})) for v in design.variants
    )
    return replace(design, variants=variants)


def node_renamed(design: Design, before: Design, where: str, id: str, name: str) -> Design:
    """Paths that went through the node `id` of the graph `where` go by its new name."""

    def change(found: list[Step], names: list[str], setting: str) -> str:
        new = [name if (w, n.id) == (where, id) else old for (w, n), old in zip(found, names, strict=True)]
        return f"{'/'.join(new)}.{setting}"

    return rewrite(design, before, change)


def setting_renamed(design: Design, before: Design, group: str, old: str, new: str) -> Design:
    """Paths that named the setting `old` of a use of `group` name `new`."""

    def change(found: list[Step], names: list[str], setting: str) -> str:
        return f"{'/'.join(names)}.{new if setting == old and found[-1][1].group == group else setting}"

    return rewrite(design, before, change)


def without_node(design: Design, where: str, id: str) -> Design:
    """Variants without the settings of the node `id` of the graph `where`."""

    def stays(path: str) -> bool:
        found = steps(design, path)
        return found is None or (found[-1][0], found[-1][1].id) != (where, id)

    kept = tuple(
        replace(v, settings=Settings({k: value for k, value in v.settings.items() if stays(k)}))
        for v in design.variants
    )
    return replace(design, variants=kept)
