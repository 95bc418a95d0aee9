"""Groups brought from another drawing: used again where they are here, under a free name where another is."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.design import edits
from app.design.bringing import as_drawing, bring_groups, main_group, rename_main
from app.design.expand import expand
from app.design.names import NamingError
from app.design.values import Design, Group
from tests.design.drawings import grouped, node, use, wire


def nested(block: str = "Conv") -> Design:
    inner = Group(
        name="inner", nodes=(node("x", "GroupInput"), node("core", block), node("out", "GroupOutput")),
        wires=(wire("x>core"), wire("core>out")),
    )  # fmt: skip
    outer = Group(
        name="outer", nodes=(node("x", "GroupInput"), use("part", "inner"), node("out", "GroupOutput")),
        wires=(wire("x>part"), wire("part>out")),
    )  # fmt: skip
    return Design(nodes=(use("outer", "outer"),), groups=(outer, inner))


def brought(design: Design, held: Design) -> tuple[Design, str]:
    """Place the held node; returns the design and the Group's name there."""
    design, (new,) = bring_groups(design, held.groups, held.nodes)
    design, _ = edits.paste(design, "", [new], ())
    return design, new.group


def test_into_an_empty_drawing_and_again() -> None:
    design, name = brought(Design(), nested())
    assert name == "outer" and set(design.group_by_name) == {"outer", "inner"}
    again, name = brought(design, nested())
    assert name == "outer" and again.groups == design.groups


def test_a_taken_name_gets_a_free_one_and_what_uses_it_follows() -> None:
    design, _ = brought(Design(), nested("ReLU"))
    design, name = brought(design, nested("Conv"))
    assert name == "outer_2", "its own inside is equal, what it uses is not"
    assert design.group_by_name["outer_2"].nodes[1].group == "inner_2"
    assert [c.block for c in expand(design).calls] == ["ReLU", "Conv"]
    same, name = brought(design, nested("Conv"))
    assert name == "outer_2" and same.groups == design.groups, "the one that was renamed before is used again"
    same, name = brought(design, nested("ReLU"))
    assert name == "outer" and same.groups == design.groups


def test_only_what_is_needed_comes_along() -> None:
    held = nested()
    design, nodes = bring_groups(Design(), held.groups, [use("part", "inner")])
    assert set(design.group_by_name) == {"inner"} and nodes[0].group == "inner"
    circle = replace(held.groups[1], nodes=(use("me", "inner"),))
    with pytest.raises(edits.EditError, match="stands inside itself"):
        bring_groups(Design(), [circle], [use("part", "inner")])


def test_a_group_by_itself() -> None:
    drawing = as_drawing(nested(), "outer")
    assert main_group(drawing) == nested().groups[0] and set(drawing.group_by_name) == {"outer", "inner"}
    assert main_group(as_drawing(nested(), "inner")) == nested().groups[1]
    assert main_group(grouped()) is None
    other = rename_main(drawing, "tower")
    assert [n.group for n in other.nodes] == ["tower"] and set(other.group_by_name) == {"tower", "inner"}
    with pytest.raises(NamingError, match="already"):
        rename_main(drawing, "inner")
