"""Every kind of data trains: `netloom train --data KIND[:PATH]` on made data, and the loss falls."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from app import cli
from app.design import file
from app.design.values import Design, Recipe
from app.engine.checkpoint import CheckpointError
from app.engine.data import DataError
from app.engine.train import train
from tests.drawing import OUTPUT, chain, node, wire
from tests.engine.made_data import make_cifar, make_idx, make_masks, make_npz, make_text

RECIPE = Recipe(epochs=4, batch_size=16, learning_rate=0.01, schedule="constant")


def judged(*parts: object, field: str = "label", size: tuple[int, ...] = (), **recipe: object) -> Design:
    """A row of blocks with an Output, and a cross-entropy of its end against a field of the data."""
    target = node("truth", "Target", field=field, size=size)
    end = parts[-1].id  # type: ignore[attr-defined]
    return chain(
        *parts, OUTPUT, more=(target, node("loss", "CrossEntropy")),  # type: ignore[arg-type]
        wires=(wire(end, "loss.x"), wire("truth", "loss.target")), recipe=replace(RECIPE, **recipe),
    )  # fmt: skip


def segmenter(size: int, classes: int) -> Design:
    return judged(
        node("image", "Input", size=(3, size, size)), node("conv", "Conv2d", out_channels=8), node("act", "ReLU"),
        node("head", "Conv2d", out_channels=classes, kernel_size=(1, 1), padding=(0, 0)),
        field="mask", size=(size, size),
    )  # fmt: skip


def classifier(*size: int, classes: int = 2) -> Design:
    flat = (node("flat", "Flatten"),) if len(size) > 1 else ()
    return judged(
        node("image", "Input", size=size), *flat, node("fc", "Linear", out_features=24), node("act", "ReLU"),
        node("head", "Linear", out_features=classes),
    )  # fmt: skip


def language(length: int, vocabulary: int, block: str = "LSTM") -> Design:
    """An LSTM or GPT-like reader that tells the next token at each place."""
    body = (
        (node("body", "LSTM", hidden=32),) if block == "LSTM"
        else (node("at", "LearnedPositions"), node("body", "TransformerEncoderLayer", heads=2, causal=True))
    )  # fmt: skip
    return judged(
        node("text", "Input", size=(length,), dtype="int64"),
        node("words", "Embedding", vocabulary=vocabulary, features=16), *body,
        node("head", "Linear", out_features=vocabulary), node("turn", "Permute", order=(2, 1)),
        field="next", size=(length,),
    )  # fmt: skip


def losses(folder: Path, design: Design, spec: str, capsys: pytest.CaptureFixture[str], *more: str) -> list[float]:
    """The losses of validation after each epoch, as the command prints them."""
    path = folder / "design.netloom"
    file.save(design, path)
    run = folder / "run"
    code = cli.main(["train", str(path), "--data", spec, "--run", str(run), "--json", "--device", "cpu", *more])
    out = capsys.readouterr()
    assert code == 0, out.err
    lines = [json.loads(line) for line in out.out.splitlines()]
    assert (run / "checkpoints" / "last").exists() or any((run / "checkpoints").iterdir())
    return [line["values"]["loss"] for line in lines if line.get("split") == "validation"]


CASES = {
    "masks": (segmenter(24, 2), lambda p: f"masks:{make_masks(p / 'd', 40)}"),
    "npz": (classifier(1, 12, 12), lambda p: f"arrays:{make_npz(p / 'a.npz')}"),
    "idx": (classifier(1, 12, 12), lambda p: f"idx:{make_idx(p / 'd', packed=True)}"),
    "cifar": (classifier(3, 32, 32, classes=10), lambda p: f"cifar:{make_cifar(p / 'd', count=60)}"),
    "characters": (language(16, 29), lambda p: f"characters:{make_text(p / 'a.txt')}"),
    "words": (language(9, 10, "GPT"), lambda p: f"words:{make_text(p / 'a.txt', 100)}"),
    "shapes": (segmenter(16, 4), lambda p: "shapes"),
    "spirals": (classifier(2, classes=3), lambda p: "spirals"),
    "sequences": (classifier(32, classes=4), lambda p: "sequences"),
}


@pytest.mark.parametrize("name", CASES)
def test_it_trains_and_the_loss_falls(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    design, make = CASES[name]
    few = ("--epochs", "2") if name in ("shapes", "sequences") else ()
    found = losses(tmp_path, design, make(tmp_path), capsys, *few)
    first, last = found[0], found[-1]
    assert last < (0.999 if name == "cifar" else 0.95) * first, found


def test_what_was_skipped_is_a_note_of_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = make_masks(tmp_path / "d", 20)
    (data / "images" / "004.png").write_bytes(b"nothing")
    path = tmp_path / "design.netloom"
    file.save(segmenter(24, 2), path)
    command = ["train", str(path), "--data", f"masks:{data}", "--epochs", "1", "--device", "cpu"]
    assert cli.main([*command, "--run", str(tmp_path / "one")]) == 2
    assert "004.png is not a picture" in capsys.readouterr().err
    run = tmp_path / "two"
    assert cli.main([*command, "--run", str(run), "--recipe", "skip_bad_samples=yes"]) == 0
    log = (run / "log.txt").read_text()
    assert "1 sample is left out" in log and "004.png" in log


def test_a_sample_that_breaks_in_the_midst_ends_the_run_with_its_sentence(tmp_path: Path) -> None:
    data = make_masks(tmp_path / "d", 40)
    for name in ("020.png", "021.png", "022.png", "023.png"):
        (data / "images" / name).write_bytes(b"nothing")
    design = segmenter(24, 2)
    with pytest.raises(DataError, match="is not a picture") as caught:
        train(design, replace(design.recipe, data=f"masks:{data}", batch_size=2), run=tmp_path / "run", device="cpu")
    assert str(caught.value) in (tmp_path / "run" / "log.txt").read_text()


def test_resume_wants_the_same_samples(tmp_path: Path) -> None:
    data = make_masks(tmp_path / "d", 20)
    design = segmenter(24, 2)
    recipe = replace(design.recipe, data=f"masks:{data}", epochs=1)
    train(design, recipe, run=tmp_path / "run", device="cpu")
    make_masks(data, 30)
    with pytest.raises(CheckpointError, match="began with 14 samples in train, but now there are 21"):
        train(design, replace(recipe, epochs=2), run=tmp_path / "run", device="cpu", resume=True)


MEASURE = """
import json, sys
from app.engine.data import store
store.KEEP_BYTES = 2**20  # so that a test's data is large
from app import trust
from app.engine.compile import InputSpec, shared_analyser
from app.engine.data import open_data, python
python.RECENT_BYTES = 2**20
shared_analyser().measurer.trusted = trust.Everything()

