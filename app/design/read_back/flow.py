"""What a `forward` does, as steps that feed each other: calls of modules by name, and expressions of tensors."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Union

from app.design.read_back.parse import Unreadable, unrolled


@dataclass(frozen=True)
class Ref:
    """What a step gives; `pick` is the place in it where it gives several."""

    step: int
    pick: int | None = None


Value = Union[Ref, tuple["Value", ...], str]  # noqa: UP007 - it names itself
"""A Ref, several values, or the text of what is none: a number, say."""


@dataclass
class Step:
    """An `input` by its parameter's name, a `call` of a module by its attribute's, or an `op` by its form."""

    kind: str
    name: str
    line: int
    given: list[tuple[int | str, Value]] = field(default_factory=list)
    """Arguments, by position or name."""
    target: str = ""
    """The name that its value is given first."""
    numbers: tuple[str, ...] = ()
    """An op's constants, left to right; its form has `?` there."""
    expression: str = ""


@dataclass
class Flow:
    """All steps in order, and what is returned."""

    steps: list[Step] = field(default_factory=list)
    returned: tuple[Value, ...] = ()
    line: int = 0
    """Of the `return`."""


FUNCTIONAL = ("nn.functional.", "torch.nn.functional.")
ALONG = frozenset(
    {"cat", "concat", "flatten", "log_softmax", "mean", "softmax", "squeeze", "stack", "sum", "unsqueeze"}
)
"""Functions and methods of torch that take a dimension behind their tensors: by its place or by name is the same."""
DIM = ("dim", "start_dim")


def flow_of(forward: ast.FunctionDef, several: Collection[str] = (), names: Collection[str] = ()) -> Flow:
    """Follow the values through a forward. `several` are the attributes whose modules have several outputs, one of
    which is picked by its place; `names` are what the module has besides. Raises Unreadable at what is more than
    assignments and a return."""
    return _Follower(forward, several, names).flow


class _Module(str):
    """A name that stands for a module: in a loop over `self.layers`."""


class _Follower:
    def __init__(self, forward: ast.FunctionDef, several: Collection[str], names: Collection[str]) -> None:
        self.flow = Flow()
        self._many, self.names = several, names
        self._env: dict[str, Value | _Module] = {}
        arguments = [*forward.args.posonlyargs, *forward.args.args][1:]
        for argument in (*arguments, *forward.args.kwonlyargs):
            self._env[argument.arg] = self._step("input", argument.arg, argument.lineno)
        if forward.args.vararg or forward.args.kwarg:
            raise Unreadable(forward.lineno, "`forward` takes each input by its own name")
        self._body(list(unrolled(forward.body, {})), top=True)

    def _step(self, kind: str, name: str, line: int, **more: object) -> Ref:
        self.flow.steps.append(Step(kind, name, line, **more))  # type: ignore[arg-type]
        return Ref(len(self.flow.steps) - 1)

    # statements -------------------------------------------------------------------------------------------------------

    def _body(self, body: list[ast.stmt], *, top: bool = False) -> None:
        for statement in body:
            if self.flow.line:
                raise Unreadable(statement.lineno, "this comes after the `return`, so it is never run")
            match statement:
                case ast.Expr(value=ast.Constant()) | ast.Pass():
                    pass
                case ast.Assign(targets=[target], value=value):
                    self._assign(target, self._value(value), statement.lineno)
                case ast.AnnAssign(target=target, value=ast.expr() as value):
                    self._assign(target, self._value(value), statement.lineno)
                case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                    left = ast.copy_location(ast.Name(target.id, ast.Load()), target)
                    whole = ast.copy_location(ast.BinOp(left, op, value), value)
                    self._assign(target, self._value(whole), target.lineno)
                case ast.Return(value=ast.expr() as value) if top:
                    made = self._value(value)
                    self.flow.returned = made if isinstance(made, tuple) else (made,)
                    self.flow.line = statement.lineno
                case ast.For(target=ast.Name(id=name), iter=over, body=inner, orelse=[]) if self._list(over):
                    self._env[name] = _Module(self._list(over))
                    self._body(inner)
                case _:
                    raise Unreadable(
                        statement.lineno,
                        "this cannot be drawn: in `forward` values are given names, modules are called, and what the "
                        "last one gives is returned",
                    )

    @staticmethod
    def _list(over: ast.expr) -> str:
        """The attribute that a loop goes over: `self.layers`."""
        match over:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return name
        return ""

    def _assign(self, target: ast.expr, value: Value | _Module, line: int) -> None:
        match target:
            case ast.Name(id=name):
                self._env[name] = value
                if isinstance(value, Ref) and value.pick is None and not self.flow.steps[value.step].target:
                    self.flow.steps[value.step].target = name
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                if isinstance(value, tuple) and len(value) == len(parts):
                    for part, each in zip(parts, value, strict=True):
                        self._assign(part, each, line)
                elif isinstance(value, Ref) and value.pick is None:
                    for i, part in enumerate(parts):
                        self._assign(part, Ref(value.step, i), line)
                else:
                    raise Unreadable(line, f"{len(parts)} names cannot be given to this")
            case _:
                raise Unreadable(line, "in `forward` only names are assigned to")

    # expressions ------------------------------------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Value:
        """What an expression gives; its steps are noted."""
        match node:
            case ast.Name(id=name):
                value = self._env.get(name)
                if value is None:
                    raise Unreadable(node.lineno, f"nothing is called `{name}` here")
                if isinstance(value, _Module):
                    raise Unreadable(node.lineno, f"`{name}` is a module: call it")
                return value
            case ast.Tuple(elts=parts) | ast.List(elts=parts):
                return tuple(self._value(part) for part in parts)
            case ast.Constant():
                return ast.unparse(node)
            case ast.Call() if name := self._module(node.func):
                given: list[tuple[int | str, Value]] = []
                for i, argument in enumerate(node.args):
                    if isinstance(argument, ast.Starred):
                        given.append((f"*{i}", self._value(argument.value)))
                    else:
                        given.append((i, self._value(argument)))
                given += [(keyword.arg or "**", self._value(keyword.value)) for keyword in node.keywords]
                return self._step("call", name, node.lineno, given=given)
            case ast.Subscript(value=inner, slice=ast.Constant(value=int(place))) if self._several(inner):
                value = self._value(inner)
                if isinstance(value, tuple) and place < len(value):
                    return value[place]
                if isinstance(value, Ref) and value.pick is None:
                    return Ref(value.step, place)
        return self._op(node)

    def _several(self, node: ast.expr) -> bool:
        """Whether an expression gives several values of which one is picked: written out, or by a module."""
        if isinstance(node, ast.Name):
            value = self._env.get(node.id)
            if isinstance(value, Ref):
                step = self.flow.steps[value.step]
                return value.pick is None and step.kind == "call" and step.name in self._many
            return isinstance(value, tuple)
        return isinstance(node, ast.Call) and self._module(node.func) in self._many

    def _module(self, func: ast.expr) -> str:
        """The attribute whose module is called; "" where it is another function."""
        match func:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return name
            case ast.Subscript(value=ast.Attribute(value=ast.Name(id="self"), attr=name), slice=index):
                return f"{name}[{ast.unparse(index)}]"
            case ast.Name(id=name):
                value = self._env.get(name)
                return str(value) if isinstance(value, _Module) else ""
            case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id="self"), ast.Constant(value=str(name))]):
                return name
        return ""

    def _op(self, node: ast.expr) -> Ref:
        """An expression of tensors that no module makes: its form, what goes into it, and its constants."""
        made = _Form(self, node)
        given: list[tuple[int | str, Value]] = list(enumerate(made.values))
        if not given:
            raise Unreadable(node.lineno, "this does not come from an input or a module, so it cannot be drawn")
        return self._step(
            "op", made.text, node.lineno, given=given, numbers=tuple(made.numbers), expression=ast.unparse(node)
        )


