"""What expressions over the attributes of modules are worth, as far as that is sure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

UNKNOWN = object()
"""What may be one thing or another."""
PURE: dict[str, Callable[..., Any]] = {
    "float": float,
    "len": len, "min": min, "max": max, "range": range, "int": int, "bool": bool, "sum": sum, "tuple": tuple,
    "sorted": sorted, "any": any, "all": all, "abs": abs, "round": round, "list": list, "enumerate": enumerate,
}  # fmt: skip


class Known:
    """What is sure of modules of one class."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        self.modules = modules
        self.always: set[str] = set()
        """Parameters of the forward that are given something in every call."""

    def values(self, name: str) -> list[Any]:
        """What the attribute is in each module; UNKNOWN where that may change."""
        if name == "training":
            return [UNKNOWN]
        found = [getattr(m, name, UNKNOWN) for m in self.modules]
        return [UNKNOWN] if any(callable(v) and not isinstance(v, nn.Module) for v in found) else found

    def known(self, node: ast.expr) -> Any:
        """What the expression is in all modules alike; UNKNOWN where that is not sure."""
        found = self._each(node)
        if any(v is UNKNOWN for v in found):
            return UNKNOWN
        first = found[0]
        alike = all(type(v) is type(first) and (v is first or equal(v, first)) for v in found)
        return first if alike else UNKNOWN

    def _each(self, node: ast.expr) -> list[Any]:
        count = len(self.modules)
        match node:
            case ast.Constant(value=value):
                return [value] * count
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found = self.values(name)
                return found if len(found) == count else [UNKNOWN] * count
            case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.Constant(value=None)]) if (
                name in self.always and isinstance(op, ast.Is | ast.IsNot)
            ):
                return [isinstance(op, ast.IsNot)] * count
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                return [compared(op, a, b) for a, b in zip(self._each(left), self._each(right), strict=True)]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return [UNKNOWN if (t := truth(v)) is UNKNOWN else not t for v in self._each(operand)]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return [-v if isinstance(v, int | float) else UNKNOWN for v in self._each(operand)]
            case ast.BoolOp(op=op, values=parts):
                rows = [self._each(part) for part in parts]
                return [joined(isinstance(op, ast.And), [row[k] for row in rows]) for k in range(count)]
            case ast.BinOp(left=left, op=op, right=right):
                return [computed(op, a, b) for a, b in zip(self._each(left), self._each(right), strict=True)]
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                rows = [self._each(part) for part in parts]
                columns = [tuple(r[k] for r in rows) for k in range(count)]
                return [UNKNOWN if any(v is UNKNOWN for v in column) else column for column in columns]
            case ast.Subscript(value=value, slice=index):
                return [item(v, i) for v, i in zip(self._each(value), self._each(index), strict=True)]
            case ast.Call(
                func=ast.Name(id="isinstance"), args=[value, ast.Attribute(value=ast.Name(id="nn"), attr=cls)]
            ):
                kind = getattr(nn, cls)
                return [UNKNOWN if v is UNKNOWN else isinstance(v, kind) for v in self._each(value)]
            case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in PURE and args:
                rows = [self._each(part) for part in args]
                return [applied(PURE[function], [r[k] for r in rows]) for k in range(count)]
        return [UNKNOWN] * count


def truth(value: Any) -> Any:
    if value is UNKNOWN or isinstance(value, torch.Tensor):
        return UNKNOWN
    if isinstance(value, nn.Module):
        return len(value) > 0 if isinstance(value, nn.Sequential | nn.ModuleList | nn.ModuleDict) else True
    return bool(value)


def joined(both: bool, values: list[Any]) -> Any:
    value: Any = UNKNOWN
    for value in values:
        outcome = truth(value)
        if outcome is UNKNOWN:
            return UNKNOWN
        if outcome is not both:
            return value
    return value


def compared(op: ast.cmpop, a: Any, b: Any) -> Any:
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(op, ast.Is | ast.IsNot):
        return (a is b) is isinstance(op, ast.Is) if a is None or b is None else UNKNOWN
    if isinstance(a, torch.Tensor | nn.Module) or isinstance(b, torch.Tensor | nn.Module):
        return UNKNOWN
    try:
        match op:
            case ast.Eq():
                return a == b
            case ast.NotEq():
                return a != b
            case ast.Lt():
                return a < b
            case ast.LtE():
                return a <= b
            case ast.Gt():
                return a > b
            case ast.GtE():
                return a >= b
            case ast.In():
                return a in b
            case ast.NotIn():
                return a not in b
    except TypeError:
        pass
    return UNKNOWN


def computed(op: ast.operator, a: Any, b: Any) -> Any:
    numbers = all(isinstance(v, int | float) for v in (a, b))
    if not numbers:
        return UNKNOWN
    try:
        match op:
            case ast.Add():
                return a + b
            case ast.Sub():
                return a - b
            case ast.Mult():
                return a * b
            case ast.FloorDiv():
                return a // b
            case ast.Mod():
                return a % b
    except ArithmeticError:
        pass
    return UNKNOWN


def item(value: Any, index: Any) -> Any:
    if isinstance(value, tuple | list) and isinstance(index, int) and -len(value) <= index < len(value):
        return value[index]
    return UNKNOWN


def applied(function: Callable[..., Any], values: list[Any]) -> Any:
    if any(v is UNKNOWN or isinstance(v, torch.Tensor) for v in values):
        return UNKNOWN
    if any(isinstance(v, nn.Module) for v in values) and function is not len:
        return UNKNOWN
    try:
        return function(*values)
    except (TypeError, ValueError):
        return UNKNOWN


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor | nn.Module):
        return False
    return bool(a == b)


def is_short(value: Any) -> bool:
    if isinstance(value, tuple):
        return len(value) <= 4 and all(isinstance(v, int | float | str | bool) for v in value)
    return value is None or isinstance(value, bool | int | float | str)


def literal(value: Any) -> ast.expr:
    if isinstance(value, tuple):
        return ast.Tuple([literal(v) for v in value], ast.Load())
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)
