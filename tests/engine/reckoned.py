"""What a reckoning is checked with: an evaluator that knows nothing of the house's own, and torch's counter."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from app.messages.reckoning import Line


def worked_out(text: str) -> Any:
    """What arithmetic gives; fractions stay exact, decimals calculate as Python's floats."""

    def value(tree: ast.expr) -> Any:
        match tree:
            case ast.Constant(value=number):
                return number
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return -value(inner)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                return value(left) + value(right)
            case ast.BinOp(left=left, op=ast.Sub(), right=right):
                return value(left) - value(right)
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                return value(left) * value(right)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                a, b = value(left), value(right)
                return a / b if isinstance(a, float) or isinstance(b, float) else Fraction(a) / b
            case ast.Call(func=ast.Name(id=name), args=args):
                known: dict[str, Any] = {
                    "floor": math.floor, "ceil": math.ceil, "min": min, "max": max, "sqrt": math.sqrt,
                }  # fmt: skip
                return known[name](*map(value, args))
        raise AssertionError(f"{ast.unparse(tree)} in {text}")

    return value(ast.parse(text, mode="eval").body)


def printed(line: Line) -> tuple[Any, int]:
    """Both sides of what is printed: the formula worked out, and the result."""
    formula, _, result = line.text.rpartition(" = ")
    # the commas of thousands, not those between the arguments of min and max
    return worked_out(formula.replace(", ", ";").replace(",", "").replace(";", ", ")), int(result.replace(",", ""))


def check(lines: Sequence[Line]) -> None:
    """Each formula gives its result, as a whole and as printed, and the module gave the same."""
    for each in lines:
        assert each.agrees, each
        if each.numbers:
            assert worked_out(each.numbers) == each.result, each
            assert printed(each) == (each.result, each.result), each


def about(lines: Sequence[Line], what: str, part: str = "") -> Line:
    (found,) = [each for each in lines if each.about == what and each.part == part]
    return found


def counted_macs(module: nn.Module, *inputs: torch.Tensor) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        module(*inputs)
    return counter.get_total_flops() // 2
