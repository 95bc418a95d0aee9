"""Paths into a design, with `/` into Groups: by names to a setting (`encoder/stage2.width`, for variants and `--set`),
by ids to a node (`encoder/0/conv`, as analysis has them)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from app.design.edits import EditError, _on, set_repeat, set_setting, setting_of, settings_of
from app.design.expressions import ExpressionError, parse
from app.design.names import free_name, quoted
from app.design.ports import Catalogue
from app.design.values import Design, Expression, Node, Settings, SettingValue
from app.design.variants import steps


class PathError(ValueError):
    """A path that leads nowhere or a value that does not fit; the message says what there is instead."""


def set_at(design: Design, path: str, value: Any, catalogue: Catalogue) -> Design:
    """Set the setting that `path` names. A Group that several nodes use is changed for the named one alone."""
    names, dot, setting = path.rpartition(".")
    if not dot or not names or not setting:
        raise PathError(f"{quoted(path)} is no setting: write NODE.SETTING, with / into Groups")
    *groups, last = names.split("/")
    where = ""
    for name in groups:
        design, where = _own_group(design, where, _find(design, where, name, path), path)
    node = _find(design, where, last, path)
    try:
        if node.group and setting == "repeat":
            return set_repeat(design, where, node.id, value)
        return set_setting(design, where, node.id, setting, value, catalogue)
    except EditError as error:
        raise PathError(f"{path}: {error}") from None


def _find(design: Design, where: str, name: str, path: str) -> Node:
    graph = design.graph(where)
    node = graph.by_name.get(name) or graph.by_id.get(name)
    if node is None and len(alike := [n for n in graph.nodes if n.block == name]) == 1:
        node = alike[0]  # named by its block, where that says which one
    if node is None:
        known = ", ".join(list(graph.by_name)[:12])
        raise PathError(f"{path}: there is no node `{name}` (there are: {known})")
    return node


def _own_group(design: Design, where: str, node: Node, path: str) -> tuple[Design, str]:
    """Make sure that no other node uses the Group of `node`; returns the design and that Group's name."""
    if not node.group or node.group not in design.group_by_name:
        raise PathError(f"{path}: `{node.name}` is no Group, so nothing lies inside it")
    users = sum(n.group == node.group for g in (design, *design.groups) for n in g.nodes)
    if users == 1:
        return design, node.group
    name = free_name(f"{node.group}_{node.name}", design.group_by_name)
    copy = replace(design.group_by_name[node.group], name=name)
    design = replace(design, groups=(*design.groups, copy))
    nodes = tuple(replace(n, group=name) if n is node else n for n in design.graph(where).nodes)
    return _on(design, where, nodes=nodes), name


def parse_value(text: str, design: Design, path: str, catalogue: Catalogue) -> SettingValue:
    """Read a value typed on the command line for the setting that `path` names: `64`, `3x3`, `0.5`, `true`, `gelu`,
    `128,256`, `none`."""
    names, _, setting_name = path.rpartition(".")
    where = ""
    *groups, last = names.split("/")
    for name in groups:
        where = _find(design, where, name, path).group
        if where not in design.group_by_name:
            raise PathError(f"{path}: `{name}` is no Group, so nothing lies inside it")
    node = _find(design, where, last, path)
    setting = setting_of(design, node, setting_name, catalogue)
    if setting is None and not (node.group and setting_name == "repeat"):
        known = ", ".join(s.name for s in settings_of(design, node, catalogue) or ()) or "none"
        raise PathError(f"{path}: `{node.name}` has no setting `{setting_name}` (it has: {known})")
    kind = setting.type if setting else "int"
    try:
        return read_value(text, kind)
    except ValueError:
        wanted = setting.wanted() if setting else "a whole number"
        raise PathError(f"{path} is `{text}`, but it needs {wanted}") from None


_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def read_value(text: str, kind: str) -> SettingValue:
    """Read a text as a value of a setting's type. Raises ValueError."""
    text = text.strip()
    if text.lower() in ("none", "null"):
        return None
    match kind:
        case "bool":
            if text.lower() not in _BOOLS:
                raise ValueError(text)
            return _BOOLS[text.lower()]
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "pair" | "ints":
            parts = text.strip("()[]").removesuffix(",").replace("×", "x").replace("x", ",").split(",")
            numbers = tuple(int(p) for p in parts) if parts != [""] else ()
            return numbers if len(numbers) > 1 or kind == "ints" else numbers[0]
        case "floats":
            return tuple(float(p) for p in text.strip("()[]").split(",") if p.strip())
        case "strs":
            return tuple(p.strip() for p in text.strip("()[]").split(",") if p.strip())
    return text


def apply_variant(design: Design, name: str, catalogue: Catalogue) -> Design:
    """The design with a variant's settings put in. Raises PathError."""
    variant = next((v for v in design.variants if v.name == name), None)
    if variant is None:
        known = ", ".join(v.name for v in design.variants) or "none"
        raise PathError(f"there is no variant `{name}` (there are: {known})")
    return set_all(design, variant.settings, catalogue)


