"""A run with every option on that is killed at random moments goes on to the very same weights and curve."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app.design.values import NodeRule
from app.engine import checkpoint
from app.engine.checkpoint import CheckpointError
from app.engine.loop import TrainingError
from app.engine.runs import RunError, load_run, read_metrics
from app.engine.train import train
from app.engine.weights import WeightsError, save_file
from tests.engine.designs import SHORT, digits
from tests.engine.test_data import make_images
from tests.engine.test_resume import after, assert_same

FULL = replace(
    SHORT, epochs=5, batch_size=32, optimizer="sgd", momentum=0.8, nesterov=True, weight_decay=1e-3, decay_all=False,
    schedule="plateau", plateau=0, gamma=0.5, warm_up=0.5, clip_norm=0.7, accumulate=3, ema=0.5, l2=1e-4,
    early_stop=4, learning_rate=4.0, nodes=(NodeRule("stem", rate=0.5, unfreeze=2),),
)  # fmt: skip
BATCHES, STEPS = 40, 14


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("straight") / "run"
    train(digits(), FULL, run=run, device="cpu")
    return run


def test_the_run_uses_what_it_says(straight: Path) -> None:
    rates = [r.value for r in read_metrics(straight / "metrics.csv") if (r.split, r.name) == ("train", "lr")]
    assert max(rates) == 4.0 and rates[-1] == 0.5, "plateau has lowered it"
    state = checkpoint.load_state(straight / "checkpoints" / "last")
    assert state["plateau"]["factor"] < 1 and "ema" in state and state["step"] == 5 * STEPS


@pytest.mark.parametrize("steps", [1, STEPS + 5, 2 * STEPS], ids=["first step", "mid-epoch", "end of an epoch"])
def test_stopped_and_resumed_is_the_same_bit_for_bit(straight: Path, tmp_path: Path, steps: int) -> None:
    run = tmp_path / "run"
    assert train(digits(), FULL, run=run, device="cpu", cancelled=after(steps)).stopped
    state = checkpoint.load_state(run / "checkpoints" / "last")
    assert state["step"] == steps and (state["batch"] % 3 == 0 or state["batch"] == BATCHES), "on an optimizer's step"
    torch.manual_seed(99)
    assert not train(digits(), FULL, run=run, device="cpu", resume=True).stopped
    assert_same(straight, run)


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from app.engine import checkpoint, loop
from app.engine.train import train
from tests.engine.test_recipe_resume import FULL, digits

run, kills = Path(sys.argv[1]), int(sys.argv[2])
random.seed(int(sys.argv[3]))
train(digits(), FULL, run=run.with_name("warm"), device="cpu", cancelled=lambda: True)  # what is imported late
loop.SAVE_SECONDS = 0.02

def trains(resume, steps=None):
    "A process that trains; it says so when the first step is made, and kills itself after `steps`."
    heard, said = os.pipe()
    pid = os.fork()
    if pid:
        os.close(said)
        os.read(heard, 1)
        os.close(heard)
        return pid
    asked = 0
    def cancelled():
        nonlocal asked
        asked += 1
        if asked == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        if asked == 1:
            os.write(said, b"!")
        return False
    if steps:
        loop.SAVE_SECONDS = 1e9
    train(digits(), FULL, run=run, device="cpu", cancelled=cancelled, resume=resume)
    os._exit(0)

killed = inside = 0
for number in range(kills):
    pid = trains(number > 0, steps=3 if number == 0 else None)
    if number:
        time.sleep(random.uniform(0, 0.12))
        os.kill(pid, signal.SIGKILL)
    _, how = os.waitpid(pid, 0)
    killed += os.WIFSIGNALED(how)
    if number and os.WIFSIGNALED(how):
        inside += checkpoint.load_state(run / "checkpoints" / "last")["batch"] > 0
    if number == 0:
        assert not (run / "checkpoints" / "last").exists(), "killed before the first checkpoint"
_, how = os.waitpid(trains(True), 0)
assert how == 0
print(killed, inside)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no SIGKILL here")
def test_killed_at_ten_random_moments_it_is_the_same_bit_for_bit(straight: Path, tmp_path: Path) -> None:
    run, home = tmp_path / "run", Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-P", "-c", KILLED, str(run), "10", str(os.getpid())],
        env={**os.environ, "PYTHONPATH": str(home)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    killed, inside = map(int, done.stdout.split()[-2:])
    assert killed >= 5 and inside >= 1, f"killed {killed} times, {inside} in the middle of an epoch: it was over before"
    assert_same(straight, run)
    log = (run / "log.txt").read_text()
    assert "It ended before its first checkpoint: it begins again." in log


def test_a_run_without_a_checkpoint_begins_again_with_the_weights_it_had(tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    source = load_run(train_short(tmp_path / "source")).root.state_dict()
    save_file({name: value.contiguous() for name, value in source.items()}, start)
    one, two = tmp_path / "one", tmp_path / "two"
    train(digits(), SHORT, run=one, device="cpu", weights=start)

    class KilledError(Exception):
        pass

    def die() -> bool:
        raise KilledError

    with pytest.raises(KilledError):
        train(digits(), SHORT, run=two, device="cpu", weights=start, cancelled=die)
    train(digits(), SHORT, run=two, device="cpu", resume=True)
    assert_same(one, two)
    (two / "versions.json").write_text("{")
    for left in (two / "checkpoints").iterdir():
        left.rename(two / left.name)
    with pytest.raises(RunError, match=r"versions\.json cannot be read"):
        train(digits(), SHORT, run=two, device="cpu", resume=True)


def train_short(run: Path) -> Path:
    train(digits(), replace(SHORT, epochs=1, seed=8), run=run, device="cpu")
    return run


def test_what_a_run_cannot_change_is_said(straight: Path) -> None:
    for change, said in (
        ({"accumulate": 2}, "The run has accumulate 3, but 2 is asked for"),
        ({"decay_all": True}, "The run has decay_all false, but true is asked for"),
        ({"nodes": ()}, r"The run has rules for nodes stem ×0\.5, unfreeze 2, freeze 0, but none is asked for"),
    ):
        with pytest.raises(CheckpointError, match=said):
            train(digits(), replace(FULL, **change), run=straight, device="cpu", resume=True)


def test_a_run_from_before_there_was_a_choice_goes_on_as_it_was(tmp_path: Path) -> None:
    """Its state knows nothing of the newer options, and its AdamW pulled on all weights, in one group."""
    old = replace(SHORT, epochs=3, decay_all=True)
    one, two = tmp_path / "one", tmp_path / "two"
    train(digits(), old, run=one, device="cpu")
    train(digits(), old, run=two, device="cpu", cancelled=after(27))
    place = two / "checkpoints" / "last" / "state.pt"
    state = torch.load(place, weights_only=True)
    for name in ("accumulate", "decay_all", "nodes"):
        del state["recipe"][name]
    for group in state["optimizer"]["param_groups"]:
        del group["factor"], group["pulled"]
    torch.save(state, place)
    train(digits(), replace(old, decay_all=None), run=two, device="cpu", resume=True)
    assert_same(one, two)
    assert load_run(two).design.recipe.decay_all is True


def test_settings_that_are_changed_on_the_way_hold_from_then_on(tmp_path: Path) -> None:
    run = tmp_path / "run"
    base = replace(SHORT, optimizer="sgd", momentum=0.9, schedule="constant", weight_decay=0.0)
    train(digits(), base, run=run, device="cpu", cancelled=after(20))
    train(digits(), replace(base, momentum=0.5, weight_decay=0.1), run=run, device="cpu", resume=True)
    (group,) = checkpoint.load_state(run / "checkpoints" / "last")["optimizer"]["param_groups"]
    assert (group["momentum"], group["weight_decay"]) == (0.5, 0.1)


def test_how_many_workers_read_ahead_changes_no_batch(tmp_path: Path) -> None:
    folder, runs = make_images(tmp_path / "pets", 12), []
    for workers in (0, 1, 4):
        recipe = replace(SHORT, data=f"images:{folder}", batch_size=4, workers=workers)
        runs.append(tmp_path / f"run{workers}")
        train(digits(classes=2, size=(1, 8, 8)), recipe, run=runs[-1], device="cpu")
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])
    with pytest.raises(TrainingError, match="workers is 99, but it needs a number from 0 to 64"):
        train(digits(), replace(SHORT, workers=99), run=tmp_path / "none", device="cpu")


def test_a_recipe_names_the_file_of_weights_that_a_run_begins_with(tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    source = load_run(train_short(tmp_path / "source")).root.state_dict()
    save_file({name: value.contiguous() for name, value in source.items()}, start)
    one, two = tmp_path / "one", tmp_path / "two"
    train(digits(), SHORT, run=one, device="cpu", weights=start)
    train(digits(), replace(SHORT, weights=str(start)), run=two, device="cpu")
    assert_same(one, two)
    assert "Weights of start.safetensors" in (two / "log.txt").read_text()
    start.unlink()
    train(digits(), replace(SHORT, epochs=3, weights=str(start)), run=two, device="cpu", resume=True)
    with pytest.raises(WeightsError, match=r"start\.safetensors cannot be opened"):
        train(digits(), replace(SHORT, weights=str(start)), run=tmp_path / "none", device="cpu")
