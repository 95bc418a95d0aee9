"""Odd drawings: each gets its sentence and its fixes, none a traceback, and what is said to be valid runs."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest
import torch
from torch import nn

from app.design import changes
from app.design.values import Design, Expression, Group
from app.engine import fixes
from app.engine.analysis import Analyser
from app.engine.compile import compile_design, shared_analyser
from app.messages import Analysis
from blocks import catalogue
from blocks.card import Card, Port, Setting
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

FEATURES = node("image", "Input", size=(7,))
CONV = node("conv", "Conv2d", out_channels=3, padding=(1, 1))
BODY = Group(
    name="body", settings=(Setting("width", "int", 8, min=1),),
    nodes=(node("x", "GroupInput"), node("conv", "Conv2d", out_channels=Expression("width")),
           node("out", "GroupOutput"), node("loose", "GroupOutput")),
    wires=(wire("x", "conv"), wire("conv", "out")),
)  # fmt: skip


def judged(target: object, loss: object, *more: object, **fields: object) -> Design:
    return chain(FEATURES, node("fc", "Linear"), loss, more=(target, *more),
                 wires=(wire("label", "loss.target"),), **fields)  # type: ignore[arg-type]  # fmt: skip


LABEL, LOSS = node("label", "Target"), node("loss", "CrossEntropy")

ODD = {
    "settings differ": (
        chain(IMAGE, CONV, node("twin", "Conv2d", out_channels=7, shares="conv"), OUTPUT),
        "shares", "twin: it uses the weights of conv, but out_channels is 7 here and 3 there",
        "Set out_channels, padding as in conv",
    ),
    "inputs differ": (
        chain(IMAGE, node("conv", "Conv2d", out_channels=8), node("twin", "Conv2d", out_channels=8, shares="conv"),
              OUTPUT),
        "shares", "C is 8 here and 3 there", "Give twin weights of its own",
    ),
    "repetitions that cannot share": (
        chain(IMAGE, node("body", group="body", repeat=3, shares="body"), OUTPUT, groups=(BODY,)),
        "shares", "body/1/conv: it uses the weights of body/0/conv", "Give each repetition weights of its own",
    ),
    "Groups of other settings": (
        chain(IMAGE, CONV, node("a", group="body", width=3), node("b", group="body", shares="a", width=9), OUTPUT,
              groups=(BODY,)),
        "shares", "out_channels is 9 here and 3 there", "Give b weights of its own",
    ),
    "an Output of a loss": (
        Design(
            nodes=(*judged(LABEL, LOSS).nodes, OUTPUT),
            wires=(*judged(LABEL, LOSS).wires, wire("loss.loss", "output")),
        ),
        "target-output", "a Target is there in training only", "Remove output",
    ),
    "a label of fractions": (
        judged(node("label", "Target", dtype="float32"), LOSS), "dtype", "it needs whole numbers",
        "Set label's dtype to int64",
    ),
    "a label of another size": (
        judged(node("label", "Target", size=(4,)), LOSS), "differs", "all sizes must be equal",
        "Set label's size to one number",
    ),
    "a metric alone": (
        judged(LABEL, node("loss", "Accuracy")), "no-output", "has no Output", "Add an Output after fc",
    ),
    "a Group's output that is dry": (
        chain(IMAGE, node("body", group="body"), OUTPUT, more=(node("second", "Output"),),
              wires=(wire("body.loose", "second"),), groups=(BODY,)),
        "missing-input", "inside body, nothing is wired to `loose`", "Wire image to second instead of body",
    ),
    "a port of no Group": (
        Design(nodes=(IMAGE, node("port", "GroupInput"), OUTPUT), wires=(wire("port", "output"),)),
        "missing-input", "stands in none", "Wire image to output instead of port",
    ),
    "a Group that feeds nothing": (
        chain(IMAGE, CONV, OUTPUT, more=(node("body", group="body"),), wires=(wire("image", "body"),), groups=(BODY,)),
        "dead-branch", "body feeds no Output", "Remove body",
    ),
    "an unknown block": (
        chain(IMAGE, node("odd", "Frobnicate"), OUTPUT), "block-missing", "is not known here",
        "Remove odd and wire image in its place",
    ),
    "an expression outside Groups": (
        chain(IMAGE, node("conv", "Conv2d", out_channels=Expression("width * 2")), OUTPUT),
        "expression", "only settings that a Group exposes", "Set out_channels back to 64",
    ),
    "a Group's setting out of bounds": (
        chain(IMAGE, node("body", group="body", width=0), OUTPUT, groups=(BODY,)),
        "setting", "width is 0", "Set width back to 8",
    ),
    "more weights than any machine holds": (
        chain(IMAGE, node("conv", "Conv2d", kernel_size=(10**9, 10**9)), OUTPUT),
        "too-large", "more elements than any machine holds", "Set kernel_size back to 3×3",
    ),
    "an image larger than any machine holds": (
        chain(node("image", "Input", size=(3, 10**9, 10**9)), CONV, OUTPUT),
        "too-large", "image: its size has 3e+18 elements", "Set size back to 3, 224, 224",
    ),
}  # fmt: skip


def analyse(design: Design) -> Analysis:
    return shared_analyser().analyse(design)


@pytest.mark.parametrize("name", ODD)
def test_it_is_said_and_can_be_mended(name: str) -> None:
    design, code, sentence, title = ODD[name]
    problems = [p for p in analyse(design).problems if p.code == code]
    assert len(problems) == 1, problems
    assert sentence in problems[0].message
    assert problems[0].fixes and problems[0].fixes[0].title == title, [f.title for f in problems[0].fixes]
    for fix in problems[0].fixes:
        after = analyse(changes.apply(design, fix.changes, shared_analyser().cards))
        assert code not in {p.code for p in after.problems}, fix.title


@pytest.mark.parametrize("name", ["settings differ", "inputs differ", "Groups of other settings"])
def test_shared_weights_that_were_mended_run(name: str) -> None:
    design, code, *_ = ODD[name]
    (problem,) = [p for p in analyse(design).problems if p.code == code]
    for fix in problem.fixes:
        network = compile_design(changes.apply(design, fix.changes, shared_analyser().cards))
        assert network.module(torch.zeros(2, 3, 32, 32)).shape[0] == 2


def test_sizes_without_end_are_answered_at_once() -> None:
    """Looking for a divisor of a huge size must not take for ever."""
    for size, groups in ((10**9 + 7, 10**9), (2**50, 2**49 - 1)):
        design = chain(node("image", "Input", size=(size, 1, 1)), node("conv", "Conv2d", groups=groups), OUTPUT)
        assert not analyse(design).valid


def test_dead_branches_are_named_by_their_ends() -> None:
    parts = [node(f"dead{i}", "ReLU") for i in range(4)]
    line = tuple(wire(a.id, b.id) for a, b in pairwise(parts))
    design = chain(IMAGE, CONV, OUTPUT, more=tuple(parts), wires=(wire("conv", "dead0"), *line))
    assert [(p.id, p.code) for p in analyse(design).problems] == [("dead3", "dead-branch")]


def test_an_output_of_a_group_may_be_left_alone() -> None:
    inside = Group(
        name="two",
        nodes=(node("x", "GroupInput"), node("a", "ReLU"), node("b", "Sigmoid"), node("c", "Tanh"),
               node("left", "GroupOutput"), node("right", "GroupOutput")),
        wires=(wire("x", "a"), wire("a", "left"), wire("x", "b"), wire("b", "right"), wire("x", "c")),
    )  # fmt: skip
    design = Design(
        nodes=(IMAGE, node("two", group="two"), OUTPUT),
        wires=(wire("image", "two.x"), wire("two.left", "output")),
        groups=(inside,),
    )
    assert [(p.id, p.code) for p in analyse(design).problems] == [("two/c", "dead-branch")], "b is given, c is not"


def test_the_search_for_fixes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large drawing in pieces is answered after a few trials, not after thousands."""
    analyser = Analyser(catalogue.load(), catalogue.classes())
    nodes = (IMAGE, *(node(f"add{i}", "Add") for i in range(400)), OUTPUT)
    walks = []
    walk = analyser.walk
    monkeypatch.setattr(analyser, "walk", lambda design, **options: walks.append(1) or walk(design, **options))
    analyser.analyse(Design(nodes=nodes))
    assert 1 < len(walks) <= 1 + fixes.BUDGET // 402 + 1


