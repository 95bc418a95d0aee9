"""A Python function or class of one's own as data: only once it is allowed, and what it raises becomes a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace

from app import cli, trust
from app.design import file
from app.engine.compile import InputSpec, TargetSpec, shared_analyser
from app.engine.data import DataError, Options, open_data
from app.engine.data.show import show
from app.messages.data import DataShown, GetData
from tests.engine.test_data_training import classifier

LABEL = TargetSpec("label", "label", (), "int64")
POINTS = (InputSpec("x", (2,), "float32"),)
CODE = """
import numpy as np

class Points:
    classes = ("left", "right")
    labels = [i % 2 for i in range(200)]
    def __len__(self):
        return 200
    def __getitem__(self, i):
        at = np.random.default_rng(i).normal(0, 0.3, 2)
        return at + [2 * (i % 2) - 1, 0], i % 2
"""
FIELDS = """
import torch
def train(n=30): ...
def data():
    def one(i):
        return {"picture": torch.full((3, 8, 8), i % 5, dtype=torch.uint8), "far": float(i), "map": torch.ones(4, 4)}
    return {"train": [one(i) for i in range(30)], "validation": [one(i) for i in range(5)]}
"""


@pytest.fixture(autouse=True)
def trusted() -> Iterator[None]:
    measurer = shared_analyser().measurer
    kept, measurer.trusted = measurer.trusted, frozenset()
    yield
    measurer.trusted = kept


def written(path: Path, code: str, *, allowed: bool = True) -> str:
    path.write_text(code)
    if allowed:
        shared_analyser().measurer.trusted = {trust.digest(code)}
    return f"python:{path}"


def refused(spec: str, *targets: TargetSpec) -> str:
    with pytest.raises(DataError) as caught:
        open_data(spec, POINTS, targets or (LABEL,))
    return str(caught.value)


def test_a_class_of_ones_own_gives_samples_and_labels(tmp_path: Path) -> None:
    spec = written(tmp_path / "own.py", CODE)
    data = open_data(spec, POINTS, (LABEL,))
    assert {name: split.size for name, split in data.splits.items()} == {"train": 140, "validation": 20, "test": 40}
    assert data.classes == ("left", "right")
    points, labels = next(data.batches("train", 64, epoch=1))
    assert points.shape == (64, 2) and torch.equal((points[:, 0] > 0).long(), labels)
    again, _ = next(open_data(spec, POINTS, (LABEL,)).batches("train", 64, epoch=1))
    assert torch.equal(points, again)


def test_fields_by_name_splits_and_pictures(tmp_path: Path) -> None:
    spec = written(tmp_path / "own.py", FIELDS)
    picture = (InputSpec("picture", (3, 16, 16), "float32"),)
    far, small = TargetSpec("far", "far", (1,), "float32"), TargetSpec("m", "map", (4, 4), "float32")
    data = open_data(spec, picture, (far, small))
    assert {name: split.size for name, split in data.splits.items()} == {"train": 30, "validation": 5}
    pictures, numbers, maps = next(data.batches("validation", 5))
    assert pictures.shape == (5, 3, 16, 16) and float(pictures.max()) == pytest.approx(4 / 255)
    assert numbers[:, 0].tolist() == [0, 1, 2, 3, 4] and maps.shape == (5, 4, 4)
    with pytest.raises(DataError, match="has only far, map and input"):
        open_data(spec, picture, (LABEL,))
    shown = show(GetData("j", design(spec)), design(spec), lambda _w: None, lambda: False)
    assert shown.samples[3].look is not None and shown.dataset.sample == (3, 8, 8)
    assert [field.name for field in shown.dataset.fields] == ["far", "map"]


def design(spec: str):  # type: ignore[no-untyped-def]
    made = classifier(2)
    return replace(made, recipe=replace(made.recipe, data=spec))


def test_nothing_runs_before_it_is_allowed(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')\n{CODE}"
    spec = written(tmp_path / "own.py", code, allowed=False)
    shown = show(GetData("j", design(spec)), design(spec), lambda _w: None, lambda: False)
    assert isinstance(shown, DataShown) and shown.code == code and not shown.splits
    assert "nobody has allowed to run yet" in refused(spec) and not mark.exists()
    shared_analyser().analyse(design(spec))
    assert not mark.exists(), "analysis runs nothing"
    shared_analyser().measurer.trusted = {trust.digest(code)}
    shown = show(GetData("j", design(spec)), design(spec), lambda _w: None, lambda: False)
    assert mark.exists() and not shown.code and {each.label for each in shown.samples} == {"left", "right"}
    assert [split.counts for split in shown.splits] == [(70, 70), (10, 10), (20, 20)]
    (tmp_path / "own.py").write_text(code + "\n# changed")
    assert "nobody has allowed to run yet" in refused(spec)


@pytest.mark.parametrize(("code", "said"), [
    ("def data(:", "own.py, line 1 is not Python"),
    ("x = 1", "but has none: define one"),
    ("def a(): ...\ndef b(): ...", "but has several (a and b): write `python:"),
    ("def data():\n    return 3", "gives int for train: samples need a length and an index"),
    ("def data():\n    return []", "gives no samples for train"),
    ("def data():\n    return [(1, 2, 3)] * 9", "has 3 parts: give x, (x, label)"),
    ("def data():\n    return [([1, 2, 3], 0)] * 9", "`x` takes 2, but sample 0 has `x` of 3"),
    ("def data():\n    return [(['a', 'b'], 0)] * 9", "only numbers, arrays, tensors and pictures"),
    ("def data():\n    return [([1., 2.], .5)] * 9", "`label` wants whole numbers"),
    ("\ndef data():\n    raise OSError('no disk')", "own.py, line 3: `data()` cannot be read (OSError: no disk)"),
    ("import nothing_of_this_name\ndef data(): ...", "line 1: the file cannot be read (ModuleNotFoundError"),
    ("def data():\n    raise SystemExit", "`data()` cannot be read (SystemExit)"),
    ("def data():\n    return {'train': [([1., 2.], 0)], 'dev': []}", "gives a split `dev`: call them train"),
])  # fmt: skip
def test_what_is_wrong_is_said(code: str, said: str, tmp_path: Path) -> None:
    spec = written(tmp_path / "own.py", code)

    def first() -> None:
        next(open_data(spec, POINTS, (LABEL,)).batches("train", 4))

    with pytest.raises(DataError) as caught:
        first()
    assert said in str(caught.value)


def test_a_name_chooses_and_bad_samples_are_skipped(tmp_path: Path) -> None:
    code = """
