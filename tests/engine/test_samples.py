"""Predictions on fixed validation samples: told at validations, kept in the run folder, and no part of the training."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec.structs import replace

import examples
from app.design import file
from app.engine import checkpoint, samples
from app.engine.samples import chosen
from app.engine.train import train
from app.messages import decode_reply, encode
from app.messages.predictions import MOST, Predicted, thinned
from tests.engine.designs import SHORT, digits
from tests.engine.sample_designs import make_table, make_text, masks, table, text
from tests.engine.test_resume import after, assert_same


@pytest.fixture(autouse=True, scope="module")
def each_epoch() -> Iterator[None]:
    """However short the epochs are."""
    share, samples.SHARE = samples.SHARE, float("inf")
    yield
    samples.SHARE = share


def told(design: Any, run: Path, **options: Any) -> list[Predicted]:
    heard: list[Predicted] = []
    train(design, options.pop("recipe", design.recipe), run=run, device="cpu", on_samples=heard.append, **options)
    return heard


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Predicted]]:
    run = tmp_path_factory.mktemp("samples") / "run"
    return run, told(digits(), run, recipe=replace(SHORT, epochs=4))


def test_classes_are_told_each_epoch_with_what_is_right(straight: tuple[Path, list[Predicted]]) -> None:
    _, heard = straight
    assert [each.epoch for each in heard] == [1, 2, 3, 4] and heard[0].of == 180
    first, last = heard[0], heard[-1]
    assert len(first.samples) == 8 and first.samples == last.samples, "the same samples, the same way"
    assert len({shown.truths[0].answers[0].label for shown in first.samples}) == 8, "of as many classes as there are"
    for shown, (reading,) in zip(last.samples, last.readings, strict=True):
        assert shown.sample.look is not None and (shown.sample.look.width, shown.sample.look.height) == (8, 8)
        assert reading.kind == "classes" and reading.output == "output" and len(reading.answers) == 10
        chances = [answer.probability for answer in reading.answers]
        assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1, abs=1e-4)
        assert reading.right == float(reading.answers[0].label == shown.truths[0].answers[0].label)
    assert sum(r.right or 0 for (r,) in last.readings) >= 6 and heard[0].readings != last.readings
    assert decode_reply(encode(replace(last, job="j"))) == replace(last, job="j")


def test_the_run_folder_keeps_them(straight: tuple[Path, list[Predicted]]) -> None:
    run, heard = straight
    assert samples.epochs(run) == [1, 2, 3, 4]
    kept = json.loads(gzip.decompress((run / "samples" / "epoch-00004.json.gz").read_bytes()))
    assert kept["epoch"] == 4 and kept["step"] == heard[-1].step
    assert kept["readings"][0][0]["answers"][0]["label"] == heard[-1].readings[0][0].answers[0].label
    assert sum(path.stat().st_size for path in (run / "samples").iterdir()) < 12_000


def test_with_and_without_them_the_training_is_the_same_bit_for_bit(
    straight: tuple[Path, list[Predicted]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, without = tmp_path / "again", tmp_path / "without"
    assert len(told(digits(), again, recipe=replace(SHORT, epochs=4))) == 4
    monkeypatch.setattr(samples.Fixed, "due", lambda self, epoch: False)
    assert not told(digits(), without, recipe=replace(SHORT, epochs=4)) and not samples.epochs(without)
    assert_same(straight[0], without)
    # The first run of a process imports much, and what is imported may draw: the states are those of later runs.
    ours, theirs = (checkpoint.load_state(run / "checkpoints" / "last")["random"] for run in (again, without))
    assert torch.equal(ours["torch"], theirs["torch"]) and torch.equal(ours["numpy"]["keys"], theirs["numpy"]["keys"])
    assert torch.equal(ours["python"]["words"], theirs["python"]["words"])


def test_a_network_that_draws_lots_and_moves_buffers_in_eval_mode_leaves_no_trace() -> None:
    root = torch.nn.Sequential(torch.nn.BatchNorm1d(2))
    torch.manual_seed(5)
    with samples.untouched(root, torch.device("cpu")):
        torch.rand(3)
        root[0].running_mean.add_(1)  # type: ignore[union-attr, operator]
    after_it = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after_it, torch.rand(3)) and not root[0].running_mean.any()  # type: ignore[union-attr, operator]


def test_a_resumed_run_tells_the_same(straight: tuple[Path, list[Predicted]], tmp_path: Path) -> None:
    run, recipe = tmp_path / "run", replace(SHORT, epochs=4)
    before = told(digits(), run, recipe=recipe, cancelled=after(47))
    (run / "samples" / "epoch-00003.json.gz").write_bytes(b"of an epoch that the checkpoint has not")
    later = told(digits(), run, recipe=recipe, resume=True)
    assert [each.epoch for each in (*before, *later)] == [1, 2, 3, 4] and [*before, *later] == straight[1]
    assert_same(straight[0], run)
    for path in (straight[0] / "samples").iterdir():
        assert path.read_bytes() == (run / "samples" / path.name).read_bytes()


def test_masks_stand_beside_the_truth(tmp_path: Path) -> None:
    (heard,) = told(masks(), tmp_path / "run")
    for shown, (reading,) in zip(heard.samples, heard.readings, strict=True):
        true = shown.truths[0]
        assert reading.kind == true.kind == "mask" and reading.names == ("ground", "circle", "square", "triangle")
        assert reading.look is not None and true.look is not None and shown.sample.look is not None
        assert (reading.look.width, reading.look.height) == (true.look.width, true.look.height) == (24, 24)
        same = sum(a == b for a, b in zip(reading.look.pixels, true.look.pixels, strict=True))
        assert reading.right == pytest.approx(same / 576) and set(true.look.pixels) > {0}


def test_two_tasks_tell_both_classes_and_reconstructions(tmp_path: Path) -> None:
    design = file.load(examples.path("two_tasks"))
    heard = told(design, tmp_path / "run", recipe=replace(design.recipe, epochs=2))
    classes, picture = heard[-1].readings[0]
    assert (classes.output, classes.kind, picture.output, picture.kind) == (
        "classes", "classes", "reconstruction", "picture",
    )  # fmt: skip
    shown = heard[-1].samples[0]
    assert shown.truths[1].look == shown.sample.look and picture.look is not None and picture.look != shown.sample.look
    assert picture.error is not None and picture.error < (heard[0].readings[0][1].error or 0)


def test_numbers_and_rows_stand_beside_what_is_right(tmp_path: Path) -> None:
    path = make_table(tmp_path / "a.csv", number=True)
    heard = told(table(path, number=True), tmp_path / "run")
    shown, (reading,) = heard[-1].samples[0], heard[-1].readings[0]
    assert heard[-1].columns == ("width", "height") and reading.kind == "numbers"
    width, height = map(float, shown.sample.cells)
    assert shown.truths[0].numbers == (pytest.approx(2 * width + height / 2, rel=1e-4),)
    assert reading.error == pytest.approx((reading.numbers[0] - shown.truths[0].numbers[0]) ** 2, rel=1e-3)


def test_the_next_letters_are_told(tmp_path: Path) -> None:
    path = make_text(tmp_path / "a.txt")
    heard = told(text(path, len(set(path.read_text()))), tmp_path / "run")
    for shown, (reading,) in zip(heard[-1].samples, heard[-1].readings, strict=True):
        whole = shown.sample.text + shown.truths[0].answers[0].label
        assert whole in path.read_text() and shown.truths[0].text == whole[1:]
        assert reading.kind == "tokens" and len(reading.text) == 8 and len(reading.answers) == 5
        assert reading.right == sum(a == b for a, b in zip(reading.text, whole[1:], strict=True)) / 8


def test_a_network_whose_answers_have_no_form_is_trained_without(tmp_path: Path) -> None:
    design = file.load(examples.path("simclr"))
    assert told(design, tmp_path / "run", recipe=replace(design.recipe, epochs=1)) == []
    assert not (tmp_path / "run" / "samples").exists()


def test_what_goes_wrong_beside_the_training_stands_in_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise MemoryError("no room for eight samples")

    monkeypatch.setattr(samples.Fixed, "_run", fails)
    assert told(digits(), tmp_path / "run") == []
    log = (tmp_path / "run" / "log.txt").read_text()
    assert log.count("Predictions on samples are not shown: MemoryError: no room for eight samples") == 1


def test_of_many_epochs_the_first_the_last_and_some_between_stay() -> None:
    kept: list[int] = []
    for epoch in range(1, 1001):
        kept = thinned([*kept, epoch])
    gaps = [b - a for a, b in pairwise(kept)]
    assert len(kept) == MOST and kept[0] == 1 and kept[-1] == 1000 and max(gaps) <= 4 * 1000 / MOST


def test_a_long_run_of_short_epochs_makes_few(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed = samples.Fixed(digits(), None, None, None, 400)  # type: ignore[arg-type]
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    fixed._told = 99.0
    due = [epoch for epoch in range(1, 401) if fixed.due(epoch)]
    assert due[0] == 1 and due[-1] == 400 and len(due) <= MOST + 1
    fixed._told = 97.0
    assert fixed.due(2), "a long epoch is shown though it is none of those"
    monkeypatch.setattr(samples, "SHARE", 0.01)
    fixed.ended(0.02)
    fixed._told = 99.0
    assert [epoch for epoch in range(1, 401) if fixed.due(epoch)] == [1, 400], "they would cost too much"
    fixed.ended(0.005)
    fixed._told = 99.0
    assert len([epoch for epoch in range(1, 401) if fixed.due(epoch)]) > 20


def test_they_are_chosen_by_the_seed() -> None:
    labels = torch.arange(300) % 3
    assert chosen(3, 300, labels) == chosen(3, 300, labels) != chosen(4, 300, labels)
    assert len(chosen(0, 5, None)) == 5 and max(chosen(0, 10**7, None)) < samples.LOOKED_AT
    rare = torch.zeros(300, dtype=torch.long)
    rare[17] = 1
    assert 17 in chosen(1, 300, rare)
