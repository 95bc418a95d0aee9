"""Training on real digits: it learns, tells how it goes, leaves a whole run folder, and says what goes wrong."""

from __future__ import annotations

import csv
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

from app.design import file
from app.design.values import Design, Node, Recipe, Settings
from app.engine import checkpoint, devices
from app.engine.compile import InvalidDesignError, compile_design
from app.engine.data.fit import DataError
from app.engine.devices import DeviceError
from app.engine.loop import TrainingError
from app.engine.optim import OPTIMIZERS, SCHEDULES, rate_at
from app.engine.recipe import explain
from app.engine.runs import RunError, load_run, new_folder, read_metrics
from app.engine.stepping import set_training
from app.engine.train import evaluate_run, train
from app.messages import Progress
from tests.engine.designs import SHORT, digits, wire


def test_a_small_network_learns_digits_and_leaves_a_whole_folder(tmp_path: Path) -> None:
    seen: list[Progress] = []
    recipe = replace(SHORT, epochs=6)
    run = tmp_path / "run"
    trained = train(digits(channels=16), recipe, run=run, device="cpu", on_progress=seen.append, job="j")
    assert trained.job == "j" and trained.run == str(run) and not trained.stopped and trained.epochs == 6
    assert trained.values["accuracy"] > 0.85

    assert {p.split for p in seen} == {"train", "validation", "test"} and {p.job for p in seen} == {"j"}
    assert [p.epoch for p in seen if p.split == "validation"] == [1, 2, 3, 4, 5, 6]
    assert {(p.epochs, p.steps) for p in seen} == {(6, 6 * 20)} and seen[-1].step == 120 and seen[-1].split == "test"
    own = {"train": {"loss", "accuracy", "lr", "grad_norm"}}
    assert all(set(p.values) == own.get(p.split, {"loss", "accuracy"}) for p in seen)
    trains = [p for p in seen if p.split == "train"]
    assert all(p.rate > 0 for p in trains) and trains[-1].left is not None and trains[-1].left < 5

    for name in ("design.netloom", "metrics.csv", "log.txt", "versions.json", "data.json"):
        assert (run / name).stat().st_size, name
    for kind in ("last", "best"):
        assert checkpoint.place(run / "checkpoints" / kind)
    assert any((run / "events").iterdir())
    assert file.load(run / "design.netloom") == replace(digits(channels=16), recipe=recipe)
    with (run / "metrics.csv").open() as handle:
        rows = list(csv.reader(handle))
    assert rows[0] == ["epoch", "step", "split", "name", "value"] and rows[-1][:4] == ["6", "120", "test", "accuracy"]
    assert float(rows[-1][4]) == trained.values["accuracy"]
    assert json.loads((run / "versions.json").read_text())["threads"] == 1
    assert "Data digits: 1257 train, 180 validation, 360 test" in (run / "log.txt").read_text()

    assert evaluate_run(run, "test", device="cpu") == dict(trained.values)
    points = [r for r in read_metrics(run / "metrics.csv") if (r.split, r.name) == ("validation", "loss")]
    best = min((r.value, r.epoch) for r in points)
    assert load_run(run).epoch == best[1] and load_run(run, "last").epoch == 7  # the last stands before the 7th
    assert evaluate_run(run, "validation", device="cpu")["loss"] == pytest.approx(best[0], abs=1e-6)


def test_the_running_mean_is_weighted_by_batch_size(tmp_path: Path) -> None:
    """With a rate of nearly 0 the mean over the epoch is the loss of the whole split, whatever the batches."""
    means = []
    for size in (1257, 100):
        design = without_chance(digits())
        recipe = replace(SHORT, epochs=1, batch_size=size, learning_rate=1e-30, optimizer="sgd", weight_decay=0.0)
        train(design, recipe, run=tmp_path / str(size), device="cpu")
        rows = [r for r in read_metrics(tmp_path / str(size) / "metrics.csv") if (r.split, r.name) == ("train", "loss")]
        means.append(rows[-1].value)
    assert means[0] == pytest.approx(means[1], rel=1e-5)


def without_chance(design: Design) -> Design:
    """Without batch norm and dropout: batches then do not matter."""
    stem = Node("stem", block="Conv2d", settings=Settings(out_channels=4, kernel_size=3))
    dropout = replace(design.by_id["dropout"], settings=Settings(p=0.0))
    return replace(design, nodes=tuple({"stem": stem, "dropout": dropout}.get(n.id, n) for n in design.nodes))


