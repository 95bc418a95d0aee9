"""Each kind of data: what it gives, how it is divided, what it says of files that are damaged or do not fit."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from app.engine.compile import InputSpec, TargetSpec
from app.engine.data import DATASETS, KINDS, Data, DataError, Options, Watch, dataset_of, open_data
from app.engine.data.shapes import MOST, boxes_of, make_scene
from tests.engine.made_data import SENTENCE, bars, idx_bytes, make_cifar, make_idx, make_masks, make_npz, make_text

LABEL = TargetSpec("label", "label", (), "int64")
AS_USUAL, SKIP = Options(), Options(skip_bad=True)


def picture(*shape: int) -> tuple[InputSpec, ...]:
    return (InputSpec("image", shape, "float32"),)


def mask(*shape: int, dtype: str = "int64") -> TargetSpec:
    return TargetSpec("truth", "mask", shape, dtype)


def sizes(data: Data) -> dict[str, int]:
    return {name: split.size for name, split in data.splits.items()}


def refused(spec: str, inputs: tuple[InputSpec, ...], *targets: TargetSpec, options: Options = AS_USUAL) -> str:
    with pytest.raises(DataError) as caught:
        for split in open_data(spec, inputs, targets, options=options).splits.values():
            split.take(torch.arange(split.size))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def same_again(spec: str, inputs: tuple[InputSpec, ...], *targets: TargetSpec) -> Data:
    """Opened twice: batches are a pure function of seed and epoch, and a batch does not hang on those before it."""
    one, two = (open_data(spec, inputs, targets, 5) for _ in range(2))
    first = list(one.batches("train", 8, epoch=2))
    for a, b in zip(first[1:], two.batches("train", 8, epoch=2, skip=1), strict=True):
        assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
    other = next(two.batches("train", 8, epoch=3))
    assert not torch.equal(first[0][0], other[0])
    return one


def test_every_kind_is_described() -> None:
    assert set(DATASETS) == {
        "digits", "images", "masks", "table", "arrays", "idx", "cifar", "characters", "words", "shapes", "spirals",
        "sequences", "python",
    }  # fmt: skip
    for name, kind in KINDS.items():
        card = kind.card
        assert card.kind == name and card.title and card.help and card.fields, name
        assert card.needs_path == bool(card.path) == (kind.look is not None), name
        assert all(field.help for field in card.fields), name


# masks ----------------------------------------------------------------------------------------------------------------


def test_masks_stand_beside_their_pictures(tmp_path: Path) -> None:
    spec = f"masks:{make_masks(tmp_path)}"
    data = same_again(spec, picture(3, 24, 24), mask(24, 24))
    assert sizes(data) == {"train": 21, "validation": 3, "test": 6} and data.classes == ("0", "1")
    images, truth = next(data.batches("train", 21, epoch=1))
    assert truth.dtype == torch.int64 and truth.shape == (21, 24, 24)
    assert torch.equal(images.mean(1) > 0.4, truth == 1)


def test_masks_follow_the_size_that_a_target_asks_for(tmp_path: Path) -> None:
    make_masks(tmp_path)
    targets = (mask(12, 12), mask(1, 24, 24, dtype="float32"), mask(2, 24, 24, dtype="float32"))
    data = open_data(f"masks:{tmp_path}", picture(1, 12, 12), targets)
    _, small, one, each = next(data.batches("train", 4))
    assert small.shape == (4, 12, 12) and set(small.unique().tolist()) == {0, 1}
    assert one.shape == (4, 1, 24, 24) and torch.equal(each[:, 1:], one) and (each.sum(1) == 1).all()
    assert "set its size to height and width" in refused(f"masks:{tmp_path}", picture(3, 24, 24), mask())


def test_255_is_the_object_of_two_and_else_no_class(tmp_path: Path) -> None:
    two = open_data(f"masks:{make_masks(tmp_path / 'a', values=(0, 255))}", picture(3, 24, 24), (mask(24, 24),))
    assert two.classes == ("ground", "object") and next(two.batches("train", 9))[1].unique().tolist() == [0, 1]
    more = open_data(f"masks:{make_masks(tmp_path / 'b', values=(1, 255))}", picture(3, 24, 24), (mask(24, 24),))
    assert next(more.batches("train", 9))[1].unique().tolist() == [-100, 1]


def test_classes_txt_names_the_classes(tmp_path: Path) -> None:
    make_masks(tmp_path, values=(0, 2))
    (tmp_path / "classes.txt").write_text("ground\nroad\ncar\n")
    assert open_data(f"masks:{tmp_path}", picture(3, 24, 24), (mask(24, 24),)).classes == ("ground", "road", "car")
    (tmp_path / "classes.txt").write_text("ground\nroad\n")
    said = refused(f"masks:{tmp_path}", picture(3, 24, 24), mask(24, 24))
    assert "holds the class 2, but classes.txt names only 2" in said


def test_split_folders_of_masks(tmp_path: Path) -> None:
    for name, count in (("train", 10), ("val", 4), ("test", 3)):
        make_masks(tmp_path / name, count)
    assert sizes(open_data(f"masks:{tmp_path}", picture(3, 24, 24))) == {"train": 10, "validation": 4, "test": 3}


def test_bad_masks_are_named_or_skipped(tmp_path: Path) -> None:
    spec = f"masks:{make_masks(tmp_path)}"
    asked = picture(3, 24, 24), mask(24, 24)
    (tmp_path / "masks" / "004.png").unlink()
    assert "004.png has no mask" in refused(spec, *asked)
    whole = (tmp_path / "images" / "007.png").read_bytes()
    (tmp_path / "images" / "007.png").write_bytes(whole[: len(whole) // 2])
    Image.new("RGB", (24, 24)).save(tmp_path / "masks" / "009.png")
    data = open_data(spec, asked[0], asked[1:], options=SKIP)
    assert sum(sizes(data).values()) == 27
    said = " ".join(data.notes)
    assert "1 sample is left out" in said and "2 samples are left out" in said
    assert all(name in said for name in ("004.png", "007.png", "009.png")) and "is a colour picture" in said
    for split in data.splits:
        assert sum(len(batch[0]) for batch in data.batches(split, 8)) == data.splits[split].size


# images ---------------------------------------------------------------------------------------------------------------


def test_bad_pictures_are_skipped_where_the_recipe_says_so(tmp_path: Path) -> None:
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
        for i in range(10):
            Image.new("RGB", (9, 9), (20 * i, 0, 0)).save(tmp_path / name / f"{i}.png")
    (tmp_path / "dogs" / "3.png").write_bytes(b"no picture")
    spec = f"images:{tmp_path}"
    assert "3.png is not a picture" in refused(spec, picture(3, 9, 9), LABEL)
    looked: list[tuple[int, int]] = []
    watch = Watch(lambda done, total: looked.append((done, total)))
    data = open_data(spec, picture(3, 9, 9), (LABEL,), 0, SKIP, watch)
    assert sum(sizes(data).values()) == 19 and "1 sample is left out" in data.notes[0] and "3.png" in data.notes[0]
    assert looked[-1] == (20, 20)
    with pytest.raises(DataError, match="cancelled"):
        open_data(spec, picture(3, 9, 9), (LABEL,), 0, SKIP, Watch(cancelled=lambda: True))


def test_shares_divide_what_is_not_divided(tmp_path: Path) -> None:
    spec = f"masks:{make_masks(tmp_path)}"
    assert sizes(open_data(spec, picture(3, 24, 24), options=Options(validation=0.2, test=0))) == {
        "train": 24, "validation": 6,
    }  # fmt: skip
    assert "both together below 1" in refused(spec, picture(3, 24, 24), options=Options(validation=0.5, test=0.5))


# idx and cifar --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
def test_idx_files(tmp_path: Path, packed: bool) -> None:
    data = same_again(f"idx:{make_idx(tmp_path, packed=packed)}", picture(1, 12, 12), LABEL)
    assert sizes(data) == {"train": 108, "validation": 12, "test": 20} and data.classes == ("0", "1")
    images, labels = next(data.batches("test", 20))
    assert torch.allclose(images[:, 0], torch.from_numpy(bars(20)[0]).float() / 255)
    assert labels.tolist() == [0, 1] * 10
    card = dataset_of(data.spec)
    assert card is not None and card.sample == (1, 12, 12) and card.fields[0].classes == 2


def test_damaged_idx_files_are_named(tmp_path: Path) -> None:
    make_idx(tmp_path, test=0)
    images = tmp_path / "train-images-idx3-ubyte"
    whole = images.read_bytes()
    images.write_bytes(whole[: 16 + 50 * 144 + 7])
    said = refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)
    assert "train-images-idx3-ubyte is cut short: it has 50 of 120" in said
    data = open_data(f"idx:{tmp_path}", picture(1, 12, 12), (LABEL,), options=SKIP)
    assert sum(sizes(data).values()) == 50 and "70 samples are left out" in data.notes[0]
    images.write_bytes(b"\1" + whole[1:])
    assert "two zero bytes" in refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)
    images.write_bytes(whole[:2] + b"\x0d" + whole[3:])
    assert "type 0x0d" in refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)
    images.write_bytes(whole[:4] + b"\xff\xff\xff\xff" * 3)
    assert "claims to hold" in refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)
    images.unlink()
    assert "holds no train-images" in refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)
    images.write_bytes(whole)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(np.zeros(7)))
    assert "has 7 labels, but" in refused(f"idx:{tmp_path}", picture(1, 12, 12), LABEL)


def test_cifar_10_and_100(tmp_path: Path) -> None:
    data = same_again(f"cifar:{make_cifar(tmp_path / 'ten')}", picture(3, 32, 32), LABEL)
    assert sizes(data) == {"train": 90, "validation": 10, "test": 20} and data.classes[:2] == ("airplane", "automobile")
    images, labels = next(data.batches("train", 90, epoch=1))
    assert torch.equal((images[:, 0, 0, 0] * 255).round().long(), labels), "the first pixel was made to be the label"
    coarse = TargetSpec("group", "coarse", (), "int64")
    hundred = open_data(f"cifar:{make_cifar(tmp_path / 'hundred', True, 100)}", picture(3, 32, 32), (LABEL, coarse))
    _, fine, group = next(hundred.batches("test", 100))
    assert torch.equal(fine // 5, group) and len(hundred.classes) == 100
    assert "the field `coarse`" in refused(f"cifar:{tmp_path / 'ten'}", picture(3, 32, 32), coarse)


def test_the_pickles_of_cifar_are_not_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "run",)  # type: ignore[return-value]

    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(Bomb()))
    said = refused(f"cifar:{tmp_path}", picture(3, 32, 32), LABEL)
    assert "pickles" in said and "cifar-10-binary.tar.gz" in said and not (tmp_path / "run").exists()
    (tmp_path / "data_batch_1").unlink()
    for name in ("train", "meta"):
        (tmp_path / name).write_bytes(b"x")
    assert "cifar-100-binary.tar.gz" in refused(f"cifar:{tmp_path}", picture(3, 32, 32), LABEL)


def test_wrong_records_of_cifar_are_named(tmp_path: Path) -> None:
    path = make_cifar(tmp_path) / "data_batch_2.bin"
    whole = path.read_bytes()
    path.write_bytes(b"\xc8" + whole[1:])
    assert "Record 1 of" in (said := refused(f"cifar:{tmp_path}", picture(3, 32, 32), LABEL)) and "label 200" in said
    data = open_data(f"cifar:{tmp_path}", picture(3, 32, 32), (LABEL,), options=SKIP)
    assert sizes(data)["train"] + sizes(data)["validation"] == 99 and "1 sample is left out" in " ".join(data.notes)
    path.write_bytes(whole[:-1])
    assert "is cut short" in refused(f"cifar:{tmp_path}", picture(3, 32, 32), LABEL)


# arrays ---------------------------------------------------------------------------------------------------------------


def test_arrays_of_an_npz(tmp_path: Path) -> None:
    data = same_again(f"arrays:{make_npz(tmp_path / 'a.npz')}", picture(1, 12, 12), LABEL)
    assert sizes(data) == {"train": 108, "validation": 12, "test": 30} and data.classes == ("0", "1")
    card = dataset_of(data.spec)
    assert card is not None and card.form == "pictures" and card.sample == (1, 12, 12)
    assert [(f.name, f.classes) for f in card.fields] == [("label", 2)]


def test_arrays_are_found_by_name_and_kept_as_they_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    left, right, price = random.normal(size=(40, 5)), random.normal(size=(40, 3, 2)), random.normal(size=40)
    np.savez_compressed(tmp_path / "a.npz", left=left, right=np.asfortranarray(right), price=price)
    inputs = (InputSpec("left", (5,), "float32"), InputSpec("right", (3, 2), "float32"))
    target = TargetSpec("cost", "price", (1,), "float32")
    data = open_data(f"arrays:{tmp_path / 'a.npz'}", inputs, (target,), options=Options(validation=0, test=0))
    a, b, c = next(data.batches("train", 40))
    assert torch.allclose(a, torch.tensor(left).float()) and torch.allclose(b, torch.tensor(right).float())
    assert torch.allclose(c[:, 0], torch.tensor(price).float())
    folder = tmp_path / "folder"
    folder.mkdir()
    np.save(folder / "left.npy", left)
    np.save(folder / "price.npy", price)
    again = open_data(f"arrays:{folder}", inputs[:1], (target,), options=Options(validation=0, test=0))
    assert torch.equal(next(again.batches("train", 40))[0], a)
    np.save(tmp_path / "alone.npy", random.integers(0, 9, (30, 7)))
    tokens = open_data(f"arrays:{tmp_path / 'alone.npy'}", (InputSpec("t", (7,), "int64"),))
    assert next(tokens.batches("train", 4))[0].dtype == torch.int64


def test_arrays_that_do_not_fit_are_named(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    spec = f"arrays:{file}"
    np.savez(file, x=np.zeros((20, 4)), y=np.arange(19))
    assert "different numbers of samples: `x` 20 and `y` 19" in refused(spec, picture(4), LABEL)
    np.savez(file, x=np.array([{}, {}], dtype=object))
    assert "Python objects" in refused(spec, picture(4))
    np.savez(file, x=np.zeros((20, 4)), y=np.linspace(0, 1, 20))
    assert "`label` wants whole numbers" in refused(spec, picture(4), LABEL)
    assert "holds samples of 4: set its shape" in refused(spec, picture(5))
    np.savez(file, a=np.zeros((20, 4)), b=np.zeros((20, 4)))
    assert "needs an array `image` or `x`" in refused(spec, picture(4))
    file.write_bytes(file.read_bytes()[:-300])
    assert "cannot be read" in refused(spec, picture(4))
    values = np.ones((20, 4))
    values[7, 2] = np.nan
    np.savez(file, x=values)
    assert "Sample 7 of `x`" in refused(spec, picture(4))
    data = open_data(spec, picture(4), options=SKIP)
    assert sum(sizes(data).values()) == 19 and "left out" in data.notes[0]


# text -----------------------------------------------------------------------------------------------------------------


def tokens(length: int) -> tuple[InputSpec, ...]:
    return (InputSpec("text", (length,), "int64"),)


def test_characters_and_what_comes_next(tmp_path: Path) -> None:
    spec = f"characters:{make_text(tmp_path / 'a.txt')}"
    data = same_again(spec, tokens(16), TargetSpec("next", "next", (16,), "int64"))
    text = (tmp_path / "a.txt").read_text()
    assert data.classes == tuple(sorted(set(text)))
    sample, after = next(data.batches("train", 3))
    assert "".join(data.classes[t] for t in sample.reshape(-1).tolist()) == text[:48]
    assert "".join(data.classes[t] for t in after.reshape(-1).tolist()) == text[1:49]
    one = open_data(spec, tokens(16), (TargetSpec("next", "next", (), "int64"),))
    sample, after = next(one.batches("train", 2))
    assert "".join(data.classes[t] for t in sample[1].tolist()) == text[1:17]
    assert "".join(data.classes[t] for t in after.tolist()) == text[16:18]
    held = next(data.batches("test", 1))[0][0]
    assert "".join(data.classes[t] for t in held.tolist()) == text[int(0.8 * len(text)) :][:16]
    card = dataset_of(spec)
    assert card is not None and card.vocabulary == len(data.classes)


def test_words_and_folders_of_text(tmp_path: Path) -> None:
    for i in range(3):
        make_text(tmp_path / f"{i}.txt")
    data = open_data(f"words:{tmp_path}", tokens(9), (TargetSpec("next", "next", (9,), "int64"),))
    sample, after = next(data.batches("train", 1))
    assert " ".join(data.classes[t] for t in sample[0].tolist()) == SENTENCE.removesuffix(". ")
    assert data.classes[int(after[0, -1])] == "." and data.classes[0] == "<unknown>"


def test_text_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"good text " * 20 + b"\xff\xfe" + b" more text" * 20)
    assert "not UTF-8" in (said := refused(f"characters:{path}", tokens(8))) and "a.txt" in said and "200" in said
    data = open_data(f"characters:{path}", tokens(8), options=SKIP)
    assert "2 characters of" in data.notes[0] and "\ufffd" not in data.classes
    make_text(path, 1)
    assert "one sample needs 65" in refused(f"characters:{path}", tokens(64))
    assert "set it to int64" in refused(f"characters:{path}", picture(8))
    assert "how many tokens" in refused(f"words:{path}", (InputSpec("text", (8, 2), "int64"),))
    assert "set its size to 8" in refused(f"characters:{path}", tokens(8), TargetSpec("n", "next", (9,), "int64"))
    assert "has only next and input" in refused(f"characters:{path}", tokens(8), LABEL)


# tables ---------------------------------------------------------------------------------------------------------------


def table(path: Path, rows: int = 40) -> Path:
    lines = [f"{i},{i % 7},{i * 0.5},{'ab'[i % 2]}" for i in range(rows)]
    path.write_text("\n".join(["x,y,price,label", *lines]))
    return path


def test_a_target_may_name_any_column(tmp_path: Path) -> None:
    price = TargetSpec("cost", "price", (1,), "float32")
    data = open_data(f"table:{table(tmp_path / 'a.csv')}", picture(2), (LABEL, price))
    rows, labels, prices = next(data.batches("test", 100))
    assert rows.shape[1] == 2 and data.columns == ("x", "y") and data.classes == ("a", "b")
    assert torch.equal((prices[:, 0] * 2).long() % 2, labels)
    assert "has only label, price and input" in refused(f"table:{tmp_path / 'a.csv'}", picture(2), price,
                                                        TargetSpec("m", "mask", (), "int64"))  # fmt: skip


def test_bad_rows_are_skipped_where_the_recipe_says_so(tmp_path: Path) -> None:
    path = table(tmp_path / "a.csv")
    lines = path.read_text().split("\n")
    lines[5], lines[9], lines[12] = "1,2", "1,oops,3,a", "1,2,3,"
    path.write_text("\n".join(lines))
    data = open_data(f"table:{path}", picture(3), (LABEL,), options=SKIP)
    said = data.notes[0]
    assert sum(sizes(data).values()) == 37 and said.startswith("3 samples are left out")
    assert "Row 6 of" in said and "Row 10, column `y`" in said and "Row 13 of" in said


def test_a_parquet_file_is_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    names = ["ab"[i % 2] for i in range(40)]
    columns = {"x": [float(i) for i in range(40)], "y": [i % 7 for i in range(40)], "label": names}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    data = open_data(f"table:{tmp_path / 'a.parquet'}", picture(2), (LABEL,))
    (tmp_path / "a.csv").write_text("\n".join(["x,y,label", *(f"{i},{i % 7},{'ab'[i % 2]}" for i in range(40))]))
    same = open_data(f"table:{tmp_path / 'a.csv'}", picture(2), (LABEL,))
    for one, two in zip(next(data.batches("train", 99)), next(same.batches("train", 99)), strict=True):
        assert torch.equal(one, two)
    (tmp_path / "b.parquet").write_bytes(b"PAR1 no table PAR1")
    assert "cannot be read as Parquet" in refused(f"table:{tmp_path / 'b.parquet'}", picture(2))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "pip install netloom[parquet]" in refused(f"table:{tmp_path / 'a.parquet'}", picture(2))


# generated ------------------------------------------------------------------------------------------------------------


def test_shapes_have_classes_boxes_masks_and_instances() -> None:
    size = (32, 32)
    targets = (
        mask(*size), TargetSpec("boxes", "boxes", (MOST, 5), "float32"),
        TargetSpec("which", "instances", size, "int64"),
        TargetSpec("maps", "instances", (MOST, *size), "float32"), mask(4, *size, dtype="float32"), mask(16, 16),
    )  # fmt: skip
    data = same_again("shapes", picture(3, *size), *targets)
    images, classes, boxes, which, maps, stacked, small = next(data.batches("train", 50))
    assert images.shape == (50, 3, 32, 32) and float(images.min()) >= 0 and float(images.max()) <= 1
    assert set(classes.unique().tolist()) == {0, 1, 2, 3} and data.classes == ("ground", "circle", "square", "triangle")
    assert torch.equal(stacked.argmax(1), classes) and small.shape == (50, 16, 16)
    for i in range(50):
        count = int(which[i].max())
        assert 1 <= count <= MOST and (boxes[i, count:] == -1).all() and not maps[i, count:].any()
        for n in range(count):
            place = which[i] == n + 1
            left, top, right, bottom, kind = boxes[i, n].tolist()
            y, x = place.nonzero(as_tuple=True)
            assert (left, top, right, bottom) == (x.min(), y.min(), x.max() + 1, y.max() + 1)
            assert torch.equal(maps[i, n].bool(), place) and (classes[i][place] == kind + 1).all()


def test_a_label_of_shapes_means_one_shape_a_picture() -> None:
    data = open_data("shapes", picture(1, 24, 24), (LABEL, mask(24, 24)))
    _, labels, masks = next(data.batches("train", 60))
    assert data.classes == ("circle", "square", "triangle")
    assert all(set(m.unique().tolist()) == {0, int(n) + 1} for n, m in zip(labels, masks, strict=True))
    scene = make_scene(7, 24, 24, True)
    assert boxes_of(scene, 4)[1:].min() == -1 and np.array_equal(scene.picture, make_scene(7, 24, 24, True).picture)
    assert "12×12 to 2048×2048" in refused("shapes", picture(3, 8, 8), LABEL)
    assert "they are 4×5" in refused("shapes", picture(3, 24, 24), TargetSpec("b", "boxes", (2, 4), "float32"))


def test_spirals_and_waves() -> None:
    data = same_again("spirals", picture(2), LABEL)
    assert sizes(data) == {"train": 1050, "validation": 150, "test": 300} and len(data.classes) == 3
    assert "set its size to 2" in refused("spirals", picture(3), LABEL)
    wave = same_again("sequences", picture(32, 1), LABEL, TargetSpec("next", "next", (32, 1), "float32"))
    values, labels, after = next(wave.batches("train", 5))
    assert torch.equal(values[:, 1:], after[:, :-1]) and labels.max() < 4
    assert "one row of values" in refused("sequences", picture(3, 8, 8), LABEL)


# what is dropped ------------------------------------------------------------------------------------------------------


def test_the_kind_of_what_is_dropped_is_found(tmp_path: Path) -> None:
    from app.engine.data.guess import kind_of

    make_idx(tmp_path / "idx", 4)
    make_cifar(tmp_path / "cifar", count=1)
    make_masks(tmp_path / "masks", 2)
    make_masks(tmp_path / "split" / "train", 2)
    make_text(tmp_path / "texts.txt", 1)
    (tmp_path / "images" / "cat").mkdir(parents=True)
    (tmp_path / "images" / "cat" / "a.PNG").touch()
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "x.npy", np.zeros(3))
    for name in ("a.csv", "a.parquet", "a.npz", "a.py", "train-images-idx3-ubyte.gz", "a.exe"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    found = {name: kind_of(tmp_path / name) for name in (
        "idx", "cifar", "masks", "split", "images", "arrays", "texts.txt", "a.csv", "a.parquet", "a.npz", "a.py",
        "train-images-idx3-ubyte.gz",
    )}  # fmt: skip
    assert found == {
        "idx": "idx", "cifar": "cifar", "masks": "masks", "split": "masks", "images": "images", "arrays": "arrays",
        "texts.txt": "characters", "a.csv": "table", "a.parquet": "table", "a.npz": "arrays", "a.py": "python",
        "train-images-idx3-ubyte.gz": "idx",
    }  # fmt: skip
    for name, said in {"a.exe": "looks like no data", "empty": "or choose the kind first", "no": "There is no"}.items():
        with pytest.raises(DataError, match=said):
            kind_of(tmp_path / name)
