"""The language of ports: what binds, and what is refused in which words."""

from __future__ import annotations

from typing import Any

import pytest

from blocks import patterns
from blocks.card import Port
from blocks.patterns import Binder, Mismatch, Shape


def port(name: str, pattern: str) -> Port:
    parsed = patterns.parse(pattern)
    return Port(name, pattern, parsed.kind, dtype="int" if parsed.dtype == "int" else "")


def bind(*taken: tuple[str, str, list[Shape]], dtype: str = "float32", **settings: Any) -> dict[str, Any]:
    binder = Binder(settings)
    for name, pattern, shapes in taken:
        made = port(name, pattern)
        binder.take(made, shapes, dtype, pyramid=made.kind == "pyramid")
    return binder.bound


def test_upper_case_binds_one_size() -> None:
    assert bind(("x", "B C H W", [(2, 3, 4, 5)])) == {"B": 2, "C": 3, "H": 4, "W": 5}
    assert bind(("x", "B *S D", [(2, 3, 4, 5)])) == {"B": 2, "S": (3, 4), "D": 5}
    assert bind(("x", "B *S D", [(2, 5)])) == {"B": 2, "S": (), "D": 5}
    assert bind(("x", "3 C", [(3, 8)])) == {"C": 8}
    assert bind(("x", "scalar", [()])) == {}
    assert bind(("x", "any", [(1, 2)])) == {}


def test_lower_case_binds_a_list() -> None:
    shapes = [(2, 8, 16, 16), (2, 16, 8, 8)]
    assert bind(("x", "[B c h w]", shapes)) == {"B": 2, "c": [8, 16], "h": [16, 8], "w": [16, 8]}
    assert bind(("a", "B c *S", [(2, 3, 4)]), ("b", "B c *S", [(2, 5, 4)])) == {"B": 2, "c": [3, 5], "S": (4,)}
    assert bind(("a", "B C *g", [(2, 3, 4)]), ("b", "B C *g", [(2, 3)])) == {"B": 2, "C": 3, "g": [(4,), ()]}


@pytest.mark.parametrize(
    ("taken", "code", "sentence"),
    [
        ([("x", "B C H W", [(2, 3)])], "rank", "`x` is 2x3 (2 sizes), but it needs B C H W (4 sizes)"),
        ([("x", "B *S D", [(2,)])], "rank", "(2 sizes or more)"),
        ([("x", "B 3", [(2, 4)])], "size", "`x` is 2x4, but it needs 3 where it has 4"),
        ([("x", "B C%groups", [(2, 30)])], "divides", "`x` has C = 30, but it needs a multiple of groups = 4"),
        ([("x", "B C%8", [(2, 30)])], "divides", "needs a multiple of 8"),
        ([("a", "*S", [(2, 3)]), ("b", "*S", [(2, 4)])], "differs", "`b` is 2x4 but `a` is 2x3: all sizes must be"),
        ([("a", "B C", [(2, 3)]), ("b", "B C", [(2, 4)])], "differs", "C must be equal"),
        ([("x", "[B c] 2+", [(2, 3)])], "levels", "`x` has 1 level, but it needs 2 or more"),
        ([("x", "[B c]", [])], "levels", "`x` has no levels, but it needs 1 or more"),
        ([("x", "[B c]", [(2, 3), (3, 3)])], "differs", "level 2 of `x` is 3x3"),
        ([("x", "int:B", [(2,)])], "dtype", "`x` is float32, but it needs whole numbers"),
    ],
)
def test_refusals(taken: list[tuple[str, str, list[Shape]]], code: str, sentence: str) -> None:
    with pytest.raises(Mismatch) as caught:
        bind(*taken, groups=4)
    assert (caught.value.code, caught.value.port) == (code, taken[-1][0])
    assert sentence in str(caught.value)


def test_prefixes() -> None:
    assert patterns.parse("int:B L").dtype == "int"
    assert patterns.parse("boxes:B N 4").kind == "boxes"
    assert patterns.parse("[B c h w]").kind == "pyramid"
    assert patterns.names(patterns.parse("[B c h w]")) == {"B": False, "c": True, "h": True, "w": True}
    assert bind(("x", "int:B", [(2,)]), dtype="int64") == {"B": 2}
    assert bind(("x", "number:B", [(2,)]), dtype="int64") == bind(("x", "number:B", [(2,)])) == {"B": 2}
    with pytest.raises(patterns.Mismatch, match="needs float32"):
        bind(("x", "B", [(2,)]), dtype="int64")
