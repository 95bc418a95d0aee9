"""Metrics that are counted over a split: exact whatever the batches, the same after a resume and on two devices."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from torchmetrics.functional import classification as classes
from torchmetrics.functional.text import perplexity

from app.design.values import Design, Node, Settings
from app.engine import checkpoint, confusions
from app.engine.compile import compile_design
from app.engine.data import open_data
from app.engine.data.fit import DataError
from app.engine.loop import TrainingError
from app.engine.runs import load_run, read_metrics
from app.engine.train import evaluate_loaded, evaluate_run, train
from app.messages import Progress, decode_reply, encode
from tests.engine.designs import SHORT, digits, wire

METERS = {"f1": "F1Score", "auc": "ROCAUC", "miou": "MeanIoU", "perplexity": "Perplexity"}
ONE = replace(SHORT, epochs=1)


def judged(design: Design | None = None, more: dict[str, str] = METERS, table: str = "confusion") -> Design:
    """A classifier of digits with metrics that are no mean over batches, and a confusion matrix."""
    design = design or digits()
    blocks = {**more, **({table: "ConfusionMatrix"} if table else {})}
    return replace(
        design,
        nodes=(*design.nodes, *(Node(id, block=block) for id, block in blocks.items())),
        wires=(*design.wires, *(w for id in blocks for w in (wire("head", id), wire("label", id, "target")))),
    )


def plain() -> Design:
    """Without dropout, and without a batch norm, whose statistics would be each device's own."""
    design = digits()
    stem = Node("stem", block="Conv2d", settings=Settings(out_channels=4, kernel_size=3))
    still = {"stem": stem, "dropout": replace(design.by_id["dropout"], settings=Settings(p=0.0))}
    return replace(design, nodes=tuple(still.get(n.id, n) for n in design.nodes))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    place, seen = tmp_path_factory.mktemp("judged") / "run", list[Progress]()
    train(judged(), replace(SHORT, epochs=2), run=place, device="cpu", on_progress=seen.append)
    return place, seen


def scores(path: Path, split: str) -> tuple[torch.Tensor, torch.Tensor]:
    """What the best weights say of a whole split at once, and the right classes."""
    found = load_run(path)
    assert found.network is not None
    data = open_data("digits", found.network.inputs, found.training.targets)
    images, labels = data.splits[split].take(torch.arange(data.splits[split].size))
    with torch.no_grad():
        return found.network.module(images), labels


def wanted(x: torch.Tensor, target: torch.Tensor) -> dict[str, float]:
    return {
        "f1": classes.multiclass_f1_score(x, target, 10, average="macro").item(),
        "auc": classes.multiclass_auroc(x.softmax(1), target, 10).item(),
        "miou": classes.multiclass_jaccard_index(x, target, 10).item(),
        "perplexity": perplexity(x[:, None], target[:, None]).item(),
    }


@pytest.mark.parametrize("size", [7, 64, 1000])
def test_a_split_is_judged_as_one_whatever_the_batch_size(run: tuple[Path, list[Progress]], size: int) -> None:
    found = load_run(run[0])
    found = found._replace(design=replace(found.design, recipe=replace(found.design.recipe, batch_size=size)))
    values = evaluate_loaded(found, "test")
    assert set(values) == {"loss", "accuracy", *METERS}
    for name, value in wanted(*scores(run[0], "test")).items():
        assert values[name] == pytest.approx(value, rel=1e-5), name


def test_the_curve_of_training_counts_the_epoch_so_far(tmp_path: Path) -> None:
    """With a rate of nearly 0 and no chance the last point of an epoch is the whole split's value."""
    place = tmp_path / "run"
    recipe = replace(ONE, learning_rate=1e-30, optimizer="sgd", weight_decay=0.0)
    train(judged(plain()), recipe, run=place, device="cpu")
    rows = {r.name: r.value for r in read_metrics(place / "metrics.csv") if r.split == "train"}  # the last of each
    for name, value in wanted(*scores(place, "train")).items():
        assert rows[name] == pytest.approx(value, rel=1e-5), name
    first = {r.name: r.value for r in read_metrics(place / "metrics.csv")[: len(rows)]}
    assert first.keys() == rows.keys() and first["f1"] != rows["f1"]


def test_a_confusion_matrix_is_handed_on_and_kept(run: tuple[Path, list[Progress]]) -> None:
    place, seen = run
    told = [p for p in seen if p.confusions]
    assert [(p.split, p.epoch) for p in told] == [("validation", 1), ("validation", 2), ("test", 2)]
    x, target = scores(place, "test")
    table = told[-1].confusions[0]
    assert table.name == "confusion" and table.classes == tuple("0123456789")
    assert table.counts == tuple(map(tuple, classes.multiclass_confusion_matrix(x, target, 10).tolist()))
    assert sum(map(sum, table.counts)) == 360
    right = sum(row[i] for i, row in enumerate(table.counts))
    assert right / 360 == pytest.approx(told[-1].values["accuracy"])
    assert decode_reply(encode(told[-1])) == told[-1]

    kept = confusions.read(place)
    assert [(k.split, k.epoch, k.step) for k in kept] == [("validation", 2, 40), ("test", 2, 40)]
    assert kept[1].table == table and kept[0].table == told[1].confusions[0]
    assert json.loads((place / "confusion.json").read_text())["tables"][0]["table"]["name"] == "confusion"
    assert not any("confusion" in p.values for p in seen), "a table is no curve"


