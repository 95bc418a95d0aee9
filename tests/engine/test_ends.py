"""Whatever ends a run, `netloom train` says it in a sentence, and what is in the run folder can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.design import file
from app.engine import checkpoint
from app.engine.runs import load_run, read_metrics

HOME = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited by what /proc says")


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ends")
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.ends", str(folder)], env={**os.environ, "PYTHONPATH": str(HOME)}, cwd=HOME,
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.mark.parametrize(
    ("name", "sentence", "epochs"),
    [
        ("full", "cannot be written: the disk may be full. The one before it is kept: make room and resume.", 1),
        ("spoilt", ".png is not a picture that can be read", 1),
        ("nan", "The loss is not a number any more at epoch 1, step ", 0),
        ("memory", "Memory ran out at batch size 1024: try 512, or a smaller network.", 0),
    ],
)
def test_what_ends_a_run_is_a_sentence_and_the_folder_stays_readable(
    ends: Path, name: str, sentence: str, epochs: int
) -> None:
    told, run = json.loads((ends / f"{name}.json").read_text()), ends / name
    last = told["said"].strip().splitlines()[-1]
    assert told["code"] == 2 and last.startswith("netloom: ") and sentence in last and "Traceback" not in told["said"]
    state = json.loads((run / "state.json").read_text())
    assert state["state"] == "failed" and sentence in state["message"]
    rows = read_metrics(run / "metrics.csv")
    assert all(row.value == row.value for row in rows if row.name == "loss") and bool(rows) == bool(epochs)
    drawn = {"memory": "wide"}.get(name, "digits")
    kept, before = file.load(run / "design.netloom"), file.load(ends / f"{drawn}.netloom")
    assert (kept.nodes, kept.wires) == (before.nodes, before.wires), "the design is as it was"
    if name != "full":  # where not even a line can be written the sentence stands in state.json alone
        assert sentence in (run / "log.txt").read_text()
    if epochs:
        assert load_run(run).epoch >= epochs
        assert checkpoint.load_state(run / "checkpoints" / "last")["epoch"] >= epochs + 1
    else:
        assert checkpoint.place(run / "checkpoints" / "last") is None


def test_a_wrong_number_of_classes_is_said_before_a_folder_is_made(ends: Path) -> None:
    told = json.loads((ends / "classes.json").read_text())
    assert told["code"] == 2
    assert told["said"] == "netloom: The data has 10 classes, but `output` gives 2 scores: it needs 10.\n"
    assert not (ends / "classes").exists()