class _Form:
    """The form of an expression: `_` for each value that goes in, `?` for each constant, sums and products as lists."""

    def __init__(self, follower: _Follower, node: ast.expr) -> None:
        self._follower = follower
        self.values: list[Value] = []
        self.numbers: list[str] = []
        self.text = self._of(node)

    def _of(self, node: ast.AST) -> str:
        follower = self._follower
        match node:
            case ast.Name(id=name) if name in follower._env:
                self.values.append(follower._value(node))
                return "_"
            case ast.Call(func=func) if follower._module(func):
                self.values.append(follower._value(node))
                return "_"
            case ast.Subscript(value=inner, slice=ast.Constant(value=int())) if follower._several(inner):
                self.values.append(follower._value(node))
                return "_"
            case ast.Constant():
                self.numbers.append(ast.unparse(node))
                return "?"
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant()):
                self.numbers.append(ast.unparse(node))
                return "?"
            case ast.BinOp(op=ast.Add() | ast.Mult()):
                sign = "+" if isinstance(node.op, ast.Add) else "*"
                parts = [self._of(part) for part in _chained(node, type(node.op))]
                return f"({sign} {' '.join(_folded(parts))})"
            case ast.List(elts=parts_) | ast.Tuple(elts=parts_):
                return f"[{' '.join(_folded([self._of(part) for part in parts_]))}]"
            case ast.keyword(arg=name, value=value):
                return f"{name}={self._of(value)}"
            case ast.Name(id=name) if name in follower.names:
                return name
            case ast.Name(id=name):
                raise Unreadable(node.lineno, f"nothing is called `{name}` here")
            case ast.Attribute(value=value, attr=attr):
                return f"{self._called(value)}.{attr}"
            case ast.Call(func=func, args=args, keywords=keywords):
                called = self._called(func)
                called = f"F.{called.rpartition('.')[2]}" if called.startswith(FUNCTIONAL) else called
                given = [*args, *keywords]
                at = 1 if called.startswith(("torch.", "F.")) else 0  # behind the tensors
                if called.rpartition(".")[2] in ALONG and len(args) == at and keywords and keywords[0].arg in DIM:
                    given[at] = keywords[0].value
                return f"{called}({' '.join(self._of(each) for each in given)})"
        children = [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)]
        return f"{type(node).__name__}({' '.join(self._of(part) for part in children)})"

    def _called(self, node: ast.expr) -> str:
        """What stands before a dot or a bracket: a module of Python's, a function, or a value."""
        if isinstance(node, ast.Name) and node.id not in self._follower._env:
            return node.id
        return self._of(node)


def _chained(node: ast.expr, op: type) -> list[ast.expr]:
    """The terms of `a + b + c`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, op):
        return [*_chained(node.left, op), node.right]
    return [node]


def _folded(parts: list[str]) -> list[str]:
    """However many values, one sign."""
    return ["_*"] if len(parts) > 1 and set(parts) == {"_"} else parts