def held():  # memory of the process itself: pages of files that the system may drop at any time do not count
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon")) / 1024

def most(spec, size, kind):
    before = top = held()
    for batch in open_data(spec, (InputSpec("x", size, kind),)).batches("train", 8, epoch=1):
        top = max(top, held())
    return top - before

print(json.dumps([[most(spec, tuple(size), kind) for spec in specs] for specs, size, kind in json.load(sys.stdin)]))
"""


OWN = """
import numpy as np
class Data:
    def __len__(self): return {count}
    def __getitem__(self, index): return np.full(4096, index, np.float32)
"""


def many(kind: str, place: Path, times: int) -> str:
    """Data of a kind: 1.3 to 16 MB for each of the `times`, as it would lie in memory."""
    place.mkdir(parents=True)
    match kind:
        case "arrays":
            np.save(place / "x.npy", np.zeros((times * 1000, 4096), dtype=np.float32))
            return f"arrays:{place / 'x.npy'}"
        case "characters":
            (place / "a.txt").write_text("some text of no use " * (times * 200_000))
            return f"characters:{place / 'a.txt'}"
        case "python":
            (place / "own.py").write_text(OWN.format(count=times * 1000))
            return f"python:{place / 'own.py'}"
        case "table":
            cells = ",".join("12345678" * 4)
            (place / "a.csv").write_text(f"{cells},a\n{cells},b\n" * (times * 2500))
            return f"table:{place / 'a.csv'}"
    for name in ("a", "b"):
        (place / name).mkdir()
        for i in range(40 * times):
            Image.new("RGB", (8, 8), (i % 256, 0, 0)).save(place / name / f"{i}.bmp")
    return f"images:{place}"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_samples(tmp_path: Path) -> None:
    """Ten times the samples take no more than a few MB more, where all of them would take 12 to 150 MB more."""
    asked = {
        "arrays": ((4096,), "float32"), "python": ((4096,), "float32"), "characters": ((4096,), "int64"),
        "table": ((32,), "float32"), "images": ((3, 128, 128), "float32"),
    }  # fmt: skip
    questions = [
        ([many(name, tmp_path / f"{name}{times}", times) for times in (1, 10)], *sizes) for name, sizes in asked.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=json.dumps(questions), capture_output=True, text=True, check=True
    )
    found = dict(zip(asked, json.loads(done.stdout), strict=True))
    assert all(large < small + 6 for small, large in found.values()), found
    assert all(large < 12 for _, large in found.values()), found
