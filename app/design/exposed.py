"""Renames a setting that a Group exposes wherever it is named: inside the Group, where it is used, in variants."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.edits import EditError
from app.design.expressions import ExpressionError, names, substitute
from app.design.names import check_name
from app.design.values import Design, Expression, Group, Node, Settings, SettingValue
from app.design.variants import setting_renamed


def rename_group_setting(design: Design, group: str, old: str, new: str) -> Design:
    """Call the setting `old` of a Group `new`: its expressions and the values of its uses follow.

    Raises NamingError where the name cannot be used, EditError where an expression would grow too long.
    """
    if group not in design.group_by_name:
        raise EditError(f"there is no Group `{group}` here: it may have been taken apart")
    settings = design.group_by_name[group].settings
    if old not in {s.name for s in settings}:
        raise EditError(f"`{group}` exposes no setting `{old}`: it may have been removed")
    if new == old:
        return design
    check_name(new, {s.name for s in settings})

    def used(node: Node) -> Node:
        """A node that uses the Group keeps its value under the new name."""
        if node.group != group or old not in node.settings:
            return node
        return replace(node, settings=Settings({new if k == old else k: v for k, v in node.settings.items()}))

    def inside(node: Node) -> Node:
        values = Settings({k: _renamed(v, old, new) for k, v in node.settings.items()})
        repeat = _renamed(node.repeat, old, new)
        return replace(node, settings=values, repeat=repeat)

    def follow(graph: Group) -> Group:
        nodes = tuple(map(used, graph.nodes))
        if graph.name != group:
            return replace(graph, nodes=nodes)
        exposed = tuple(replace(s, name=new) if s.name == old else s for s in settings)
        return replace(graph, nodes=tuple(map(inside, nodes)), settings=exposed)

    groups = tuple(map(follow, design.groups))
    after = replace(design, nodes=tuple(map(used, design.nodes)), groups=groups)
    return setting_renamed(after, design, group, old, new)


def _renamed(value: SettingValue, old: str, new: str) -> SettingValue:
    """A setting's value with the name in its expressions replaced. What cannot be read names nothing."""
    if isinstance(value, tuple):
        return tuple(_renamed(v, old, new) for v in value)
    if not isinstance(value, Expression):
        return value
    try:
        if old not in names(value.expression):
            return value
    except ExpressionError:
        return value
    try:
        return substitute(value, {old: Expression(new)})
    except ExpressionError as error:
        raise EditError(f"`{old}` cannot be called `{new}`: {error}") from None
