"""Opening Groups: nested, repeated, sharing weights, with expressions, and never more than a machine holds."""

from __future__ import annotations

import time

import pytest

from app.design import edits
from app.design.expand import MAX_CALLS, TooLargeError, expand
from app.design.values import Design, End, Expression, Group, Node, Settings
from blocks.card import Setting
from tests.design.drawings import CATALOGUE, grouped, node, use, wire


def test_plain_nodes_run_in_the_order_of_their_wires() -> None:
    design = Design(nodes=(node("c"), node("a"), node("b")), wires=(wire("a>b"), wire("b>c")))
    opened = expand(design)
    assert [call.id for call in opened.calls] == ["a", "b", "c"]
    assert opened.sources == {"a": {}, "b": {"x": End("a", "out")}, "c": {"x": End("b", "out")}}
    assert opened.troubles == ()


def test_a_group_is_opened_for_each_use() -> None:
    opened = expand(grouped())
    assert [(c.id, c.name, c.module, c.where, c.node) for c in opened.calls] == [
        ("a", "a", "a", "", "a"),
        ("one/conv", "one/conv", "one.conv", "block", "conv"),
        ("two/conv", "two/conv", "two.conv", "block", "conv"),
        ("end", "end", "end", "", "end"),
    ]
    assert [c.settings for c in opened.calls[1:3]] == [Settings(channels=4), Settings(channels=8)]
    assert opened.sources["two/conv"] == {"x": End("one/conv", "out")}
    assert opened.sources["end"] == {"x": End("two/conv", "out")}
    assert [(g.id, g.inputs, g.outputs, g.members) for g in opened.groups] == [
        ("one", {"x": End("a", "out")}, {"out": End("one/conv", "out")}, ("one/conv",)),
        ("two", {"x": End("one/conv", "out")}, {"out": End("two/conv", "out")}, ("two/conv",)),
    ]


def test_repetitions_are_chained_with_weights_of_their_own() -> None:
    opened = expand(edits.set_repeat(grouped(), "", "one", 3))
    inside = [c for c in opened.calls if c.id.startswith("one/")]
    assert [c.id for c in inside] == ["one/0/conv", "one/1/conv", "one/2/conv"]
    assert [c.module for c in inside] == ["one.0.conv", "one.1.conv", "one.2.conv"]
    assert opened.sources["one/2/conv"] == {"x": End("one/1/conv", "out")}
    assert opened.sources["two/conv"] == {"x": End("one/2/conv", "out")}


def test_a_repeated_group_may_share_one_set_of_weights() -> None:
    design = edits.set_shares(edits.set_repeat(grouped(), "", "one", 3), "", "one", "one")
    assert {c.module for c in expand(design).calls if c.where == "block"} == {"one.conv", "two.conv"}


def test_nodes_and_groups_share_weights() -> None:
    design = edits.set_shares(grouped(), "", "two", "one")
    assert [c.module for c in expand(design).calls] == ["a", "one.conv", "one.conv", "end"]
    design = Design(nodes=(node("a"), Node(id="b", block="Conv", shares="a")), wires=(wire("a>b"),))
    assert [c.module for c in expand(design).calls] == ["a", "a"]


def test_a_renamed_node_keeps_its_id_and_names_its_weights() -> None:
    call = expand(edits.rename(grouped(), "block", "conv", "stem")).calls[1]
    assert (call.id, call.name, call.module) == ("one/conv", "one/stem", "one.stem")


def test_freezing_reaches_inside() -> None:
    frozen = {c.id: c.frozen for c in expand(edits.set_frozen(grouped(), "", "one", True)).calls}
    assert frozen == {"a": False, "one/conv": True, "two/conv": False, "end": False}


def nested() -> Design:
    inner = Group(
        name="inner", settings=(Setting("n", "int", 1, min=1),),
        nodes=(node("x", "GroupInput"), node("conv", channels=Expression("n // 2"), kernel=(Expression("n"), 3)),
               node("out", "GroupOutput")),
        wires=(wire("x>conv"), wire("conv>out")),
    )  # fmt: skip
    outer = Group(
        name="outer", settings=(Setting("width", "int", 8), Setting("depth", "int", 2)),
        nodes=(node("x", "GroupInput"), use("stage", "inner", Expression("depth"), n=Expression("width * 2")),
               node("out", "GroupOutput")),
        wires=(wire("x>stage"), wire("stage>out")),
    )  # fmt: skip
    return Design(nodes=(node("a"), use("net", "outer", 2, width=16)), wires=(wire("a>net"),), groups=(inner, outer))


