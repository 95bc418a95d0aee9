"""Formulas as text: names and numbers in arithmetic, and a small reader that works the numbers out."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from app.messages.reckoning import Line

Number = int | float | Fraction

_BINARY: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Number]] = {
    "floor": math.floor, "ceil": math.ceil, "min": min, "max": max, "sqrt": math.sqrt,
}  # fmt: skip


class Formula(NamedTuple):
    """One formula twice: with names, and with the numbers put in."""

    symbols: str
    numbers: str


def put(template: str, **values: float) -> Formula:
    """The formula `template`, and the same with each name that is among `values` replaced by its number."""

    def number(found: re.Match[str]) -> str:
        value = values.get(found[0])
        return found[0] if value is None else f"({value})" if value < 0 else f"{value}"

    return Formula(template, re.sub(r"[A-Za-z_]\w*", number, template))


def product(names: Sequence[str], sizes: Sequence[int]) -> Formula:
    """`H*W` and `56*56`; of nothing 1."""
    return Formula("*".join(names) or "1", "*".join(map(str, sizes)) or "1")


def joined(formulas: Iterable[Formula]) -> Formula:
    """The sum of several products; equal ones are written once with a factor."""
    counts = Counter(formulas)

    def text(side: str) -> str:
        terms = ((getattr(f, side), times) for f, times in counts.items())
        return " + ".join(t if times == 1 else f"{times}*{t}" for t, times in terms)

    return Formula(text("symbols"), text("numbers"))


@lru_cache(maxsize=4096)
def worked_out(numbers: str) -> int:
    """What a formula with its numbers put in gives. Fractions stay exact; a decimal calculates as Python's floats do,
    as torch and the blocks round sizes. Raises ValueError on anything that is no whole number."""
    value = _value(ast.parse(numbers, mode="eval").body)
    if value != int(value):
        raise ValueError(f"{numbers} gives {float(value):g}, which is no whole number")
    return int(value)


def _value(tree: ast.expr) -> Number:
    match tree:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            a, b = _value(left), _value(right)
            return a / b if isinstance(a, float) or isinstance(b, float) else Fraction(a) / Fraction(b)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=args) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*map(_value, args))
    raise ValueError(f"{ast.unparse(tree)} is no arithmetic that formulas are written in")


def line(
    about: str, formula: Formula | None, measured: int | None, *, of: str = "", part: str = "", note: str = ""
) -> Line:
    """The line of a formula; where module and formula differ it says so. `formula` None: `measured` alone is told."""
    if formula is None:
        assert measured is not None
        return Line(about, "", "", measured, measured, of, part, note)
    try:
        result = worked_out(formula.numbers)
    except ValueError as error:  # a size that a factor does not divide
        if measured is None:
            raise
        return Line(about, "", "", measured, measured, of, part, f"{note}; {error}" if note else f"{error}")
    if measured is not None and measured != result:
        differs = f"the module itself gives {measured:,}: that is what counts"
        note = f"{note}; {differs}" if note else differs
    return Line(about, formula.symbols, formula.numbers, result, measured, of, part, note)
