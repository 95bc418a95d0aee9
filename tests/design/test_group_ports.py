"""The ports of a Group: named and ordered inside, while what the network computes stays the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.design import edits
from app.design.edits import EditError
from app.design.expand import expand
from app.design.group_names import describe_group, rename_group
from app.design.names import NamingError
from app.design.port_order import move_port, port_nodes
from app.design.ports import group_ports
from app.design.values import Design, Group
from tests.design.drawings import REFUSALS, designs, names, node, use, wire


def two_ports() -> Design:
    """`mix` takes a and b, and gives their sum and what it made of b; it is used twice, once inside another Group."""
    mix = Group(
        name="mix",
        nodes=(node("a", "GroupInput"), node("conv"), node("b", "GroupInput"), node("add", "Add"),
               node("sum", "GroupOutput"), node("rest", "GroupOutput")),
        wires=(wire("a>add.a"), wire("b>conv"), wire("conv>add.b"), wire("add>sum"), wire("conv>rest")),
    )  # fmt: skip
    outer = Group(
        name="outer", nodes=(node("x", "GroupInput"), use("deep", "mix"), node("out", "GroupOutput")),
        wires=(wire("x>deep.a"), wire("x>deep.b"), wire("deep.rest>out")),
    )  # fmt: skip
    nodes = (node("one"), node("two"), use("m", "mix"), use("o", "outer"), node("end", "Output"))
    wires = (wire("one>m.a"), wire("two>m.b"), wire("m.sum>o.x"), wire("o.out>end"))
    return Design(nodes=nodes, wires=wires, groups=(mix, outer))


def listed(design: Design, group: str) -> tuple[list[str], list[str]]:
    inputs, outputs = group_ports(design.group_by_name[group])
    return [p.name for p in inputs], [p.name for p in outputs]


def wiring(design: Design) -> Any:
    """What runs and what feeds it; without the Groups, whose ports are called otherwise, and in any order."""
    opened = expand(design)
    calls = {call.id: (call.block, call.settings, call.module) for call in opened.calls}
    return calls, opened.sources, opened.troubles


def test_ports_move_up_and_down_among_their_own() -> None:
    design = move_port(two_ports(), "mix", "b", -1)
    assert listed(design, "mix") == (["b", "a"], ["sum", "rest"])
    assert [n.id for n in design.group_by_name["mix"].nodes] == ["b", "conv", "a", "add", "sum", "rest"]
    assert listed(move_port(design, "mix", "sum", 1), "mix") == (["b", "a"], ["rest", "sum"])
    assert move_port(design, "mix", "b", -1) is design, "there is no room above"
    assert move_port(two_ports(), "mix", "a", 9) == move_port(two_ports(), "mix", "a", 1)
    assert design.wires == two_ports().wires
    assert [n.id for n in port_nodes(design.group_by_name["mix"], "GroupInput")] == ["b", "a"]


def test_a_renamed_port_takes_the_wires_of_every_use_along() -> None:
    design = edits.rename(edits.rename(two_ports(), "mix", "b", "skip"), "mix", "rest", "kept")
    assert wire("two>m.skip") in design.wires
    assert set(design.group_by_name["outer"].wires) == {wire("x>deep.a"), wire("x>deep.skip"), wire("deep.kept>out")}
    assert wiring(design) == wiring(two_ports())


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(NamingError, match="there is a `a` here already"):
        edits.rename(two_ports(), "mix", "b", "a")
    with pytest.raises(EditError, match="`mix` has no port `conv`"):
        move_port(two_ports(), "mix", "conv", 1)
    with pytest.raises(EditError, match="there is no Group `gone`"):
        move_port(two_ports(), "gone", "a", 1)


@settings(max_examples=40)
@given(designs(), st.data())
def test_names_and_order_of_ports_do_not_change_what_runs(random: Design, data: st.DataObject) -> None:
    for start in (random, two_ports()):
        places = [(g.name, n.id) for g in start.groups for n in g.nodes if n.block in ("GroupInput", "GroupOutput")]
        if not places:
            continue
        design = start
        for _ in range(4):
            group, id = data.draw(st.sampled_from(places))
            if data.draw(st.booleans()):
                design = move_port(design, group, id, data.draw(st.integers(-2, 2)))
                continue
            try:
                design = edits.rename(design, group, id, data.draw(names))
            except REFUSALS:
                continue
        assert wiring(design) == wiring(start)
        assert {w.target.node for w in design.wires} == {w.target.node for w in start.wires}
        assert len(design.wires) == len(start.wires)


def test_a_renamed_group_is_the_same_one() -> None:
    design = rename_group(two_ports(), "mix", "blend")
    assert set(design.group_by_name) == {"blend", "outer"}
    assert design.by_id["m"].group == "blend" and design.group_by_name["outer"].by_id["deep"].group == "blend"
    assert wiring(design) == wiring(two_ports())
    assert describe_group(design, "blend", "Adds.").group_by_name["blend"].help == "Adds."
    with pytest.raises(NamingError, match="there is a `outer` here already"):
        rename_group(two_ports(), "mix", "outer")
    with pytest.raises(EditError, match="there is no Group `gone`"):
        rename_group(two_ports(), "gone", "mix")
