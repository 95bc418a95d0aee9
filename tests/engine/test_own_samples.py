"""Samples of one's own: rows, texts, masks and reconstructions, and a sentence for what does not fit."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image

import examples
from app.cli import main
from app.design import file
from app.engine.data import DataError
from app.engine.data.shapes import make_scene
from app.engine.own_samples import answer_to, cells_of, form_of
from app.engine.runs import load_run
from app.engine.train import train
from app.messages.predictions import Predict
from tests.engine.designs import digits
from tests.engine.sample_designs import make_table, make_text, masks, table, text, whole_text
from tests.test_cli import call, documents


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("own")


@pytest.fixture(scope="module")
def rows(place: Path) -> str:
    design = table(make_table(place / "a.csv"))
    train(design, design.recipe, run=place / "rows", device="cpu")
    return str(place / "rows")


@pytest.fixture(scope="module")
def letters(place: Path) -> str:
    path = make_text(place / "a.txt")
    design = text(path, len(set(path.read_text())), epochs=6)
    train(design, design.recipe, run=place / "letters", device="cpu")
    return str(place / "letters")


@pytest.fixture(scope="module")
def shapes(place: Path) -> str:
    design = masks()
    train(design, design.recipe, run=place / "shapes", device="cpu")
    return str(place / "shapes")


def test_a_row_is_scaled_as_the_data_was_and_classified(rows: str) -> None:
    form = form_of(load_run(rows))
    assert (form.form, form.fields) == ("row", ("width", "height")) and 13 < float(form.usual[0]) < 17
    wide = answer_to(Predict("j", rows, row=("19", "11.5")))
    high = answer_to(Predict("j", rows, row=("11", "19")))
    assert wide.job == "j" and wide.answers[0].label == "wide" and high.answers[0].label == "high"
    assert wide.answers[0].probability > 0.9 and wide.sample is not None and wide.sample.cells == ("19", "11.5")
    for line in ("19,11.5", "19; 11.5", "19\t11.5", ' "19", 11.5 '):
        assert answer_to(Predict("j", rows, text=line)).answers == wide.answers
    assert cells_of("") == ()


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (("19",), "The row has 1 cell, but the network takes 2: width and height."),
        (("19", "tall"), "`height` is `tall`: it needs a number."),
        (("", "3"), "`width` is empty: it needs a number."),
        (("nan", "3"), "`width` is `nan`"),
    ],
)
def test_a_row_that_does_not_fit_has_its_sentence(rows: str, cells: tuple[str, ...], says: str) -> None:
    with pytest.raises(DataError, match=says):
        answer_to(Predict("j", rows, row=cells))


def test_a_run_that_did_not_note_its_scaling_asks_the_data(rows: str, place: Path, tmp_path: Path) -> None:
    noted = place / "rows" / "data.json"
    before, asked = noted.read_text(), Predict("j", rows, row=("19", "11.5"))
    wide = answer_to(asked).answers
    facts = json.loads(before)
    noted.write_text(json.dumps({key: facts[key] for key in ("kind", "data", "classes", "samples")}))
    try:
        assert answer_to(asked).answers == wide
        (place / "a.csv").rename(tmp_path / "a.csv")
        with pytest.raises(ValueError, match="its data is gone"):
            answer_to(asked)
    finally:
        if (tmp_path / "a.csv").exists():
            (tmp_path / "a.csv").rename(place / "a.csv")
        noted.write_text(before)


def test_a_text_is_gone_on_with(letters: str) -> None:
    form = form_of(load_run(letters))
    assert (form.form, form.length, form.unit) == ("text", 8, "characters")
    made = answer_to(Predict("j", letters, text="cat sat on th"))
    (reading,) = made.readings
    assert reading.kind == "tokens" and reading.answers[0].label == "e" and reading.answers[0].probability > 0.5
    assert made.said == "Of 13 characters only the last 8 are read."
    short = answer_to(Predict("j", letters, text="th"))
    assert short.readings[0].answers[0].label == "e" and not short.said and len(short.readings[0].text) == 2
    with pytest.raises(DataError, match="never seen `Z` and `ß`"):
        answer_to(Predict("j", letters, text="Zaß"))
    with pytest.raises(DataError, match="The text is empty"):
        answer_to(Predict("j", letters))


def test_a_network_that_reads_no_less_says_how_much(place: Path) -> None:
    path = make_text(place / "b.txt")
    design = whole_text(path, len(set(path.read_text())))
    train(design, design.recipe, run=place / "flat", device="cpu")
    assert answer_to(Predict("j", str(place / "flat"), text="cat sat ")).answers
    with pytest.raises(DataError, match="reads 8 characters at once, but the text has 3: write at least 8"):
        answer_to(Predict("j", str(place / "flat"), text="cat"))


def test_a_picture_is_segmented(shapes: str) -> None:
    scene = make_scene(5, 24, 24, False)
    out = io.BytesIO()
    Image.fromarray(scene.picture.transpose(1, 2, 0)).save(out, "PNG")
    made = answer_to(Predict("j", shapes, out.getvalue()))
    (reading,) = made.readings
    assert reading.kind == "mask" and reading.names[0] == "ground" and reading.look is not None
    assert (reading.look.width, reading.look.height) == (24, 24) and set(reading.look.pixels) <= {0, 1, 2, 3}
    assert made.sample is not None and made.sample.look is not None and made.sample.look.form == "colour"
    assert not made.answers


def test_the_command_predicts_rows_texts_and_masks(
    rows: str, letters: str, shapes: str, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.csv").write_text("height,name,width\n11.5,a,19\n19,b,11\n")
    code, out, _ = call(capsys, "predict", rows, tmp_path / "mine.csv", "--json")
    first, second = documents(out)
    assert code == 0 and (first["row"], second["row"]) == (2, 3) and first["file"].endswith("mine.csv")
    assert first["answers"][0]["label"] == "wide" and second["answers"][0]["label"] == "high"
    assert first["outputs"][0]["kind"] == "classes"
    code, out, _ = call(capsys, "predict", rows, tmp_path / "mine.csv")
    assert code == 0 and "mine.csv, row 2: wide " in out.replace("\n", " ")
    (tmp_path / "plain.csv").write_text("19,11.5\n")
    code, out, _ = call(capsys, "predict", rows, tmp_path / "plain.csv", "--json")
    assert documents(out)[0]["answers"] == first["answers"]
    (tmp_path / "bad.csv").write_text("width,height\n19,11\n1,tall\n")
    code, _, err = call(capsys, "predict", rows, tmp_path / "bad.csv")
    assert code == 2 and "Row 3 of" in err and "`height` is `tall`" in err and len(err.splitlines()) == 1
    (tmp_path / "few.csv").write_text("width,size\n19,11\n")
    assert "has no column `height`" in call(capsys, "predict", rows, tmp_path / "few.csv")[2]

    (tmp_path / "b.txt").write_text("the cat sat on th\n")
    code, out, _ = call(capsys, "predict", letters, tmp_path / "b.txt", "--json")
    assert code == 0 and documents(out)[0]["outputs"][0]["answers"][0]["label"] == "e"
    assert call(capsys, "predict", letters, tmp_path / "none.txt")[2].count("There is no file") == 1

    scene = make_scene(5, 24, 24, False)
    Image.fromarray(scene.picture.transpose(1, 2, 0)).save(tmp_path / "scene.png")
    code, out, _ = call(capsys, "predict", shapes, tmp_path / "scene.png", "--json", "-o", tmp_path / "kept")
    (output,) = documents(out)[0]["outputs"]
    assert code == 0 and sum(output["shares"].values()) == pytest.approx(1)
    with Image.open(output["file"]) as mask:
        values = np.asarray(mask)
        assert mask.mode == "P" and values.shape == (24, 24)
    names = list(load_run(shapes).data.classes)
    assert (values == 0).mean() == pytest.approx(output["shares"][names[0]])
    assert main(["predict", shapes, str(tmp_path / "scene.png")]) == 0
    assert "ground" in capsys.readouterr().out


def test_a_reconstruction_is_told(place: Path) -> None:
    design = file.load(examples.path("autoencoder"))
    train(design, replace(design.recipe, epochs=1), run=place / "auto", device="cpu")
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(out, "PNG")
    made = answer_to(Predict("j", str(place / "auto"), out.getvalue()))
    assert made.readings[0].kind == "picture" and made.readings[0].look is not None
    assert (made.readings[0].look.width, made.readings[0].look.height) == (8, 8)
    assert form_of(load_run(place / "auto")).drawn


def test_pictures_are_asked_for_where_they_are_taken(place: Path) -> None:
    train(digits(), replace(digits().recipe, epochs=1), run=place / "digits", device="cpu")
    form = form_of(load_run(place / "digits"))
    assert form.form == "pictures" and form.drawn
    with pytest.raises(DataError, match="takes pictures"):
        answer_to(Predict("j", str(place / "digits"), text="seven"))