def test_too_few_classes_are_said_before_training(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="The data has 10 classes, but `output` gives 5 scores"):
        train(digits(classes=5), SHORT, run=tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


def test_spare_classes_are_remarked(tmp_path: Path) -> None:
    train(digits(classes=12), replace(SHORT, epochs=1), run=tmp_path / "run", device="cpu")
    assert "`output` gives 12 scores, but the data has only 10 classes" in (tmp_path / "run" / "log.txt").read_text()


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_checkpoint(tmp_path: Path) -> None:
    run = tmp_path / "run"
    recipe = replace(SHORT, epochs=3, learning_rate=1e38, optimizer="sgd", schedule="constant")
    said = r"not a number any more at epoch \d.*learning rate is too high.*Lower the learning rate to 1e\+37"
    with pytest.raises(TrainingError, match=said):
        train(digits(), recipe, run=run, device="cpu")
    assert "not a number" in (run / "log.txt").read_text()
    if found := checkpoint.place(run / "checkpoints" / "last"):
        assert all(v.isfinite().all() for v in checkpoint.load_weights(found).values() if v.is_floating_point())


def test_a_last_batch_of_one_sample_is_left_out_for_a_batch_norm(tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(digits(), replace(SHORT, epochs=1, batch_size=157), run=run, device="cpu")  # 1257 = 8 * 157 + 1
    assert "it is left out" in (run / "log.txt").read_text()
    assert max(r.step for r in read_metrics(run / "metrics.csv")) == 8


def test_what_is_frozen_stays_as_it_is(tmp_path: Path) -> None:
    design = digits(frozen=True)
    torch.manual_seed(SHORT.seed)
    before = compile_design(design, "training")
    start = checkpoint.weights_of(before.root)
    set_training(before.module)
    assert not before.root.get_submodule("stem").training and before.root.get_submodule("head").training
    train(design, SHORT, run=tmp_path / "run", device="cpu")
    after = checkpoint.load_weights(tmp_path / "run" / "checkpoints" / "last")
    assert all(torch.equal(start[k], after[k]) for k in start if k.startswith("stem."))
    assert not all(torch.equal(start[k], after[k]) for k in start if k.startswith("head."))


def test_several_losses_add_up(tmp_path: Path) -> None:
    design = digits()
    extra = Node("extra", block="CrossEntropy", settings=Settings(weight=0.5))
    design = replace(
        design,
        nodes=(*design.nodes, extra),
        wires=(*design.wires, wire("head", "extra"), wire("label", "extra", "target")),
    )
    values = train(design, replace(SHORT, epochs=1), run=tmp_path / "run", device="cpu").values
    assert set(values) == {"loss", "loss/loss", "loss/extra", "accuracy"}
    assert values["loss"] == pytest.approx(values["loss/loss"] * 1.5, rel=1e-5)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"weight_decay": -1.0}, "weight_decay is -1"),
        ({"optimizer": "lion"}, "no optimizer `lion`: choose one of adamw, sgd, adam, rmsprop"),
        ({"schedule": "zigzag"}, "no schedule `zigzag`"),
        ({"precision": "8"}, "no precision `8`"),
        ({"precision": "16"}, "Precision 16 needs a GPU"),
    ],
)
def test_a_recipe_that_cannot_be_followed_is_refused(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    with pytest.raises(TrainingError) as caught:
        train(digits(), replace(SHORT, **change), run=tmp_path / "run", device="cpu")
    assert said in str(caught.value) and not (tmp_path / "run").exists()


def test_a_design_without_a_loss_is_refused() -> None:
    design = digits()
    bare = replace(
        design,
        nodes=tuple(n for n in design.nodes if n.id not in ("loss", "accuracy", "label")),
        wires=tuple(w for w in design.wires if w.target.node not in ("loss", "accuracy")),
    )
    with pytest.raises(InvalidDesignError, match="no loss"):
        train(bare, SHORT, device="cpu")


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_optimizer_lowers_the_loss(tmp_path: Path, optimizer: str) -> None:
    recipe = replace(SHORT, epochs=1, optimizer=optimizer, learning_rate=0.005)
    train(digits(), recipe, run=tmp_path / "run", device="cpu")
    rows = [r.value for r in read_metrics(tmp_path / "run" / "metrics.csv") if (r.split, r.name) == ("train", "loss")]
    assert rows[-1] < rows[0]


def test_schedules_begin_and_end_as_they_should() -> None:
    recipes = {name: Recipe(learning_rate=1.0, schedule=name) for name in SCHEDULES}
    rates = {name: [rate_at(recipe, s, 100) for s in range(100)] for name, recipe in recipes.items()}
    assert set(rates["constant"]) == {1.0}
    assert rates["linear"][0] == 1.0 and rates["linear"][50] == 0.5 and rates["linear"][-1] == pytest.approx(0.01)
    assert [rates["step"][s] for s in (0, 33, 34, 66, 67)] == pytest.approx([1, 1, 0.1, 0.1, 0.01])
    assert rates["cosine"][0] < 0.05 and max(rates["cosine"]) == 1.0 and rates["cosine"][-1] < 0.01


def test_bf16_trains_on_the_cpu(tmp_path: Path) -> None:
    values = train(digits(), replace(SHORT, precision="bf16"), run=tmp_path / "run", device="cpu").values
    assert values["loss"] < 2.3  # type: ignore[operator]


def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path: Path) -> None:
    train(digits(), replace(SHORT, epochs=1), run=tmp_path, device="cpu")
    with pytest.raises(RunError, match="holds a run already"):
        train(digits(), replace(SHORT, epochs=1), run=tmp_path, device="cpu")


