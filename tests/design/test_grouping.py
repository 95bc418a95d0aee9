"""Collapsing nodes into a Group and taking it apart again leave what runs as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from app.design import edits, file
from app.design.edits import EditError
from app.design.expand import TooLargeError, expand
from app.design.grouping import collapse, ungroup
from app.design.nesting import MAX_DEPTH
from app.design.values import Design, Expression, Group, Node, Settings
from blocks.card import Setting
from tests.design.drawings import CATALOGUE, designs, grouped, node, small, use, wire


def network(design: Design) -> Any:
    """What runs and what feeds it, whatever the names and the order: each call by all that it is made of."""
    opened = expand(design)
    key: dict[str, Any] = {}
    for call in opened.calls:
        fed = tuple(sorted((port, key[e.node], e.port) for port, e in opened.sources[call.id].items()))
        key[call.id] = hash((call.block, call.settings, call.frozen, fed))
    sharing: dict[str, list[int]] = {}
    for call in opened.calls:
        sharing.setdefault(call.module, []).append(key[call.id])
    return sorted(key.values()), sorted(sorted(keys) for keys in sharing.values())


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_collapse_and_ungroup_change_nothing_that_runs(data: Any) -> None:
    design = data.draw(designs(12))
    assume(design.nodes)
    chosen = data.draw(st.lists(st.sampled_from(sorted(design.by_id)), min_size=1, unique=True))
    assume(not any((n.id in chosen) != (n.shares in chosen) for n in design.nodes if n.shares))
    assume(not any((n.id in chosen) != (n.follows in chosen) for n in design.nodes if n.follows))
    try:
        before = network(design)
        grouped_, id = collapse(design, "", chosen, "part", CATALOGUE)
    except (EditError, TooLargeError):
        return
    file.check(grouped_, CATALOGUE)
    assert network(grouped_) == before
    try:
        flat, _ = ungroup(grouped_, "", id)
    except EditError:
        assert expand(design).troubles, "only an expression that cannot be worked out keeps a Group together"
        return
    file.check(flat, CATALOGUE)
    assert network(flat) == before
    if any(n.id != n.name for n in design.nodes):
        return  # nodes come back under their names
    left = sorted(map(repr, (replace(n, x=0.0, y=0.0) for n in flat.nodes)))
    assert left == sorted(map(repr, (replace(n, x=0.0, y=0.0) for n in design.nodes)))
    assert set(flat.wires) == set(design.wires)


def test_crossing_wires_become_ports() -> None:
    design, id = collapse(small(), "", ["b", "c"], "part", CATALOGUE)
    group = design.group_by_name["part"]
    assert [n.name for n in group.nodes] == ["b", "c", "x", "out", "out2"]
    assert set(design.wires) == {wire("a>part.x"), wire("part.out>add.a"), wire("part.out2>add.b")}
    assert id == "part"


def test_ports_of_the_group_around_stay_outside() -> None:
    design, id = collapse(grouped(), "block", ["x", "conv", "out"], "inner", CATALOGUE)
    assert [n.id for n in design.group_by_name["block"].nodes] == ["x", "out", id]
    with pytest.raises(EditError, match="at least one node"):
        collapse(grouped(), "block", ["x"], "inner", CATALOGUE)


def test_expressions_reach_through_the_new_group() -> None:
    before = grouped()
    design, id = collapse(before, "block", ["conv"], "inner", CATALOGUE)
    inner = design.group_by_name["inner"]
    assert [s.name for s in inner.settings] == ["width"]
    assert design.group_by_name["block"].by_id[id].settings == Settings(width=Expression("width"))
    assert network(design) == network(before)
    back, _ = ungroup(design, "block", id)
    assert network(back) == network(before)
    assert back.group_by_name["block"].by_id["conv"].settings == Settings(channels=Expression("width"))


def test_ungrouping_puts_expressions_into_one_another() -> None:
    inner = Group(
        name="inner", settings=(Setting("n", "int", 3), Setting("k", "int", 2)),
        nodes=(node("x", "GroupInput"), node("conv", channels=Expression("n * k + 1")), node("out", "GroupOutput")),
        wires=(wire("x>conv"), wire("conv>out")),
    )  # fmt: skip
    outer = Group(
        name="outer", settings=(Setting("width", "int", 5),),
        nodes=(node("x", "GroupInput"), use("in_", "inner", n=Expression("width - 1")), node("out", "GroupOutput")),
        wires=(wire("x>in_"), wire("in_>out")),
    )  # fmt: skip
    design = Design(nodes=(node("a"), use("g", "outer", width=9)), wires=(wire("a>g"),), groups=(inner, outer))
    after, ids = ungroup(design, "outer", "in_")
    assert after.group_by_name["outer"].by_id[ids[0]].settings == Settings(channels=Expression("(width - 1) * 2 + 1"))
    assert network(after) == network(design)
    flat, ids = ungroup(after, "", "g")
    assert flat.by_id[ids[0]].settings == Settings(channels=17)
    assert flat.groups == ()


def test_a_frozen_group_leaves_frozen_nodes() -> None:
    design = edits.set_frozen(grouped(), "", "one", True)
    after, (id,) = ungroup(design, "", "one")
    assert after.by_id[id].frozen


def test_inner_sharing_survives_and_outer_sharing_ends() -> None:
    design = edits.set_shares(small(), "", "b", "a")
    inside, id = collapse(design, "", ["a", "b"], "part", CATALOGUE)
    assert inside.group_by_name["part"].by_id["b"].shares == "a"
    assert ungroup(inside, "", id)[0].by_id["b"].shares == "a"
    apart, _ = collapse(design, "", ["b"], "part", CATALOGUE)
    assert apart.group_by_name["part"].by_id["b"].shares == ""
    file.check(apart, CATALOGUE)


def test_names_that_are_taken_get_a_number() -> None:
    design = Design(nodes=(node("conv"), use("g", "block")), wires=(wire("conv>g"),), groups=grouped().groups)
    after, ids = ungroup(design, "", "g")
    assert ids == ("conv_2",)
    assert after.wires == (wire("conv>conv_2"),)


def test_refusals() -> None:
    with pytest.raises(EditError, match="`b` lies between the chosen nodes"):
        collapse(small(), "", ["a", "c"], "part", CATALOGUE)
    with pytest.raises(EditError, match="one repeats: set its repeat to 1 first"):
        ungroup(edits.set_repeat(grouped(), "", "one", 2), "", "one")
    with pytest.raises(EditError, match="one uses the weights of another node"):
        ungroup(edits.set_shares(grouped(), "", "one", "two"), "", "one")
    with pytest.raises(EditError, match="a is not a Group"):
        ungroup(grouped(), "", "a")
    with pytest.raises(EditError, match=r"one/conv: there is no setting `w`"):
        ungroup(edits.set_setting(grouped(), "block", "conv", "channels", Expression("w"), CATALOGUE), "", "one")


def test_groups_are_not_nested_without_end() -> None:
    design = Design(nodes=(Node(id="a", block="Conv"),))
    id = "a"
    for i in range(MAX_DEPTH):
        design, id = collapse(design, "", [id], f"g{i}", CATALOGUE)
    file.check(design)
    assert len(expand(design).calls) == 1
    with pytest.raises(EditError, match="nested 65 deep"):
        collapse(design, "", [id], "more", CATALOGUE)
