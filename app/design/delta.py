"""What differs between two designs, as data: small for an edit, however large the design. The window's journal keeps
these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from app.design.values import About, Design, Frame, Graph, Group, Node, Recipe, Variant, Wire
from blocks.card import Setting

T = TypeVar("T")

Run = tuple[int, int]
"""From which to before which of the old ones, in their order."""


class GroupDelta(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One Group as it came to be: some of the old ones as they were (`run`), a new one (`whole`), or the old one of
    the same name with what is different in it. None stands for what is the same."""

    run: Run | None = None
    whole: Group | None = None
    name: str = ""
    help: str | None = None
    settings: tuple[Setting, ...] | None = None
    nodes: tuple[Node | Run, ...] | None = None
    wires: tuple[Wire | Run, ...] | None = None
    frames: tuple[Frame, ...] | None = None


class Delta(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is different in a design; None stands for what is the same."""

    about: About | None = None
    recipe: Recipe | None = None
    variants: tuple[Variant, ...] | None = None
    nodes: tuple[Node | Run, ...] | None = None
    wires: tuple[Wire | Run, ...] | None = None
    frames: tuple[Frame, ...] | None = None
    groups: tuple[GroupDelta, ...] | None = None


class DeltaError(ValueError):
    """A difference that does not belong to this design."""


def difference(old: Design, new: Design) -> Delta:
    """How `new` comes from `old`. What an edit left alone is the same object in both, and is not looked at."""
    return Delta(
        about=None if new.about is old.about else new.about,
        recipe=None if new.recipe is old.recipe else new.recipe,
        variants=None if new.variants is old.variants else new.variants,
        nodes=_runs(old.nodes, new.nodes),
        wires=_runs(old.wires, new.wires),
        frames=None if new.frames is old.frames else new.frames,
        groups=None if new.groups is old.groups else tuple(_groups(old, new)),
    )


def apply(old: Design, delta: Delta) -> Design:
    """The design that `delta` makes of `old`. Raises DeltaError when it was made of another one."""
    fields: dict[str, Any] = {
        name: value for name in ("about", "recipe", "variants") if (value := getattr(delta, name)) is not None
    }
    fields |= _graph(old, delta)
    if delta.groups is not None:
        groups: list[Group] = []
        for part in delta.groups:
            if part.run is not None:
                groups += _slice(old.groups, part.run)
            elif part.whole is not None:
                groups.append(part.whole)
            else:
                groups.append(_regrouped(old, part))
        fields["groups"] = tuple(groups)
    return replace(old, **fields)


def _runs(old: Sequence[T], new: Sequence[T]) -> tuple[T | Run, ...] | None:
    if new is old:
        return None
    place = {id(one): i for i, one in enumerate(old)}
    out: list[T | Run] = []
    begin = end = -1
    for one in new:
        i = place.get(id(one), -1)
        if i >= 0 and i == end:
            end += 1
            continue
        if begin >= 0:
            out.append((begin, end))
        begin, end = (i, i + 1) if i >= 0 else (-1, -1)
        if i < 0:
            out.append(one)
    if begin >= 0:
        out.append((begin, end))
    return tuple(out)


def _groups(old: Design, new: Design) -> list[GroupDelta]:
    out: list[GroupDelta] = []
    for part in _runs(old.groups, new.groups) or ():
        if not isinstance(part, Group):
            out.append(GroupDelta(run=part))
        elif (was := old.group_by_name.get(part.name)) is None:
            out.append(GroupDelta(whole=part))
        else:
            out.append(GroupDelta(
                name=part.name,
                help=None if part.help == was.help else part.help,
                settings=None if part.settings is was.settings else part.settings,
                nodes=_runs(was.nodes, part.nodes),
                wires=_runs(was.wires, part.wires),
                frames=None if part.frames is was.frames else part.frames,
            ))  # fmt: skip
    return out


def _regrouped(old: Design, part: GroupDelta) -> Group:
    was = old.group_by_name.get(part.name)
    if was is None:
        raise DeltaError(f"there is no Group `{part.name}`")
    fields: dict[str, Any] = {
        name: value for name in ("help", "settings") if (value := getattr(part, name)) is not None
    }
    return replace(was, **fields, **_graph(was, part))


def _graph(old: Graph, part: Delta | GroupDelta) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if part.nodes is not None:
        fields["nodes"] = _joined(old.nodes, part.nodes)
    if part.wires is not None:
        fields["wires"] = _joined(old.wires, part.wires)
    if part.frames is not None:
        fields["frames"] = part.frames
    return fields


def _joined(old: tuple[Any, ...], parts: tuple[Any, ...]) -> tuple[Any, ...]:
    out: list[Any] = []
    for part in parts:
        if isinstance(part, tuple):
            out += _slice(old, part)
        else:
            out.append(part)
    return tuple(out)


def _slice(old: tuple[T, ...], run: Run) -> tuple[T, ...]:
    begin, end = run
    if not 0 <= begin < end <= len(old):
        raise DeltaError(f"{begin} to {end} of {len(old)} are named")
    return old[begin:end]
