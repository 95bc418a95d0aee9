"""Lists of modules written by hand, `nn.Sequential(nn.Conv2d(...), nn.ReLU())`: taken apart into the modules in them.

A drawing has a node for each of them, so a class is read as if each had its own attribute, `self.stem_1` and so on.
What was in the generated code before stays as it is: it is a Group that repeats.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
from collections.abc import Collection, Sequence

from app.design.read_back.calls import LISTS, NN
from app.design.read_back.parse import ClassCode, Made

SPELLED = {spelled for name in LISTS for spelled in (name, f"torch.{name}", name.removeprefix(NN))}
MOST = 200
"""Modules in a list that one has written by hand."""


def apart(code: ClassCode, before: ClassCode) -> ClassCode:
    """The class without lists of modules that were not there before."""
    made: dict[str, Made] = {}
    lists: dict[str, list[str]] = {}
    for name, each in code.made.items():
        old = before.made.get(name)
        parts = None if old is not None and _parts(old.value) is not None else _parts(each.value)
        if not parts or len(parts) > MOST or any(isinstance(part, ast.Starred) for _, part in parts):
            made[name] = each
            continue
        lists[name] = _names(name, parts, old, {*code.made, *before.made})
        for new, (_, part) in zip(lists[name], parts, strict=True):
            made[new] = Made(new, part, part.lineno)
    if not lists:
        return code
    forward = code.forward and _Apart(lists).visit(copy.deepcopy(code.forward))
    return dataclasses.replace(code, made=made, forward=forward)


def _parts(value: ast.expr) -> list[tuple[str, ast.expr]] | None:
    """What is in a list of modules, lists in it taken apart too, each with its name there; None for what is none."""
    if not isinstance(value, ast.Call) or ast.unparse(value.func) not in SPELLED or value.keywords:
        return None
    given: Sequence[ast.expr] = value.args
    match given:
        case [ast.List(elts=inner) | ast.Tuple(elts=inner)]:
            given = inner
        case [ast.Call(func=func, args=[ast.List(elts=inner)])] if ast.unparse(func).endswith("OrderedDict"):
            given = inner
    found: list[tuple[str, ast.expr]] = []
    for each in given:
        match each:
            case ast.Tuple(elts=[ast.Constant(value=str(name)), part]):
                inside = enumerate(_parts(part) or (), 1)
                found += [(f"{name}_{own or i}", each) for i, (own, each) in inside] or [(name, part)]
            case _:
                found += _parts(each) or [("", each)]
    return found


def _names(name: str, parts: Sequence[tuple[str, ast.expr]], old: Made | None, taken: Collection[str]) -> list[str]:
    """An attribute for each part. The one that is what the list stands in the place of keeps its name."""
    kept = next((i for i, (_, part) in enumerate(parts) if old is not None and _made_alike(part, old.value)), None)
    if len(parts) == 1:
        kept = 0
    found: list[str] = []
    for i, (own, _) in enumerate(parts):
        wish = name if i == kept else f"{name}_{own or i + 1}"
        while wish != name and (wish in taken or wish in found):
            wish += "_"
        found.append(wish)
    return found


def _made_alike(one: ast.expr, other: ast.expr) -> bool:
    return isinstance(one, ast.Call) and isinstance(other, ast.Call) and ast.dump(one.func) == ast.dump(other.func)


class _Apart(ast.NodeTransformer):
    """Calls the parts one after the other where the list was called, and each where a loop went over the list."""

    def __init__(self, lists: dict[str, list[str]]) -> None:
        self._lists = lists

    def _of(self, node: ast.expr) -> list[str] | None:
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._lists.get(name)
        return None

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        names = self._of(node.func)
        if not names:
            return node
        first, *rest = names
        value = ast.copy_location(ast.Call(_attribute(first, node), node.args, node.keywords), node)
        for name in rest:
            value = ast.copy_location(ast.Call(_attribute(name, node), [value], []), node)
        return value

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        self.generic_visit(node)
        names = self._of(node.value)
        if not names:
            return node
        places = {str(i): name for i, name in enumerate(names)} | {f"-{i}": n for i, n in enumerate(names[::-1], 1)}
        name = places.get(ast.unparse(node.slice))
        return _attribute(name, node) if name else node

    def visit_For(self, node: ast.For) -> ast.stmt | list[ast.stmt]:
        names = self._of(node.iter)
        if not names or not isinstance(node.target, ast.Name) or node.orelse:
            return self.generic_visit(node)  # type: ignore[return-value]
        turns: list[ast.stmt] = []
        for name in names:
            for statement in node.body:
                made = self.visit(_Named(node.target.id, name).visit(copy.deepcopy(statement)))
                turns += made if isinstance(made, list) else [made]
        return turns


class _Named(ast.NodeTransformer):
    """Puts an attribute in the place of a loop's name."""

    def __init__(self, name: str, attribute: str) -> None:
        self._name, self._attribute = name, attribute

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _attribute(self._attribute, node) if node.id == self._name else node


def _attribute(name: str, at: ast.expr) -> ast.Attribute:
    owner = ast.copy_location(ast.Name("self", ast.Load()), at)
    return ast.copy_location(ast.Attribute(owner, name, ast.Load()), at)
