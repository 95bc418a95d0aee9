"""Classes for the modules at hand: one for all modules of a class, which holds what these modules have and no more.

What differs among them becomes a parameter, or arithmetic over parameters; what is the same everywhere is written where
it is used.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import nn

from app.engine.to_python.explain import CASE, INDEX, Env, condition, expression, parse, same
from app.engine.to_python.known import literal
from app.engine.to_python.torch_layers import parameters_of


class Make(NamedTuple):
    """A module as a call: of torch's `nn.NAME`, or of a class that is written."""

    target: str
    """`nn.Conv2d`, or the name of a shape."""
    arguments: dict[str, Any]
    """What it is told; what is left out has its default."""


class Row(NamedTuple):
    """Modules in a container of torch's."""

    kind: str
    parts: tuple[Any, ...]


Value = Make | Row | None


class CannotShapeError(ValueError):
    """Modules for which no common class can be written."""


class Parameter(NamedTuple):
    """Of a constructor that is written: its values, one a module, and its default (EMPTY: none)."""

    name: str
    values: list[Any]
    default: Any


class Empty:
    """No default."""

    def __repr__(self) -> str:
        return "EMPTY"


EMPTY = Empty()
LARGE = 16
"""From here on equal numbers are hardly equal by chance."""


class Constructor:
    """Writes the `__init__` of a class for several modules at once."""

    def __init__(self, envs: Sequence[Env], defaults: Env, shapes: dict[str, list[Parameter]]) -> None:
        self.envs = [{CASE: k, **env} for k, env in enumerate(envs)]
        self.defaults = defaults
        self.shapes = shapes
        """The parameters of the classes that are written already."""
        self.used: dict[str, None] = {}
        self.made: dict[str, list[Any]] = {}
        """Parameters of our own making."""

    def parameters(self) -> list[Parameter]:
        """Those that what was written needs: without default first."""
        found: list[Parameter] = []
        for name in [*(n for n in self.envs[0] if n in self.used and n not in self.made), *self.made]:
            values = [env[name] for env in self.envs]
            default = self.defaults.get(name, EMPTY) if name not in self.made else EMPTY
            if default is not EMPTY and 2 * sum(_same(v, default) for v in values) < len(values):
                default = EMPTY  # few have it: it says nothing
            found.append(Parameter(name, values, default))
        return sorted(found, key=lambda p: p.default is not EMPTY)

    # expressions ------------------------------------------------------------------------------------------------------

    def value(self, values: Sequence[Any], cases: Sequence[Env], hint: str) -> ast.expr:
        """What gives each of the values, plain ones or modules, in its case."""
        if any(isinstance(v, Make | Row) for v in values):
            return self._module(values, cases, hint)
        if same(values):
            found = self._size(values[0], cases, hint)
            return _plain(values[0]) if found is None else self._noted(parse(found))
        found = expression(values, cases)
        if found is not None:
            return self._noted(parse(found))
        if all(isinstance(v, tuple) and len(v) == len(values[0]) for v in values):
            return ast.Tuple(
                [self.value([v[k] for v in values], cases, f"{hint}_{k}") for k in range(len(values[0]))], ast.Load()
            )
        return self._parameter(values, cases, hint)

    def modules(self, values: Sequence[Any], name: str) -> ast.expr:
        """What gives each of the modules (None: there is none); where they have nothing in common, a parameter."""
        saved = self._save()
        try:
            return self.value(values, self.envs, name)
        except CannotShapeError:
            if len(values) == 1:
                raise
            self._restore(saved)
            return self._parameter(values, self.envs, name)

    def _size(self, value: Any, cases: Sequence[Env], hint: str) -> str | None:
        """How a size that is the same everywhere follows from one that the constructor is told."""
        if type(value) is not int:
            return None
        if hint == "depth":
            return next((n for n in cases[0] if "depth" in n and all(_same(c.get(n), value) for c in cases)), None)
        names = [n for n in self.envs[0] if n not in self.defaults and n not in self.made and n != CASE]
        for times in (1, 2, 3, 4):
            for name in names:
                size = cases[0].get(name)
                if not isinstance(size, int) or size < LARGE or times * size != value:
                    continue
                if all(_same(c.get(name), size) for c in cases):
                    return name if times == 1 else f"{times} * {name}"
        return None

    def _noted(self, node: ast.expr) -> ast.expr:
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id in self.envs[0]:
                self.used[each.id] = None
        return node

    def _parameter(self, values: Sequence[Any], cases: Sequence[Env], hint: str) -> ast.expr:
        """A parameter of our own making that has these values."""
        by_env: dict[int, Any] = {}
        for value, case in zip(values, cases, strict=True):
            key = case[CASE]
            if key in by_env and not _same(by_env[key], value):
                raise CannotShapeError(f"`{hint}` differs from one round of a loop to the next")
            by_env[key] = value
        first = values[0]
        column = [by_env.get(env[CASE], first) for env in self.envs]
        name, number = hint, 1
        while name in self.used or name in self.made or name == INDEX:
            number += 1
            name = f"{hint}{number}"
        self.made[name] = column
        for env, value in zip(self.envs, column, strict=True):
            env[name] = value
        for case in cases:
            case[name] = by_env[case[CASE]]
        self.used[name] = None
        return ast.Name(name, ast.Load())

    def _module(self, values: Sequence[Any], cases: Sequence[Env], hint: str) -> ast.expr:
        there = [v is not None for v in values]
        if not all(there):
            kept = [(v, c) for v, c in zip(values, cases, strict=True) if v is not None]
            made = self._module([v for v, _ in kept], [c for _, c in kept], hint)
            test = condition(there, cases)
            node = parse(test) if test is not None else self._parameter(there, cases, f"with_{hint}")
            return ast.IfExp(self._noted(node), made, ast.Constant(None))
        if all(isinstance(v, Make) for v in values):
            if len({v.target for v in values}) == 1:
                return self._make(values, cases, hint)
            return self._choice(values, cases, hint)
        if all(isinstance(v, Row) for v in values) and len({v.kind for v in values}) == 1:
            return self._row(values, cases, hint)
        return self._choice(values, cases, hint)

    def _choice(self, values: Sequence[Any], cases: Sequence[Env], hint: str) -> ast.expr:
        """One of two kinds of module, by a test; more kinds are decided one by one."""
        kinds = [_kind(v) for v in values]
        names = list(dict.fromkeys(kinds))
        for kind in names:
            rest = [(v, c) for v, c, k in zip(values, cases, kinds, strict=True) if k != kind]
            these = [(v, c) for v, c, k in zip(values, cases, kinds, strict=True) if k == kind]
            test = condition([k == kind for k in kinds], cases)
            if test is None and (kind != names[0] or len(names) > 2):
                continue
            a = self._module([v for v, _ in these], [c for _, c in these], hint)
            b = self._module([v for v, _ in rest], [c for _, c in rest], hint)
            chosen = [k == kind for k in kinds]
            node = parse(test) if test is not None else self._parameter(chosen, cases, f"{hint}_kind")
            return ast.IfExp(self._noted(node), a, b)
        raise CannotShapeError(f"`{hint}` is one of {len(names)} kinds of module")

    def _make(self, values: Sequence[Make], cases: Sequence[Env], hint: str) -> ast.expr:
        target = values[0].target
        told: dict[str, ast.expr] = {}
        for name, default in self.defaults_of(target).items():
            if all(name not in v.arguments for v in values):
                continue
            column = [v.arguments.get(name, default) for v in values]
            if default is EMPTY or not all(_same(v, default) for v in column):
                told[name] = self.value(column, cases, name)
        return call(target, told, self.defaults_of(target))

    def defaults_of(self, target: str) -> dict[str, Any]:
        """The parameters of what is called, with their defaults."""
        if target.startswith("nn."):
            found = parameters_of(getattr(nn, target[3:]))
            return {n: EMPTY if isinstance(d, type) and d.__name__ == "_empty" else d for n, d in found.items()}
        return {p.name: p.default for p in self.shapes[target]}

    # rows -------------------------------------------------------------------------------------------------------------

    def _row(self, values: Sequence[Row], cases: Sequence[Env], hint: str) -> ast.expr:
        kind = values[0].kind
        lengths = {len(v.parts) for v in values}
        if lengths == {0}:
            return ast.Call(parse(kind), [], [])
        for attempt in (self._uniform, self._first_and_rest, self._indexed):
            saved = self._save()
            if max(lengths) < 2 or (max(lengths) < 3 and len(lengths) == 1 and attempt != self._uniform):
                break
            try:
                return _container(kind, attempt(values, cases, hint))
            except CannotShapeError:
                self._restore(saved)
        if len(lengths) > 1:
            found = self._by_presence(values, cases, hint)
            if found is not None:
                return _container(kind, found)
            raise CannotShapeError(f"the parts of `{hint}` differ in number")
        parts: list[ast.expr] = []
        length = lengths.pop()
        k = 0
        while k < length:
            run = 1
            while k + run < length and all(_same(v.parts[k], v.parts[k + run]) for v in values):
                run += 1
            made = self.value([v.parts[k] for v in values], cases, f"{hint}{k}" if length > 1 else hint)
            if run >= 3:
                parts.append(ast.Starred(_repeated(made, ast.Constant(run)), ast.Load()))
            else:
                parts += [copy.deepcopy(made) for _ in range(run)]
            k += run
        return _container(kind, parts)

    def _by_presence(self, values: Sequence[Row], cases: Sequence[Env], hint: str) -> list[ast.expr] | None:
        """Empty rows, and others of one length: each of the parts if a test holds."""
        lengths = {len(v.parts) for v in values}
        if lengths - {0} and len(lengths) == 2 and 0 in lengths:
            test = condition([bool(v.parts) for v in values], cases)
            if test is None:
                return None
            full = [(v, c) for v, c in zip(values, cases, strict=True) if v.parts]
            made = self._row([v for v, _ in full], [c for _, c in full], hint)
            assert isinstance(made, ast.Call)
            whole = made.args[0] if made.args else None
            parts = whole if isinstance(whole, ast.List) else ast.List(made.args, ast.Load())
            return [ast.Starred(ast.IfExp(self._noted(parse(test)), parts, ast.List([], ast.Load())), ast.Load())]
        return None

    def _save(self) -> Any:
        return dict(self.used), dict(self.made), [dict(env) for env in self.envs]

    def _restore(self, saved: Any) -> None:
        self.used, self.made = dict(saved[0]), dict(saved[1])
        for env, old in zip(self.envs, saved[2], strict=True):
            env.clear()
            env.update(old)

    def _count(self, counts: list[int], cases: Sequence[Env]) -> ast.expr:
        return self.value(counts, cases, "depth")

    def _uniform(self, values: Sequence[Row], cases: Sequence[Env], hint: str) -> list[ast.expr]:
        if not all(all(_same(p, v.parts[0]) for p in v.parts) for v in values):
            raise CannotShapeError("the parts differ")
        counts = [len(v.parts) for v in values]
        if max(counts) < 3 and len(set(counts)) == 1:
            raise CannotShapeError("it is as short to write both")
        filled = next(v for v in values if v.parts)
        made = self.value([(v.parts or filled.parts)[0] for v in values], cases, hint)
        return [ast.Starred(_repeated(made, self._count(counts, cases)), ast.Load())]

    def _first_and_rest(self, values: Sequence[Row], cases: Sequence[Env], hint: str) -> list[ast.expr]:
        if not all(v.parts and all(_same(p, v.parts[1]) for p in v.parts[2:]) for v in values):
            raise CannotShapeError("the parts differ")
        counts = [len(v.parts) - 1 for v in values]
        if len(set(counts)) == 1 and counts[0] < 3:
            raise CannotShapeError("it is as short to write all")
        first = self.value([v.parts[0] for v in values], cases, f"{hint}_first")
        more = [(v.parts[1], c) for v, c in zip(values, cases, strict=True) if len(v.parts) > 1]
        rest = self.value([v for v, _ in more], [c for _, c in more], hint)
        return [first, ast.Starred(_repeated(rest, self._count(counts, cases)), ast.Load())]

    def _indexed(self, values: Sequence[Row], cases: Sequence[Env], hint: str) -> list[ast.expr]:
        rounds = [(p, {**c, INDEX: i}) for v, c in zip(values, cases, strict=True) for i, p in enumerate(v.parts)]
        if any(INDEX in c for c in cases):
            raise CannotShapeError("a loop in a loop")
        if len({len(v.parts) for v in values}) == 1 and len(values[0].parts) < 5:
            raise CannotShapeError("it is as short to write all")
        made = self.value([p for p, _ in rounds], [c for _, c in rounds], hint)
        return [ast.Starred(_repeated(made, self._count([len(v.parts) for v in values], cases)), ast.Load())]


