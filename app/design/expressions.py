"""Arithmetic over a Group's settings: `width * 2`, `max(channels // 4, 8)`. Read by a small walker, never by `eval`."""

from __future__ import annotations

import ast
import copy
import math
import operator
from collections.abc import Callable, Mapping
from functools import lru_cache

from app.design.names import quoted
from app.design.values import Expression, SettingValue

MAX_LENGTH = 200
MAX_NUMBER = 2.0**53

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., float]] = {
    "min": min, "max": max, "round": round, "ceil": math.ceil, "floor": math.floor, "int": int,
}  # fmt: skip


class ExpressionError(ValueError):
    """An expression that cannot be read or worked out; the message says why and what would do."""


@lru_cache(maxsize=4096)
def parse(text: str) -> ast.expr:
    """Read an expression. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text)} characters: at most {MAX_LENGTH} are read")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExpressionError(
            f"{quoted(text)} is not arithmetic: use numbers, settings, + - * / // %, min, max, round"
        ) from None


def names(text: str) -> frozenset[str]:
    """The settings that an expression uses. Raises ExpressionError."""
    return frozenset(n.id for n in ast.walk(parse(text)) if isinstance(n, ast.Name)) - frozenset(_FUNCTIONS)


def evaluate(text: str, settings: Mapping[str, SettingValue]) -> SettingValue:
    """Work out an expression. A bare name gives that setting as it is, of any type. Raises ExpressionError."""
    tree = parse(text)
    if isinstance(tree, ast.Name):
        return _lookup(tree.id, settings)
    try:
        result = _number(tree, settings)
    except ZeroDivisionError:
        raise ExpressionError(f"{quoted(text)} divides by zero") from None
    except (OverflowError, TypeError, ValueError) as error:
        if isinstance(error, ExpressionError):
            raise
        raise ExpressionError(f"{quoted(text)} cannot be worked out: {error}") from None
    if not abs(result) < MAX_NUMBER:
        raise ExpressionError(f"{quoted(text)} gives a number that is too large")
    return result


def resolve(value: SettingValue, settings: Mapping[str, SettingValue]) -> SettingValue:
    """Replace the expressions in a setting's value, inside tuples too. Raises ExpressionError."""
    if isinstance(value, Expression):
        return evaluate(value.expression, settings)
    if isinstance(value, tuple):
        return tuple(resolve(v, settings) for v in value)
    return value


def substitute(value: SettingValue, settings: Mapping[str, SettingValue]) -> SettingValue:
    """Put the values of `settings`, which may be expressions themselves, into a value's expressions.

    What is only numbers then is worked out. Raises ExpressionError.
    """
    if isinstance(value, tuple):
        return tuple(substitute(v, settings) for v in value)
    if not isinstance(value, Expression):
        return value
    used = {name: settings[name] for name in names(value.expression) if name in settings}
    if not any(isinstance(v, Expression) for v in used.values()):
        return evaluate(value.expression, settings)
    tree = parse(value.expression)
    if isinstance(tree, ast.Name):
        return used[tree.id]
    text = ast.unparse(_Substitution(used).visit(copy.deepcopy(tree)))
    parse(text)
    return Expression(text)


class _Substitution(ast.NodeTransformer):
    def __init__(self, values: Mapping[str, SettingValue]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.values:
            return node
        value = self.values[node.id]
        if isinstance(value, Expression):
            return parse(value.expression)
        if not isinstance(value, int | float):
            raise ExpressionError(f"`{node.id}` is {value!r}: only numbers can be calculated with")
        return ast.UnaryOp(ast.USub(), ast.Constant(-value)) if value < 0 else ast.Constant(value)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        node.args = [self.visit(arg) for arg in node.args]  # not the function's name
        return node


def _lookup(name: str, settings: Mapping[str, SettingValue]) -> SettingValue:
    if name not in settings:
        known = ", ".join(sorted(settings))
        if not known:
            raise ExpressionError(f"there is no setting `{name}` here: only settings that a Group exposes can be used")
        raise ExpressionError(f"there is no setting `{name}` here (this Group exposes: {known})")
    return settings[name]


def _number(tree: ast.expr, settings: Mapping[str, SettingValue]) -> float:
    match tree:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name):
            value = _lookup(name, settings)
            if not isinstance(value, int | float):
                raise ExpressionError(f"`{name}` is {value!r}: only numbers can be calculated with")
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(operand, settings)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_number(left, settings), _number(right, settings))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            return _FUNCTIONS[name](*(_number(arg, settings) for arg in args))
    raise ExpressionError(f"`{ast.unparse(tree)}` is not arithmetic: use numbers, settings, + - * / // %, min, max")
