"""What nodes may be called, against torch's own list."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.design.names import MAX_LENGTH, RESERVED, NamingError, check_name, free_name, quoted


def test_no_attribute_of_a_compiled_module_may_be_a_name() -> None:
    import torch
    from torch import fx, nn

    class Empty(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    compiled = fx.symbolic_trace(Empty())
    for name in {*dir(compiled), *dir(nn.Module()), *dir(fx.GraphModule)}:
        with pytest.raises(NamingError):
            check_name(name)


@given(st.text(max_size=80), st.sets(st.from_regex(r"[a-z]{1,3}(_[0-9])?", fullmatch=True)))
def test_a_free_name_is_a_name(wish: str, taken: set[str]) -> None:
    name = free_name(wish, taken)
    check_name(name, taken)
    assert name.isidentifier()
    assert len(name) <= MAX_LENGTH


@pytest.mark.parametrize("wish", [*sorted(RESERVED), *keyword.kwlist, "__class__", "_modules", "", "1", "größe"])
def test_reserved_wishes_get_another_name(wish: str) -> None:
    check_name(free_name(wish, ()))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "cannot be a name"), ("a.b", "cannot be a name"), ("a\n", "cannot be a name"),
        ("1a", "begin with a letter"), ("_modules", "begin with a letter"), ("größe", "cannot be a name"),
        ("class", "call it `class_1`"),
        ("forward", "call it `forward_1`"), ("a" * 65, "65 characters: at most 64"), ("stem", "already"),
    ],
)  # fmt: skip
def test_refusals(name: str, sentence: str) -> None:
    with pytest.raises(NamingError) as caught:
        check_name(name, {"stem"})
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value), "one line, whatever was typed"


@given(st.text())
def test_what_was_written_is_quoted_on_one_line(text: str) -> None:
    line = quoted(text)
    assert line.isprintable() and len(line) <= 10 * MAX_LENGTH + 5
    assert line == f"`{text}`" or not text.isprintable() or len(text) > MAX_LENGTH


def test_names_count_up() -> None:
    assert free_name("conv", {"conv", "conv_2"}) == "conv_3"
    assert free_name("3x3 conv", ()) == "n3x3_conv"