def _repeated(made: ast.expr, count: ast.expr) -> ast.expr:
    used = any(isinstance(n, ast.Name) and n.id == INDEX for n in ast.walk(made))
    name = ast.Name(INDEX if used else "_", ast.Store())
    over = ast.Call(ast.Name("range", ast.Load()), [count], [])
    return ast.GeneratorExp(made, [ast.comprehension(name, over, [], 0)])


def _container(kind: str, parts: list[ast.expr]) -> ast.expr:
    if kind == "nn.Sequential":
        return ast.Call(parse(kind), parts, [])
    match parts:
        case [ast.Starred(value=ast.GeneratorExp() as loop)]:
            return ast.Call(parse(kind), [loop], [])
        case [ast.Starred(value=value)]:
            return ast.Call(parse(kind), [value], [])
    return ast.Call(parse(kind), [ast.List(parts, ast.Load())], [])


def call(target: str, told: dict[str, ast.expr], defaults: dict[str, Any]) -> ast.expr:
    """A call with what needs to be told in place, the rest by name."""
    places: list[ast.expr] = []
    named: list[ast.keyword] = []
    first = next(iter(defaults), None)
    own = not target.startswith("nn.")
    for name, default in defaults.items():
        if name not in told:
            continue
        plain = default is EMPTY or name in (first, "stride") or (own and not isinstance(default, bool | str))
        in_place = plain and not named and len(places) == list(defaults).index(name) and len(places) < 5
        if in_place:
            places.append(told[name])
        else:
            named.append(ast.keyword(name, told[name]))
    return ast.Call(parse(target), places, named)


