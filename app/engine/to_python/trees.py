"""Small changes of syntax trees that keep what the code does."""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence
from typing import Any

from app.engine.to_python.expressions import flat
from app.engine.to_python.statements import carried, note

LONGEST = 96
"""Columns up to which calls are put into one another."""


def stripped(args: list[ast.expr], keywords: list[ast.keyword]) -> tuple[list[ast.expr], list[ast.keyword]]:
    """Without the Nones at the end, which are defaults."""
    keywords = [k for k in keywords if not (isinstance(k.value, ast.Constant) and k.value.value is None)]
    while args and not keywords and isinstance(args[-1], ast.Constant) and args[-1].value is None:
        args = args[:-1]
    return args, keywords


def shortened(node: ast.stmt) -> list[ast.stmt]:
    """An assignment without what it leaves as it is."""
    match node:
        case ast.Assign(targets=[ast.Name(id=a)], value=ast.Name(id=b)) if a == b:
            return []
        case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if (
            len(names) == len(values) and not any(isinstance(v, ast.Starred) for v in values)
        ):
            kept = [(n, v) for n, v in zip(names, values, strict=True) if not is_name(v, n)]
            if len(kept) < len(names):
                return [like(node, ast.Assign([n], v)) for n, v in kept] if len(kept) < 2 else [
                    like(node, ast.Assign([_row([n for n, _ in kept])], _row([v for _, v in kept])))
                ]
    return [node]


def _row(parts: list[ast.expr]) -> ast.expr:
    return ast.Tuple(parts, ast.Load())


def _without_unread(body: list[ast.stmt], read: set[str]) -> list[ast.stmt]:
    """The statements without those that only give a value to a name that nobody reads; modules are still called."""
    made: list[ast.stmt] = []
    for node in body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AugAssign(target=ast.Name(id=name), value=value)
            ):
                if name not in read and not _calls_modules(value):
                    continue
            case ast.For(body=inner, orelse=[]):
                kept = _without_unread(inner, read)
                if not kept and not _calls_modules(node.iter):
                    continue
                node = copy.copy(node)
                node.body = kept or [ast.Pass()]
                node = uncounted(node)
        made.append(node)
    return made


def _calls_modules(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Name) and n.id == "self" for n in ast.walk(node)) and any(
        isinstance(n, ast.Call) for n in ast.walk(node)
    )


def stripped_end(args: list[ast.expr]) -> list[ast.expr]:
    """Without the Nones at the end of what is given in place."""
    while args and isinstance(args[-1], ast.Constant) and args[-1].value is None:
        args = args[:-1]
    return args


_DEFAULTS = {
    "dropout_p": 0.0, "is_causal": False, "keepdim": False, "align_corners": None, "scale_factor": None,
    "label_smoothing": 0.0,
}  # fmt: skip


def told(keywords: list[ast.keyword]) -> list[ast.keyword]:
    """Without those that say what torch's functions do anyway."""
    return [
        k
        for k in keywords
        if not (
            k.arg in _DEFAULTS
            and isinstance(k.value, ast.Constant)
            and type(k.value.value) is type(_DEFAULTS[k.arg])
            and k.value.value == _DEFAULTS[k.arg]
        )
    ]


def required(arguments: ast.arguments, names: set[str]) -> ast.arguments:
    """The parameters without the defaults of those in `names` that no other default stands before."""
    new = copy.deepcopy(arguments)
    while new.defaults and new.args[-len(new.defaults)].arg in names:
        argument = new.args[-len(new.defaults)]
        new.defaults.pop(0)
        match argument.annotation:
            case ast.BinOp(left=kind, op=ast.BitOr(), right=ast.Constant(value=None)):
                argument.annotation = kind
    return new


