"""A training script reads each kind of data as Netloom does: the same samples, divided and fitted the same way."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

from app.design.build import chain, node, wire
from app.design.values import DataStep, Design, Recipe, Settings
from app.engine.to_script import write_script
from tests.engine.generated import assert_clean, run_scripts
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


def _colours(folder: Path, called: str) -> None:
    random = np.random.default_rng(2)
    x, y = random.integers(0, 256, (80, 10, 10, 3), np.uint8), random.integers(0, 2, 80)
    np.savez(folder / "colours.npz", **{called: x, "labels": y})


def colours_last(folder: Path) -> Design:
    _colours(folder, "images")
    return classifier("arrays:colours.npz", (3, 12, 14))


def read(rows: list[list[object]], file: Path, mark: str = ",") -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened, delimiter=mark).writerows(rows)


def flowers(rest: str = "abc") -> list[list[object]]:
    random = np.random.default_rng(4)
    kinds = [i % 3 for i in range(120)]
    return [[round(random.normal(k, 0.4), 3), round(random.normal(-k, 0.4), 3), rest[k]] for k in kinds]


def table(folder: Path) -> Design:
    read([["length", "width", "label"], *flowers()], folder / "flowers.csv")
    return classifier("table:flowers.csv", (2,), 3)


def table_with_its_label_first(folder: Path) -> Design:
    rows = [[f" {kind} ", length, width] for length, width, kind in flowers()]
    read([["Target", "length", "width"], *rows], folder / "flowers.csv", ";")
    return classifier("table:flowers.csv", (2,), 3)


def table_without_a_header(folder: Path) -> Design:
    rows: list[list[object]] = [[length, 7, {"a": 10, "b": 9, "c": 2}[str(kind)]] for length, _, kind in flowers()]
    read(rows, folder / "flowers.tsv", "\t")
    return classifier("table:flowers.tsv", (2,), 3)


def table_of_prices(folder: Path) -> Design:
    x = np.random.default_rng(0).normal(size=(90, 2)).round(3)
    read([["price", "rooms", "age", "sold"], *([round(a * b, 4), a, b, a > b] for a, b in x)], folder / "houses.csv")
    return chain(
        node("x", "Input", size=(2,)), node("fc", "Linear", out_features=8), node("act", "Tanh"),
        node("head", "Linear", out_features=1), node("output", "Output"),
        more=(node("y", "Target", field="price", size=(1,), dtype="float32"), node("loss", "MSELoss")),
        wires=(wire("head", "loss.x"), wire("y", "loss.target")), recipe=replace(RECIPE, data="table:houses.csv"),
    )  # fmt: skip


def strange_pictures(folder: Path) -> Design:
    """Grey, with a palette, transparent, lying on their side, of 16 bits; in folders of their own."""
    random = np.random.default_rng(0)
    turned = Image.Exif()
    turned[0x0112] = 6
    for name in ("cats", "dogs"):
        place = folder / "pets" / "training" / name / "deep"
        place.mkdir(parents=True)
        for i in range(40):
            picture = Image.fromarray(random.integers(0, 256, (14, 17, 3), np.uint8))
            match i % 5:
                case 0:
                    picture.convert("L").save(place / f"{i}.PNG")
                case 1:
                    picture.convert("P").save(place / f"{i}.png")
                case 2:
                    picture.putalpha(Image.fromarray(random.integers(0, 256, (14, 17), np.uint8)))
                    picture.save(place / f"{i}.png")
                case 3:
                    picture.save(place / f"{i}.jpg", exif=turned)
                case 4:
                    deep = random.integers(0, 65536, (14, 17)).astype(np.uint16)
                    Image.fromarray(deep).save(place / f"{i}.png")
    return classifier("images:pets", (3, 12, 12))


def normalised_pictures(folder: Path) -> Design:
    design = pictures(folder)
    return replace(design, recipe=replace(design.recipe, augment=(DataStep("normalise"),)))


def two_inputs(folder: Path) -> Design:
    pictures(folder)
    return Design(
        nodes=(
            node("large", "Input", size=(3, 12, 12)), node("small", "Input", size=(6, 6)), node("f1", "Flatten"),
            node("f2", "Flatten"), node("both", "Concat"), node("head", "Linear", out_features=2),
            node("output", "Output"), node("y", "Target"), node("loss", "CrossEntropy"),
        ),
        wires=(
            wire("large", "f1"), wire("small", "f2"), wire("f1", "both.a"), wire("f2", "both.b"),
            wire("both", "head"), wire("head", "output"), wire("head", "loss.x"), wire("y", "loss.target"),
        ),
        recipe=replace(RECIPE, data="images:pets"),
    )  # fmt: skip


def mirror(folder: Path) -> Design:
    """An autoencoder whose pictures are normalised, on both sides, by numbers that are given."""
    given = DataStep("normalise", settings=Settings(mean=(0.3,), std=(0.2,)))
    return chain(
        node("x", "Input", size=(1, 8, 8)), node("conv", "Conv2d", out_channels=4), node("act", "Tanh"),
        node("back", "Conv2d", out_channels=1), node("output", "Output"),
        more=(node("y", "Target", field="input", size=(1, 8, 8), dtype="float32"), node("loss", "MSELoss")),
        wires=(wire("back", "loss.x"), wire("y", "loss.target")),
        recipe=replace(RECIPE, data="digits", augment=(given,)),
    )  # fmt: skip


def _segments(size: tuple[int, ...], loss: str) -> Design:
    """A network that tells the class of each pixel."""
    return chain(
        node("x", "Input", size=(3, 16, 16)), node("conv", "Conv2d", out_channels=6), node("act", "ReLU"),
        node("head", "Conv2d", out_channels=1 if len(size) == 3 else 3, kernel=1), node("output", "Output"),
        more=(
            node("y", "Target", field="mask", size=size, dtype="float32" if len(size) == 3 else "int64"),
            node("loss", loss),
        ),
        wires=(wire("head", "loss.x"), wire("y", "loss.target")), recipe=replace(RECIPE, data="masks:scenes"),
    )  # fmt: skip


def _scenes(top: Path, values: list[int], end: str) -> None:
    random = np.random.default_rng(len(values))
    for name in ("images", "masks"):
        (top / name).mkdir(parents=True)
    for i in range(50):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(top / "images" / f"{i}.png")
        mask = random.choice(np.array(values, np.uint8), (20, 18))
        Image.fromarray(mask).save(top / "masks" / f"{i}{end}.png")


def masks(folder: Path) -> Design:
    _scenes(folder / "scenes", [0, 1, 2, 255], "")
    return _segments((16, 16), "CrossEntropy")


def masks_of_one_thing(folder: Path) -> Design:
    _scenes(folder / "scenes" / "train", [0, 255], "_mask")
    return _segments((1, 16, 16), "BinaryCrossEntropy")


def arrays_in_a_folder(folder: Path) -> Design:
    x, y = bars(90)
    (folder / "bars").mkdir()
    np.save(folder / "bars" / "X.npy", x[:60])
    np.save(folder / "bars" / "Y.npy", y[:60].astype(bool))
    np.save(folder / "bars" / "x_test.npy", x[60:])
    np.save(folder / "bars" / "y_test.npy", y[60:].astype(bool))
    return classifier("arrays:bars", (1, 12, 12))


def arrays_of_another_name(folder: Path) -> Design:
    _colours(folder, "pixels")
    return classifier("arrays:colours.npz", (1, 12, 14))


def _text(data: str, length: int, one: bool) -> Design:
    """Tells each next token, or the one after all."""
    ends = [node("pick", "PickToken", index=-1)] if one else []
    turned = [] if one else [node("classes", "Permute", order=(2, 1))]
    head = node("head", "Linear", out_features=60)
    return chain(
        node("x", "Input", size=(length,), dtype="int64"), node("e", "Embedding", vocabulary=60, features=8),
        node("r", "LSTM", hidden=8), *ends, head, *turned, node("output", "Output"),
        more=(node("y", "Target", field="next", size=() if one else (length,)), node("loss", "CrossEntropy")),
        wires=(wire("head" if one else "classes", "loss.x"), wire("y", "loss.target")),
        recipe=replace(RECIPE, data=data),
    )  # fmt: skip


def characters(folder: Path) -> Design:
    text = "Die Übung macht den Meister.\r\nabc def ghi! " * 60
    (folder / "text.txt").write_bytes(b"\xef\xbb\xbf" + text.encode())
    return _text("characters:text.txt", 12, False)


def words(folder: Path) -> Design:
    random = np.random.default_rng(0)
    (folder / "texts").mkdir()
    for i in range(3):
        text = " ".join(random.choice(["a", "bb", "c,", "d.", "eé"], 300))
        (folder / "texts" / f"{i}.txt").write_text(text, encoding="utf-8")
    return _text("words:texts", 7, True)


MADE = (
    pictures, parted, strange_pictures, normalised_pictures, two_inputs, mirror, masks, masks_of_one_thing, arrays,
    bytes_of_pictures, colours_last, arrays_in_a_folder, arrays_of_another_name, table, table_with_its_label_first,
    table_without_a_header, table_of_prices, characters, words,
)  # fmt: skip


def test_the_scripts_read_the_data_as_netloom_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: dict[str, list[float]] = {}
    for made in MADE:
        folder = tmp_path / made.__name__
        folder.mkdir()
        monkeypatch.chdir(folder)
        design = made(folder)
        wanted[folder.name] = own_losses(design, folder / "begin.pt")
        script = write_script(design, "small")
        assert script.remarks == (), folder.name
        (folder / "train.py").write_text(script.text, encoding="utf-8")
    assert_clean(*tmp_path.glob("*/train.py"))
    said = run_scripts(tmp_path, list(wanted), "--weights", "begin.pt", "--steps", str(STEPS))
    for name, own in wanted.items():
        got = [float(row.rpartition(" ")[2]) for row in said[name]]
        np.testing.assert_allclose(got, own, rtol=0, atol=3e-6, err_msg=name)