def _kind(value: Any) -> str:
    return value.target if isinstance(value, Make) else value.kind


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, Make) and isinstance(b, Make):
        return a.target == b.target and a.arguments.keys() == b.arguments.keys() and all(
            _same(v, b.arguments[k]) for k, v in a.arguments.items()
        )
    return type(a) is type(b) and a == b


def _plain(value: Any) -> ast.expr:
    if isinstance(value, list):
        return ast.List([_plain(v) for v in value], ast.Load())
    if isinstance(value, tuple):
        return ast.Tuple([_plain(v) for v in value], ast.Load())
    if value is not None and not isinstance(value, bool | int | float | str):
        raise CannotShapeError(f"{type(value).__name__} has no form in code")
    return literal(value)


def is_scalar(value: Any) -> bool:
    """Whether the value can stand in code as it is."""
    if isinstance(value, tuple):
        return all(isinstance(v, bool | int | float | str) for v in value)
    return value is None or isinstance(value, bool | int | float | str)


def annotation(values: Sequence[Any]) -> str:
    """The type of a parameter that has these values."""
    if any(isinstance(v, Make | Row) for v in values):
        rows = {v.kind for v in values if isinstance(v, Row)}
        whole = rows.pop() if len(rows) == 1 and all(v is None or isinstance(v, Row) for v in values) else "nn.Module"
        return f"{whole} | None" if None in values else whole
    kinds = {type(v) for v in values}
    none = type(None) in kinds
    kinds.discard(type(None))
    if kinds == {int, float}:
        kinds = {float}
    name = "object"
    if len(kinds) == 1:
        kind = kinds.pop()
        name = kind.__name__
        if kind in (tuple, list):
            inner = {type(p).__name__ for v in values if v is not None for p in v}
            item = inner.pop() if len(inner) == 1 else "float" if inner <= {"int", "float"} and inner else "int"
            pairs = {len(v) for v in values if v is not None} == {2}
            name = f"list[{item}]" if kind is list else f"tuple[{item}, {item if pairs else '...'}]"
    elif kinds == {int, tuple}:
        pairs = all(len(v) == 2 for v in values if isinstance(v, tuple))
        name = "int | tuple[int, int]" if pairs else "int | tuple[int, ...]"
    return f"{name} | None" if none else name
