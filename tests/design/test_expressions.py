"""Arithmetic over settings: what is worked out, and all that is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.design.expressions import ExpressionError, evaluate, names, resolve, substitute
from app.design.values import Expression

SETTINGS = {"width": 24, "depth": 3, "rate": 0.5, "mode": "fast", "sizes": (1, 2), "on": True}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7), ("(1 + 2) * 3", 9), ("-2 * -3", 6), ("10 - 2 - 3", 5), ("24 / 8 / 3", 1.0), ("7 // 2 * 2", 6),
        ("17 % 5", 2), ("width * 2", 48), (" width//16 ", 1), ("max(width // 8, 8)", 8), ("min(width, depth, 7)", 3),
        ("round(rate * 7)", 4), ("ceil(width / 7)", 4), ("floor(width / 7)", 3), ("int(2.9)", 2), ("1.5e1", 15.0),
        ("mode", "fast"), ("sizes", (1, 2)), ("on", True), ("--depth", 3),
    ],
)  # fmt: skip
def test_values(text: str, value: object) -> None:
    assert evaluate(text, SETTINGS) == value


@given(st.integers(-999, 999), st.integers(-999, 999), st.integers(1, 99))
def test_precedence_is_that_of_python(a: int, b: int, c: int) -> None:
    for text in ("a + b * c", "a - b - c", "a * b // c", "a % c + b", "(a + b) / c", "-a * b - -c"):
        assert evaluate(text, {"a": a, "b": b, "c": c}) == eval(text, {}, {"a": a, "b": b, "c": c})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("height * 2", "there is no setting `height` here (this Group exposes: depth, mode, on, rate, sizes, width)"),
        ("mode * 2", "`mode` is 'fast': only numbers"),
        ("sizes + 1", "only numbers"),
        ("width / (depth - 3)", "divides by zero"),
        ("width // 0", "divides by zero"),
        ("width % 0", "divides by zero"),
        ("width *", "is not arithmetic"),
        ("", "is not arithmetic"),
        ("1 2", "is not arithmetic"),
        ("'a' * 3", "is not arithmetic"),
        ("2 ** 1000000000", "is not arithmetic"),
        ("1 << 1000000000", "is not arithmetic"),
        ("10 ** 10 ** 10", "is not arithmetic"),
        ("width.real", "is not arithmetic"),
        ("().__class__", "is not arithmetic"),
        ("(1).__class__.__mro__", "is not arithmetic"),
        ("__import__('os')", "is not arithmetic"),
        ("open('x')", "is not arithmetic"),
        ("[1, 2][0]", "is not arithmetic"),
        ("sizes[0]", "is not arithmetic"),
        ("max", "there is no setting `max`"),
        ("max()", "is not arithmetic"),
        ("max(*sizes)", "is not arithmetic"),
        ("max(1, default=2)", "is not arithmetic"),
        ("max(1)", "cannot be worked out"),
        ("round(1, rate)", "cannot be worked out"),
        ("(lambda: 1)()", "is not arithmetic"),
        ("1 if width else 2", "is not arithmetic"),
        ("width := 3", "is not arithmetic"),
        ("1j * 2", "is not arithmetic"),
        ("9e307 * 10", "too large"),
        ("9" * 100, "too large"),
        ("1e400 - 1e400", "too large"),
        ("int(1e400)", "cannot be worked out"),
        ("1" * 201, "201 characters: at most 200"),
        ("(" * 150 + "1", "is not arithmetic"),
        ("a\x00b", "is not arithmetic"),
    ],
)
def test_refusals(text: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(text, SETTINGS)
    assert sentence in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_gives_a_value_or_a_sentence(text: str) -> None:
    try:
        evaluate(text, SETTINGS)
    except ExpressionError as error:
        assert str(error)


def test_deep_signs_are_no_crash() -> None:
    assert evaluate("-" * 198 + "1", {}) == 1


def test_names_are_the_settings_used() -> None:
    assert names("max(width, depth * 2)") == {"width", "depth"}


def test_resolve_reaches_into_tuples() -> None:
    assert resolve((Expression("width"), 3, (Expression("depth * 2"),)), SETTINGS) == (24, 3, (6,))


def test_substitution_is_resolution_in_two_steps() -> None:
    value = Expression("max(a, 2) * b - a")
    outer = {"w": 7}
    inner = {"a": Expression("w - 3"), "b": -2}
    assert resolve(substitute(value, inner), outer) == max(7 - 3, 2) * -2 - (7 - 3)
    assert substitute(Expression("a"), inner) == Expression("w - 3")
    assert substitute(Expression("b * 2"), inner) == -4
    with pytest.raises(ExpressionError, match="only numbers"):
        substitute(Expression("a + c"), {**inner, "c": "text"})
