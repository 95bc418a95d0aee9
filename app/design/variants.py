"""Paths in variants (`encoder/stage.width`) and in the recipe (`encoder/stage`) follow what they name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec.structs import replace

from app.design.values import Design, Graph, Node, NodeRule, Settings

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
    """`design` with the paths of its variants and of its recipe made anew by `change`, which gets the steps that a path
    led through in the design `before`, their names as written, and the setting ("" in a recipe). Paths that led nowhere
    stay."""
    if not design.variants and not design.recipe.nodes:
        return design

    def path(old: str) -> str:
        found = steps(before, old)
        names, _, setting = old.rpartition(".")
        return old if found is None else change(found, names.split("/"), setting)

    variants = tuple(
        replace(v, settings=Settings({path(k): value for k, value in v.settings.items()})) for v in design.variants
    )
    rules = tuple(replace(rule, node=path(f"{rule.node}.").removesuffix(".")) for rule in design.recipe.nodes)
    if rules != design.recipe.nodes:
        design = replace(design, recipe=replace(design.recipe, nodes=rules))
    return replace(design, variants=variants)


def rule_steps(design: Design, rule: NodeRule) -> list[Step] | None:
    """The nodes that a rule's path leads through; None where it leads nowhere."""
    return steps(design, f"{rule.node}.")


def rules_kept(design: Design, before: Design) -> Design:
    """Without the recipe's rules for nodes that were there in `before` and are not any more."""
    rules = design.recipe.nodes
    kept = tuple(r for r in rules if rule_steps(design, r) is not None or rule_steps(before, r) is None)
    return design if kept == rules else replace(design, recipe=replace(design.recipe, nodes=kept))


def rules_grouped(design: Design, before: Design, where: str, ids: Collection[str], name: str) -> Design:
    """The recipe's rules for the nodes `ids` of the graph `where` lead through the Group node `name` now."""

    def path(rule: NodeRule) -> str:
        found, names = rule_steps(before, rule) or [], rule.node.split("/")
        at = next((i for i, (w, n) in enumerate(found) if w == where and n.id in ids), None)
        return rule.node if at is None else "/".join((*names[:at], name, *names[at:]))

    rules = tuple(replace(rule, node=path(rule)) for rule in design.recipe.nodes)
    return replace(design, recipe=replace(design.recipe, nodes=rules)) if rules != design.recipe.nodes else design


def rules_ungrouped(design: Design, before: Design, where: str, id: str, names: Mapping[str, str]) -> Design:
    """The recipe's rules once the Group node `id` is taken apart: those for nodes inside it follow, one for the Group
    becomes one for each. `names` are what the nodes inside are called now, by their ids there."""

    own = {rule.node for rule in design.recipe.nodes}

    def follow(rule: NodeRule) -> Iterable[NodeRule]:
        found, old = rule_steps(before, rule) or [], rule.node.split("/")
        at = next((i for i, (w, n) in enumerate(found) if (w, n.id) == (where, id)), None)
        if at is None:
            return (rule,)
        if at == len(found) - 1:  # what has a rule of its own goes by that
            named = {name: before.graph(found[at][1].group).by_id[inner].name for inner, name in names.items()}
            inside = [name for name in names.values() if f"{rule.node}/{named[name]}" not in own]
        else:
            inside = [name for inner, name in names.items() if inner == found[at + 1][1].id]
        return (replace(rule, node="/".join((*old[:at], name, *old[at + 2 :]))) for name in inside)

    rules = tuple(new for rule in design.recipe.nodes for new in follow(rule))
    return replace(design, recipe=replace(design.recipe, nodes=rules)) if rules != design.recipe.nodes else design


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
