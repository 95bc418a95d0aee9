"""What still holds of an analysis when an engine died over the next one."""

from __future__ import annotations

from msgspec.structs import replace

from app.design.values import Design, End, Node, Settings, Wire
from app.messages import Analyse, Analysis
from app.messages.reports import NodeReport, Problem
from app.window.salvage import salvage

PROBLEM = Problem("error", "b", "b", "", "b", "", "engine-ended", "b: it did not finish within 10 s and was ended.")
CHAIN = Design(
    nodes=tuple(Node(id, block="Conv2d") for id in "abcd"),
    wires=(Wire(End("a", "out"), End("b", "x")), Wire(End("b", "out"), End("c", "x"))),
)
KNOWN = Analysis(
    4, True, False, parameters=40, macs=80, nodes=tuple(
        NodeReport(id, id, "", id, "Conv2d", parameters=10, macs=20) for id in "abcd"
    ),
)  # fmt: skip


def kept(now: Design, blamed: str = "b") -> list[str]:
    answer = salvage((Analyse(4, CHAIN), KNOWN), Analyse(5, now), blamed, PROBLEM)
    assert (answer.revision, answer.valid, answer.partial, answer.problems) == (5, False, True, (PROBLEM,))
    assert answer.parameters == 10 * len(answer.nodes)
    return [r.id for r in answer.nodes]


def changed(id: str, **fields: object) -> Design:
    return replace(CHAIN, nodes=tuple(replace(n, **fields) if n.id == id else n for n in CHAIN.nodes))


def test_the_blamed_node_and_what_it_feeds_are_unknown() -> None:
    assert kept(changed("b", settings=Settings(n=1))) == ["a", "d"]


def test_what_changed_before_it_is_unknown_too() -> None:
    assert kept(changed("a", settings=Settings(n=1))) == ["d"]
    assert kept(replace(CHAIN, wires=(*CHAIN.wires, Wire(End("d", "out"), End("a", "x"))))) == ["d"]


def test_a_move_changes_nothing() -> None:
    assert kept(changed("a", x=40.0)) == ["a", "d"]


def test_without_an_analysis_nothing_is_known() -> None:
    asked = Analyse(5, CHAIN)
    assert salvage(None, asked, "b", PROBLEM).nodes == ()
    assert salvage((Analyse(4, CHAIN, variant="s"), KNOWN), asked, "b", PROBLEM).nodes == ()
