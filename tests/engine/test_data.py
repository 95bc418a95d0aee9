"""Data: fixed splits, batches that depend on (seed, epoch) alone, samples fitted to Inputs, errors in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.engine.compile import InputSpec, TargetSpec
from app.engine.data import DATASETS, Data, DataError, open_data, stratified
from app.engine.data.base import share_of

LABEL = (TargetSpec("label", "label", (), "int64"),)
GREY = (InputSpec("image", (1, 8, 8), "float32"),)


def digits(*shape: int, seed: int = 0) -> Data:
    return open_data("digits", (InputSpec("image", shape, "float32"),), LABEL, seed)


def test_digits_are_split_once_and_for_all() -> None:
    data = digits(1, 8, 8)
    sizes = {name: split.size for name, split in data.splits.items()}
    assert sizes == {"train": 1257, "validation": 180, "test": 360}
    assert data.classes == tuple("0123456789") and not data.notes
    images, labels = next(data.batches("train", 1257))
    assert images.shape == (1257, 1, 8, 8) and float(images.min()) == 0.0 and float(images.max()) == 1.0
    assert labels.dtype == torch.int64 and int(torch.bincount(labels).min()) >= 115
    _, again = next(digits(1, 8, 8, seed=7).batches("train", 1257))
    assert torch.equal(labels, again), "the split must not depend on a run's seed"


def test_no_sample_is_in_two_splits() -> None:
    data = digits(64)
    parts = [next(data.batches(name, 2000))[0] for name in data.splits]
    assert len(torch.unique(torch.cat(parts), dim=0)) == 1797


def test_batches_are_a_function_of_seed_and_epoch() -> None:
    one, two = digits(1, 8, 8), digits(1, 8, 8)
    labels = [torch.cat([b[1] for b in data.batches("train", 64, epoch=3)]) for data in (one, two)]
    assert torch.equal(*labels)
    other = torch.cat([b[1] for b in one.batches("train", 64, epoch=4)])
    assert not torch.equal(labels[0], other) and torch.equal(labels[0].sort().values, other.sort().values)
    later = torch.cat([b[1] for b in one.batches("train", 64, epoch=3, skip=5)])
    assert torch.equal(later, labels[0][5 * 64 :])
    seeded = torch.cat([b[1] for b in digits(1, 8, 8, seed=1).batches("train", 64, epoch=3)])
    assert not torch.equal(labels[0], seeded)


def test_a_last_batch_that_is_too_small_is_left_out() -> None:
    data = digits(1, 8, 8)  # 1257 = 157 * 8 + 1
    assert data.steps("train", 8) == 158 and data.steps("train", 8, least=2) == 157
    assert len(list(data.batches("train", 8, epoch=1, least=2))) == 157
    assert data.steps("train", 2000, least=1300) == 1, "the only batch of an epoch stays"


def test_devices_share_each_batch() -> None:
    data = digits(1, 8, 8)
    shares = [list(data.batches("train", 50, epoch=1, rank=r, world=2)) for r in (0, 1)]
    assert [[len(b[0]) for b in share] for share in shares] == [[25] * 25 + [4], [25] * 25 + [3]]
    whole = list(data.batches("train", 50, epoch=1))
    assert torch.equal(torch.cat([shares[0][0][1], shares[1][0][1]]).sort().values, whole[0][1].sort().values)
    assert [share_of(7, rank, 3) for rank in range(3)] == [3, 2, 2] and share_of(1, 1, 2) == 0
    *_, last = data.batches("train", 8, epoch=1, rank=1, world=2)
    assert len(last[0]) == 1, "a device that has nothing of a batch runs a sample of it that does not count"


@pytest.mark.parametrize(
    ("shape", "note"), [((3, 16, 16), "3×16×16"), ((1, 12, 10), "1×12×10"), ((8, 8), ""), ((64,), "")]
)
def test_digits_are_fitted_to_the_input(shape: tuple[int, ...], note: str) -> None:
    data = digits(*shape)
    images, _ = next(data.batches("test", 5))
    assert images.shape == (5, *shape) and 0 <= float(images.min()) <= float(images.max()) <= 1
    assert note in " ".join(data.notes) and bool(note) == bool(data.notes)


def test_an_autoencoder_gets_the_sample_as_target() -> None:
    data = open_data("digits", GREY, (TargetSpec("clean", "input", (1, 8, 8), "float32"),))
    image, clean = next(data.batches("train", 4, epoch=1))
    assert torch.equal(image, clean)


@pytest.mark.parametrize(
    ("spec", "inputs", "targets", "said"),
    [
        ("", GREY, LABEL, "No data is chosen"),
        ("moons", GREY, LABEL, "no data of the kind `moons`: choose one of digits, images:PATH, masks:PATH"),
        ("digits:here", GREY, LABEL, "digits takes no path"),
        ("images", GREY, LABEL, "`images` needs a path"),
        ("images:/nowhere", GREY, LABEL, "no folder /nowhere"),
        ("table:/nowhere.csv", GREY, LABEL, "no file /nowhere.csv"),
        ("digits", (), LABEL, "no Input"),
        ("digits", (InputSpec("image", (4, 8, 8), "float32"),), LABEL, "`image` takes 4×8×8"),
        ("digits", (InputSpec("image", (65,), "float32"),), LABEL, "`image` takes 65"),
        ("digits", (InputSpec("words", (64,), "int64"),), LABEL, "`words` takes int64"),
        ("digits", GREY, (TargetSpec("mask", "mask", (8, 8), "int64"),), "the field `mask`"),
        ("digits", GREY, (TargetSpec("label", "label", (10,), "int64"),), "a label of shape 10"),
        ("digits", GREY, (TargetSpec("clean", "input", (3, 8, 8), "float32"),), "the sample as 3×8×8"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(spec: str, inputs: tuple, targets: tuple, said: str) -> None:
    with pytest.raises(DataError) as caught:
        open_data(spec, inputs, targets)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_every_kind_has_a_card() -> None:
    assert set(DATASETS) >= {"digits", "images", "table"}
    assert all(card.title and card.help for card in DATASETS.values())


def test_stratified_parts_are_disjoint_and_complete() -> None:
    labels = np.repeat(np.arange(3), (10, 20, 3))
    parts = stratified(labels, (0.7, 0.1, 0.2))
    assert sorted(np.concatenate(parts)) == list(range(33))
    assert [np.bincount(labels[p], minlength=3).tolist() for p in parts] == [[7, 14, 3], [1, 2, 0], [2, 4, 0]]


# a folder of images ---------------------------------------------------------------------------------------------------


def make_images(folder: Path, count: int = 10, names: tuple[str, ...] = ("cats", "dogs")) -> Path:
    for shade, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in range(count):
            Image.new("RGB", (20 + i, 16), (shade * 200, 10 * i, 30)).save(folder / name / f"{i}.png")
    return folder


COLOUR = (InputSpec("image", (3, 12, 12), "float32"),)


def test_a_folder_of_classes_is_divided(tmp_path: Path) -> None:
    data = open_data(f"images:{make_images(tmp_path)}", COLOUR, LABEL)
    assert data.classes == ("cats", "dogs")
    assert {name: split.size for name, split in data.splits.items()} == {"train": 14, "validation": 2, "test": 4}
    assert any("not divided" in note for note in data.notes) and any("3×12×12" in note for note in data.notes)
    first = list(data.batches("train", 4, epoch=1))
    again = list(data.batches("train", 4, epoch=1))
    assert [b[0].shape[0] for b in first] == [4, 4, 4, 2]
    assert all(torch.equal(a, b) for x, y in zip(first, again, strict=True) for a, b in zip(x, y, strict=True))
    for images, labels in first:  # the red channel tells the classes apart, so labels stand beside their pictures
        assert torch.allclose(images[:, 0].mean((1, 2)), labels * 200 / 255, atol=0.01)


def test_train_val_test_folders_are_used(tmp_path: Path) -> None:
    for part, count in (("train", 20), ("val", 3), ("test", 2)):
        make_images(tmp_path / part, count)
    data = open_data(f"images:{tmp_path}", COLOUR, LABEL)
    assert {name: split.size for name, split in data.splits.items()} == {"train": 40, "validation": 6, "test": 4}


def test_a_folder_without_val_gives_some_of_train(tmp_path: Path) -> None:
    make_images(tmp_path / "train", 20)
    data = open_data(f"images:{tmp_path}", COLOUR, LABEL)
    assert {name: split.size for name, split in data.splits.items()} == {"train": 36, "validation": 4}


def test_colour_pictures_feed_a_grey_input(tmp_path: Path) -> None:
    data = open_data(f"images:{make_images(tmp_path)}", GREY, LABEL)
    assert next(data.batches("train", 3, epoch=1))[0].shape == (3, 1, 8, 8)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no classes"):
        open_data(f"images:{tmp_path}", COLOUR, LABEL)
    (tmp_path / "cats").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        open_data(f"images:{tmp_path}", COLOUR, LABEL)
    (tmp_path / "cats" / "a.png").write_bytes(b"no picture at all")
    with pytest.raises(DataError, match="holds one class, `cats`"):
        open_data(f"images:{tmp_path}", COLOUR, LABEL)
    (tmp_path / "dogs").mkdir()
    data = open_data(f"images:{tmp_path}", COLOUR, LABEL)
    with pytest.raises(DataError, match=r"a\.png is not a picture"):
        list(data.batches("train", 4, epoch=1))


def test_a_class_that_train_lacks_is_named(tmp_path: Path) -> None:
    make_images(tmp_path / "train", 4)
    make_images(tmp_path / "val", 2, ("cats", "cows"))
    with pytest.raises(DataError, match="a class `cows`"):
        open_data(f"images:{tmp_path}", COLOUR, LABEL)


# a table --------------------------------------------------------------------------------------------------------------

TWO = (InputSpec("row", (2,), "float32"),)


def make_table(path: Path, mark: str = ",") -> Path:
    random = np.random.default_rng(0)
    rows = [(random.normal(5, 3), random.normal(-100, 40), ("blue", "red")[i % 2]) for i in range(60)]
    lines = [mark.join(("width", "height", "colour")), *(mark.join(map(str, row)) for row in rows)]
    path.write_text("\n".join(lines) + "\n\n")
    return path


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_a_table_is_standardised_on_its_train_split(tmp_path: Path, mark: str) -> None:
    data = open_data(f"table:{make_table(tmp_path / 'a.csv', mark)}", TWO, LABEL)
    assert data.classes == ("blue", "red")
    assert {name: split.size for name, split in data.splits.items()} == {"train": 42, "validation": 6, "test": 12}
    rows, labels = next(data.batches("train", 100))
    assert torch.allclose(rows.mean(0), torch.zeros(2), atol=1e-5)
    assert torch.allclose(rows.std(0), torch.ones(2), atol=0.02)
    assert set(labels.tolist()) == {0, 1}


def test_a_column_named_label_is_the_class_and_numbers_need_no_header(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("label,x,y\n" + "\n".join(f"{10 * (i % 2)},{i},{-i}" for i in range(20)))
    assert open_data(f"table:{tmp_path / 'a.csv'}", TWO, LABEL).classes == ("0", "10")
    (tmp_path / "b.csv").write_text("\n".join(f"{i},{-i},{i % 3}" for i in range(30)))
    assert open_data(f"table:{tmp_path / 'b.csv'}", TWO, LABEL).classes == ("0", "1", "2")


def test_a_target_may_be_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,target\n" + "\n".join(f"{i},{-i},{i / 2}" for i in range(20)))
    data = open_data(f"table:{tmp_path / 'a.csv'}", TWO, (TargetSpec("price", "label", (1,), "float32"),))
    _, prices = next(data.batches("test", 4))
    assert prices.shape == (4, 1) and prices.dtype == torch.float32 and not data.classes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("a,b,c\n1,2,x\n", "1 rows of data"),
        ("a,b,c\n1,2,x\n1,,y\n1,2,x\n", "is empty: it needs a number"),
        ("a,b,c\n1,2,x\n1,,y\n1,2,x\n", "Row 3, column `b`"),
        ("a,b,c\n1,2,x\n3,2,x\n1,2,x\n", "holds one class, `x`"),
        ("a,b,c\n1,2,x\n1,oops,y\n1,2,x\n", "is `oops`"),
        ("a,b,c\n1,2,x\n1,2\n1,2,x\n", "Row 3 of"),
        ("a,b,c\n1,2,x\n1,2,\n1,2,x\n", "has no `c`"),
        ("a,b,c\n1,2,0.5\n1,2,1.5\n1,2,2\n", "holds fractions"),
        ("c\nx\ny\nx\n", "has one column"),
        ("a,c\n1,x\n2,y\n3,x\n", "`row` takes 2, but"),
    ],
)
def test_a_bad_table_is_named_by_row_and_column(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        open_data(f"table:{tmp_path / 'a.csv'}", TWO, LABEL)
    assert said in str(caught.value) and "\n" not in str(caught.value)
