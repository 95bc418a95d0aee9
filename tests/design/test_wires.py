"""The rules of wiring: one error class a rule, and a sentence that says what would do."""

from __future__ import annotations

import pytest

from app.design import edits, wires
from app.design.ports import letter, ports
from app.design.values import Design, End, Group, Node
from app.design.wires import (
    CycleError,
    OccupiedPortError,
    OwnOutputError,
    UnknownPortError,
    WiringError,
    WrongKindError,
    find_cycle,
)
from tests.design.drawings import CATALOGUE, grouped, node, small, wire

DESIGN = Design(
    nodes=(
        node("a"), node("b"), node("c"), node("backbone", "Backbone"), node("neck", "Neck"), node("loss", "Loss"),
        node("add", "Add"), node("mystery", "Unknown"), node("out", "Output"), node("split", "Split"),
    ),
    wires=(wire("a>b"), wire("b>c")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("path", "error", "sentence"),
    [
        ("c>a", CycleError, "a wire from c to a would close a circle"),
        ("a>b", OccupiedPortError, "b: `x` already takes a; remove that wire first"),
        ("c>b", OccupiedPortError, "already takes a"),
        ("a>neck", WrongKindError, "`x` takes a pyramid, but a gives a tensor; it needs several levels"),
        ("backbone>a", WrongKindError, "takes a tensor, but backbone gives a pyramid; pick one level"),
        ("loss.loss>a", WrongKindError, "takes a tensor, but loss gives a scalar"),
        ("a>a", OwnOutputError, "a cannot feed itself"),
        ("a.side>c", UnknownPortError, "a has no output `side` (it has: out)"),
        ("out.out>c", UnknownPortError, "out has no output `out` (it has: none)"),
        ("split.part3>c", UnknownPortError, "(it has: part1, part2)"),
        ("c>loss.truth", UnknownPortError, "loss has no input `truth` (it has: x, target)"),
        ("gone>c", UnknownPortError, "names `gone`, which does not exist"),
        ("a>gone", UnknownPortError, "names `gone`, which does not exist"),
    ],
)
def test_each_rule_has_its_error(path: str, error: type[WiringError], sentence: str) -> None:
    wrong = wire(path)
    with pytest.raises(error) as caught:
        edits.connect(DESIGN, "", wrong.source, wrong.target, CATALOGUE)
    assert type(caught.value) is error
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "path", ["a>out", "backbone>out", "loss.loss>out", "backbone>neck", "a>add.a", "a>add.b", "split.part2>add.a"]
)
def test_what_fits_is_wired(path: str) -> None:
    right = wire(path)
    after = edits.connect(DESIGN, "", right.source, right.target, CATALOGUE)
    assert after.wires == (*DESIGN.wires, right)


def test_a_wire_may_take_the_place_of_another() -> None:
    after = edits.connect(DESIGN, "", End("a", "out"), End("c", "x"), CATALOGUE, replace_wire=True)
    assert after.wires == (wire("a>b"), wire("a>c"))


def test_an_unknown_block_keeps_its_wires() -> None:
    nodes = (node("a"), Node(id="u", block="Unknown"), node("b"))
    design = Design(nodes=nodes, wires=(wire("a>u.in"), wire("u.side>b")))
    for w in design.wires:
        wires.check_wire(design, "", w, CATALOGUE, occupied=False)


def test_repeated_ports_show_one_free_place() -> None:
    design = small()
    shown = ports(design, design, design.by_id["add"], CATALOGUE)
    assert [p.name for p in shown.inputs] == ["a", "b", "c"]
    more = edits.connect(design, "", End("a", "out"), End("add", "c"), CATALOGUE)
    assert [p.name for p in ports(more, more, more.by_id["add"], CATALOGUE).inputs] == ["a", "b", "c", "d"]
    assert [letter(i) for i in (0, 25, 26, 27, 701, 702)] == ["a", "z", "aa", "ab", "zz", "aaa"]


def test_a_groups_ports_are_named_inside() -> None:
    design = grouped()
    shown = ports(design, design, design.by_id["one"], CATALOGUE)
    assert ([p.name for p in shown.inputs], [p.name for p in shown.outputs]) == (["x"], ["out"])
    changed = edits.set_setting(design, "block", "out", "kind", "scalar", CATALOGUE)
    assert ports(changed, changed, changed.by_id["one"], CATALOGUE).outputs[0].kind == "scalar"


def test_only_nodes_on_circles_are_named() -> None:
    ring = (node("a"), node("b"), node("c", "Add"), node("d"), node("e"))
    graph = Group(name="g", nodes=ring, wires=(wire("a>c.a"), wire("c>b"), wire("b>c.b"), wire("b>d"), wire("d>e")))
    assert find_cycle(graph) == ("b", "c")
    assert find_cycle(small()) == ()
