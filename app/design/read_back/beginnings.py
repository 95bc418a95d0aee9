"""How weights begin, as the code says it: a method that follows from the drawing's settings."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Mapping

from app.design.names import quoted
from app.design.read_back.parse import ClassCode, Trouble

METHOD = "init_weights"


def compare(before: ClassCode, after: ClassCode, names: Mapping[str, str]) -> list[Trouble]:
    """What `init_weights` says otherwise than the drawing. `names` are the nodes' attributes now, by those before: the
    lines of nodes that are called otherwise may be so, and those of nodes that are gone must be gone."""
    old, new = _body(before), _body(after)
    gone = set(before.made) - set(names)
    wanted = [(statement, _renamed(statement, names, gone)) for statement in old]
    known = {ast.dump(now) for _, now in wanted if now is not None}
    found = []
    for statement in new:
        if left := sorted(_named(statement) & gone):
            found.append(Trouble(statement.lineno, f"{quoted(left[0])} is gone: take it out of this line too"))
        elif ast.dump(statement) not in known:
            found.append(Trouble(statement.lineno, "how weights begin is a node's setting: choose it on the canvas"))
    there = {ast.dump(statement) for statement in new}
    if not found and any(now is not None and ast.dump(now) not in there for _, now in wanted):
        line = next((part.lineno for part in after.others.values() if _is_it(part)), after.line)
        found.append(Trouble(line, "a line is gone that says how weights begin: choose `default` on the canvas"))
    return found


def is_call(statement: ast.stmt) -> bool:
    """Whether this is the line of a constructor that calls the method."""
    return ast.unparse(statement) == f"self.{METHOD}()"


def _is_it(part: ast.stmt) -> bool:
    return isinstance(part, ast.FunctionDef) and part.name == METHOD


def _body(code: ClassCode) -> list[ast.stmt]:
    part = code.others.get(METHOD)
    body = part.body if isinstance(part, ast.FunctionDef) else []
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]


def _named(statement: ast.stmt) -> set[str]:
    """The attributes that a line names: `self.NAME`, or a text `NAME.PART`."""
    found = set()
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found.add(name)
            case ast.Constant(value=str(text)):
                found.add(text.partition(".")[0])
    return found


def _renamed(statement: ast.stmt, names: Mapping[str, str], gone: Collection[str]) -> ast.stmt | None:
    """The line with the names of now, and without what is gone; None where nothing is left of it."""

    class Rename(ast.NodeTransformer):
        def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
            self.generic_visit(node)
            if isinstance(node.value, ast.Name) and node.value.id == "self":
                node.attr = names.get(node.attr, node.attr)
            return node

        def visit_Constant(self, node: ast.Constant) -> ast.expr:
            if isinstance(node.value, str):
                name, point, rest = node.value.partition(".")
                node.value = names.get(name, name) + point + rest
            return node

    now = copy.deepcopy(statement)
    if isinstance(now, ast.For) and isinstance(now.iter, ast.Tuple):
        parts = [part for part in now.iter.elts if not (isinstance(part, ast.Constant) and _of(part.value) in gone)]
        if not parts:
            return None
        now.iter.elts = parts
    elif _named(now) & set(gone):
        return None
    made: ast.stmt = Rename().visit(now)
    return made


def _of(text: object) -> str:
    return str(text).partition(".")[0]
