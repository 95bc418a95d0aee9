"""Several devices: the same curve as one, resumed as undisturbed, and ended with a sentence when one falls."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app.design import file
from app.engine import checkpoint, launch
from app.engine.compile import compile_design
from app.engine.devices import DeviceError, apart, devices, pick
from app.engine.loop import TrainingError
from app.engine.norms import settle_norms
from app.engine.runs import load_run, read_metrics
from app.engine.together import Together
from app.engine.train import train
from tests.engine.designs import SHORT, digits
from tests.engine.several import EXACT, plain
from tests.engine.test_resume import assert_same

HOME = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOME)}

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes of these tests are forked"),
    pytest.mark.xdist_group("several"),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.several", str(folder)], env=ENVIRONMENT, cwd=HOME, capture_output=True,
        text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize("name", ["ddp", "fsdp"])
def test_two_devices_have_the_curve_of_one(runs: Path, name: str) -> None:
    """With accumulation, penalties, clipping, a moving average, weights that follow others, a counted metric, and a
    last batch of one sample."""
    one, two = (read_metrics(runs / which / "metrics.csv") for which in ("one", name))
    assert [r[:4] for r in one] == [r[:4] for r in two]
    assert {r.split for r in one} == {"train", "validation", "test"}
    assert {r.name for r in one} >= {"loss", "loss/agree", "accuracy", "f1", "lr", "grad_norm"}
    for a, b in zip(one, two, strict=True):
        assert b.value == pytest.approx(a.value, rel=1e-5, abs=1e-5), a


def test_the_checkpoints_are_those_of_one_device(runs: Path) -> None:
    """Whole weights as safetensors, whatever the strategy, and the optimizer's state and the average with them."""
    for kind in ("last", "best"):
        one, *others = (checkpoint.load_weights(runs / n / "checkpoints" / kind) for n in ("one", "ddp", "fsdp"))
        for two in others:
            assert one.keys() == two.keys()
            assert all(torch.allclose(one[k], two[k], rtol=1e-4, atol=1e-5) for k in one)
    one, *others = (checkpoint.load_state(runs / n / "checkpoints" / "last") for n in ("one", "ddp", "fsdp"))
    for two in others:
        for number, kept in one["optimizer"]["state"].items():
            was = two["optimizer"]["state"][number]["momentum_buffer"]
            assert torch.allclose(was, kept["momentum_buffer"], rtol=1e-3, atol=1e-5)
        assert all(torch.allclose(two["ema"][k], v, rtol=1e-4, atol=1e-5) for k, v in one["ema"].items())
    assert load_run(runs / "fsdp").epoch == EXACT.epochs


def test_a_run_goes_on_with_another_number_of_devices(runs: Path) -> None:
    more = train(plain(), replace(EXACT, epochs=3), run=runs / "fsdp", device="cpu", resume=True)
    assert not more.stopped and more.epochs == 3


def test_stopped_and_resumed_on_two_devices_is_the_same_bit_for_bit(runs: Path) -> None:
    """With batch norm and with a dropout of its own on each device."""
    assert len(checkpoint.load_state(runs / "resumed" / "checkpoints" / "last")["others"]) == 1
    log = (runs / "resumed" / "log.txt").read_text()
    assert int(re.findall(r"Resumed in epoch 1 after (\d+) steps", log)[0]) == 7
    assert_same(runs / "straight", runs / "resumed")


# through the command line --------------------------------------------------------------------------------------------

README = (HOME / "README.md").read_text(encoding="utf-8")


def readme_lines(begins: str) -> str:
    """The command of the README that begins so."""
    return next(line for line in README.splitlines() if line.startswith(begins))