def test_nested_groups_pass_settings_down() -> None:
    opened = expand(nested())
    assert [c.id for c in opened.calls[1:]] == [f"net/{i}/stage/{j}/conv" for i in range(2) for j in range(2)]
    assert [c.module for c in opened.calls[1:]] == [f"net.{i}.stage.{j}.conv" for i in range(2) for j in range(2)]
    assert {c.settings for c in opened.calls[1:]} == {Settings(channels=16, kernel=(32, 3))}
    assert opened.troubles == ()
    assert opened.groups[0].members == tuple(c.id for c in opened.calls[1:])


def test_troubles_are_told_and_the_rest_is_opened() -> None:
    design = nested()
    design = edits.set_setting(design, "outer", "stage", "n", Expression("breadth"), CATALOGUE)
    design = edits.set_repeat(design, "outer", "stage", Expression("width / 0"))
    opened = expand(design)
    assert {(t.code, t.id, t.node) for t in opened.troubles} == {
        ("expression", f"net/{i}/stage", "stage") for i in range(2)
    }
    assert any("stage: n cannot be worked out: there is no setting `breadth`" in t.message for t in opened.troubles)
    assert any("repeat cannot be worked out: `width / 0` divides by zero" in t.message for t in opened.troubles)
    assert len(opened.calls) == 3


@pytest.mark.parametrize("count", [0, -1, 10_001, 1.5, "three"])
def test_repeats_are_bounded(count: object) -> None:
    design = edits.set_repeat(nested(), "outer", "stage", Expression("depth"))
    group = design.group_by_name["outer"]
    loose = Group(name="outer", settings=(group.settings[0],), nodes=group.nodes, wires=group.wires)
    assert expand(Design(nodes=design.nodes, wires=design.wires, groups=(design.groups[0], loose))).troubles
    value = Settings(depth=count, width=16)
    design = Design(nodes=(node("a"), Node(id="net", group="outer", settings=value)), groups=design.groups)
    assert expand(design).troubles[0].code in ("repeat", "setting")


def test_a_missing_group_and_a_wrong_value_are_troubles() -> None:
    opened = expand(Design(nodes=(node("a"), use("g", "gone"), node("b")), wires=(wire("a>g"), wire("g>b"))))
    assert [t.code for t in opened.troubles] == ["group-missing"]
    assert [c.id for c in opened.calls] == ["a", "b"]
    opened = expand(edits.set_setting(grouped(), "", "one", "width", Expression("0"), CATALOGUE))
    assert [(t.code, t.message) for t in opened.troubles] == [
        ("setting", "one: width is 0, but it needs a whole number of at least 1")
    ]


def _tower(height: int, fan: int, *, body: bool, repeat: int = 1) -> Design:
    """Groups each of which uses the next `fan` times: fan ** height calls of the innermost."""
    nodes = (node("conv"),) if body else ()
    groups = [Group(name="g0", nodes=nodes)]
    for i in range(1, height):
        groups.append(Group(name=f"g{i}", nodes=tuple(use(f"n{j}", f"g{i - 1}", repeat) for j in range(fan))))
    return Design(nodes=(use("top", f"g{height - 1}"),), groups=tuple(groups))


@pytest.mark.parametrize(
    "design",
    [
        _tower(40, 2, body=True), _tower(40, 2, body=False), _tower(5, 1, body=True, repeat=10_000),
        _tower(5, 1, body=False, repeat=10_000), _tower(70, 1, body=True),
        Design(nodes=(use("a", "g", 10_000),), groups=(
            Group(name="g", nodes=tuple(node(f"x{i}", "GroupInput") for i in range(1000))),)),
        Design(nodes=(use("a", "g"),), groups=(Group(name="g", nodes=(use("a", "g"),)),)),
    ],
    ids=["doubling", "doubling-empty", "repeats", "repeats-empty", "deep", "ports", "inside-itself"],
)  # fmt: skip
def test_what_no_machine_holds_is_refused_at_once(design: Design) -> None:
    start = time.process_time()
    with pytest.raises(TooLargeError) as caught:
        expand(design)
    assert time.process_time() - start < 30
    assert str(caught.value)


def test_the_largest_design_is_opened() -> None:
    group = Group(name="g", nodes=tuple(node(f"n{i}") for i in range(10)))
    design = Design(nodes=(use("a", "g", MAX_CALLS // 10),), groups=(group,))
    assert len(expand(design).calls) == MAX_CALLS
