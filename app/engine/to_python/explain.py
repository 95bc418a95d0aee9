"""What arithmetic over known names gives a row of values: `4 * channels` for 256, 512 where channels is 64, 128."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

Env = dict[str, Any]
"""What each name is worth in one case."""

CASE = "\0"
"""Under this an environment knows which module it belongs to."""
INDEX = "i"
"""The name of a loop's index."""
_SIZES = frozenset({"C", "D", "K", "L", "N", "c", "channels", "width", "hidden", "middle", "growth", "dim", "heads"})


def same(values: Sequence[Any]) -> bool:
    """Whether all are equal, and of one type."""
    first = values[0]
    return all(type(v) is type(first) and v == first for v in values)


def parse(text: str) -> ast.expr:
    """An expression's tree."""
    return ast.parse(text, mode="eval").body


def expression(values: Sequence[Any], envs: Sequence[Env]) -> str | None:
    """The simplest expression that gives `values[k]` with the names as in `envs[k]`; None where none is known."""
    if isinstance(values[0], bool):
        return condition([bool(v) for v in values], envs) if all(isinstance(v, bool) for v in values) else None
    names = [name for name in envs[0] if name != CASE and all(name in env for env in envs)]
    for name in names:
        if all(type(env[name]) is type(v) and env[name] == v for env, v in zip(envs, values, strict=True)):
            return name
    if not all(type(v) is int for v in values) or len(values) < 2:
        return None
    rows = {n: [env[n] for env in envs] for n in names}
    numbers = {n: row for n, row in rows.items() if all(type(v) is int for v in row) and not same(row)}
    return next(_arithmetic(list(values), numbers), None)


def _arithmetic(wanted: list[int], rows: dict[str, list[int]]) -> Iterator[str]:
    scalable = {n: r for n, r in rows.items() if n in _SIZES or n == INDEX}
    for name, row in scalable.items():
        if row[0] and wanted[0] % row[0] == 0 and (k := wanted[0] // row[0]) > 1 and _is(wanted, (k * v for v in row)):
            yield f"{k} * {name}"
    windows = {n: r for n, r in rows.items() if "kernel" in n or "window" in n}
    for name, row in {**scalable, **windows}.items():
        for k in (2, 3, 4, 6, 8, 16):
            if _is(wanted, (v // k for v in row)):
                yield f"{name} // {k}"
    for name, row in rows.items():
        k = wanted[0] - row[0]
        if 0 < abs(k) <= 4 and _is(wanted, (v + k for v in row)):
            yield f"{name} {'+' if k > 0 else '-'} {abs(k)}"
    for a, first in rows.items():
        for b, second in rows.items():
            if a < b and _is(wanted, (x + y for x, y in zip(first, second, strict=True))):
                yield f"{a} + {b}"
            if a != b and _is(wanted, (x - y for x, y in zip(first, second, strict=True))):
                yield f"{a} - {b}"
            if a < b and _is(wanted, (x * y for x, y in zip(first, second, strict=True))):
                yield f"{a} * {b}"
    for a, first in scalable.items():
        for b, second in rows.items():
            if a == b:
                continue
            pairs = list(zip(first, second, strict=True))
            for k in (2, 3, 4):
                if _is(wanted, (k * x + y for x, y in pairs)):
                    yield f"{k} * {a} + {b}"
                if _is(wanted, (x + k * y for x, y in pairs)):
                    yield f"{a} + {k} * {b}"
                if _is(wanted, (k * x * y for x, y in pairs)):
                    yield f"{k} * {a} * {b}"
                if _is(wanted, (x + y // k for x, y in pairs)):
                    yield f"{a} + {b} // {k}"
            for k in (1, 2, 3, 4):
                if _is(wanted, ((y + k) * x for x, y in pairs)):
                    yield f"({b} + {k}) * {a}"
                if _is(wanted, ((y + k) * (x // 2) for x, y in pairs)):
                    yield f"({b} + {k}) * ({a} // 2)"
    if INDEX in rows:
        for b, second in rows.items():
            step, start = _line(rows[INDEX], wanted, second)
            if step is not None:
                yield f"{start} + {INDEX} * {step}" if start != b else f"{b} + {INDEX} * {step}"
        for a, first in rows.items():
            for b, second in rows.items():
                if INDEX not in (a, b) and _is(
                    wanted, (x + i * y for x, y, i in zip(first, second, rows[INDEX], strict=True))
                ):
                    yield f"{a} + {INDEX} * {b}"


def _line(index: list[int], wanted: list[int], base: list[int]) -> tuple[int | None, Any]:
    """A constant step that the index takes from a name, or from a constant start."""
    pairs = sorted(zip(index, wanted, strict=True))
    steps = {(w2 - w1) / (i2 - i1) for (i1, w1), (i2, w2) in pairwise(pairs) if i1 != i2}
    if len(steps) == 1 and (step := steps.pop()) == int(step) and step > 0:
        start = {w - i * step for i, w in pairs}
        if len(start) == 1 and base is index:
            return int(step), int(start.pop())
    return None, None


def _is(wanted: list[int], got: Iterable[int]) -> bool:
    return all(a == b for a, b in zip(wanted, got, strict=True))


def condition(wanted: Sequence[bool], envs: Sequence[Env]) -> str | None:
    """A test over the names that holds exactly where `wanted` does; None where none is known."""
    if len(set(wanted)) == 1:
        return repr(wanted[0])
    names = [name for name in envs[0] if name != CASE and all(name in env for env in envs)]
    rows = {n: [env[n] for env in envs] for n in names}

    def fits(got: Iterable[Any]) -> bool:
        return all(bool(a) is b for a, b in zip(got, wanted, strict=True))

    for name, row in rows.items():
        if all(isinstance(v, bool) for v in row):
            if fits(row):
                return name
            if fits(not v for v in row):
                return f"not {name}"
        if any(v is None for v in row) and fits(v is not None for v in row):
            return f"{name} is not None"
        if any(v is None for v in row) and fits(v is None for v in row):
            return f"{name} is None"
    plain = {n: r for n, r in rows.items() if all(type(v) in (int, float) for v in r)}
    for name, row in plain.items():
        for bound in (0, 1):
            if min(row) >= bound and fits(v > bound for v in row):
                return f"{name} > {bound}"
            if min(row) >= bound and fits(v == bound for v in row):
                return f"{name} == {bound}"
    for a, first in plain.items():
        for b, second in plain.items():
            if a < b and fits(x != y for x, y in zip(first, second, strict=True)):
                return f"{b} != {a}"  # capitals, which sort first, read as a constant: that stands on the right
            if a < b and fits(x == y for x, y in zip(first, second, strict=True)):
                return f"{b} == {a}"
    for step, row in plain.items():
        for a, first in plain.items():
            for b, second in plain.items():
                if "stride" in step and a < b and step not in (a, b):
                    triples = list(zip(row, first, second, strict=True))
                    if fits(s > 1 or x != y for s, x, y in triples):
                        return f"{step} > 1 or {b} != {a}"
                    if fits(s == 1 and x == y for s, x, y in triples):
                        return f"{step} == 1 and {b} == {a}"
    for name, row in rows.items():
        if all(isinstance(v, str) for v in row):
            for value in sorted(set(row)):
                if fits(v == value for v in row):
                    return f'{name} == "{value}"'
                if fits(v != value for v in row):
                    return f'{name} != "{value}"'
    if INDEX in rows:
        for k in (2, 3, 4):
            for rest in range(k):
                if fits(v % k == rest for v in rows[INDEX]):
                    return f"{INDEX} % {k} == {rest}"
    return None
