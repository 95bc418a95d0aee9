"""What hangs, crashes or asks for absurd amounts in analysis is named and stopped, and the rest is analysed."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from app import trust
from app.cli import main
from app.design import file
from app.design.build import wire
from app.design.values import Design
from app.engine.analysis import Analyser
from app.engine.meta import Remembering
from app.engine.patience import HungError, limited
from app.messages import Analysis
from blocks import catalogue
from tests.drawing import OUTPUT, node

HANGS = {
    "a loop": "while True:\n    pass",
    "a sleep": "import time\ntime.sleep(1000)\nreturn a",
    "a loop that catches what it can": "while True:\n    try:\n        a + 1\n    except Exception:\n        pass",
    "a billion layers": "nn.Sequential(*[nn.Linear(1, 1) for _ in range(10**9)])(a)",
}


def drawn(source: str) -> Design:
    """`good` is a branch by itself; `bad` and `same` run the code, `behind` follows it."""
    return Design(
        nodes=(
            node("image", "Input", size=(3, 8, 8)), node("bad", "Code", source=source),
            node("same", "Code", source=source), node("behind", "ReLU"), OUTPUT,
            node("good", "Conv2d", out_channels=4), node("second", "Output"),
        ),
        wires=(wire("image", "bad.a"), wire("image", "same.a"), wire("bad", "behind"), wire("behind", "output"),
               wire("image", "good"), wire("good", "second")),
    )  # fmt: skip


@pytest.fixture
def analyser() -> Analyser:
    made = Analyser(catalogue.load(), catalogue.classes())
    made.measurer.trusted = trust.Everything()
    made.measurer.patience = 0.4
    return made


def ended(analysis: Analysis) -> dict[str, str]:
    return {p.node: p.message for p in analysis.problems if p.code == "engine-ended"}


@pytest.mark.parametrize("source", HANGS.values(), ids=list(HANGS))
def test_what_hangs_is_named_and_the_rest_is_analysed(analyser: Analyser, source: str) -> None:
    alarm = signal.getsignal(signal.SIGALRM)
    timer = signal.getitimer(signal.ITIMER_REAL)
    analysis = analyser.analyse(drawn(source))
    runs = analyser.measurer.runs
    assert ended(analysis) == {
        name: f"{name}: it did not finish within 0.4 s and was stopped; change its settings, or what feeds it"
        for name in ("bad", "same")
    }
    assert (analysis.valid, analysis.partial, analysis.parameters) == (False, True, 4 * (3 * 9 + 1))
    assert [n.id for n in analysis.nodes if n.ok] == ["image", "good", "second"]
    assert signal.getsignal(signal.SIGALRM) is alarm
    assert signal.getitimer(signal.ITIMER_REAL)[0] <= timer[0]
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(timer[0]), "somebody else's alarm goes on"
    analyser.analyse(drawn(source))
    assert analyser.measurer.runs == runs, "it is not tried again, nor is its equal"
    (problem, *_) = (p for p in analysis.problems if p.node == "bad")
    assert [f.title for f in problem.fixes][-1:] == ["Remove bad and wire image in its place"]


def test_a_call_that_ended_an_engine_is_left_out_until_it_is_another_one(analyser: Analyser) -> None:
    design, why = drawn("a * 2"), {"bad": "the engine was killed (signal 11) twice while it ran this"}
    analysis = analyser.analyse(design, ended=why)
    assert set(ended(analysis)) == {"bad", "same"}, "an equal call would do the same"
    assert ended(analysis)["bad"] == f"bad: {why['bad']}"
    assert {n.id for n in analysis.nodes if n.ok} == {"image", "good", "second"}
    smaller = Design(
        nodes=tuple(node("image", "Input", size=(3, 4, 4)) if n.id == "image" else n for n in design.nodes),
        wires=design.wires,
    )
    assert not ended(analyser.analyse(smaller, ended=why)), "with another input it is tried again"
    assert ended(analyser.analyse(design, ended=why)), "and with the first one it is not"


def test_the_command_line_names_what_hangs(tmp_path, capsys, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    from app.engine import measure
    from app.engine.compile import shared_analyser

    monkeypatch.setattr(shared_analyser().measurer, "patience", 0.4)
    assert measure.PATIENCE == 8.0
    path = tmp_path / "hangs.netloom"
    file.save(drawn(HANGS["a loop"]), path)
    assert main(["check", str(path), "--allow-code"]) == 1
    out = capsys.readouterr().out
    assert "bad: it did not finish within 0.4 s" in out
    assert "good" in out


def test_what_is_stopped_leaves_none_of_torchs_modes_behind() -> None:
    """At any moment: where a mode stays in force, whatever runs later in the process goes wrong."""
    for step in range(60):
        with pytest.raises(HungError), limited(0.002 + step * 1e-4):
            while True:
                with torch.device("meta"), Remembering(), FlopCounterMode(display=False), torch.no_grad():
                    pass
        left = torch._C._len_torch_dispatch_stack(), torch._C._len_torch_function_stack()
        assert (left, torch.is_grad_enabled()) == ((0, 0), True), step


def test_what_hangs_on_its_way_out_of_a_with_is_stopped_too() -> None:
    @contextlib.contextmanager
    def endless() -> Iterator[None]:
        yield
        while True:
            time.sleep(0.01)

    began = time.monotonic()
    with pytest.raises(HungError), limited(0.1), endless():
        pass
    assert time.monotonic() - began < 60
