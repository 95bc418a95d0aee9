"""Several devices: the same curve as one, resumed as undisturbed, and ended with a sentence when one falls."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app.engine import checkpoint
from app.engine.runs import load_run, read_metrics
from app.engine.train import train
from tests.engine.several import EXACT, plain
from tests.engine.test_resume import assert_same

HOME = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(HOME)}

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes of these tests are forked")


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
    """With accumulation, penalties, clipping, a moving average, a counted metric, and a last batch of one sample."""
    one, two = (read_metrics(runs / which / "metrics.csv") for which in ("one", name))
    assert [r[:4] for r in one] == [r[:4] for r in two]
    assert {r.split for r in one} == {"train", "validation", "test"}
    assert {r.name for r in one} >= {"loss", "accuracy", "f1", "lr", "grad_norm"}
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