def test_new_folders_have_the_name_and_are_free(tmp_path: Path) -> None:
    first = new_folder("examples/digits.netloom", tmp_path)
    assert first.name.startswith("digits-")
    first.mkdir()
    assert new_folder("examples/digits.netloom", tmp_path) != first


def test_explanations_name_what_to_try() -> None:
    recipe = Recipe(batch_size=64)
    assert "try 32" in explain(torch.OutOfMemoryError("CUDA out of memory"), recipe)
    assert "try 32" in explain(RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), recipe)
    assert "larger batch" in explain(ValueError("Expected more than 1 value per channel when training"), recipe)


def test_absent_devices_say_why() -> None:
    found = {device.id: device for device in devices.devices()}
    assert found["cpu"].absent == ""
    for device in found.values():
        if device.absent:
            assert len(device.absent) > 15
            with pytest.raises(DeviceError, match="is absent"):
                devices.pick(device.id)
    with pytest.raises(DeviceError, match="no device tpu"):
        devices.pick("tpu")
    assert devices.pick("auto") in found


def test_threads_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETLOOM_THREADS", "3")
    assert devices.threads(0) == 3
    monkeypatch.setenv("NETLOOM_THREADS", "many")
    with pytest.raises(DeviceError, match="NETLOOM_THREADS is `many`"):
        devices.threads(0)


def test_small_steps_get_one_thread_and_large_ones_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NETLOOM_THREADS", raising=False)
    assert devices.threads(1) == 1
    assert devices.threads(10**12) == devices.cores()


def test_cancelling_from_another_thread_stops_at_a_checkpoint(tmp_path: Path) -> None:
    stop = threading.Event()

    def show(progress: Progress) -> None:
        if progress.epoch == 2:
            stop.set()

    trained = train(
        digits(), replace(SHORT, epochs=50), run=tmp_path / "run", device="cpu", on_progress=show, cancelled=stop.is_set
    )
    assert trained.stopped and 1 <= trained.epochs < 50
    assert checkpoint.place(tmp_path / "run" / "checkpoints" / "last")


def test_a_run_folder_that_is_deleted_ends_the_run(tmp_path: Path) -> None:
    """Parts of it are not made again, as if the rest were there too."""
    place = tmp_path / "run"

    def delete(progress: Progress) -> None:
        shutil.rmtree(place, ignore_errors=True)

    with pytest.raises(RunError, match="cannot be written"):
        train(digits(), SHORT, device="cpu", run=place, on_progress=delete)
    assert not place.exists()


def test_a_full_disk_is_said_and_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "run"
    train(digits(), SHORT, device="cpu", run=place)
    kept = (place / "checkpoints" / "last" / "weights.safetensors").read_bytes()

    def full(*_arguments: object) -> None:  # what torch says when the zip's end cannot be written
        raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 13120 vs 13072")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="the disk may be full"):
        train(digits(), replace(SHORT, epochs=SHORT.epochs + 1), device="cpu", run=place, resume=True)
    assert (place / "checkpoints" / "last" / "weights.safetensors").read_bytes() == kept
