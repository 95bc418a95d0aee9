"""The weights and buffers that a module makes itself, as its constructor writes them."""

from __future__ import annotations

import ast
import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from app.engine.to_python.known import UNKNOWN, Known, truth
from app.engine.to_python.record import Record, is_torch
from app.engine.to_python.shaping import CannotShapeError, Constructor, is_scalar
from app.engine.to_python.sources import class_of

_KNOWN = {"torch": torch, "nn": nn, "math": math}


class Found(NamedTuple):
    """How a constructor makes its weights: by name, and those that a loop makes; and what it fills them with."""

    named: dict[str, ast.expr]
    """Name -> `nn.Parameter(...)`, or the whole call of `register_buffer`."""
    looped: ast.expr | None
    filled: list[ast.Call]


def statements(
    cls: type, modules: Sequence[nn.Module], records: Sequence[Record], maker: Constructor
) -> list[ast.stmt]:
    """The statements that make the weights and buffers of these modules. Raises CannotShapeError."""
    found = _found(cls)
    made: list[ast.stmt] = []
    names = dict.fromkeys(n for m in modules for n in (*m._parameters, *m._buffers))
    for name in names:
        source = found.named.get(name, found.looped if name in modules[0]._parameters else None)
        if source is None or any(name not in m._parameters and name not in m._buffers for m in modules):
            raise CannotShapeError(f"how `{name}` is made is not plain")
        value = _settled(source, modules, records, maker, name)
        for k, module in enumerate(modules):
            _check(value, name, module, maker.envs[k])
        if name in modules[0]._buffers:
            made.append(ast.Expr(value))
        else:
            made.append(ast.Assign([ast.Attribute(ast.Name("self", ast.Load()), name, ast.Store())], value))
    for call in found.filled:
        match call.args:
            case [ast.Attribute(value=ast.Name(id="self"), attr=str(name)), *_] if name in names:
                made.append(ast.Expr(_settled(call, modules, records, maker, name)))
            case _:
                raise CannotShapeError("what its weights are filled with is not plain")
    return made


def _found(cls: type) -> Found:
    named: dict[str, ast.expr] = {}
    loops: list[ast.expr] = []
    filled: list[ast.Call] = []
    for owner in cls.__mro__:
        if is_torch(owner) or owner is object or "__init__" not in vars(owner):
            continue
        init = next(n for n in class_of(owner).body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
        for node, plain in _walk(init.body, True):
            match node:
                case ast.Assign(
                    targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=ast.Call() as value
                ):
                    if plain and ast.unparse(value.func) == "nn.Parameter":
                        named[name] = value
                case ast.Expr(
                    value=ast.Call(
                        func=ast.Attribute(attr="register_buffer"), args=[ast.Constant(value=str(name)), *_]
                    ) as call
                ):
                    if plain:
                        named[name] = call
                case ast.Expr(value=ast.Call(func=ast.Attribute(attr="register_parameter"), args=[_, value])):
                    loops.append(value)
                case ast.Expr(value=ast.Call() as call) if ast.unparse(call.func).startswith("nn.init."):
                    filled.append(call)
                case ast.Expr(value=ast.Call() as call) if not ast.unparse(call.func).startswith("super()."):
                    if any(isinstance(n, ast.Name) and n.id == "self" for a in call.args for n in ast.walk(a)):
                        raise CannotShapeError("its constructor does more than making weights")
                case ast.With():
                    raise CannotShapeError("its constructor works on its weights")
    return Found(named, loops[0] if len(loops) == 1 else None, filled)


def _walk(body: Sequence[ast.stmt], plain: bool) -> Iterator[tuple[ast.stmt, bool]]:
    for node in body:
        yield node, plain
        for part in ("body", "orelse"):
            yield from _walk(getattr(node, part, []), False)


def _settled(
    source: ast.expr, modules: Sequence[nn.Module], records: Sequence[Record], maker: Constructor, hint: str
) -> ast.expr:
    """The expression with what its names are worth in the place of them."""
    loops = [c.target for c in ast.walk(source) if isinstance(c, ast.comprehension)]
    inner = {n.id for target in loops for n in ast.walk(target) if isinstance(n, ast.Name)}

    class Put(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                if node.attr in modules[0]._parameters or node.attr == "register_buffer":
                    return node
                return _value([getattr(m, node.attr) for m in modules], maker, node.attr)
            self.generic_visit(node)
            return node

        def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
            rows = [_worth(node, m, r) for m, r in zip(modules, records, strict=True)]
            if all(is_scalar(v) for v in rows):
                return _value(rows, maker, hint)
            self.generic_visit(node)
            return node

        def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
            test = self.visit(node.test)
            outcome = truth(Known(modules).known(test))
            if outcome is UNKNOWN:
                body, orelse = self.visit(node.body), self.visit(node.orelse)
                return body if ast.dump(body) == ast.dump(orelse) else ast.IfExp(test, body, orelse)
            made: ast.expr = self.visit(node.body if outcome else node.orelse)
            return made

        def visit_Call(self, node: ast.Call) -> ast.expr:
            self.generic_visit(node)
            match node:
                case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=int() | float() as number)]):
                    return ast.Constant(float(number))
            return node

        def visit_Name(self, node: ast.Name) -> ast.expr:
            if node.id in inner or node.id in _KNOWN:
                return node
            if not any(node.id in {**r.arguments, **r.locals} for r in records):
                return node
            return _value([{**r.locals, **r.arguments}.get(node.id) for r in records], maker, node.id)

    made: ast.expr = Put().visit(copy.deepcopy(source))
    return made


def _worth(node: ast.Subscript, module: nn.Module, record: Record) -> Any:
    names = {**record.locals, **record.arguments, "self": module}
    try:
        return eval(compile(ast.Expression(ast.fix_missing_locations(copy.deepcopy(node))), "", "eval"), {}, names)
    except Exception:
        return module  # no scalar


def _value(values: list[Any], maker: Constructor, hint: str) -> ast.expr:
    if not all(is_scalar(v) for v in values):
        raise CannotShapeError(f"`{hint}` is no plain value")
    return maker.value(values, maker.envs, hint)


def _check(value: ast.expr, name: str, module: nn.Module, env: dict[str, Any]) -> None:
    """Raise CannotShapeError unless the expression gives what the module has."""
    kept: list[Any] = []

    class Self:
        def register_buffer(self, _name: str, tensor: Any, **_: Any) -> None:
            kept.append(tensor)

    names: dict[str, Any] = {**_KNOWN, **env, "self": Self()}
    run: Callable[[], Any] = lambda: eval(  # noqa: E731
        compile(ast.Expression(ast.fix_missing_locations(copy.deepcopy(value))), "", "eval"), names
    )
    try:
        with torch.device("meta"):
            result = run()
    except Exception as error:
        raise CannotShapeError(f"`{name}` cannot be made so: {error}") from None
    result = kept[0] if kept else result
    wanted = getattr(module, name)
    if not isinstance(result, torch.Tensor) or result.shape != wanted.shape or result.dtype != wanted.dtype:
        raise CannotShapeError(f"`{name}` would not be what it is")
