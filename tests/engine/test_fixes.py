"""Every fix that is offered mends its problem, with the change in parameters that it says."""

from __future__ import annotations

import pytest

from app.design import changes
from app.design.values import Design
from app.engine.compile import shared_analyser
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

CONV = node("conv", "Conv2d", out_channels=8)


def two_into_add(**settings: object) -> Design:
    return Design(
        nodes=(IMAGE, CONV, node("down", "Conv2d", **settings), node("add", "Add"), OUTPUT),
        wires=(wire("image", "conv"), wire("conv", "down"), wire("conv", "add.a"), wire("down", "add.b"),
               wire("add", "output")),
    )  # fmt: skip


DESIGNS = {
    "channels differ at an Add": two_into_add(out_channels=16),
    "stride differs at an Add": two_into_add(out_channels=8, stride=(2, 2)),
    "both differ at an Add": two_into_add(out_channels=24, stride=(2, 2)),
    "sizes differ at a Concat": Design(
        nodes=(IMAGE, CONV, node("down", "Conv2d", stride=(2, 2)), node("cat", "Concat"), OUTPUT),
        wires=(wire("image", "conv"), wire("conv", "down"), wire("conv", "cat.a"), wire("down", "cat.b"),
               wire("cat", "output")),
    ),
    "groups that do not divide": chain(IMAGE, CONV, node("bad", "Conv2d", out_channels=12, groups=3), OUTPUT),
    "kernel too large": chain(IMAGE, node("bad", "Conv2d", kernel_size=(40, 40), padding=(0, 0)), OUTPUT),
    "vector into an image's place": chain(
        node("image", "Input", size=(3, 8, 8)), node("f", "Flatten"), node("fc", "Linear", out_features=4), OUTPUT
    ),
    "setting out of bounds": chain(IMAGE, node("bad", "Conv2d", out_channels=0), OUTPUT),
    "a level that is not there": Design(
        nodes=(node("image", "Input", size=(3, 64, 64)), node("body", "ResidualBackbone"),
               node("pick", "PickLevel", level=7), OUTPUT),
        wires=(wire("image", "body"), wire("body", "pick"), wire("pick", "output")),
    ),
    "setting that is not known": chain(IMAGE, node("bad", "Conv2d", colour="red"), OUTPUT),
    "no Output": chain(IMAGE, CONV),
    "no Input": chain(CONV, OUTPUT),
    "nothing wired to an input": Design(nodes=(IMAGE, CONV, OUTPUT), wires=(wire("conv", "output"),)),
    "a loss without a target": chain(
        IMAGE, node("head", "ClassificationHead", classes=10), OUTPUT, more=(node("loss", "CrossEntropy"),),
        wires=(wire("head", "loss"),),
    ),
    "a dead branch": chain(IMAGE, CONV, OUTPUT, more=(node("dead", "ReLU"),), wires=(wire("conv", "dead"),)),
}  # fmt: skip


@pytest.mark.parametrize("name", DESIGNS)
def test_each_fix_mends(name: str) -> None:
    design = DESIGNS[name]
    analyser = shared_analyser()
    before = analyser.analyse(design)
    fixes = [(p, f) for p in before.problems for f in p.fixes]
    if name == "vector into an image's place":
        assert before.valid
        return
    assert fixes, before.problems
    for problem, fix in fixes:
        after = analyser.analyse(changes.apply(design, fix.changes, analyser.cards))
        assert (problem.id, problem.code) not in {(p.id, p.code) for p in after.problems}, fix.title
        assert after.valid, (fix.title, after.problems)
        assert after.parameters - before.parameters == fix.parameters, fix.title


@pytest.mark.parametrize("name", ["channels differ at an Add", "no Output", "nothing wired to an input"])
def test_the_first_fix_keeps_all_that_was_drawn(name: str) -> None:
    design = DESIGNS[name]
    analyser = shared_analyser()
    (problem, *_) = analyser.analyse(design).problems
    after = changes.apply(design, problem.fixes[0].changes, analyser.cards)
    assert {n.id for n in design.nodes} <= {n.id for n in after.nodes}
    assert "Remove" not in problem.fixes[0].title
