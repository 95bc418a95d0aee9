"""The text of a module as classes with what they make and how they call it. Only the syntax tree is looked at."""

from __future__ import annotations

import ast
import copy
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

MAX_BYTES = 2_000_000
"""Of a text that is read."""
MAX_STEPS = 20_000
"""Statements that loops over fixed numbers may come to."""


class Trouble(NamedTuple):
    """A line that cannot be read, and why. Lines count from 1."""

    line: int
    message: str


class Unreadable(Exception):
    """Raised where reading a part ends; its trouble says where and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.trouble = Trouble(line, message)


class Made(NamedTuple):
    """`self.NAME = VALUE` in a constructor."""

    name: str
    value: ast.expr
    line: int


@dataclass
class ClassCode:
    """A class as it is written."""

    name: str
    node: ast.ClassDef
    constructed: bool = False
    """Whether it has a constructor of its own."""
    parameters: tuple[str, ...] = ()
    """Of its constructor, without `self`."""
    defaults: dict[str, ast.expr] = field(default_factory=dict)
    made: dict[str, Made] = field(default_factory=dict)
    rest: list[ast.stmt] = field(default_factory=list)
    """Other statements of the constructor, without the docstring and `super().__init__()`."""
    forward: ast.FunctionDef | None = None
    others: dict[str, ast.stmt] = field(default_factory=dict)
    """Other methods and attributes of the class."""

    @property
    def line(self) -> int:
        return self.node.lineno


@dataclass
class ModuleCode:
    """A whole text: its classes, and other definitions by name."""

    classes: dict[str, ClassCode] = field(default_factory=dict)
    others: dict[str, ast.stmt] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    """The names that it takes from elsewhere."""

    @property
    def names(self) -> set[str]:
        """All that a function in it may call by name."""
        return {*self.classes, *self.others, *self.imports}


@lru_cache(maxsize=4)
def parse(text: str) -> ModuleCode:
    """Read a text; what it gives is kept, and not to be changed. Raises Unreadable."""
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise Unreadable(1, f"the code has more than {MAX_BYTES:,} bytes: it is too long to be read back")
    try:
        with warnings.catch_warnings():  # of escapes in texts, say: they are the writer's own
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except SyntaxError as error:
        said = (error.msg or "this is no Python").rstrip(".")
        raise Unreadable(error.lineno or 1, f"this is not Python: {said}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(1, f"this cannot be read: {error or 'it is nested too deeply'}") from None
    found = ModuleCode()
    try:
        for node in tree.body:
            _definition(node, found)
    except RecursionError:
        raise Unreadable(1, "this cannot be read: it is nested too deeply") from None
    return found


def _definition(node: ast.stmt, found: ModuleCode) -> None:
    match node:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            found.imports |= {(name.asname or name.name).partition(".")[0] for name in names}
        case ast.Expr(value=ast.Constant()):
            return
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            return  # what runs when the file is started is no part of the network
        case ast.ClassDef(name=name):
            if name in found.classes:
                raise Unreadable(node.lineno, f"there are two classes `{name}`: take one away, or call it otherwise")
            found.classes[name] = _class(node)
        case ast.FunctionDef(name=name):
            found.others[name] = node
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            found.others[name] = node
        case _:
            found.others[f"line {node.lineno}"] = node


def _class(node: ast.ClassDef) -> ClassCode:
    code = ClassCode(node.name, node)
    for part in node.body:
        match part:
            case ast.FunctionDef(name="__init__"):
                _constructor(part, code)
            case ast.FunctionDef(name="forward"):
                code.forward = part
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                code.others[name] = part
            case _:
                code.others[ast.unparse(part).partition("=")[0].strip()] = part
    return code


def _constructor(node: ast.FunctionDef, code: ClassCode) -> None:
    arguments = [*node.args.posonlyargs, *node.args.args][1:]
    code.constructed = True
    code.parameters = tuple(a.arg for a in (*arguments, *node.args.kwonlyargs))
    plain = list(node.args.defaults)
    code.defaults = {a.arg: d for a, d in zip(reversed(arguments), reversed(plain), strict=False)}
    named = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    code.defaults |= {a.arg: d for a, d in named if d is not None}
    for statement in unrolled(node.body, {}):
        match statement:
            case ast.Expr(value=ast.Constant()):
                pass
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super"))))):
                pass
            case ast.Assign(targets=[ast.Attribute(value=ast.Name(id="self"), attr=name)], value=value):
                if name in code.made:
                    raise Unreadable(statement.lineno, f"`self.{name}` is made twice: take one of the lines away")
                code.made[name] = Made(name, value, statement.lineno)
            case ast.AnnAssign(target=ast.Attribute(value=ast.Name(id="self"), attr=name), value=ast.expr() as value):
                code.made[name] = Made(name, value, statement.lineno)
            case ast.Expr(value=ast.Call(args=[ast.Constant(value=str(name)), value])) if _sets(statement):
                code.made[name] = Made(name, value, statement.lineno)
            case ast.Expr(value=ast.Call(args=[ast.Name(id="self"), ast.Constant(value=str(name)), value])):
                code.made[name] = Made(name, value, statement.lineno)  # setattr(self, NAME, VALUE)
            case _:
                code.rest.append(statement)


def _sets(statement: ast.Expr) -> bool:
    """Whether a statement is `self.add_module(NAME, VALUE)`."""
    call = statement.value
    return isinstance(call, ast.Call) and ast.unparse(call.func) in ("self.add_module", "self.register_module")


# loops over fixed numbers ---------------------------------------------------------------------------------------------


def unrolled(body: list[ast.stmt], known: Mapping[str, object], left: list[int] | None = None) -> Iterator[ast.stmt]:
    """The statements, those in loops over `range` of fixed numbers and over written-out lists once a turn."""
    left = left if left is not None else [MAX_STEPS]
    for statement in body:
        if isinstance(statement, ast.For) and (turns := _turns(statement, known)) is not None and not statement.orelse:
            for turn in turns:
                left[0] -= len(statement.body)
                if left[0] < 0:
                    raise Unreadable(statement.lineno, f"the loops come to more than {MAX_STEPS:,} steps")
                yield from unrolled(statement.body, {**known, **turn}, left)
        elif known:
            yield _Filled(known).visit(copy.deepcopy(statement))
        else:
            yield statement


def _turns(loop: ast.For, known: Mapping[str, object]) -> list[dict[str, object]] | None:
    """What the loop's names stand for in each turn; None where that is not fixed."""
    names = [loop.target] if isinstance(loop.target, ast.Name) else getattr(loop.target, "elts", None)
    if not names or not all(isinstance(name, ast.Name) for name in names):
        return None
    over = _Filled(known).visit(copy.deepcopy(loop.iter)) if known else loop.iter
    values: list[object]
    match over:
        case ast.Call(func=ast.Name(id="range"), args=bounds) if all(_whole(b) for b in bounds) and bounds:
            numbers = [b.value for b in bounds]  # type: ignore[attr-defined]
            if len(numbers) > 2 and not numbers[2]:
                return None
            turns = range(*numbers[:3])
            if len(turns) > MAX_STEPS:
                raise Unreadable(loop.lineno, f"the loop has more than {MAX_STEPS:,} turns")
            values = list(turns)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            try:
                values = [ast.literal_eval(part) for part in parts]
            except ValueError:
                return None
        case _:
            return None
    if isinstance(loop.target, ast.Name):
        return [{loop.target.id: value} for value in values]
    rows = [value for value in values if isinstance(value, tuple) and len(value) == len(names)]
    if len(rows) != len(values):
        return None
    return [{name.id: part for name, part in zip(names, row, strict=True)} for row in rows]


