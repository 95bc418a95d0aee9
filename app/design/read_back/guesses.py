"""Constants that were changed in the class of a block: which settings of its nodes they may be.

A class in generated code has what never varies built in: `nn.Linear(2048, 1000)` in a head with 1,000 classes. Such a
number may follow from a setting in any way, so a reading of it is a guess, which holds only if the code of the design
with that setting has the class as it was edited: `verify` says so.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from app.design.edits import settings_of
from app.design.names import quoted
from app.design.ports import Catalogue
from app.design.read_back.calls import CallError, call_of
from app.design.read_back.pairing import Drawn
from app.design.read_back.parse import ClassCode, ModuleCode, Trouble, Unreadable, parse
from app.design.values import Design, Expression, Node, SettingValue

MOST = 12
"""So many ways to read the changed constants are tried."""
Constant = bool | int | float | str | None


class Guess(NamedTuple):
    """Settings, by the node's graph and id, that would explain how the class `name` was edited."""

    name: str
    settings: tuple[tuple[str, str, str, SettingValue], ...]
    """Graph, node, setting, value."""
    line: int


class Edited(NamedTuple):
    """A constant that was changed."""

    before: Constant
    after: Constant
    line: int


def guesses_for(
    code: ClassCode, other: ClassCode, old: ModuleCode, drawn: Mapping[str, Drawn], design: Design,
    catalogue: Catalogue,
) -> list[Guess]:  # fmt: skip
    """What may explain that a class was `code` and is `other`, the likeliest first; nothing where more than constants
    was changed."""
    changed = constants(code.node, other.node)
    if not changed:
        return []
    owners = _owners(code.name, old, drawn)
    if not owners:
        return []
    ways: list[list[tuple[tuple[str, str, str, SettingValue], ...]]] = []
    for before, after in dict.fromkeys((each.before, each.after) for each in changed):
        found = _settings(before, after, owners, design, catalogue)
        if not found:
            return []
        ways.append(found)
    line = changed[0].line
    made = itertools.islice(itertools.product(*ways), MOST)
    return [Guess(code.name, tuple(itertools.chain.from_iterable(way)), line) for way in made]


def constants(old: ast.AST, new: ast.AST) -> list[Edited] | None:
    """The constants that differ between two pieces of code that are alike otherwise; None where they are not."""
    if isinstance(old, ast.Constant) and isinstance(new, ast.Constant):
        if type(old.value) is type(new.value) and old.value == new.value:
            return []
        fit = all(isinstance(value, bool | int | float | str | None) for value in (old.value, new.value))
        return [Edited(old.value, new.value, new.lineno)] if fit else None  # type: ignore[arg-type]
    if type(old) is not type(new):
        return None
    found: list[Edited] = []
    for name, one in ast.iter_fields(old):
        other = getattr(new, name, None)
        if isinstance(one, list) and isinstance(other, list):
            if name == "body":
                one, other = list(_spoken(one)), list(_spoken(other))  # type: ignore[call-overload]
            if len(one) != len(other):
                return None
            pairs = list(zip(one, other, strict=True))
        else:
            pairs = [(one, other)]
        for mine, theirs in pairs:
            if isinstance(mine, ast.AST) and isinstance(theirs, ast.AST):
                inner = constants(mine, theirs)
                if inner is None:
                    return None
                found += inner
            elif mine != theirs:
                return None
    return found


def _spoken(body: object) -> object:
    """Statements without docstrings."""
    if not isinstance(body, list):
        return body  # a lambda's, or that of a conditional expression
    return [node for node in body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]