class _Quits(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise SystemExit(3)


class _Interrupts(nn.Module):
    def __init__(self) -> None:
        raise KeyboardInterrupt


class _Recurses(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)  # type: ignore[no-any-return]


class _GivesNothing(nn.Module):
    def forward(self, x: torch.Tensor) -> None:
        return None


class _GivesTwo(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


@pytest.mark.parametrize("module", [_Quits, _Interrupts, _Recurses, _GivesNothing])
def test_a_block_that_breaks_costs_its_node_alone(module: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.SIG_IGN)  # as in an engine behind a window
    port = Port("x", "*S")
    cards = {**catalogue.load(), "Odd": Card("Odd", "Odd", "Own blocks", (port,), (Port("out", "*S"),))}
    analyser = Analyser(cards, {**catalogue.classes(), "Odd": module})
    analysis = analyser.analyse(chain(IMAGE, CONV, node("odd", "Odd"), OUTPUT), with_fixes=False)
    (problem,) = analysis.problems
    assert (problem.id, problem.code) == ("odd", "failed") and analysis.parameters == 3 * 3 * 9 + 3


def test_a_block_gives_as_many_values_as_it_has_outputs() -> None:
    outputs = (Port("a", "*S"), Port("b", "*S"), Port("c", "*S"))
    cards = {**catalogue.load(), "Odd": Card("Odd", "Odd", "Own blocks", (Port("x", "*S"),), outputs)}
    analyser = Analyser(cards, {**catalogue.classes(), "Odd": _GivesTwo})
    design = Design(nodes=(IMAGE, node("odd", "Odd"), OUTPUT), wires=(wire("image", "odd"), wire("odd.a", "output")))
    messages = [p.message for p in analyser.analyse(design, with_fixes=False).problems]
    assert "odd: it gives 2 values, but has 3 outputs" in messages


def test_a_persons_interrupt_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "getsignal", lambda number: signal.default_int_handler)  # as in a terminal
    cards = {**catalogue.load(), "Odd": Card("Odd", "Odd", "Own blocks", (), (Port("out", "*S"),))}
    analyser = Analyser(cards, {**catalogue.classes(), "Odd": _Interrupts})
    with pytest.raises(KeyboardInterrupt):
        analyser.analyse(chain(node("odd", "Odd"), OUTPUT), with_fixes=False)
