"""Every kind of mistake gets its sentence, its node, the node that began it, and fixes that do mend it."""

from __future__ import annotations

import pytest
import torch

from app.design import changes
from app.design.values import Design
from app.engine.compile import compile_design, shared_analyser
from app.messages import Analysis
from app.messages.reports import Problem
from tests.engine.kinds import KINDS


def analyse(design: Design) -> Analysis:
    return shared_analyser().analyse(design)


def told(name: str) -> tuple[Analysis, Problem]:
    """The analysis, and the one problem that the drawing is there for."""
    analysis, kind = analyse(KINDS[name].design), KINDS[name]
    (problem,) = [p for p in analysis.problems if p.code == kind.code]
    return analysis, problem


def test_there_are_many_kinds() -> None:
    assert len(KINDS) >= 30
    assert len({kind.code for kind in KINDS.values()}) >= 20


@pytest.mark.parametrize("name", KINDS)
def test_it_is_said_of_its_node_and_of_what_began_it(name: str) -> None:
    kind = KINDS[name]
    analysis, problem = told(name)
    assert (problem.id, problem.blame) == (kind.node, kind.blame)
    assert kind.says in problem.message
    others = {p.code for p in analysis.problems if p.severity == "error"} - {kind.code}
    assert others <= ({"missing-input"} if name == "no Input" else set())


@pytest.mark.parametrize("name", KINDS)
def test_each_fix_mends_and_says_what_it_costs(name: str) -> None:
    kind = KINDS[name]
    before, problem = told(name)
    assert problem.fixes and problem.fixes[0].title == kind.first, [f.title for f in problem.fixes]
    for fix in problem.fixes:
        after = analyse(changes.apply(kind.design, fix.changes, shared_analyser().cards))
        assert (problem.id, problem.code) not in {(p.id, p.code) for p in after.problems}, fix.title
        assert after.valid, (fix.title, after.problems)
        assert after.parameters - before.parameters == fix.parameters, fix.title
        gives = {r.id: r.outputs for r in (*after.nodes, *after.groups)}.get(problem.id, ())
        assert fix.outputs == gives, fix.title


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.keeps])
def test_a_fix_keeps_all_that_was_drawn(name: str) -> None:
    kind = KINDS[name]
    _, problem = told(name)
    after = [changes.apply(kind.design, fix.changes, shared_analyser().cards) for fix in problem.fixes]
    drawn = {(n.id, n.name, n.block) for n in kind.design.nodes}
    keeping = [drawn <= {(n.id, n.name, n.block) for n in design.nodes} for design in after]
    assert keeping[0], "the first does"
    assert keeping == sorted(keeping, reverse=True), "those that take something away come last"


@pytest.mark.parametrize("name", ["shared weights of other settings", "shared weights of other inputs",
                                  "Groups of other settings that share"])  # fmt: skip
def test_shared_weights_that_were_mended_run(name: str) -> None:
    _, problem = told(name)
    for fix in problem.fixes:
        network = compile_design(changes.apply(KINDS[name].design, fix.changes, shared_analyser().cards))
        assert network.module(torch.zeros(2, 3, 32, 32)).shape[0] == 2
