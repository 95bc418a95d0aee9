"""What differs between two drawings: nothing of one and itself, and of an edited one exactly what was edited."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.design import edits
from app.design.compare import Comparison, Detail, Figures, compare, in_order, match
from app.design.values import Design, Group, Node, Settings, Wire
from tests.design.drawings import CATALOGUE, REFUSALS, any_edit, designs, node, small, use, wire

patient = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def said(found: Comparison) -> set[tuple[str, str]]:
    """(kind, name) of all that differs."""
    return {(d.kind, d.name) for d in found.differences}


@patient
@given(designs(10))
def test_a_drawing_is_no_other_than_itself(design: Design) -> None:
    found = compare(design, design, CATALOGUE)
    assert found.empty and not found.cut
    assert all(before == after for before, after in found.pairs.items())
    assert {place[-1] for place in found.pairs if len(place) == 1} == design.by_id.keys()


@patient
@given(st.data())
def test_whatever_is_edited_compares_and_the_other_way_round_it_is_the_reverse(data: Any) -> None:
    design = after = data.draw(designs(8))
    for _ in range(data.draw(st.integers(1, 6))):
        try:
            after = any_edit(data.draw, after)
        except REFUSALS:
            continue
    there, back = compare(design, after, CATALOGUE), compare(after, design, CATALOGUE)
    assert {d.before for d in there.differences if d.kind == "removed"}.isdisjoint(there.pairs)
    assert {d.after for d in there.differences if d.kind == "added"}.isdisjoint(there.pairs.values())
    top = [d for d in there.differences if len(d.before or d.after or ()) == 1]
    only = sum(d.kind == "removed" for d in top) - sum(d.kind == "added" for d in top)
    assert only == len(design.nodes) - len(after.nodes)
    assert there.empty == back.empty


@patient
@given(st.data())
def test_edits_report_exactly_the_nodes_that_they_touch(data: Any) -> None:
    """Settings, names and freezing of some nodes, another block added, one taken away: no other node is named."""
    count = data.draw(st.integers(2, 7))
    design = Design(nodes=tuple(Node(f"n{i}", block="Conv") for i in range(count)))
    design = replace(design, wires=tuple(wire(f"n{i}>n{i + 1}") for i in range(count - 1)))
    after, wanted = design, set()
    gone = data.draw(st.sampled_from([None, *design.by_id]))
    for id in data.draw(st.lists(st.sampled_from(sorted(design.by_id)), unique=True)):
        if id == gone:
            continue
        wanted.add(("changed", id))
        match data.draw(st.sampled_from(["set", "rename", "freeze"])):
            case "set":
                after = edits.set_setting(after, "", id, "channels", data.draw(st.integers(9, 99)), CATALOGUE)
            case "rename":
                after = edits.rename(after, "", id, f"other_{id}")
            case "freeze":
                after = edits.set_frozen(after, "", id, True)
    if gone is not None:
        after = edits.remove(after, "", [gone])
        wanted.add(("removed", gone))
    if data.draw(st.booleans()):
        after = edits.add_node(after, "", Node("fresh", block="Split"))
        wanted.add(("added", "fresh"))
    assert said(compare(design, edits.move(after, "", {}), CATALOGUE)) == wanted


def test_a_setting_that_is_written_out_is_the_default_still() -> None:
    design = small()
    written = replace(design, nodes=tuple(
        replace(n, settings=Settings(kernel=3), x=500.0) if n.id == "a" else n for n in design.nodes
    ))  # fmt: skip
    assert design.by_id["a"].settings == Settings() and compare(design, written, CATALOGUE).empty
    changed = edits.set_setting(design, "", "a", "kernel", 5, CATALOGUE)
    (difference,) = compare(design, changed, CATALOGUE).differences
    assert difference.details == (Detail("setting", "kernel", "3×3", "5×5"),)


def test_nodes_are_found_by_id_then_name_then_place_then_turn() -> None:
    a = Design(
        nodes=(node("in", "Input"), node("x", "Conv"), node("y", "Conv"), Node("p", "Split", name="cut"),
               node("q", "Add"), node("r", "Unknown")),
        wires=(wire("in>x"), wire("x>y")),
    )  # fmt: skip
    b = Design(
        nodes=(node("in", "Input"), node("second", "Conv"), node("first", "Conv"), Node("z", "Split", name="cut"),
               node("sum", "Add"), node("r", "Neck")),
        wires=(wire("in>first"), wire("first>second")),
    )  # fmt: skip
    assert match(a, b) == {"in": "in", "x": "first", "y": "second", "p": "z", "q": "sum", "r": "r"}
    assert ("changed", "r") in said(compare(a, b, CATALOGUE))
    details = {d.name: d.details for d in compare(a, b, CATALOGUE).differences}
    assert details["r"] == (Detail("block", "block", "Unknown", "Neck"),)
    assert details["x"] == (Detail("name", "name", "x", "first"),)


def test_figures_are_compared_where_both_sides_have_them() -> None:
    design = small()
    known = {id: Figures("B × 8", 10, 100) for id in design.by_id}
    other = known | {"a": Figures("B × 16", 20, 100)}
    (difference,) = compare(design, design, CATALOGUE, known, other).differences
    assert difference.name == "a" and {d.about for d in difference.details} == {"shape", "parameters"}
    assert compare(design, design, CATALOGUE, known, {}).empty


def test_groups_are_compared_inside_for_each_use() -> None:
    stage = Group(name="stage", nodes=(node("in", "GroupInput"), node("conv", "Conv"), node("out", "GroupOutput")))
    design = Design(nodes=(use("one", "stage"), use("two", "stage")), groups=(stage,))
    after = edits.set_setting(design, "stage", "conv", "channels", 32, CATALOGUE)
    found = compare(design, after, CATALOGUE)
    assert said(found) == {("changed", "one/conv"), ("changed", "two/conv")}
    assert found.differences[0].before == ("one", "conv")
    repeated = edits.set_repeat(design, "", "one", 3)
    figures = {"one/0/conv": Figures(parameters=3)}
    found = compare(design, repeated, CATALOGUE, {"one/conv": Figures(parameters=2)}, figures)
    assert said(found) == {("changed", "one"), ("changed", "one/conv")}


def test_a_wire_that_comes_from_elsewhere_changes_the_node_that_it_enters() -> None:
    design = Design(nodes=(node("a", "Conv"), node("b", "Conv"), node("c", "Conv")), wires=(wire("a>c"),))
    moved = replace(design, wires=(wire("b>c"),))
    (difference,) = compare(design, moved, CATALOGUE).differences
    assert difference.name == "c" and difference.details == (Detail("input", "input x", "a.out", "b.out"),)
    assert said(compare(design, edits.remove(design, "", ["a"]), CATALOGUE)) == {("removed", "a")}


def test_a_circle_ends() -> None:
    circle = Design(nodes=(node("a", "Conv"), node("b", "Conv")), wires=(wire("a>b"), wire("b>a")))
    assert [n.id for n in in_order(circle)] == ["a", "b"]
    assert isinstance(circle.wires[0], Wire) and compare(circle, circle, CATALOGUE).empty
