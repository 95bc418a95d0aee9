"""A run that is stopped, or killed, goes on to the very same weights and curve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app.engine import checkpoint, loop
from app.engine.checkpoint import CheckpointError
from app.engine.runs import RunError, load_run, read_metrics
from app.engine.train import train
from tests.engine.designs import SHORT, digits

FOUR = replace(SHORT, epochs=4)
STEPS = 20


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("straight") / "run"
    train(digits(), FOUR, run=run, device="cpu")
    return run


def after(steps: int) -> Callable[[], bool]:
    """Asked once a step: True from the `steps`-th on."""
    asked = iter(range(1, 10**9))
    return lambda: next(asked) >= steps


def assert_same(one: Path, two: Path) -> None:
    assert (one / "metrics.csv").read_bytes() == (two / "metrics.csv").read_bytes()
    for kind in ("last", "best"):
        a, b = (checkpoint.load_weights(run / "checkpoints" / kind) for run in (one, two))
        assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a), kind


@pytest.mark.parametrize("steps", [STEPS + 7, 2 * STEPS, 1], ids=["mid-epoch", "end of an epoch", "first step"])
def test_stopped_and_resumed_is_the_same_bit_for_bit(straight: Path, tmp_path: Path, steps: int) -> None:
    run = tmp_path / "run"
    stopped = train(digits(), FOUR, run=run, device="cpu", cancelled=after(steps))
    assert stopped.stopped
    torch.manual_seed(99)  # the process that resumes has another history
    ended = train(digits(), FOUR, run=run, device="cpu", resume=True)
    assert not ended.stopped
    assert_same(straight, run)


KILLED = """
import os, signal, sys
from pathlib import Path
from app.engine import loop
from app.engine.train import train
from tests.engine.test_resume import FOUR, digits

loop.SAVE_SECONDS = 0.0
asked = iter(range(1, 10**9))
def cancelled():
    if next(asked) >= 33:
        os.kill(os.getpid(), signal.SIGKILL)
    return False
train(digits(), FOUR, run=Path(sys.argv[1]), device="cpu", cancelled=cancelled)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
@pytest.mark.slow  # one moment of the ten in test_recipe_resume.py, but always the same
def test_killed_and_resumed_is_the_same_bit_for_bit(straight: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    home = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-P", "-c", KILLED, str(run)], env={**os.environ, "PYTHONPATH": str(home)},
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    state = checkpoint.load_state(run / "checkpoints" / "last")
    assert state["step"] == 32, "checkpoints fall inside epochs too"
    train(digits(), FOUR, run=run, device="cpu", resume=True)
    assert_same(straight, run)


def test_a_finished_run_resumes_with_more_epochs(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(digits(), replace(SHORT, epochs=2), run=run, device="cpu")
    ended = train(digits(), replace(SHORT, epochs=3), run=run, device="cpu", resume=True)
    rows = read_metrics(run / "metrics.csv")
    assert ended.epochs == 3 and max(r.step for r in rows) == 3 * STEPS
    assert [r.epoch for r in rows if (r.split, r.name) == ("validation", "loss")] == [1, 2, 3]
    tests = [r.epoch for r in rows if (r.split, r.name) == ("test", "loss")]
    assert tests == [3], "the earlier test's point is cut off"
    assert load_run(run).design.recipe.epochs == 3


def test_resuming_a_finished_run_changes_nothing(straight: Path) -> None:
    before = (straight / "metrics.csv").read_bytes()
    train(digits(), FOUR, run=straight, device="cpu", resume=True)
    assert (straight / "metrics.csv").read_bytes() == before


def test_the_state_loads_without_running_anything(straight: Path) -> None:
    state = torch.load(straight / "checkpoints" / "last" / "state.pt", weights_only=True)
    wanted = {"epoch", "batch", "step", "sums", "count", "optimizer", "scheduler", "random", "best", "rows", "threads"}
    assert wanted <= set(state) and set(state["random"]) == {"torch", "cuda", "python", "numpy"}


def test_errors_of_resuming(straight: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint yet"):
        train(digits(), FOUR, run=tmp_path, device="cpu", resume=True)
    with pytest.raises(RunError, match="name the run folder"):
        train(digits(), FOUR, device="cpu", resume=True)
    with pytest.raises(CheckpointError, match=r"`stem\.conv.*` is 8.* but 12"):
        train(digits(channels=12), FOUR, run=straight, device="cpu", resume=True)
    with pytest.raises(CheckpointError, match="The run has batch_size 64, but 32 is asked for"):
        train(digits(), replace(FOUR, batch_size=32), run=straight, device="cpu", resume=True)


def test_errors_of_loading(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="There is no run folder"):
        load_run(tmp_path / "nowhere")
    with pytest.raises(RunError, match=r"has no design\.netloom"):
        load_run(tmp_path)


def test_a_crash_while_a_checkpoint_is_replaced_leaves_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "checkpoints" / "last"
    place.parent.mkdir()
    weights = {"w": torch.ones(2)}
    checkpoint.save(place, weights, {"epoch": 1, "step": 1})
    rename = Path.rename

    def crash_at(stop: int) -> Callable[[Path, Path], Path]:
        calls = iter(range(10))

        def crash(self: Path, target: Path) -> Path:
            if next(calls) == stop:
                raise KeyboardInterrupt
            return rename(self, target)

        return crash

    for stop in (0, 1):  # before and after the old one is moved away
        monkeypatch.setattr(Path, "rename", crash_at(stop))
        with pytest.raises(KeyboardInterrupt):
            checkpoint.save(place, weights, {"epoch": 1, "step": 2})
        monkeypatch.undo()
        assert checkpoint.load_state(place)["step"] == 1
    checkpoint.save(place, weights, {"epoch": 1, "step": 3})
    assert checkpoint.load_state(place)["step"] == 3 and [p.name for p in place.parent.iterdir()] == ["last"]


def test_damaged_checkpoints_are_said(tmp_path: Path) -> None:
    place = tmp_path / "checkpoints" / "last"
    place.parent.mkdir()
    checkpoint.save(place, {"w": torch.ones(2)}, {"epoch": 1, "step": 1})
    (place / "state.pt").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="is damaged"):
        checkpoint.load_state(place)
    (place / "weights.safetensors").write_bytes(b"rubbish")
    with pytest.raises(CheckpointError, match="cannot be read as weights"):
        checkpoint.load_weights(place)


def test_random_numbers_go_on_where_they_were() -> None:
    import random

    import numpy as np

    checkpoint.seed_all(5)
    random.gauss(0, 1), np.random.standard_normal(3), torch.rand(3)
    state = checkpoint.random_state()
    wanted = random.gauss(0, 1), float(np.random.standard_normal()), float(torch.rand(1))
    checkpoint.seed_all(6)
    checkpoint.restore_random(state)
    assert (random.gauss(0, 1), float(np.random.standard_normal()), float(torch.rand(1))) == wanted


def test_long_epochs_save_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    saved: list[int] = []
    save = checkpoint.save
    monkeypatch.setattr(checkpoint, "save", lambda place, w, s: (saved.append(s["step"]), save(place, w, s)))
    train(digits(), replace(SHORT, epochs=1), run=tmp_path / "run", device="cpu")
    assert set(range(1, STEPS + 1)) <= set(saved)