@pytest.fixture()
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `netloom` and `torchrun` are commands, as where Netloom is installed."""
    for name, module in (("netloom", "app.cli"), ("torchrun", "torch.distributed.run")):
        command = tmp_path / "bin" / name
        command.parent.mkdir(exist_ok=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m {module} "$@"\n')
        command.chmod(0o755)
    return {**ENVIRONMENT, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_under_torchrun_as_the_readme_has_it(tmp_path: Path, shell: dict[str, str]) -> None:
    done = subprocess.run(
        readme_lines("torchrun --standalone") + " --epochs 1", shell=True, cwd=tmp_path, env=shell, timeout=120,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    run = tmp_path / "runs" / "torchrun"
    assert done.stdout.count("run runs/torchrun") == 1, "one process speaks for the run"
    assert json.loads((run / "state.json").read_text())["state"] == "finished"
    assert " and 1 other with " in (run / "log.txt").read_text()
    assert load_run(run).epoch == 1


SRUN = """#!/bin/sh
shift
for rank in 0 1; do
  SLURM_NTASKS=2 SLURM_NTASKS_PER_NODE=2 SLURM_NNODES=1 SLURM_STEP_ID=0 SLURM_JOB_ID=123{port} SLURM_PROCID=$rank \
  SLURM_LOCALID=$rank SLURM_NODEID=0 SLURM_NODELIST=127.0.0.1 "$@" &
