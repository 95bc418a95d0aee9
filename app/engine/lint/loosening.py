"""Lets sizes in lines of Python stay free: `int(a.shape[0])` fixes a number, `a.shape[0]` does not."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def loosened(source: str, tensors: Sequence[str]) -> tuple[str, str] | None:
    """What a fix does in words, and the source with `int()` taken off sizes and `len(a)` as `a.shape[0]`; None where
    there is nothing of that. `tensors` are the names of the inputs. The rest of the text stays as it is written."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError):
        return None
    lines = [line.encode() for line in source.split("\n")]
    found: list[tuple[ast.Call, str]] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or len(node.args) != 1:
            continue
        if node.keywords or node.lineno != node.end_lineno or node.end_col_offset is None:
            continue
        inner = node.args[0]
        if node.func.id == "int" and _is_size(inner):
            found.append((node, ast.get_source_segment(source, inner) or ""))
        elif node.func.id == "len" and isinstance(inner, ast.Name) and inner.id in tensors:
            found.append((node, f"{inner.id}.shape[0]"))
    if not found or not all(text for _, text in found):
        return None
    # from behind, so that the places before stay where they are
    for node, text in sorted(found, key=lambda pair: (pair[0].lineno, pair[0].col_offset), reverse=True):
        line = lines[node.lineno - 1]
        lines[node.lineno - 1] = line[: node.col_offset] + text.encode() + line[node.end_col_offset :]
    before = ast.get_source_segment(source, found[0][0]) or ""
    made = b"\n".join(lines).decode()
    try:
        ast.parse(made)
    except SyntaxError:  # one stood in another
        return None
    title = f"Write `{found[0][1]}` for `{before}`" + (" and its like" if len(found) > 1 else "")
    return title, made


def _is_size(node: ast.expr) -> bool:
    """`x.shape[i]` or `x.size(i)`."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "shape"
    called = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return called and node.func.attr == "size" and len(node.args) == 1  # type: ignore[attr-defined]
