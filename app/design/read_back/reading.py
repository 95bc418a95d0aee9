"""Edited code, compared with the code that the design gives: what differs becomes edits of the design.

Both texts are syntax trees; nothing of them is run. A class that stands for the drawing or for a Group of it is read
statement by statement: what its constructor makes are nodes with settings, what its forward does are wires. Other
classes and functions are how blocks work: a change there is no edit of a drawing, and is pointed at.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from app.design.names import quoted
from app.design.ports import Catalogue
from app.design.read_back import beginnings
from app.design.read_back.apart import apart
from app.design.read_back.beginnings import METHOD, is_call
from app.design.read_back.changes import Changes, make
from app.design.read_back.guesses import Guess, guesses_for
from app.design.read_back.makes import Makes
from app.design.read_back.pairing import Drawn, drawn_classes, same
from app.design.read_back.parse import ClassCode, ModuleCode, Trouble, Unreadable, parse
from app.design.read_back.wiring import Wiring
from app.design.values import Design

MOST_TROUBLES = 100


class Base(NamedTuple):
    """The code of a design as it was generated. `places` are the lines (from 1) of each node, by its id, in a Group
    behind the Group's name: `Encoder/conv`."""

    text: str
    places: Mapping[str, tuple[int, ...]]


class ReadBack(NamedTuple):
    """What was read: the design with all that could be, and what could not, by line."""

    design: Design
    troubles: tuple[Trouble, ...] = ()
    guesses: tuple[Guess, ...] = ()
    """What has to be held against the code of `design` before it counts: see `verify`."""
    ways: int = 1
    """In how many ways the text can be read."""


def read_back(
    text: str, base: Base, design: Design, catalogue: Catalogue, way: int = 0, onto: Design | None = None
) -> ReadBack:
    """Read `text`, which was `base` before it was edited, as an edit of the design that `base` is the code of. Where
    it can be read in several ways (`ReadBack.ways`), `way` says in which; with -1 nothing is guessed. With `onto` the
    edit is made of that design: what `design` has become since."""
    onto = design if onto is None else onto
    if text == base.text:
        return ReadBack(onto)
    try:
        new = parse(text)
        old = parse(base.text)
    except Unreadable as error:
        return ReadBack(onto, (error.trouble,))
    drawn = drawn_classes(old, dict(base.places), design, catalogue)
    troubles, guesses = _elsewhere(old, new, drawn, design, catalogue, guess=way >= 0)
    guessed = [each[min(way, len(each) - 1)] for each in guesses]
    made: dict[str, list[tuple[str, Changes]]] = {}
    gone: list[tuple[str, str]] = []
    renamed = _renamed(old, new, drawn)
    for name, each in drawn.items():
        code = new.classes.get(renamed.get(name, name))
        if code is None:
            gone.append((name, each.where))
            continue
        changes = Changes(each.where)
        if not same(each.code.node, code.node):
            troubles += _class(each, apart(code, each.code), old, new, changes, design, catalogue, drawn.values())
        made.setdefault(each.where, []).append((name, changes))
    for where, id, setting, value in (each for guess in guessed for each in guess.settings):
        for _, changes in made.get(where, ()):
            changes.settings.append((id, setting, value, guessed[0].line))
    result = onto
    for where, found in made.items():
        keys = [changes.key() for _, changes in found]
        if any(key != keys[0] for key in keys):
            names = " and ".join(quoted(name) for name, _ in found[:4])
            code = next(new.classes[name] for (name, _), key in zip(found, keys, strict=True) if key != keys[0])
            troubles.append(Trouble(code.line, f"{names} are one Group, `{where}`: change them alike"))
            continue
        if where and where not in result.group_by_name:
            if not found[0][1].empty:
                line = new.classes[found[0][0]].line
                troubles.append(Trouble(line, f"the Group {quoted(where)} is no longer drawn"))
            continue
        result, refused = make(result, found[0][1], catalogue)
        troubles += refused
    for name, where in gone:
        if not where or where in result.group_by_name:
            troubles.append(Trouble(1, f"the class {quoted(name)} is gone: it stands for a part of the drawing"))
    unique = dict.fromkeys(sorted(troubles))
    ways = max((len(each) for each in guesses), default=1)
    return ReadBack(result, tuple(unique)[:MOST_TROUBLES], tuple(guessed), ways)


def _renamed(old: ModuleCode, new: ModuleCode, drawn: Mapping[str, Drawn]) -> dict[str, str]:
    """What the class of the whole drawing is called now: that is no edit of it."""
    gone = [name for name, each in drawn.items() if name not in new.classes and not each.where]
    fresh = [name for name in new.classes if name not in old.classes]
    return {gone[0]: fresh[0]} if len(gone) == len(fresh) == 1 else {}