done
wait
"""


@pytest.mark.slow
def test_under_srun_as_the_readme_has_it(tmp_path: Path, shell: dict[str, str]) -> None:
    """By a stand-in for srun, which gives its processes what SLURM's manual says; on one node, without GPUs."""
    (tmp_path / "bin" / "srun").write_text(SRUN.replace("{port}", str(os.getpid() % 9000)))
    (tmp_path / "bin" / "srun").chmod(0o755)
    line = readme_lines("srun --kill-on-bad-exit=1 ").replace("--device cuda --devices 4 --nodes 2", "--device cpu")
    done = subprocess.run(
        line + " --epochs 1", shell=True, cwd=tmp_path, env=shell, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert done.stdout.count("run runs/slurm") == 1, done.stderr[-3000:]
    assert " and 1 other with " in (tmp_path / "runs" / "slurm" / "log.txt").read_text()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are told apart by their environment")
@pytest.mark.parametrize("rank", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_a_killed_process_ends_the_run_with_a_sentence(tmp_path: Path, shell: dict[str, str], rank: int) -> None:
    line = readme_lines("netloom train digits --data digits --device cpu --devices 2")
    run = tmp_path / "runs" / "two"
    command = subprocess.Popen(
        ["sh", "-c", f"exec {line} --epochs 5000 --json"], cwd=tmp_path, env=shell, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert command.stdout is not None and command.stderr is not None
        reached = next(step["step"] for each in command.stdout if (step := json.loads(each))["epoch"] >= 2)
        os.kill(process_of(command.pid, rank), signal.SIGKILL)
        began = time.monotonic()
        threading.Thread(target=command.stdout.read, daemon=True).start()
        said = command.stderr.read()
        assert command.wait(30) == 2 and time.monotonic() - began < 30
    finally:
        command.kill()
    wanted = f"Process {rank + 1} of 2 was killed (signal 9), perhaps because the memory ran out. The run is ended; "
    assert wanted in said and "Traceback" not in said
    state = json.loads((run / "state.json").read_text())
    assert state["state"] == "failed" and state["message"].startswith(wanted)
    assert wanted in (run / "log.txt").read_text()
    assert not os.path.exists(f"/proc/{state.get('pid', 0)}"), "no process is left"
    epoch = checkpoint.load_state(run / "checkpoints" / "last")["epoch"]
    assert epoch >= 2 and reached and load_run(run).epoch < epoch
    design = file.load(run / "design.netloom")
    train(design, replace(design.recipe, epochs=epoch), device="cpu", run=run, resume=True)
    assert json.loads((run / "state.json").read_text())["state"] == "finished"


def process_of(parent: int, rank: int) -> int:
    """The process of a rank, started by `parent`."""
    for place in Path("/proc").iterdir():
        try:
            of = int((place / "stat").read_text().rpartition(") ")[2].split()[1])
            if of == parent and f"LOCAL_RANK={rank}".encode() in (place / "environ").read_bytes().split(b"\0"):
                return int(place.name)
        except (OSError, ValueError, IndexError):
            continue
    raise AssertionError(f"{parent} has started no process of rank {rank}")


# what is refused, and small parts -------------------------------------------------------------------------------------


def test_what_cannot_be_begun_is_said_before_a_process_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for options, said in (
        ({"devices": 0}, "0 devices on 1 nodes is impossible"),
        ({"devices": 2, "nodes": 2}, "2 nodes have to find each other: start it on each with torchrun or srun"),
        ({"devices": 2, "strategy": "dp"}, "There is no strategy `dp`: choose one of auto, ddp, fsdp"),
    ):
        with pytest.raises(DeviceError, match=said):
            train(digits(), SHORT, device="cpu", **options)  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="Precision 16 needs a GPU"):
        train(digits(), replace(SHORT, precision="16"), device="cpu", devices=2)


def test_what_started_a_process_says_how_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.launched() is None and launch.is_first() and launch.counts(3, 1) == (3, 1)
    with monkeypatch.context() as torchrun:
        said = {"TORCHELASTIC_RUN_ID": "x", "RANK": "5", "LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}
        for name, value in said.items():
            torchrun.setenv(name, value)
        assert launch.launched() == ("torchrun", 4, 2) and not launch.is_first()
        assert launch.counts(1, 1) == launch.counts(4, 2) == (4, 2)
        with pytest.raises(DeviceError, match="torchrun has started 4 processes on each of 2 nodes, but --devices 2"):
            launch.counts(2, 1)
    slurm = {"SLURM_NTASKS": "8", "SLURM_STEP_ID": "0", "SLURM_NNODES": "2", "SLURM_PROCID": "0"}
    for name, value in slurm.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DeviceError, match="--ntasks-per-node"):
        launch.launched()
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    assert launch.launched() == ("srun", 4, 2) and launch.is_first()
    monkeypatch.delenv("SLURM_STEP_ID")
    assert launch.launched() is None, "a batch script itself is one process"


def test_several_devices_are_a_choice_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.engine.devices.cores", lambda: 6)
    assert [d.id for d in devices() if "*" in d.id and d.id.startswith("cpu")] == ["cpu*2", "cpu*4", "cpu*6"]
    assert apart("cpu*4", 1) == ("cpu", 4) and apart("cuda:1", 1) == ("cuda:1", 1) and pick("cpu*2") == "cpu"


class Fake:
    """Stands for Fabric on one of several devices: the others say what the first does."""

    global_rank, world_size = 0, 3

    def __init__(self) -> None:
        self.asked = 0

    def broadcast(self, value: object) -> object:
        self.asked += 1
        return value


def test_the_first_is_asked_about_twice_a_second_however_long_a_step_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    for seconds, steps in ((0.01, 50), (2.0, 1)):
        now = [0.0]
        monkeypatch.setattr("app.engine.together.time.monotonic", lambda now=now: now[0])
        fabric = Fake()
        together = Together(fabric)
        for step in range(1, 1001):
            now[0] += seconds
            together.order(step, lambda: 0, 0)
        assert fabric.asked == pytest.approx(1000 / steps, rel=0.1)
    assert [together.own(7), together.own(1)] == [3, 1] and together.weight(7) == pytest.approx(9 / 7)


def test_few_samples_a_device_are_measured_together_where_that_is_possible() -> None:
    network = compile_design(digits(), "training")
    assert settle_norms(network.module, 1, 8, "cuda") == []
    assert "is little: use a batch size of 32 or more" in settle_norms(network.module, 2, 16, "cpu")[0]
    assert "close to that of one device with batch size 32" in settle_norms(network.module, 2, 64, "cuda")[0]
    before = {k: v.data_ptr() for k, v in network.root.state_dict().items()}
    assert "on all devices together" in settle_norms(network.module, 2, 16, "cuda")[0]
    assert {k: v.data_ptr() for k, v in network.root.state_dict().items()} == before, "weights and statistics stay"
    assert any(isinstance(m, torch.nn.SyncBatchNorm) for m in network.module.modules())
    used = [m for m in network.module.modules() for m in vars(m).values() if isinstance(m, torch.nn.BatchNorm2d)]
    assert not used, "what the forward calls is replaced too"
