"""Odd drawings and odd blocks: none a traceback, and the rest is answered. The kinds of mistakes: test_fixes."""

from __future__ import annotations

import signal
from itertools import pairwise

import pytest
import torch
from torch import nn

from app.design.values import Design, Group
from app.engine import fixes
from app.engine.analysis import Analyser
from app.engine.compile import shared_analyser
from app.messages import Analysis
from blocks import catalogue
from blocks.card import Card, Port
from tests.drawing import IMAGE, OUTPUT, chain, node, wire

CONV = node("conv", "Conv2d", out_channels=3, padding=(1, 1))


def analyse(design: Design) -> Analysis:
    return shared_analyser().analyse(design)


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
