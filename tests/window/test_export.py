"""The export dialog, driven by mouse and keys; a fake plays the engine's part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.design.values import Recipe, Settings
from app.messages import Export, Exported, Trained
from app.messages.data import Working
from app.window.canvas.scene import Scene
from app.window.document import Document
from app.window.export_dialog import FORMATS, ExportDialog
from app.window.runs import Runs
from app.window.theme import LIGHT
from tests.window.fake_engines import CARDS, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
LINES = ("Passed the ONNX checker with full shape inference.", "Batch 1: 1.2e-07.", "Batch 3: 2.1e-07.")


@pytest.fixture
def made(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[FakeEngines, ExportDialog]]:
    monkeypatch.chdir(tmp_path)
    document, engines = Document(), FakeEngines()
    document.set_catalogue(CARDS)
    document.load(small_design(data="digits"), None, "digits")
    runs = Runs.of(document, engines)
    runs.start(Recipe(data="digits"), "auto")
    engines.started[0].finished.emit(Trained("", "runs/digits-1", False, 3, Settings()))
    dialog = ExportDialog(document, engines, runs)
    qtbot.addWidget(dialog)
    dialog.show()
    yield engines, dialog


def type_path(dialog: ExportDialog, path: Path | str) -> None:
    dialog.path.selectAll()
    QTest.keyClick(dialog.path, Qt.Key.Key_Delete)
    QTest.keyClicks(dialog.path, str(path))


def pick(dialog: ExportDialog, to: str) -> None:
    """Click a format in the list."""
    row = next(i for i, form in enumerate(FORMATS) if form.to == to)
    place = dialog.formats.visualItemRect(dialog.formats.item(row)).center()
    QTest.mouseClick(dialog.formats.viewport(), LEFT, pos=QPoint(place))
    assert dialog.format.to == to


def finish(job: Any, data: bytes, *report: str, size: int | None = None) -> None:
    job.files["model.onnx"] = data
    job.finished.emit(Exported(job.request.job, "model.onnx", len(data) if size is None else size, report, 1e-7))


def test_onnx_with_the_weights_of_the_last_run(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines, dialog = made
    assert dialog.format.to == "onnx" and dialog.path.text() == str(tmp_path / "digits.onnx")
    assert dialog.weights.currentText() == "Trained, of the run digits-1"
    QTest.mouseClick(dialog.export_button, LEFT)
    job = engines.started[-1]
    assert isinstance(job.request, Export) and (job.request.to, job.request.run) == ("onnx", "runs/digits-1")
    assert dialog.busy and dialog.bar.isVisible() and not dialog.export_button.isEnabled()
    assert dialog.close_button.text() == "Cancel" and not (tmp_path / "digits.onnx").exists()
    finish(job, b"x" * 2048, *LINES)
    assert (tmp_path / "digits.onnx").read_bytes() == b"x" * 2048
    assert dialog.notice.text == "digits.onnx is written, 2.0 kB." and dialog.report_lines() == list(LINES)
    assert "is replaced" in dialog.replaces.text() and not dialog.busy
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", staticmethod(opened.append))
    QTest.mouseClick(dialog.notice.button("Show in folder"), LEFT)
    assert Path(opened[0].toLocalFile()) == tmp_path.resolve()


def test_untrained_weights_can_be_chosen(made: Any) -> None:
    engines, dialog = made
    dialog.weights.setFocus()
    QTest.keyClick(dialog.weights.list, Qt.Key.Key_Down)
    QTest.mouseClick(dialog.export_button, LEFT)
    assert dialog.weights.currentText() == "Untrained" and engines.started[-1].request.run == ""


def test_a_table_takes_no_weights(made: Any, tmp_path: Path) -> None:
    engines, dialog = made
    pick(dialog, "markdown")
    assert not dialog.weights.isVisible() and dialog.path.text().endswith("digits.md")
    type_path(dialog, tmp_path / "table.md")
    QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    assert engines.started[-1].request.run == "" and engines.started[-1].request.to == "markdown"
    finish(engines.started[-1], b"| a |")
    assert (tmp_path / "table.md").read_text() == "| a |"
    pick(dialog, "csv")
    assert dialog.path.text() == str(tmp_path / "table.csv") and not dialog.notice.isVisible()


def test_what_fails_is_said_in_place_and_leaves_the_file_alone(made: Any, tmp_path: Path) -> None:
    engines, dialog = made
    (tmp_path / "digits.onnx").write_bytes(b"old")
    QTest.mouseClick(dialog.export_button, LEFT)
    engines.started[-1].failed.emit("The design has errors: export needs a valid one.")
    assert dialog.notice.text.startswith("The design has errors") and not dialog.busy
    QTest.mouseClick(dialog.export_button, LEFT)
    finish(engines.started[-1], b"x" * 10, size=20)
    assert "Only 10 of 20 bytes arrived" in dialog.notice.text
    asked = len(engines.started)
    type_path(dialog, tmp_path / "absent" / "digits.onnx")
    assert not dialog.notice.isVisible()
    QTest.mouseClick(dialog.export_button, LEFT)
    assert f"There is no folder {tmp_path / 'absent'}" in dialog.notice.text
    type_path(dialog, "")
    QTest.mouseClick(dialog.export_button, LEFT)
    assert dialog.notice.text.startswith("No file is named")
    type_path(dialog, tmp_path)  # a folder
    assert len(engines.started) == asked and (tmp_path / "digits.onnx").read_bytes() == b"old"


def test_a_place_that_cannot_be_written_is_named(made: Any, tmp_path: Path) -> None:
    engines, dialog = made
    (tmp_path / "taken").mkdir()
    type_path(dialog, tmp_path / "taken")
    QTest.mouseClick(dialog.export_button, LEFT)
    finish(engines.started[-1], b"data")
    assert "taken cannot be saved" in dialog.notice.text and not dialog.busy


def test_cancel_leaves_the_dialog_and_escape_closes_it(made: Any, tmp_path: Path) -> None:
    engines, dialog = made
    for end in (lambda: QTest.mouseClick(dialog.close_button, LEFT), lambda: QTest.keyClick(dialog, Qt.Key.Key_Escape)):
        QTest.mouseClick(dialog.export_button, LEFT)
        job = engines.started[-1]
        job.progress.emit(Working(job.request.job, 2, 5, "Comparing with torch"))
        assert (dialog.bar.value(), dialog.bar.maximum()) == (2, 5) and dialog.bar.isVisible()
        assert dialog.step.text() == "Comparing with torch, 3 of 5"
        end()
        assert job.cancelled and not dialog.busy and not dialog.bar.isVisible()
        assert dialog.notice.text == "The export was cancelled; nothing was written."
        finish(job, b"late")
        assert not (tmp_path / "digits.onnx").exists() and dialog.export_button.isEnabled()
    assert not dialog.isVisible()


def test_browse_chooses_the_file(made: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, dialog = made
    monkeypatch.setattr(QFileDialog, "getSaveFileName", staticmethod(lambda *_: (str(tmp_path / "mine"), "")))
    QTest.mouseClick(dialog.browse, LEFT)
    assert dialog.path.text() == str(tmp_path / "mine.onnx")


@pytest.mark.parametrize("to", ["png", "svg", "pdf"])
def test_pictures_are_drawn_in_the_window(made: Any, tmp_path: Path, to: str) -> None:
    engines, dialog = made
    asked = len(engines.started)
    pick(dialog, to)
    form = dialog.picture
    assert form.isVisible() and not dialog.weights.isVisible() and form.scale.isVisible() == (to == "png")
    form.colours.setFocus()
    QTest.keyClick(form.colours, Qt.Key.Key_Down)
    QTest.mouseClick(form.transparent, LEFT, pos=QPoint(8, form.transparent.height() // 2))
    assert form.colours.currentText() == "Light" and form.transparent.isChecked() and not form.overlay.isEnabled()
    QTest.mouseClick(dialog.export_button, LEFT)
    file = tmp_path / f"digits.{to}"
    assert dialog.notice.text.startswith(f"{file.name} is written") and len(engines.started) == asked
    data = file.read_bytes()
    assert data.startswith({"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[to])
    if to == "png":
        made = QImage(str(file))
        assert made.width() > 400 and made.pixelColor(1, 1).alpha() == 0
    elif to == "svg":
        assert b"<svg" in data and LIGHT.node.encode() in data and b"<rect" not in data


def test_a_picture_can_be_of_the_selection_and_with_the_overlay(qtbot: Any, made: Any, tmp_path: Path) -> None:
    engines, before = made
    document = before._document
    document.overlay.show("macs")
    scene = Scene(document)
    scene.select(["flatten", "linear"])
    scene.show_labels(False)
    dialog = ExportDialog(document, engines, Runs.of(document, engines), None, scene)
    qtbot.addWidget(dialog)
    dialog.show()
    pick(dialog, "svg")
    form = dialog.picture
    assert form.part.itemText(1) == "Selection, 2 nodes" and not form.labels.isChecked() and form.overlay.isChecked()
    form.part.setFocus()
    QTest.keyClick(form.part, Qt.Key.Key_Down)
    type_path(dialog, tmp_path / "part.svg")
    QTest.mouseClick(dialog.export_button, LEFT)
    text = (tmp_path / "part.svg").read_text(encoding="utf-8")
    assert ">flatten<" in text and ">linear<" in text and ">answer<" not in text and ">MACs<" in text
