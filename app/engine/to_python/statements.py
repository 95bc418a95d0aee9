"""Statements of Python's syntax tree as lines, in the manner of ruff format, with the comments that they carry.

A statement may carry `above` (comment lines before it), `beside` (a comment at its end) and `place` (which node of the
drawing it stands for): see `note`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, TypeVar

from app.engine.to_python.documents import SOFT, WIDTH, Choice, Document, Group, Indent, render, separated
from app.engine.to_python.expressions import OPERATORS, TEST, document, flat, statement, targets

S = TypeVar("S", bound=ast.stmt)


def note(made: S, *, above: Sequence[str] = (), beside: str = "", place: str = "") -> S:
    """Let the statement carry comments, and the path of the node that it stands for."""
    for name, value in (("above", tuple(above)), ("beside", beside), ("place", place)):
        if value:
            setattr(made, name, value)
    return made


def carried(node: ast.stmt, name: str) -> Any:
    """What a statement carries under `note`'s names; empty: nothing."""
    return getattr(node, name, () if name == "above" else "")


class Printer:
    """Collects lines; `places` says which of them (from 1) stand for which node of the drawing."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.places: dict[str, list[int]] = {}

    def module(self, body: Sequence[ast.stmt]) -> str:
        """The whole text of a module."""
        before: ast.stmt | None = None
        for node in body:
            if before is not None:
                self.lines += [""] * _blank(before, node)
            self.statement(node, 0)
            before = node
        return "\n".join(self.lines) + "\n"

    def statement(self, node: ast.stmt, indent: int) -> None:
        first = len(self.lines) + 1
        for comment in carried(node, "above"):
            self._add(comment, indent)
        self._print(node, indent)
        if place := carried(node, "place"):
            self.places.setdefault(place, []).extend(range(first, len(self.lines) + 1))

    def _add(self, text: str, indent: int) -> None:
        self.lines += [" " * indent + text if text else ""]

    def _put(self, piece: Document, indent: int, node: ast.stmt) -> None:
        beside = carried(node, "beside")
        counts = beside and not beside.startswith(("# type:", "# noqa"))
        text = render(piece, indent, len(beside) + 2 if counts else 0)
        if beside:
            last = text.rsplit("\n", 1)[-1]
            width = len(last) + (0 if "\n" in text else indent) + 2 + len(beside)
            if (counts and width > WIDTH) or ("\n" in text and counts):
                text = render(piece, indent)
                self._add(beside, indent)
            else:
                text += f"  {beside}"
        self.lines += (" " * indent + text).split("\n")

    def _body(self, body: Sequence[ast.stmt], indent: int, owner: ast.stmt | None = None) -> None:
        before: ast.stmt | None = None
        for node in body:
            if before is not None:
                apart = isinstance(node, ast.FunctionDef | ast.ClassDef) or isinstance(
                    before, ast.FunctionDef | ast.ClassDef
                )
                imports = ast.Import | ast.ImportFrom
                leaves = isinstance(before, imports) and not isinstance(node, imports)
                if apart or leaves or (isinstance(owner, ast.ClassDef) and is_docstring(before)):
                    self.lines.append("")
            self.statement(node, indent + 4)
            before = node

    def _print(self, node: ast.stmt, indent: int) -> None:
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                self._docstring(text, indent)
            case ast.Expr(value=value):
                self._put(statement("", value), indent, node)
            case ast.Return(value=None):
                self._put("return", indent, node)
            case ast.Return(value=ast.Tuple() as value) if len(value.elts) > 1:
                self._put(_tuple("return ", value), indent, node)
            case ast.Return(value=value):
                self._put(statement("return ", value), indent, node)  # type: ignore[arg-type]
            case ast.Assign(targets=names, value=value):
                before: list[Document] = []
                for name in names:
                    before += (targets(name), " = ")
                if isinstance(value, ast.Tuple) and len(value.elts) > 1 and isinstance(names[-1], ast.Tuple):
                    self._put(_tuple(before, value), indent, node)
                else:
                    self._put(_assigned(before, value), indent, node)
            case ast.AnnAssign(target=only, annotation=kind, value=value):
                start: Document = [document(only), ": ", document(kind)]
                self._put(start if value is None else _assigned([start, " = "], value), indent, node)
            case ast.AugAssign(target=only, op=op, value=value):
                sign = OPERATORS[type(op)][0]
                self._put(_assigned([document(only), f" {sign}= "], value), indent, node)
            case ast.Pass():
                self._put("pass", indent, node)
            case ast.Break():
                self._put("break", indent, node)
            case ast.Continue():
                self._put("continue", indent, node)
            case ast.Raise(exc=error, cause=cause):
                raised: list[Document] = ["raise"]
                if error is not None:
                    raised += (" ", Group(document(error)))
                if cause is not None:
                    raised += (" from ", document(cause))
                self._put(raised, indent, node)
            case ast.Assert(test=test, msg=said):
                self._put(statement("assert ", test, "" if said is None else f", {ast.unparse(said)}"), indent, node)
            case ast.Import(names=names):
                self._put("import " + ", ".join(map(_alias, names)), indent, node)
            case ast.ImportFrom(module=module, names=names):
                parts = separated(map(_alias, names))
                inner: Document = Group([Choice("("), Indent([SOFT, *parts, Choice(",")]), SOFT, Choice(")")])
                self._put([f"from {module} import ", inner], indent, node)
            case ast.If():
                self._if(node, indent, "if")
            case ast.For(target=target, iter=over, body=body):
                begin: list[Document] = ["for ", targets(target), " in "]
                self._put(statement(begin, over, ":"), indent, node)
                self._body(body, indent)
                if node.orelse:
                    self._add("else:", indent)
                    self._body(node.orelse, indent)
            case ast.While(test=test, body=body):
                self._put(statement("while ", test, ":"), indent, node)
                self._body(body, indent)
            case ast.With(items=items, body=body):
                held: list[Document] = []
                for i, item in enumerate(items):
                    held += ([", "] if i else []) + [document(item.context_expr)]
                    if item.optional_vars is not None:
                        held += [" as ", document(item.optional_vars)]
                self._put(["with ", *held, ":"], indent, node)
                self._body(body, indent)
            case ast.Try(body=body, handlers=handlers):
                self._add("try:", indent)
                self._body(body, indent)
                for handler in handlers:
                    caught = "" if handler.type is None else f" {ast.unparse(handler.type)}"
                    self._add(f"except{caught}{f' as {handler.name}' if handler.name else ''}:", indent)
                    self._body(handler.body, indent)
            case ast.Match(subject=subject, cases=cases):
                self._put(["match ", document(subject), ":"], indent, node)
                for case in cases:
                    guard = "" if case.guard is None else f" if {flat(case.guard)}"
                    self._add(f"case {ast.unparse(case.pattern)}{guard}:".replace("'", '"'), indent + 4)
                    self._body(case.body, indent + 4)
            case ast.FunctionDef():
                self._function(node, indent)
            case ast.ClassDef(name=title, bases=bases, body=body):
                for decorator in node.decorator_list:
                    self._put(["@", document(decorator)], indent, node)
                inside = ast.Call(ast.Name(title), bases, []) if bases else ast.Name(title)
                self._put(["class ", Group(document(inside)), ":"], indent, node)
                self._body(body, indent, node)
            case _:
                raise NotImplementedError(f"{type(node).__name__} has no form here")

    def _if(self, node: ast.If, indent: int, word: str) -> None:
        self._put(statement(f"{word} ", node.test, ":"), indent, node)
        self._body(node.body, indent)
        match node.orelse:
            case [ast.If() as inner] if not carried(inner, "above"):
                self._if(inner, indent, "elif")
            case []:
                pass
            case rest:
                self._add("else:", indent)
                self._body(rest, indent)

    def _function(self, node: ast.FunctionDef, indent: int) -> None:
        for decorator in node.decorator_list:
            self._put(["@", document(decorator)], indent, node)
        parts = _parameters(node.args)
        inside: Document = Group(["(", Indent([SOFT, Group(parts)]), SOFT, ")"]) if parts else "()"
        given: Document = [] if node.returns is None else [" -> ", document(node.returns)]
        self._put([f"def {node.name}", inside, given, ":"], indent, node)
        self._body(node.body, indent, node)

    def _docstring(self, text: str, indent: int) -> None:
        quote = '"""' if '"""' not in text else "'''"
        lines = text.strip().split("\n")
        lines = [lines[0], *(line.strip() and " " * indent + line for line in _dedented(lines[1:]))]
        body = "\n".join(line.rstrip() for line in lines).replace("\\", "\\\\")
        ending = f"\n{' ' * indent}" if len(lines) > 1 else " " if body.endswith('"') else ""
        self.lines += f"{' ' * indent}{quote}{body}{ending}{quote}".split("\n")


def is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _dedented(lines: list[str]) -> list[str]:
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[margin:] for line in lines]


def _tuple(before: Document, value: ast.Tuple) -> Document:
    """A tuple that has parentheses only where it has to be broken."""
    parts = separated(document(part, 0 if isinstance(part, ast.Starred) else TEST) for part in value.elts)
    return [before, Group([Choice("("), Indent([SOFT, *parts, Choice(",")]), SOFT, Choice(")")])]


def _assigned(before: Document, value: ast.expr) -> Document:
    return statement(before, value)


def _alias(name: ast.alias) -> str:
    return f"{name.name} as {name.asname}" if name.asname else name.name


def _parameters(arguments: ast.arguments) -> list[Document]:
    shown: list[Document] = []
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(arguments.defaults)) + list(arguments.defaults)
    shown += [_parameter(a, d) for a, d in zip(plain, defaults, strict=True)]
    if arguments.vararg is not None:
        shown.append(["*", _parameter(arguments.vararg, None)])
    elif arguments.kwonlyargs:
        shown.append("*")
    shown += [_parameter(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    if arguments.kwarg is not None:
        shown.append(["**", _parameter(arguments.kwarg, None)])
    return [*separated(shown), Choice(",")] if shown else []


def _parameter(name: ast.arg, default: ast.expr | None) -> Document:
    kind: Document = [] if name.annotation is None else [": ", document(name.annotation)]
    if default is None:
        return [name.arg, kind]
    return [name.arg, kind, " = " if name.annotation is not None else "=", document(default)]


def _blank(before: ast.stmt, node: ast.stmt) -> int:
    """How many empty lines stand between two statements of a module."""
    imports = isinstance(before, ast.Import | ast.ImportFrom), isinstance(node, ast.Import | ast.ImportFrom)
    blocks = (ast.FunctionDef, ast.ClassDef)
    if isinstance(before, blocks) or isinstance(node, blocks):
        return 2
    if is_docstring(before) or imports == (True, False) or carried(node, "apart"):
        return 2 if isinstance(node, ast.If) else 1
    return 2 if isinstance(node, ast.If) else 0
