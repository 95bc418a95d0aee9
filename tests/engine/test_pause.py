"""A run that is paused goes on as if nothing had been; one that is continued keeps the weights that still fit."""

from __future__ import annotations

import csv
import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from app import messages as m
from app.design.values import Node, Settings
from app.engine import checkpoint
from app.engine.train import train
from app.messages.training import Carried, Pause
from tests.engine.designs import SHORT, digits
from tests.engine.test_resume import assert_same
from tests.engine.test_server import Engine

STEPS = 20


def speeds(run: Path) -> list[dict[str, str]]:
    with (run / "speed.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("straight") / "run"
    train(digits(), SHORT, run=run, device="cpu")
    return run


def test_a_paused_run_is_the_same_bit_for_bit_and_its_clock_stands_still(straight: Path, tmp_path: Path) -> None:
    run, heard = tmp_path / "run", []
    on = threading.Event()

    def hear(progress: m.Progress) -> None:
        heard.append(progress)
        if progress.paused:  # in the middle of an epoch: the checkpoint is there already
            state = checkpoint.load_state(run / "checkpoints" / "last")
            assert state["step"] == progress.step == STEPS + 7
            assert json.loads((run / "state.json").read_text())["state"] == "running"
            threading.Timer(0.6, on.clear).start()

    asked = iter(range(1, 10**9))

    def paused() -> bool:
        if next(asked) == STEPS + 7:
            on.set()
        return on.is_set()

    began = time.monotonic()
    train(digits(), SHORT, run=run, device="cpu", on_progress=hear, paused=paused)
    took = time.monotonic() - began
    assert [p.paused for p in heard].count(True) == 1 and took > 0.6
    assert_same(straight, run)
    rows = speeds(run)
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20, 30, 40]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds) and seconds[-1] < took - 0.5
    assert all(float(row["rate"]) > 0 and int(row["memory"]) > 50e6 for row in rows)
    assert json.loads((run / "state.json").read_text())["state"] == "finished"


def test_a_paused_run_can_be_stopped_and_resumed(straight: Path, tmp_path: Path) -> None:
    run, stop = tmp_path / "run", threading.Event()
    asked = iter(range(1, 10**9))

    def hear(progress: m.Progress) -> None:
        if progress.paused:
            stop.set()

    ended = train(
        digits(), SHORT, run=run, device="cpu", on_progress=hear,
        paused=lambda: next(asked) >= STEPS + 3, cancelled=stop.is_set,
    )  # fmt: skip
    assert ended.stopped and json.loads((run / "state.json").read_text())["state"] == "stopped"
    assert (run / "checkpoints" / "best").is_dir() and (run / "checkpoints" / "last").is_dir()
    with (run / "speed.csv").open("a", encoding="utf-8") as file:
        file.write("30,99.0,1.0,1,0\n31,")  # as after a crash: later than the checkpoint, and cut short
    train(digits(), SHORT, run=run, device="cpu", resume=True)
    assert_same(straight, run)
    rows = speeds(run)
    assert [int(row["step"]) for row in rows] == [5, 10, 15, 20, 30, 40]
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds), "a resumed run's clock goes on from where it stood"


def test_a_run_that_fails_says_so_in_its_folder(tmp_path: Path) -> None:
    from app.engine.train import TrainingError

    with pytest.raises(TrainingError, match="learning rate"):
        train(digits(), replace(SHORT, learning_rate=1e30, optimizer="sgd"), run=tmp_path / "run", device="cpu")
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    assert state["state"] == "failed" and "the learning rate is too high" in state["message"]


def test_continuing_keeps_slices_and_renews_and_says_which(straight: Path, tmp_path: Path) -> None:
    design = digits(classes=12)
    nodes = [replace(n, name="trunk") if n.id == "stem" else n for n in design.nodes]
    nodes = [replace(n, settings=Settings(classes=12)) if n.id == "accuracy" else n for n in nodes]
    changed = replace(design, nodes=tuple(nodes))
    heard: list[Carried] = []
    asked = iter(range(10**9))
    run = tmp_path / "run"
    train(
        changed, replace(SHORT, learning_rate=1e-30, weight_decay=0.0), run=run, device="cpu", begin_with=straight,
        on_carried=heard.append, cancelled=lambda: next(asked) >= 0,
    )  # fmt: skip
    (carried,) = heard
    assert [k for k in carried.kept if not k.startswith("trunk.")] == [], "the renamed node is known by its id"
    assert len(carried.kept) > 3 and not carried.fresh and not carried.dropped
    assert carried.sliced == ("head.weight: 10×512 of 12×512", "head.bias: 10 of 12")
    assert carried.summary == f"{len(carried.kept)} weights are kept, 2 are kept in part"
    old = checkpoint.load_weights(straight / "checkpoints" / "last")
    new = checkpoint.load_weights(run / "checkpoints" / "last")
    assert torch.allclose(new["head.weight"][:10], old["head.weight"]) and new["head.weight"].shape[0] == 12
    for name in carried.kept:
        if "running" not in name:  # one step has moved the statistics
            assert torch.allclose(new[name], old[name.replace("trunk.", "stem.")]), name
    log = (run / "log.txt").read_text(encoding="utf-8")
    assert "Continues" in log and "Kept in part: head.weight: 10×512 of 12×512, head.bias" in log


def test_another_block_of_the_same_name_begins_anew(straight: Path, tmp_path: Path) -> None:
    design = digits()
    other = Node("stem", block="Conv2d", settings=Settings(out_channels=8, kernel_size=(3, 3), padding=(1, 1)))
    changed = replace(design, nodes=tuple(other if n.id == "stem" else n for n in design.nodes))
    heard: list[Carried] = []
    asked = iter(range(10**9))
    train(
        changed, SHORT, run=tmp_path / "run", device="cpu", begin_with=straight, on_carried=heard.append,
        cancelled=lambda: next(asked) >= 0,
    )  # fmt: skip
    (carried,) = heard
    assert carried.fresh == ("stem.weight", "stem.bias") and carried.kept == ("head.weight", "head.bias")
    assert carried.dropped and all(name.startswith("stem.") for name in carried.dropped)


def test_an_engine_pauses_goes_on_and_continues_another_run(tmp_path: Path) -> None:
    engine = Engine(tmp_path)
    try:
        design = digits()
        engine.next(m.Ready)
        engine.send(m.Train("one", design, replace(SHORT, epochs=500), device="cpu", run="runs/one"))
        engine.next(m.Progress)
        engine.send(Pause("one"))
        held = following(engine, lambda p: p.paused)
        time.sleep(0.3)
        assert checkpoint.load_state(tmp_path / "runs" / "one" / "checkpoints" / "last")["step"] == held.step
        engine.send(Pause("one", False))
        on = following(engine, lambda p: p.step > held.step)
        assert on.seconds < held.seconds + 5 and on.memory > 50e6
        engine.send(m.Cancel("one"))
        assert engine.next(m.Trained).stopped
        engine.send(m.Train("two", design, SHORT, device="cpu", run="runs/two", begin_with="runs/one"))
        carried = engine.next(Carried)
        assert carried.job == "two" and carried.of == "runs/one" and not (carried.sliced or carried.fresh)
        assert not engine.next(m.Trained).stopped
    finally:
        engine.close()


def following(engine: Engine, wanted: Any) -> m.Progress:
    while not wanted(progress := engine.next(m.Progress)):
        pass
    return progress
