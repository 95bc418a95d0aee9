"""A training script reads each kind of data as Netloom does: the same samples, divided and fitted the same way."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from app.design.build import chain, node, wire
from app.design.values import Design, Recipe
from app.engine.to_script import write_script
from tests.engine.generated import assert_clean
from tests.engine.made_data import bars
from tests.engine.test_to_script import STEPS, own_losses

RECIPE = Recipe(epochs=2, batch_size=8, learning_rate=0.01, optimizer="sgd", momentum=0.9, seed=3)


def classifier(data: str, shape: tuple[int, ...], classes: int = 2) -> Design:
    """A small network without anything that is by chance."""
    body = [node("conv", "Conv2d", out_channels=6), node("act", "ReLU"), node("pool", "GlobalAvgPool")]
    hidden = [node("fc", "Linear", out_features=12), node("act", "ReLU")]
    return chain(
        node("x", "Input", size=shape), *(body if len(shape) == 3 else hidden),
        node("head", "Linear", out_features=classes), node("output", "Output"),
        more=(node("y", "Target"), node("loss", "CrossEntropy")),
        wires=(wire("head", "loss.x"), wire("y", "loss.target")), recipe=replace(RECIPE, data=data),
    )  # fmt: skip


def pictures(folder: Path) -> Design:
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "pets" / name).mkdir(parents=True)
        for i in range(40):
            Image.fromarray(random.integers(0, 256, (12, 12, 3), np.uint8)).save(folder / "pets" / name / f"{i}.png")
    return classifier("images:pets", (3, 12, 12))


def parted(folder: Path) -> Design:
    design = pictures(folder)
    (folder / "pets" / "train").mkdir()
    for name in ("cats", "dogs"):
        (folder / "pets" / name).rename(folder / "pets" / "train" / name)
    return design


def arrays(folder: Path) -> Design:
    x, y = bars(90)
    np.savez(folder / "bars.npz", x=(x[:, None] / 255).astype(np.float32), y=y)
    return classifier("arrays:bars.npz", (1, 12, 12))


def bytes_of_pictures(folder: Path) -> Design:
    x, y = bars(90)
    np.savez(folder / "bars.npz", x_train=x[:60], y_train=y[:60], x_val=x[60:75], y_val=y[60:75], x_test=x[75:],
             y_test=y[75:])  # fmt: skip
    return classifier("arrays:bars.npz", (1, 12, 12))


def colours_last(folder: Path) -> Design:
    random = np.random.default_rng(2)
    x, y = random.integers(0, 256, (80, 10, 10, 3), np.uint8), random.integers(0, 2, 80)
    np.savez(folder / "colours.npz", images=x, labels=y)
    return classifier("arrays:colours.npz", (3, 12, 14))


def table(folder: Path) -> Design:
    random = np.random.default_rng(4)
    with (folder / "flowers.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["length", "width", "label"])
        for i in range(120):
            kind = i % 3
            writer.writerow([round(random.normal(kind, 0.4), 3), round(random.normal(-kind, 0.4), 3), "abc"[kind]])
    return classifier("table:flowers.csv", (2,), 3)


MADE = (pictures, parted, arrays, bytes_of_pictures, colours_last, table)


@pytest.mark.parametrize("made", MADE, ids=lambda made: made.__name__)
def test_the_script_reads_the_data_as_netloom_does(
    made: Callable[[Path], Design], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    design = made(tmp_path)
    wanted = own_losses(design, tmp_path / "begin.pt")
    file = tmp_path / "train.py"
    file.write_text(write_script(design, "small").text, encoding="utf-8")
    assert_clean(file)
    line = [sys.executable, "-I", "train.py", "--device", "cpu", "--weights", "begin.pt", "--steps", str(STEPS)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    got = [float(row.rpartition(" ")[2]) for row in done.stdout.splitlines()]
    np.testing.assert_allclose(got, wanted, rtol=0, atol=2e-6)
