"""Where in lines of Python something stands that does not export, as far as the text alone says so."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator


def of_operator(source: str, name: str) -> int:
    """The line of the only place that calls this operator of torch (`linalg_svd` is `torch.linalg.svd(a)`); 0 where
    that is not known."""
    return _only(node.lineno for node in _nodes(source) if isinstance(node, ast.Attribute) and _is(node, name))


def of_fixed_size(source: str, tensors: Collection[str]) -> int:
    """The only line that makes a number of a size, or loops over the samples of one of `tensors`; 0 where that is not
    known."""
    return _only(line for node in _nodes(source) for line in _fixes(node, tensors))


def _fixes(node: ast.AST, tensors: Collection[str]) -> Iterator[int]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("int", "len", "range"):
        yield node.lineno
    elif isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Name) and node.iter.id in tensors:
        yield node.iter.lineno


def _is(node: ast.Attribute, name: str) -> bool:
    parts = [node.attr]
    inner = node.value
    while isinstance(inner, ast.Attribute):
        parts.insert(0, inner.attr)
        inner = inner.value
    return "_".join(parts) == name or node.attr == name


def _nodes(source: str) -> list[ast.AST]:
    try:
        return list(ast.walk(ast.parse(source)))
    except (SyntaxError, RecursionError, MemoryError):
        return []


def _only(lines: Iterator[int]) -> int:
    found = set(lines)
    return found.pop() if len(found) == 1 else 0
