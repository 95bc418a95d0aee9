"""Pictures of one's own, shown to a network that was trained on digits or on a folder of images."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace
from PIL import Image, ImageDraw, ImageFile

from app.engine.compile import InputSpec
from app.engine.data import DataError, fit, open_data
from app.engine.predict import predict
from app.engine.runs import Run, RunError, load_run
from app.engine.train import train
from tests.engine.designs import SHORT, digits
from tests.engine.test_data import make_images, make_table


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("predict") / "run"
    train(digits(channels=16), replace(SHORT, epochs=6), run=folder, device="cpu")
    return load_run(folder)


def png(values: np.ndarray, scale: int = 1, format: str = "PNG") -> bytes:
    picture = Image.fromarray((values * 255).round().astype(np.uint8))
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    picture.save(out, format)
    return out.getvalue()


def held_out(count: int) -> tuple[np.ndarray, list[str]]:
    data = open_data("digits", (InputSpec("image", (8, 8), "float32"),))
    split = data.splits["test"]
    assert split.labels is not None
    return next(data.batches("test", count))[0].numpy(), [str(int(v)) for v in split.labels[:count]]


def right(run: Run, pictures: list[bytes], labels: list[str]) -> float:
    found = [p.answers[0].label for p in predict(run, pictures)]
    return sum(a == b for a, b in zip(found, labels, strict=True)) / len(labels)


def test_held_out_digits_are_read_from_files(run: Run) -> None:
    digits, labels = held_out(60)
    assert right(run, [png(d) for d in digits], labels) > 0.85


def test_a_dark_digit_on_a_light_ground_is_inverted_and_scaled(run: Run) -> None:
    digits, labels = held_out(60)
    large = right(run, [png(1 - d, 20, "JPEG") for d in digits], labels)
    assert large > 0.8


def test_a_digit_in_a_corner_of_a_photo_is_found(run: Run) -> None:
    digits, labels = held_out(30)
    photos = []
    for digit in digits:
        paper = Image.new("L", (300, 200), 230)
        stroke = Image.open(io.BytesIO(png(1 - digit, 10)))
        paper.paste(stroke.point(lambda v: min(v, 230)), (200, 20))
        out = io.BytesIO()
        paper.convert("RGB").save(out, "PNG")
        photos.append(out.getvalue())
    assert right(run, photos, labels) > 0.75


def test_an_answer_has_every_class_in_order(run: Run) -> None:
    (answer,) = predict(run, [png(held_out(1)[0][0])], job="j")
    assert answer.job == "j" and sorted(a.label for a in answer.answers) == list("0123456789")
    chances = [a.probability for a in answer.answers]
    assert chances == sorted(chances, reverse=True) and sum(chances) == pytest.approx(1)
    assert (answer.width, answer.height) == (8, 8) and len(answer.seen) == 64 and max(answer.seen) > 200


def test_a_blank_page_is_answered_too(run: Run) -> None:
    (answer,) = predict(run, [png(np.ones((50, 50)))])
    assert max(answer.seen) == 0


def test_transparent_and_palette_pictures_are_read(run: Run, tmp_path: Path) -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    ImageDraw.Draw(clear).line((32, 8, 32, 56), fill=(0, 0, 0, 255), width=6)
    clear.save(tmp_path / "a.png")
    clear.convert("RGB").quantize(4).save(tmp_path / "b.gif")
    Image.fromarray(np.full((20, 20), 40000, dtype=np.uint16)).save(tmp_path / "c.png")
    answers = predict(run, [tmp_path / "a.png", tmp_path / "b.gif", tmp_path / "c.png"])
    assert len(answers) == 3 and answers[0].answers[0].label == "1"


@pytest.mark.parametrize("sample", [b"", b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_picture_is_said(run: Run, sample: bytes) -> None:
    with pytest.raises(DataError, match="The sample"):
        predict(run, [sample])


def test_files_that_are_cut_short_or_missing_are_named(run: Run, tmp_path: Path) -> None:
    whole = png(np.random.default_rng(0).random((60, 60)))
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"half\.png cannot be read"):
        predict(run, [tmp_path / "half.png"])
    with pytest.raises(DataError, match=r"none\.png cannot be read: No such file"):
        predict(run, [tmp_path / "none.png"])


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG", compress_level=9)
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda _image: pytest.fail("it was decoded"))
    with pytest.raises(DataError, match="pixels"):
        predict(run, [bomb.getvalue()])
    assert fit.MAX_PIXELS < 30_000**2


def test_pictures_of_a_folder_are_predicted_by_name(tmp_path: Path) -> None:
    folder = make_images(tmp_path / "pictures", 20)
    design = digits(classes=2, size=(3, 12, 12))
    recipe = replace(SHORT, data=f"images:{folder}", epochs=8, batch_size=8)
    train(design, recipe, run=tmp_path / "run", device="cpu")
    answers = predict(load_run(tmp_path / "run"), [folder / "cats" / "3.png", folder / "dogs" / "3.png"])
    assert [a.answers[0].label for a in answers] == ["cats", "dogs"]
    assert (answers[0].width, answers[0].height) == (12, 12)


def test_a_run_on_a_table_answers_no_pictures(run: Run, tmp_path: Path) -> None:
    assert make_table(tmp_path / "a.csv").exists()
    other = run._replace(data=run.data._replace(kind="table"))
    with pytest.raises(RunError, match="was trained on table"):
        predict(other, [png(np.ones((8, 8)))])


def test_a_design_without_an_output_says_so(run: Run) -> None:
    with pytest.raises(RunError, match="has no Output"):
        predict(run._replace(network=None), [png(np.ones((8, 8)))])