def _owners(name: str, old: ModuleCode, drawn: Mapping[str, Drawn]) -> list[tuple[str, Node]]:
    """The nodes whose block's code has a class in it, with the graph that each stands in."""
    users = {name}
    while True:
        more = {
            other for other, code in old.classes.items()
            if other not in users and other not in drawn and _names(code.node) & users
        }  # fmt: skip
        if not more:
            break
        users |= more
    found = []
    for each in drawn.values():
        for made in each.code.made.values():
            try:
                call = call_of(made.value, old)
            except CallError:
                continue
            if call.callee in users and (node := each.graph.by_name.get(made.name)) is not None:
                found.append((each.where, node))
    return found


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _settings(
    before: Constant, after: Constant, owners: Iterable[tuple[str, Node]], design: Design, catalogue: Catalogue
) -> list[tuple[tuple[str, str, str, SettingValue], ...]]:
    """Each setting that all owners of a block have at `before`, as it would be with `after`."""
    found: dict[tuple[str, int], list[tuple[str, str, str, SettingValue]]] = {}
    blocks: dict[str, int] = {}
    for where, node in owners:
        blocks[node.block or node.group] = blocks.get(node.block or node.group, 0) + 1
        for setting in settings_of(design, node, catalogue) or ():
            drawn = node.settings.get(setting.name, setting.default)
            if isinstance(drawn, Expression):
                continue
            for place, value in _put(drawn, before, after):
                try:
                    accepted = setting.accept(value)
                except ValueError:
                    continue
                key = (f"{node.block or node.group}.{setting.name}", place)
                found.setdefault(key, []).append((where, node.id, setting.name, accepted))
    whole = [tuple(each) for key, each in found.items() if len(each) == blocks[key[0].rpartition(".")[0]]]
    return sorted(whole, key=lambda each: -len(each))


def _put(drawn: SettingValue, before: Constant, after: Constant) -> list[tuple[int, SettingValue]]:
    """The value with `before` in it made `after`: as a whole (place -1), or at a place of a tuple."""
    if _equal(drawn, before):
        return [(-1, after)]
    if isinstance(drawn, tuple):
        if drawn and all(_equal(part, before) for part in drawn):
            return [(-1, tuple(after for _ in drawn))]
        return [(i, (*drawn[:i], after, *drawn[i + 1 :])) for i, part in enumerate(drawn) if _equal(part, before)]
    return []


def _equal(one: object, other: object) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def verify(text: str, code: str, guesses: Iterable[Guess]) -> list[Trouble]:
    """Hold edited code against the code that the design has with guessed settings: where a class reads otherwise, the
    guess was wrong."""
    try:
        mine, theirs = parse(text), parse(code)
    except Unreadable as error:
        return [error.trouble]
    troubles = []
    for guess in guesses:
        one, other = mine.classes.get(guess.name), theirs.classes.get(guess.name)
        if one is None or (other is not None and _alike(one.node, other.node, mine, theirs)):
            continue
        troubles.append(Trouble(
            guess.line, f"no setting gives the class {quoted(guess.name)} as it was edited: make it a Code block, or a "
            "module of your own under File > Own blocks",
        ))  # fmt: skip
    return troubles


def _alike(one: object, other: object, mine: ModuleCode, theirs: ModuleCode) -> bool:
    """Whether two pieces of code say the same: calls of classes by what each argument is, in whatever order it stands
    and whether it is written or the default. What only one of the classes takes is built into the other."""
    if isinstance(one, ast.Call) and isinstance(other, ast.Call):
        try:
            first, second = call_of(one, mine), call_of(other, theirs)
        except CallError:
            pass
        else:
            both = first.arguments.keys() & second.arguments.keys()
            return first.callee == second.callee and all(
                _alike(first.arguments[name], second.arguments[name], mine, theirs) for name in both
            )
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_alike(a, b, mine, theirs) for a, b in pairs)
    if isinstance(one, ast.AST) and isinstance(other, ast.AST):
        if type(one) is not type(other):
            return False
        fields = ((name, getattr(one, name, None), getattr(other, name, None)) for name in one._fields)
        return all(
            _alike(_spoken(a) if name == "body" else a, _spoken(b) if name == "body" else b, mine, theirs)
            for name, a, b in fields
        )
    return type(one) is type(other) and one == other
