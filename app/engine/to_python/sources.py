"""The source of classes and functions, as syntax trees with their comments, and where the names in it come from."""

from __future__ import annotations

import ast
import builtins
import importlib
import inspect
import io
import symtable
import sys
import tokenize
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from app.engine.to_python.statements import note


class Import(NamedTuple):
    """A name that a module has from another one: `from module import name`, or `import module` where name is ""."""

    module: str
    name: str


class Source(NamedTuple):
    """A module's definitions and imports by name, and its text's lines."""

    module: str
    definitions: dict[str, ast.stmt]
    imports: dict[str, Import]


@lru_cache(maxsize=1024)
def _parsed(module: str, text: str) -> Source:
    tree = commented(text)
    definitions: dict[str, ast.stmt] = {}
    imports: dict[str, Import] = {}
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                definitions[name] = node
            case ast.Assign(targets=names):
                for target in names:
                    for part in target.elts if isinstance(target, ast.Tuple) else [target]:
                        if isinstance(part, ast.Name):
                            definitions[part.id] = node
            case ast.AnnAssign(target=ast.Name(id=name)):
                definitions[name] = node
            case ast.Import(names=names):
                for alias in names:
                    imports[alias.asname or alias.name.partition(".")[0]] = Import(alias.name, "")
            case ast.ImportFrom(module=origin, names=names, level=level) if origin != "__future__":
                package = module.rpartition(".")[0] if level else ""
                whole = ".".join(filter(None, (package, origin or "")))
                for alias in names:
                    imports[alias.asname or alias.name] = Import(whole, alias.name)
    return Source(module, definitions, imports)


def commented(text: str) -> ast.Module:
    """The text's tree, its statements carrying their comments."""
    tree = ast.parse(text)
    _attach_comments(tree, text)
    return tree


def source_of(module: str) -> Source:
    """What a loaded module is made of. Raises OSError where its text is not to be had."""
    return _parsed(module, inspect.getsource(sys.modules.get(module) or importlib.import_module(module)))


def class_of(cls: type) -> ast.ClassDef:
    """The class as it is written. Raises OSError where its source is not to be had."""
    found = source_of(cls.__module__).definitions.get(cls.__name__)
    if not isinstance(found, ast.ClassDef):
        raise OSError(f"the source of {cls.__name__} cannot be found")
    return found


def _attach_comments(tree: ast.Module, text: str) -> None:
    lines = text.split("\n")
    comments: dict[int, tuple[str, bool]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            alone = not lines[token.start[0] - 1][: token.start[1]].strip()
            comments[token.start[0]] = (token.string, alone)
    for node in _statements(tree):
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        above: list[str] = []
        line = first - 1
        while line in comments and comments[line][1]:
            above.insert(0, comments[line][0])
            line -= 1
        beside = ""
        compound = hasattr(node, "body") and not isinstance(node, ast.Expr)
        if isinstance(node, ast.FunctionDef | ast.For | ast.If):
            told = [comments[k][0] for k in range(node.lineno, node.body[0].lineno) if k in comments]
            beside = next((said for said in told if said.startswith("# type: ignore")), "")
        if not compound:
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                if line in comments:
                    said, alone = comments[line]
                    if said.startswith(("# fmt:", "# noqa")):
                        continue
                    if line == node.end_lineno and not alone:
                        beside = said
                    elif not said.startswith("# type:"):
                        above.append(said)
        note(node, above=above, beside=beside)


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt):
            yield node


def free_names(node: ast.AST) -> list[str]:
    """The names that a definition takes from its module, in the order in which they stand."""
    text = ast.unparse(ast.fix_missing_locations(node))
    table = symtable.symtable(text, "", "exec")
    found: set[str] = set()

    def collect(scope: symtable.SymbolTable) -> None:
        for symbol in scope.get_symbols():
            if symbol.is_referenced() and (symbol.is_global() or scope.get_type() == "module"):
                found.add(symbol.get_name())
        for child in scope.get_children():
            collect(child)

    collect(table)
    noted = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    inside = {n.id for a in ast.walk(node) for n in _annotation_names(a)}
    wanted = (found | inside) & noted - set(dir(builtins))
    order: dict[str, None] = {}
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and each.id in wanted:
            order[each.id] = None
    return list(order)


def _annotation_names(node: ast.AST) -> Iterator[ast.Name]:
    kinds = [getattr(node, "annotation", None), getattr(node, "returns", None)]
    for kind in kinds:
        if isinstance(kind, ast.AST):
            yield from (n for n in ast.walk(kind) if isinstance(n, ast.Name))
