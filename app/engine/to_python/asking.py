"""What is asked of classes and modules while their code is written."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from functools import cache
from typing import Any

from torch import nn

from app.engine.to_python.shaping import EMPTY, Parameter, is_scalar
from app.engine.to_python.statements import is_docstring
from app.engine.to_python.torch_layers import parameters_of
from blocks.declare import CARDS


def default_of(parameters: list[Parameter], name: str) -> Any:
    return next((p.default for p in parameters if p.name == name), EMPTY)


def is_default(value: Any, default: Any) -> bool:
    return default is not EMPTY and type(value) is type(default) and value == default


def is_simple(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Constant)


def is_identity(module: nn.Module) -> bool:
    """Whether the module hands on what it gets."""
    if isinstance(module, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
        return module.p == 0
    return isinstance(module, nn.Identity) or (type(module) is nn.Sequential and not len(module))


def spread(value: ast.expr, name: str, args: list[ast.expr]) -> ast.expr | None:
    """The expression with what was given in the place of `*name` or of a list of `name`."""
    new = copy.deepcopy(value)
    done = 0
    for node in ast.walk(new):
        for field, inner in ast.iter_fields(node):
            if isinstance(inner, ast.Name) and inner.id == name and not isinstance(node, ast.Starred):
                setattr(node, field, ast.List(args, ast.Load()))
                done += 1
            if isinstance(inner, list):
                parts: list[Any] = []
                for part in inner:
                    if isinstance(part, ast.Starred) and isinstance(part.value, ast.Name) and part.value.id == name:
                        parts += args
                        done += 1
                    elif isinstance(part, ast.Name) and part.id == name:
                        parts.append(ast.List(args, ast.Load()))
                        done += 1
                    else:
                        parts.append(part)
                setattr(node, field, parts)
    return new if done == 1 else None


def inside_of(module: nn.Module | None, path: str) -> nn.Module | None:
    for part in path.split("."):
        module = module._modules.get(part) if module is not None else None
    return module


def storable(value: Any) -> bool:
    return is_scalar(value) or (isinstance(value, list) and all(map(is_scalar, value)))


def in_order(groups: dict[type, list[nn.Module]]) -> list[type]:
    """The classes, each after those whose modules its modules hold."""
    needs: dict[type, dict[type, None]] = {
        cls: dict.fromkeys(type(m) for g in group for m in g.modules() if m is not g and type(m) in groups)
        for cls, group in groups.items()
    }
    order: dict[type, None] = {}
    begun: set[type] = set()

    def visit(cls: type) -> None:
        if cls in order or cls in begun:
            return
        begun.add(cls)
        for other in needs[cls]:
            visit(other)
        order[cls] = None

    for cls in groups:
        visit(cls)
    return list(order)


def summary(cls: type) -> ast.stmt:
    """The first sentence of the help, and the paper."""
    text = inspect.cleandoc(cls.__doc__ or cls.__name__).split("\n\n")[0].replace("\n", " ")
    card = CARDS.get(cls.__name__)
    paper = card.paper if card is not None and "arXiv" in card.paper and "(" not in card.paper else ""
    if paper and len(text) + len(paper) + 13 <= 116:
        text = f"{text.rstrip('.')} ({paper})."
    if len(text) > 107:
        text = "\n".join(textwrap.wrap(text, 105))
    return ast.Expr(ast.Constant(text))


def base_parameters(base: type) -> list[str]:
    return ["weight", "bias"]


@cache
def attributes_of(base: type) -> frozenset[str]:
    return frozenset({"training", "weight", "bias", "running_mean", "running_var", "num_batches_tracked"}) | frozenset(
        parameters_of(base)
    ) | frozenset(n for n in dir(base))


@cache
def torch_forward(base: type) -> str:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(base.forward)))  # type: ignore[attr-defined]
    except (OSError, TypeError):
        return ""
    node = tree.body[0]
    return canonical(node) if isinstance(node, ast.FunctionDef) else ""


def canonical(node: ast.FunctionDef) -> str:
    """The body with its parameters numbered: what two methods that do the same have in common."""
    body = node.body[1:] if is_docstring(node.body[0]) else node.body
    numbered = {a.arg: ast.Name(f"p{k}") for k, a in enumerate(node.args.args[1:])}

    class Put(ast.NodeTransformer):
        def visit_Name(self, each: ast.Name) -> ast.expr:
            return ast.Name(numbered[each.id].id, ast.Load()) if each.id in numbered else ast.Name(each.id, ast.Load())

    return "\n".join(ast.unparse(ast.fix_missing_locations(Put().visit(copy.deepcopy(s)))) for s in body)


def hands_on(node: ast.FunctionDef) -> bool:
    given = ", ".join(a.arg for a in node.args.args[1:])
    return len(node.body) == 1 and ast.unparse(node.body[0]) == f"return super().forward({given})"