def choose_variant(design: Design, name: str, catalogue: Catalogue) -> Design:
    """The drawing as its variant `name` has it. Raises PathError.

    From then on every variant says what each setting is that one of them changes: what a variant left as drawn would
    be lost otherwise, and another variant could not be chosen afterwards.
    """
    paths = dict.fromkeys(path for v in design.variants for path in v.settings)
    drawn = {path: value for path in paths if (value := _value_at(design, path, catalogue)) is not _NOWHERE}
    complete = tuple(replace(v, settings=Settings({**drawn, **v.settings})) for v in design.variants)
    return apply_variant(replace(design, variants=complete), name, catalogue)


def variant_of(design: Design, catalogue: Catalogue, hint: str = "") -> str:
    """The variant that the drawing is at present, "" where it is none of them. Of equal ones `hint` is meant."""
    found = [v for v in design.variants if all(_same(design, p, value, catalogue) for p, value in v.settings.items())]
    if not found:
        return ""
    return max(found, key=lambda v: (len(v.settings), v.name == hint)).name


def variant_changes(
    design: Design, name: str, catalogue: Catalogue
) -> tuple[tuple[str, SettingValue, SettingValue], ...]:
    """What choosing a variant changes in the drawing: (path, what is drawn, what it sets). Paths that lead nowhere are
    left out: choosing says so."""
    settings = next((v.settings for v in design.variants if v.name == name), Settings())
    drawn = {path: _value_at(design, path, catalogue) for path in settings}
    return tuple(
        (path, drawn[path], value)
        for path, value in settings.items()
        if drawn[path] is not _NOWHERE and not _same(design, path, value, catalogue)
    )


_NOWHERE = object()


def _value_at(design: Design, path: str, catalogue: Catalogue) -> Any:
    """What the setting that `path` names is in the drawing."""
    found = steps(design, path)
    if found is None:
        return _NOWHERE
    node, setting = found[-1][1], path.rpartition(".")[2]
    if node.group and setting == "repeat":
        return node.repeat
    declared = setting_of(design, node, setting, catalogue)
    return node.settings.get(setting, declared.default if declared else None)


def _same(design: Design, path: str, value: SettingValue, catalogue: Catalogue) -> bool:
    there = _value_at(design, path, catalogue)
    if there is _NOWHERE:
        return False
    found = steps(design, path) or []
    declared = setting_of(design, found[-1][1], path.rpartition(".")[2], catalogue)
    if declared is not None and not isinstance(value, Expression) and not isinstance(there, Expression):
        try:
            value, there = declared.accept(value), declared.accept(there)
        except ValueError:
            return False
    return Settings(value=value) == Settings(value=there)


def set_all(design: Design, settings: Mapping[str, SettingValue], catalogue: Catalogue) -> Design:
    for path, value in settings.items():
        design = set_at(design, path, value, catalogue)
    return design


def set_from_text(design: Design, assignments: Iterable[str], catalogue: Catalogue) -> Design:
    """Apply `NODE.SETTING=VALUE` assignments as typed. `=EXPRESSION` after the sign is kept as an expression."""
    for text in assignments:
        path, sign, value = text.partition("=")
        if not sign:
            raise PathError(f"{quoted(text)} sets nothing: write NODE.SETTING=VALUE")
        path = path.strip()
        if value.startswith("="):
            try:
                parse(value[1:])
            except ExpressionError as error:
                raise PathError(f"{path}: {error}") from None
            design = set_at(design, path, Expression(value[1:].strip()), catalogue)
        else:
            design = set_at(design, path, parse_value(value, design, path, catalogue), catalogue)
    return design


def show_value(value: SettingValue) -> str:
    """A setting's value as people write it: `3×3`, `128, 256`, `= width * 2`."""
    if isinstance(value, Expression):
        return f"= {value.expression}"
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(v, int) for v in value):
            return f"{value[0]}×{value[1]}"
        return ", ".join(map(show_value, value))
    if value is None:
        return "auto"
    return value if isinstance(value, str) else json.dumps(value)


def way_into(design: Design, group: str) -> tuple[str, ...] | None:
    """The ids of the nodes to enter for the Group `group`, outermost first: the first way that there is, None where no
    node uses it."""
    ways: list[tuple[tuple[str, ...], str]] = [((), "")]
    seen = {""}
    for way, where in ways:
        if where == group:
            return way
        for node in design.graph(where).nodes:
            if node.group and node.group not in seen and node.group in design.group_by_name:
                seen.add(node.group)
                ways.append(((*way, node.id), node.group))
    return None


def locate(design: Design, id: str) -> tuple[tuple[str, ...], str, str]:
    """Where the analysis path `id` (`encoder/0/conv`) leads: the Group nodes to enter, the graph's name, the node's id.

    As far as the path leads where something on it is gone; the node's id is "" then.
    """
    entered: list[str] = []
    where = ""
    parts = [part for part in id.split("/") if not part.isdigit()]  # digits count repetitions: no id begins with one
    for part in parts[:-1]:
        node = design.graph(where).by_id.get(part)
        if node is None or node.group not in design.group_by_name:
            return tuple(entered), where, ""
        entered.append(part)
        where = node.group
    last = parts[-1] if parts else ""
    return tuple(entered), where, last if last in design.graph(where).by_id else ""