def other(): return []
def mine():
    class Some(list):
        def __getitem__(self, i):
            if i in (0, 7): raise ValueError(f"sample {i} is torn")
            return [float(i), 0.5], i % 2
    return Some(range(40))
"""
    spec = written(tmp_path / "own.py", code) + ":mine"
    with pytest.raises(DataError, match=r"own.py, line 6: sample [07] of train cannot be read \(ValueError"):
        list(open_data(spec, POINTS, (LABEL,)).batches("train", 99))
    data = open_data(spec, POINTS, (LABEL,), options=Options(skip_bad=True))
    assert sum(split.size for split in data.splits.values()) == 38
    assert data.notes[0].startswith("2 samples are left out") and "sample 7 is torn" in data.notes[0]


def test_the_command_line_asks_for_consent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = written(tmp_path / "own.py", CODE, allowed=False)
    path = tmp_path / "d.netloom"
    file.save(classifier(2), path)
    command = ["train", str(path), "--data", spec, "--epochs", "1", "--device", "cpu", "--run", str(tmp_path / "run")]
    assert cli.main(command) == 2 and "--allow-code" in capsys.readouterr().err
    assert cli.main([*command, "--allow-code"]) == 0
    assert cli.main(["evaluate", str(tmp_path / "run"), "--allow-code"]) == 0


def test_the_readmes_example_is_data(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    (code,) = (block.split("```")[0] for block in text.split("```python\n")[1:] if "class Data:" in block)
    points, labels = next(open_data(written(tmp_path / "own.py", code), POINTS, (LABEL,)).batches("train", 350))
    assert torch.equal((points.norm(dim=1) > 0.7).long(), labels) and 0 < int(labels.sum()) < 350