def _whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int) and not isinstance(node.value, bool)


class _Filled(ast.NodeTransformer):
    """Puts in what names stand for, and works out f-strings and whole numbers that follow from it."""

    def __init__(self, known: Mapping[str, object]) -> None:
        self._known = known

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load) and node.id in self._known:
            made = ast.parse(repr(self._known[node.id]), mode="eval").body
            for part in ast.walk(made):
                ast.copy_location(part, node)
            return made
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        self.generic_visit(node)
        parts = []
        for part in node.values:
            inner = part.value if isinstance(part, ast.FormattedValue) else part
            if not isinstance(inner, ast.Constant) or (isinstance(part, ast.FormattedValue) and part.format_spec):
                return node
            parts.append(str(inner.value))
        return ast.copy_location(ast.Constant("".join(parts)), node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if _whole(node.left) and _whole(node.right):
            one, other = node.left.value, node.right.value  # type: ignore[attr-defined]
            match node.op:
                case ast.Add():
                    return ast.copy_location(ast.Constant(one + other), node)
                case ast.Sub():
                    return ast.copy_location(ast.Constant(one - other), node)
                case ast.Mult() if abs(one) < 2**53 and abs(other) < 2**53:
                    return ast.copy_location(ast.Constant(one * other), node)
        return node