def _class(
    drawn: Drawn, code: ClassCode, old: ModuleCode, new: ModuleCode, changes: Changes, design: Design,
    catalogue: Catalogue, known: Collection[Drawn],
) -> list[Trouble]:  # fmt: skip
    """Read one class that stands for a graph; what was found goes into `changes`."""
    makes = Makes(drawn, code, old, new, changes, design, catalogue, known)
    makes.read()
    troubles = makes.troubles
    before = drawn.code
    if code.parameters != before.parameters or any(
        not same(default, code.defaults.get(name)) for name, default in before.defaults.items()
    ):
        troubles.append(Trouble(_init_line(code), "what a class takes is changed on the canvas: a Group exposes it"))
    kept = [ast.dump(statement) for statement in before.rest]
    for statement in code.rest:
        if (dump := ast.dump(statement)) in kept:
            kept.remove(dump)
        else:
            troubles.append(Trouble(statement.lineno, "only `self.NAME = CLASS(...)` can be read in `__init__`"))
    if METHOD not in code.others:
        kept = [dump for dump in kept if dump not in {ast.dump(s) for s in before.rest if is_call(s)}]
    if kept:
        troubles.append(Trouble(_init_line(code), "a line of `__init__` is gone that the drawing needs"))
    troubles += _members(before, code)
    if METHOD in before.others:
        troubles += beginnings.compare(before, code, makes.names)
    if code.forward is None:
        troubles.append(Trouble(code.line, f"{quoted(code.name)} has no `forward`: it says how the nodes are wired"))
    else:
        wiring = Wiring(drawn, code, makes, changes, design, catalogue, new.names)
        wiring.read()
        troubles += wiring.troubles
    if changes.empty and not troubles:  # nothing else explains them
        troubles += makes.sizes
    return troubles


def _init_line(code: ClassCode) -> int:
    functions = (part for part in code.node.body if isinstance(part, ast.FunctionDef))
    return next((part.lineno for part in functions if part.name == "__init__"), code.line)


def _members(before: ClassCode, code: ClassCode) -> list[Trouble]:
    """Methods and attributes besides the constructor and the forward."""
    found = []
    for name, member in code.others.items():
        if name == METHOD in before.others:
            continue
        if not same(member, before.others.get(name)):
            found.append(Trouble(member.lineno, f"{quoted(name)} cannot be drawn: only modules and calls of them can"))
    gone = [name for name in before.others if name not in code.others and name != METHOD]
    found += [Trouble(code.line, f"{quoted(name)} is gone, which the class needs") for name in gone]
    return found


# what is no drawing ---------------------------------------------------------------------------------------------------


def _elsewhere(
    old: ModuleCode, new: ModuleCode, drawn: Mapping[str, Drawn], design: Design, catalogue: Catalogue, *, guess: bool
) -> tuple[list[Trouble], list[list[Guess]]]:
    """Changes of what is no class of the drawing: blocks, functions, constants. Where only constants of a block's
    class were changed they may be settings: the second is what they may be, for each class."""
    found: list[Trouble] = []
    guessed: list[list[Guess]] = []
    for name, code in old.classes.items():
        other = new.classes.get(name)
        if name in drawn or other is None:
            continue  # a class that is gone is missed where it is used
        if (line := _first_difference(code.node, other.node)) is not None:
            if guess and (guesses := guesses_for(code, other, old, drawn, design, catalogue)):
                guessed.append(guesses)
                continue
            found.append(Trouble(
                line, f"the class {quoted(name)} was changed by hand, but it is how a block works: make it a Code "
                "block, or a module of your own under File > Own blocks",
            ))  # fmt: skip
    for name, statement in old.others.items():
        other_statement = new.others.get(name)
        if other_statement is not None and (line := _first_difference(statement, other_statement)) is not None:
            found.append(Trouble(line, f"{quoted(name)} was changed by hand, but it is how a block works"))
    for name, statement in new.others.items():
        if name not in old.others:
            what = "this" if name.startswith("line ") else quoted(name)
            found.append(Trouble(statement.lineno, f"{what} is new: a drawing has no place for it"))
    return found, guessed


def _first_difference(old: ast.stmt, new: ast.stmt) -> int | None:
    """The first line of `new` that is not as in `old`; None where both are equal. Docstrings are no difference."""
    if isinstance(old, ast.ClassDef | ast.FunctionDef) and isinstance(
        new, ast.ClassDef | ast.FunctionDef
    ):
        mine, theirs = _undocumented(old.body), _undocumented(new.body)
        heads = [ast.dump(_without_body(node)) for node in (old, new)]
        if heads[0] != heads[1]:
            return new.lineno
        first, second = [ast.dump(n) for n in mine], [ast.dump(n) for n in theirs]
        for kind, i1, i2, j1, j2 in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            if kind == "replace" and i2 - i1 == j2 - j1 == 1:
                return _first_difference(mine[i1], theirs[j1])
            return theirs[j1].lineno if j1 < j2 else new.lineno
        return None
    return None if same(old, new) else new.lineno


def _undocumented(body: list[ast.stmt]) -> list[ast.stmt]:
    return [n for n in body if not (isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant))]


def _without_body(node: ast.stmt) -> ast.AST:
    bare = copy.copy(node)
    bare.body = []  # type: ignore[attr-defined]
    return bare