def test_metrics_of_before_are_read_where_a_run_has_no_tables(tmp_path: Path) -> None:
    assert confusions.read(tmp_path) == []
    (tmp_path / "confusion.json").write_text('{"tables": [{"split": 3}]}')
    assert confusions.read(tmp_path) == []


def after(steps: int) -> Callable[[], bool]:
    asked = iter(range(1, 10**9))
    return lambda: next(asked) >= steps


@pytest.mark.parametrize("steps", [7, 20 + 12, 20], ids=["first epoch", "second epoch", "between"])
def test_stopped_in_mid_epoch_and_resumed_counts_on(
    run: tuple[Path, list[Progress]], tmp_path: Path, steps: int
) -> None:
    straight, place = run[0], tmp_path / "run"
    two = replace(SHORT, epochs=2)
    assert train(judged(), two, run=place, device="cpu", cancelled=after(steps)).stopped
    state = checkpoint.load_state(place / "checkpoints" / "last")["meters"]
    assert set(state) == {*METERS, "confusion"}
    seen = 64 * (steps % 20) or 1257  # between: the checkpoint stands at the end of the epoch, before validation
    assert len(state["auc"]["preds"]) == seen and state["confusion"]["confmat"].sum() == seen
    train(judged(), two, run=place, device="cpu", resume=True)
    for name in ("metrics.csv", "confusion.json"):
        assert (place / name).read_bytes() == (straight / name).read_bytes()


def test_a_resumed_run_takes_back_the_tables_of_later_steps(tmp_path: Path, run: tuple[Path, list[Progress]]) -> None:
    kept = confusions.read(run[0])
    for entry in kept:
        confusions.write(tmp_path, entry.split, entry.epoch, entry.step, [entry.table])
    assert confusions.read(tmp_path) == kept
    confusions.cut(tmp_path, 40)
    assert confusions.read(tmp_path) == kept[:1], "the test split is judged anew"
    confusions.cut(tmp_path, 39)
    assert confusions.read(tmp_path) == []


def test_counting_adds_nothing_to_the_weights(run: tuple[Path, list[Progress]]) -> None:
    plain = compile_design(digits(), "training").root.state_dict()
    assert checkpoint.load_weights(run[0] / "checkpoints" / "last").keys() == plain.keys()


def test_a_design_with_other_metrics_is_not_resumed(run: tuple[Path, list[Progress]], tmp_path: Path) -> None:
    place = tmp_path / "run"
    train(judged(), ONE, run=place, device="cpu", cancelled=after(3))
    with pytest.raises(TrainingError, match="but the design now measures loss, accuracy, f1, confusion: resume"):
        train(judged(more={"f1": "F1Score"}), ONE, run=place, device="cpu", resume=True)


def test_a_metric_of_too_few_classes_is_said_before_training(tmp_path: Path) -> None:
    design = digits()
    design = replace(
        design,
        nodes=(
            *design.nodes, Node("few", block="Linear", settings=Settings(out_features=4)), Node("f1", block="F1Score"),
        ),
        wires=(*design.wires, wire("dropout", "few"), wire("few", "f1"), wire("label", "f1", "target")),
    )  # fmt: skip
    with pytest.raises(DataError, match="The metric `f1` got scores of 4 classes and does not fit the data"):
        train(design, ONE, run=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_a_metric_called_loss_has_a_curve_of_its_own(tmp_path: Path) -> None:
    design = digits()
    nodes = tuple(Node("error", block=n.block) if n.id == "loss" else n for n in design.nodes)
    wires = tuple(
        replace(w, target=replace(w.target, node="error")) if w.target.node == "loss" else w for w in design.wires
    )
    design = judged(replace(design, nodes=nodes, wires=wires), {"loss": "F1Score"}, "")
    values = train(design, ONE, run=tmp_path / "run", device="cpu").values
    assert set(values) == {"loss", "accuracy", "loss/metric"}
    assert values["loss/metric"] == pytest.approx(evaluate_run(tmp_path / "run", device="cpu")["loss/metric"])


TWO = """
import sys
from pathlib import Path
from msgspec.structs import replace
import lightning_fabric
from tests.engine.several import two
from tests.engine.test_metrics import ONE, judged, plain
sys.exit(any(two(Path(sys.argv[1]), judged(plain()), replace(ONE, batch_size=int(sys.argv[2])))))
"""


@pytest.mark.parametrize(
    "size", [pytest.param(64, marks=pytest.mark.slow), 179], ids=["even", "a device without a last sample"]
)
def test_two_devices_count_together(tmp_path: Path, size: int) -> None:
    """The validation split has 180 samples: in batches of 179 the second device has nothing of the last one."""
    place, script = tmp_path / "run", tmp_path / "two.py"
    script.write_text(TWO)
    done = subprocess.run(
        [sys.executable, str(script), str(place), str(size)], capture_output=True, text=True, timeout=120,
        check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    rows = {(r.split, r.name): r.value for r in read_metrics(place / "metrics.csv")}
    for split in ("validation", "test"):
        for name, value in wanted(*scores(place, split)).items():
            assert rows[split, name] == pytest.approx(value, rel=1e-5), (split, name)
    table = confusions.read(place)[-1].table
    assert sum(map(sum, table.counts)) == 360
    state = checkpoint.load_state(place / "checkpoints" / "last")
    assert not len(state["meters"]["auc"]["preds"]), "between epochs there is nothing"
    assert 0 < rows["train", "f1"] <= 1