def tidied(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements with constants in the place of names that are nothing else, and without what nobody reads."""
    body = _given_at_once(body)
    while True:
        stores: dict[str, int] = {}
        for s in body:
            for n in ast.walk(s):
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                    stores[n.id] = stores.get(n.id, 0) + 1
        constants: dict[str, ast.expr] = {}
        for s in body:
            match s:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant() as only) if stores[name] == 1:
                    constants[name] = only
        read = {n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
        kept: list[ast.stmt] = []
        for s in _without_unread(body, read):
            match s:
                case ast.Assign(targets=[ast.Name(id=name)]) if name in constants:
                    continue
                case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if all(
                    isinstance(v, ast.Constant) for v in values
                ) and not any(isinstance(n, ast.Name) and n.id in read for n in names):
                    continue
            kept.append(s)
        if constants:
            kept = [_with_constants(s, constants) for s in kept]
        if len(kept) == len(body):
            return kept
        body = kept


def _given_at_once(body: list[ast.stmt]) -> list[ast.stmt]:
    """The last two statements as one, where the first makes what the second gives, or a list that it takes apart."""
    match body[-2:]:
        case [
            ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Call() as value),
            ast.Return(value=ast.Tuple(elts=given)),
        ]:
            if len(names) == len(given) and all(is_name(n, g) for n, g in zip(names, given, strict=True)):
                return [*body[:-2], note(ast.Return(value), above=carried(body[-2], "above"))]
        case [
            ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=parts)),
            ast.Return(value=ast.expr() as value),
        ]:
            match value:
                case ast.Call(func=ast.Name(id="reduce"), args=[_, ast.Name(id=used)]) if (
                    used == name and len(parts) == 1
                ):
                    return [*body[:-2], ast.Return(parts[0])]
            if uses(value, {name: None})[name] == 1:
                new = _SpliceList(name, parts).visit(copy.deepcopy(value))
                if uses(new, {name: None})[name] == 0:
                    return [*body[:-2], ast.Return(new)]
    return body


class _SpliceList(ast.NodeTransformer):
    """Puts the parts of a list in the place of `*name`."""

    def __init__(self, name: str, parts: list[ast.expr]) -> None:
        self.name, self.parts = name, parts

    def visit_List(self, node: ast.List) -> ast.expr:
        made: list[ast.expr] = []
        for part in node.elts:
            if isinstance(part, ast.Starred) and is_name(part.value, ast.Name(self.name)):
                made += self.parts
            else:
                made.append(self.visit(part))
        return ast.List(made, ast.Load())


def _with_constants(node: ast.stmt, values: dict[str, ast.expr]) -> ast.stmt:
    class Put(ast.NodeTransformer):
        def visit_Name(self, each: ast.Name) -> ast.expr:
            return copy.deepcopy(values[each.id]) if each.id in values and isinstance(each.ctx, ast.Load) else each

        def visit_IfExp(self, each: ast.IfExp) -> ast.expr:
            self.generic_visit(each)
            return each.body if ast.dump(each.body) == ast.dump(each.orelse) else each

    made: ast.stmt = Put().visit(copy.deepcopy(node))
    for each in ast.walk(made):
        if isinstance(each, ast.Call):
            each.keywords = told(each.keywords)
    return made


def without(arguments: ast.arguments, unused: Sequence[str]) -> tuple[ast.arguments, dict[str, ast.expr]]:
    """The parameters without those of the last ones that are `unused`, and what these are."""
    dropped: dict[str, ast.expr] = {}
    new = copy.deepcopy(arguments)
    while new.args and new.defaults and not new.vararg and new.args[-1].arg in unused:
        if not isinstance(new.defaults[-1], ast.Constant):
            break
        dropped[new.args.pop().arg] = new.defaults.pop()
    return new, dropped


def merged(body: list[ast.stmt]) -> list[ast.stmt]:
    """`x = f(x)` and then `x = g(x)` as `x = g(f(x))`, where that stays short."""
    made: list[ast.stmt] = []
    for node in body:
        for part in ("body", "orelse"):
            if isinstance(node, ast.If | ast.For) and getattr(node, part):
                setattr(node, part, merged(getattr(node, part)))
        match (made[-1] if made else None, node):
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=before) as first,
                ast.Assign(value=value) | ast.Return(value=value),
            ) if value is not None and (isinstance(node, ast.Return) or is_name(node.targets[0], ast.Name(name))):
                joined = _put(value, name, before)
                room = not carried(first, "beside") and not carried(node, "above")
                if joined is not None and room and len(flat(joined)) <= LONGEST and _depth(joined) <= 5:
                    new = copy.copy(node)
                    new.value = joined  # type: ignore[attr-defined]
                    made[-1] = note(new, above=carried(first, "above"))
                    continue
        made.append(node)
    return made


def _put(value: ast.expr, name: str, before: ast.expr) -> ast.expr | None:
    """`value` with `before` in the place of `name`, where it stands once and is the first thing that is worked out."""
    if uses(value, {name: before})[name] != 1:
        return None
    if is_name(value, ast.Name(name)):
        return before
    place = value
    while True:  # down the path of what is worked out first
        match place:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self")), args=[first, *_]):
                if is_name(first, ast.Name(name)):
                    return _replaced(value, name, before)
                place = first
            case ast.Call(func=ast.Attribute(value=ast.Call() as inner)):
                place = inner
            case ast.Call(func=ast.Attribute(value=ast.Name(id=own))) if own == name and isinstance(before, ast.Call):
                return _replaced(value, name, before)
            case _:
                return None


def _depth(node: ast.AST) -> int:
    inner = max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
    return inner + isinstance(node, ast.Call)


def _replaced(node: ast.expr, name: str, by: ast.expr) -> ast.expr:
    class Put(ast.NodeTransformer):
        def visit_Name(self, each: ast.Name) -> ast.expr:
            return copy.deepcopy(by) if each.id == name else each

    made: ast.expr = Put().visit(copy.deepcopy(node))
    return made


def substituted(node: ast.expr, values: dict[str, ast.expr]) -> ast.expr:
    """The expression with other ones in the place of names."""

    class Put(ast.NodeTransformer):
        def visit_Name(self, each: ast.Name) -> ast.expr:
            return copy.deepcopy(values[each.id]) if each.id in values else each

    made: ast.expr = Put().visit(copy.deepcopy(node))
    return made


def uses(node: ast.AST, names: dict[str, Any]) -> dict[str, int]:
    counts = dict.fromkeys(names, 0)
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in counts:
            counts[each.id] += 1
    loops = (ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp, ast.Lambda)
    for each in ast.walk(node):
        if isinstance(each, loops):
            for inner in ast.walk(each):
                if isinstance(inner, ast.Name) and inner.id in counts:
                    counts[inner.id] += 1  # it may be worked out more than once
    return counts


def negated(test: ast.expr) -> ast.expr:
    match test:
        case ast.Compare(left=left, ops=[ast.Is()], comparators=[right]):
            return ast.Compare(left, [ast.IsNot()], [right])
        case ast.Compare(left=left, ops=[ast.IsNot()], comparators=[right]):
            return ast.Compare(left, [ast.Is()], [right])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
    return ast.UnaryOp(ast.Not(), test)


def asked_for(test: ast.expr) -> tuple[str, bool] | None:
    """The submodule that a test asks for, and whether it holds where it is there."""
    match test:
        case ast.Compare(
            left=ast.Attribute(value=ast.Name(id="self"), attr=name), ops=[op], comparators=[ast.Constant(value=None)]
        ):
            return name, isinstance(op, ast.IsNot)
    return None


def calls(node: ast.expr, name: str, with_: str | ast.expr) -> bool:
    """Whether the expression is `self.name(with_)`."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=str(attr)), args=[given], keywords=[]) if (
            attr == name
        ):
            wanted = ast.Name(with_) if isinstance(with_, str) else with_
            return ast.unparse(given) == ast.unparse(wanted)
    return False


def is_name(node: ast.expr, name: ast.expr) -> bool:
    return isinstance(node, ast.Name) and isinstance(name, ast.Name) and node.id == name.id


def like(old: ast.stmt, new: Any) -> Any:
    return note(new, above=carried(old, "above"), beside=carried(old, "beside"))


def assigned(node: ast.stmt) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def uncounted(loop: ast.For) -> ast.For:
    """The loop without a number that nobody reads."""
    match loop:
        case ast.For(
            target=ast.Tuple(elts=[ast.Name(id=number), each]),
            iter=ast.Call(func=ast.Name(id="enumerate"), args=[over, *_]),
        ) if not any(isinstance(n, ast.Name) and n.id == number for s in loop.body for n in ast.walk(s)):
            new = copy.copy(loop)
            new.target, new.iter = each, over
            return new
    return loop


def is_one(value: object) -> bool:
    """Whether a factor does nothing; a tensor of ones has its shape to give."""
    return isinstance(value, int | float) and value == 1
