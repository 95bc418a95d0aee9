"""Every edit keeps what a file may hold, touches no value, and is undone by keeping the old design."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.design import changes, edits, file
from app.design.edits import EditError
from app.design.names import NamingError
from app.design.values import Design, End, Expression, Group, Node, Settings, Wire
from blocks.card import Setting
from tests.design.drawings import CATALOGUE, REFUSALS, any_edit, designs, grouped, node, small, use, wire

patient = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(st.data())
def test_any_run_of_edits_keeps_the_rules(data: Any) -> None:
    design = data.draw(designs(8))
    for _ in range(data.draw(st.integers(1, 12))):
        before = file.dumps(design)
        try:
            after = any_edit(data.draw, design)
        except REFUSALS as error:
            assert file.dumps(design) == before
            assert "\n" not in str(error)
            continue
        assert file.dumps(design) == before, "an edit changed the design that it was given"
        file.check(after, CATALOGUE)
        assert file.loads(file.dumps(after), catalogue=CATALOGUE) == after
        design = after


def test_unchanged_nodes_stay_the_same_objects() -> None:
    design = small()
    after = edits.set_setting(design, "", "a", "channels", 16, CATALOGUE)
    assert after.by_id["b"] is design.by_id["b"]
    assert after.by_id["a"].settings == Settings(channels=16)
    assert design.by_id["a"].settings == Settings()
    assert edits.rename(design, "", "a", "a") is design
    assert edits.set_frozen(design, "", "a", False) is design


def test_a_new_node_has_a_free_name() -> None:
    design = Design()
    for wanted in ("conv", "conv_2", "conv_3"):
        made = edits.new_node(design, "", "Conv")
        assert (made.id, made.name) == (wanted, wanted)
        design = edits.add_node(design, "", made)
    assert edits.new_node(design, "", "SqueezeExcitation").id == "squeeze_excitation"
    assert edits.new_node(design, "", "BatchNorm2d").id == "batch_norm2d"


def test_removing_takes_the_wires_along() -> None:
    after = edits.remove(small(), "", ["b"], [])
    assert set(after.by_id) == {"a", "c", "add"}
    assert after.wires == (wire("c>add.b"),)
    assert edits.disconnect(small(), "", [wire("a>b")]).wires == small().wires[1:]


def test_removing_a_port_takes_its_wires_outside_along() -> None:
    after = edits.remove(grouped(), "block", ["out"])
    assert after.wires == (wire("a>one"),)
    file.check(after, CATALOGUE)
    after = edits.remove(grouped(), "block", ["x"])
    assert after.wires == (wire("two>end"),)


def test_renaming_a_port_keeps_its_wires() -> None:
    after = edits.rename(grouped(), "block", "out", "result")
    assert wire("one.result>two") in after.wires
    assert wire("two.result>end") in after.wires
    after = edits.rename(after, "block", "x", "image")
    assert wire("a>one.image") in after.wires
    assert wire("one.result>two.image") in after.wires
    file.check(after, CATALOGUE)


def test_changing_a_ports_kind_drops_the_wires_that_no_longer_fit() -> None:
    after = edits.set_setting(grouped(), "block", "x", "kind", "pyramid", CATALOGUE)
    assert after.wires == (wire("two>end"),)
    assert after.group_by_name["block"].wires == (wire("conv>out"),)
    file.check(after, CATALOGUE)


def test_fewer_parts_drop_their_wires() -> None:
    nodes = (node("split", "Split", parts=3), node("a"), node("b"))
    design = Design(nodes=nodes, wires=(wire("split.part1>a"), wire("split.part3>b")))
    after = edits.set_setting(design, "", "split", "parts", 2, CATALOGUE)
    assert after.wires == (wire("split.part1>a"),)
    assert edits.set_setting(design, "", "split", "parts", None, CATALOGUE).wires == after.wires


def test_settings_are_checked() -> None:
    design = small()
    assert edits.set_setting(design, "", "a", "kernel", 5, CATALOGUE).by_id["a"].settings["kernel"] == (5, 5)
    assert edits.set_setting(design, "", "a", "groups", None, CATALOGUE).by_id["a"].settings == Settings(groups=None)
    back = edits.set_setting(design, "", "a", "channels", 9, CATALOGUE)
    assert edits.set_setting(back, "", "a", "channels", None, CATALOGUE) == design
    kept = edits.set_setting(design, "", "a", "channels", Expression("width * 2"), CATALOGUE)
    assert kept.by_id["a"].settings["channels"] == Expression("width * 2")


def test_a_group_forgets_values_of_settings_that_are_gone() -> None:
    after = edits.set_group_settings(grouped(), "block", ())
    assert after.by_id["one"].settings == Settings()


def test_unused_groups_are_forgotten() -> None:
    after = edits.remove(grouped(), "", ["one"])
    assert after.groups == grouped().groups
    assert edits.remove(after, "", ["two"]).groups == ()


def test_shared_weights_follow_their_owner() -> None:
    design = edits.set_shares(small(), "", "b", "a")
    assert design.by_id["b"].shares == "a"
    moved = edits.set_shares(design, "", "a", "c")
    assert [moved.by_id[id].shares for id in "abc"] == ["c", "c", ""]
    file.check(moved)
    assert edits.remove(design, "", ["a"]).by_id["b"].shares == ""


def test_following_weights_end_where_their_leader_goes() -> None:
    design = edits.set_momentum(edits.set_follows(small(), "", "b", "a"), "", "b", 0.5)
    assert (design.by_id["b"].follows, design.by_id["b"].momentum) == ("a", 0.5)
    file.check(design)
    assert file.loads(file.dumps(design), "it") == design
    moved = edits.set_shares(design, "", "a", "c")  # b follows a, which now uses the weights of c
    assert moved.by_id["b"].follows == "a"
    assert edits.remove(design, "", ["a"]).by_id["b"] == small().by_id["b"]
    assert edits.set_shares(design, "", "b", "") == edits.set_follows(design, "", "b", "") == small()
    shared = edits.set_shares(design, "", "b", "c").by_id["b"]
    assert (shared.shares, shared.follows, shared.momentum) == ("c", "", 0.99)
    pasted, ids = edits.paste(design, "", [design.by_id["a"], design.by_id["b"]], ())
    assert pasted.by_id[ids[1]].follows == ids[0]
    alone, (id,) = edits.paste(design, "", [design.by_id["b"]], ())
    assert (alone.by_id[id].follows, alone.by_id[id].momentum) == ("a", 0.5)


def test_pasting_between_graphs() -> None:
    design, ids = edits.paste(small(), "", small().nodes[:2], small().wires, dx=24, dy=24)
    assert ids == ("a_2", "b_2")
    assert wire("a_2>b_2") in design.wires
    assert design.by_id["a_2"].x == 24
    shared = edits.set_shares(small(), "", "b", "a")
    design, _ = edits.paste(shared, "", [shared.by_id["b"]], ())
    assert design.by_id["b_2"].shares == "a"
    design, _ = edits.paste(grouped(), "block", [Node(id="q", block="Conv", shares="x")], ())
    assert design.group_by_name["block"].by_id["q"].shares == ""


def _twice(design: Design) -> Design:
    return edits.add_node(edits.add_node(design, "", node("z")), "", node("z"))


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (_twice, "there is a node `z` here already"),
        (lambda d: edits.add_node(d, "", Node(id="a b", name="ok", block="Conv")), "`a b` cannot be a name"),
        (lambda d: edits.add_node(d, "", Node(id="z", name="one", block="Conv")), "there is a `one` here already"),
        (lambda d: edits.add_node(d, "", Node(id="z")), "exactly one"),
        (lambda d: edits.add_node(d, "", use("z", "nowhere")), "the Group `nowhere` is not part of this design"),
        (lambda d: edits.add_node(d, "block", use("z", "block")), "a Group cannot stand inside itself"),
        (lambda d: edits.paste(d, "block", [use("z", "block")], ()), "a Group cannot stand inside itself"),
        (lambda d: edits.add_node(d, "gone", node("z")), "there is no Group `gone` here"),
        (lambda d: edits.rename(d, "", "gone", "z"), "there is no node `gone` here"),
        (lambda d: edits.rename(d, "", "a", "forward"), "has a meaning of its own"),
        (lambda d: edits.rename(d, "", "a", "one"), "there is a `one` here already"),
        (lambda d: edits.move(d, "", {"a": (float("nan"), 0)}), "lies off any canvas"),
        (lambda d: edits.set_setting(d, "", "a", "channels", 0, CATALOGUE), "a: channels is 0, but it needs"),
        (lambda d: edits.set_setting(d, "", "a", "colour", 0, CATALOGUE), "(it has: channels, kernel, "),
        (lambda d: edits.set_setting(d, "", "one", "depth", 1, CATALOGUE), "(it has: width)"),
        (lambda d: edits.set_setting(d, "", "a", "title", "\ud800", CATALOGUE), "half of a character"),
        (lambda d: edits.set_repeat(d, "", "a", 2), "only a Group repeats"),
        (lambda d: edits.set_repeat(d, "", "one", 0), "repeat is 0, but it needs a whole number from 1 to 10000"),
        (lambda d: edits.set_repeat(d, "", "one", 2.5), "repeat is 2.5"),  # type: ignore[arg-type]
        (lambda d: edits.set_follows(d, "", "a", "a"), "cannot follow its own weights"),
        (lambda d: edits.set_follows(d, "", "a", "one"), "only equal ones follow"),
        (lambda d: edits.set_follows(edits.set_follows(d, "", "one", "two"), "", "two", "one"), "follows another"),
        (lambda d: edits.set_shares(edits.set_follows(d, "", "one", "two"), "", "two", "one"), "follow its own"),
        (lambda d: edits.set_momentum(d, "", "a", 0.9), "follows no other node's weights"),
        (lambda d: edits.set_momentum(edits.set_follows(d, "", "one", "two"), "", "one", 1.0), "from 0 to below 1"),
        (lambda d: edits.set_shares(d, "", "a", "a"), "only a repeated Group can"),
        (lambda d: edits.set_shares(d, "", "a", "one"), "only equal ones share weights"),
        (lambda d: edits.set_shares(edits.set_shares(d, "", "one", "two"), "", "two", "one"), "share with `two`"),
        (lambda d: edits.insert_on_wire(d, "", wire("a>end"), node("z"), "x", "out"), "there is no wire a.out -> end"),
        (lambda d: edits.add_group(d, Group(name="block")), "there is a Group `block` already"),
        (lambda d: edits.add_group(d, Group(name="new", nodes=(use("z", "new"),))), "cannot stand inside itself"),
        (lambda d: edits.set_group_settings(d, "block", (Setting("a b", "int", 1),)), "names must be words"),
        (lambda d: edits.set_group_settings(d, "block", (Setting("n", "int", 0, min=1),)), "the default does not fit"),
    ],
)
def test_refusals_say_what_would_do(edit: Any, sentence: str) -> None:
    design = grouped()
    with pytest.raises((EditError, NamingError)) as caught:
        edit(design)
    assert sentence in str(caught.value)
    assert design == grouped()


def test_changes_are_edits_as_data() -> None:
    made = (
        changes.AddNode("", node("z")),
        changes.InsertOnWire("", wire("a>b"), node("y"), "x", "out"),
        changes.connect("", End("z", "out"), End("b", "x")),
        changes.set_setting("", "z", "kernel", 5),
        changes.Remove("", ("c",), (Wire(End("b", "out"), End("add", "a")),)),
    )
    after = changes.apply(small(), made, CATALOGUE)
    assert set(after.by_id) == {"a", "b", "y", "z", "add"}
    assert set(after.wires) == {wire("a>y"), wire("z>b")}
    assert after.by_id["z"].settings["kernel"] == (5, 5)
