"""The data panel, by mouse and keys: choosing, looking at samples, mending what does not fit, stopping."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from app.design.values import Design
from app.messages.data import (
    Dataset,
    DataShown,
    FindKind,
    GetData,
    KindFound,
    ShownSample,
    SplitShown,
    Working,
)
from app.messages.preview import Look, Tile
from app.window.consent import ConsentDialog
from app.window.data_panel import DataPanel
from app.window.document import Document
from app.window.main_window import MainWindow
from tests.engine.made_data import make_masks
from tests.engine.test_data_training import classifier
from tests.window.conftest import ENGINE
from tests.window.fake_engines import CARDS, DEVICES, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
NONE = Qt.KeyboardModifier.NoModifier
DIGITS = Dataset("digits", "Handwritten digits", "Real ones.", (1, 2, 2), tuple("0123456789"), form="pictures")


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[Document, FakeEngines, DataPanel]]:
    document = Document()
    document.set_catalogue(CARDS)
    document.load(small_design(), None)
    engines = FakeEngines()
    panel = DataPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(840, 262)
    panel.show()
    panel.activateWindow()
    yield document, engines, panel


def click(widget: QWidget) -> None:
    assert widget.isVisible(), f"{widget.accessibleName()} is not shown"
    QTest.mouseClick(widget, LEFT)


def job(engines: FakeEngines, qtbot: Any, kind: type = GetData) -> Any:
    qtbot.waitUntil(lambda: bool(engines.started) and isinstance(engines.started[-1].request, kind))
    return engines.started[-1]


def picture(value: int) -> Look:
    return Look("colour", (3, 2, 2), 2, 2, bytes([value]) * 12, (Tile(0, 0, 1, 0.5, 0),))


def mask() -> Look:
    return Look("maps", (1, 2, 2), 2, 2, bytes([0, 1, 2, 255]), (Tile(0, 0, 2, 0, 0),))


def answer(start: int = 0, **more: Any) -> DataShown:
    samples = tuple(ShownSample(start + i, str(i % 10), picture(20 + i)) for i in range(24))
    splits = (SplitShown("train", 1257, tuple(range(120, 130))), SplitShown("validation", 180), SplitShown("test", 360))
    told: dict[str, Any] = dict(dataset=DIGITS, splits=splits, split="train", samples=samples, sizes="1×2×2 pixels")
    return DataShown("", **(told | more))


def digits_shown(made: Any, qtbot: Any, **more: Any) -> Any:
    _, engines, panel = made
    click(panel.empty.button("Use handwritten digits"))
    asked = job(engines, qtbot)
    asked.finished.emit(answer(**more))
    return asked


def test_choosing_and_looking(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    assert "drop a folder or file here" in panel.empty.text and not engines.started
    asked = digits_shown(made, qtbot)
    assert document.design.recipe.data == "digits" and asked.request.design is document.design
    assert document.undo_stack.undoText() == "Change data"
    assert panel.grid.isVisible() and len(panel.grid.samples) == 24
    assert panel.split.currentText() == "train (1,257)" and panel.where.text() == "1–24"
    assert panel.classes.names[3] == "3" and panel.classes.said(3) == "123"
    assert "train 1,257 (70 %), validation 180 (10 %)" in panel.shares.accessibleName()
    assert panel.about.text() == "1×2×2 pixels" and "24 samples of train: 0, 1, 2" in panel.grid.accessibleName()
    shot = panel.grid.grab().toImage()
    place = panel.grid.place(5).center().toPoint()
    assert QColor(shot.pixel(place * shot.devicePixelRatio())).red() == 25

    assert not panel.before.isEnabled()
    click(panel.after)
    qtbot.waitUntil(lambda: engines.started[-1] is not asked)
    again = engines.started[-1]
    assert (again.request.split, again.request.start) == ("train", 24)
    assert panel.grid.isVisible(), "what was shown stays until there is more"
    again.finished.emit(answer(24))
    assert panel.where.text() == "25–48" and panel.before.isEnabled()
    panel.split.setFocus()
    QTest.keyClick(panel.split, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: engines.started[-1] is not again)
    assert engines.started[-1].request.split == "validation"
    document.undo_stack.undo()
    assert document.design.recipe.data == "" and panel.empty.isVisible()
    assert engines.started[-1].cancelled, "nobody waits for it any more"


def test_reading_is_told_and_can_be_stopped(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    click(panel.empty.button("Use handwritten digits"))
    asked = job(engines, qtbot)
    assert panel.cancel.isVisible() and panel.bar.maximum() == 0
    asked.progress.emit(Working("", 250, 1000))
    assert panel.status.text() == "25 %" and panel.bar.value() == 250
    click(panel.cancel)
    assert asked.cancelled and panel.empty.text == "Reading the data was stopped."
    asked.finished.emit(answer())
    assert not panel.grid.isVisible(), "it comes too late"
    click(panel.empty.button("Read it"))
    qtbot.waitUntil(lambda: engines.started[-1] is not asked)
    assert engines.started[-1].request.anew
    engines.started[-1].failed.emit("a.csv is not UTF-8 text: save it as CSV in UTF-8.")
    assert panel.empty.text.startswith("a.csv is not UTF-8")


def test_masks_and_boxes_lie_over_the_pictures(made: Any, qtbot: Any) -> None:
    *_, panel = made
    sample = ShownSample(0, "", picture(0), mask(), boxes=((0.0, 0.5, 0.5, 1.0, 2.0),))
    dataset = replace(DIGITS, classes=("ground", "cat", "dog"))
    splits = (SplitShown("train", 1, (50, 25, 25)),)
    digits_shown(made, qtbot, samples=(sample,), dataset=dataset, splits=splits, masks="mask")
    place = panel.grid.place(0)

    def pixel(x: float, y: float) -> QColor:
        shot = panel.grid.grab().toImage()
        return QColor(shot.pixel(QPoint(round(place.x() + place.width() * x), round(place.y() + place.height() * y))))

    assert pixel(0.25, 0.25).lightness() == 0, "the ground is clear"
    assert pixel(0.75, 0.25).blue() > 100 and pixel(0.25, 0.7).red() > 100
    assert panel.classes_title.text() == "3 classes, share of pixels" and panel.classes.said(1) == "25.0 %"
    assert "1 box" in panel.grid.tip(0)
    panel.marks.setFocus()
    QTest.keyClick(panel.marks, Qt.Key.Key_Space)
    assert pixel(0.75, 0.25).lightness() == 0 and pixel(0.25, 0.7).lightness() == 0


def test_rows_and_texts(made: Any, qtbot: Any) -> None:
    *_, panel = made
    card = Dataset("table", "a.csv", "", (2,), ("a", "b"))
    rows = tuple(ShownSample(i, "ab"[i % 2], cells=(f"{i}", "0.5")) for i in range(3))
    digits_shown(made, qtbot, samples=rows, dataset=card, columns=("length", "width"))
    table = panel.table
    assert table.isVisible() and table.verticalHeaderItem(0).text() == "1"
    assert [table.horizontalHeaderItem(i).text() for i in range(3)] == ["label", "length", "width"]
    assert [table.item(1, i).text() for i in range(3)] == ["b", "1", "0.5"]
    texts = (ShownSample(0, text="to be\nor not"),)
    panel.looks.told = answer(samples=texts, dataset=replace(card, form="tokens"), splits=(SplitShown("train", 1),))
    panel.refresh()
    assert table.item(0, 0).text() == "to be↵or not" and table.item(0, 0).toolTip() == "to be\nor not"
    assert not panel.classes_title.isVisible()


def test_shares_and_bad_samples_are_edits(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    digits_shown(made, qtbot)
    panel.form.validation.setFocus()
    QTest.keyClick(panel.form.validation, Qt.Key.Key_Up)
    assert document.design.recipe.validation_share == 0.15
    QTest.keyClick(panel.form.validation, Qt.Key.Key_Up)
    document.undo_stack.undo()
    assert document.design.recipe.validation_share == 0.1, "turning is one step"
    document.load(small_design(data="images:/somewhere"), None)
    asked = job(engines, qtbot)
    qtbot.waitUntil(lambda: engines.started[-1].request.design is document.design)
    engines.started[-1].failed.emit("/somewhere/a/3.png is not a picture.")
    assert asked is not None and panel.form.folder.isVisible()
    click(panel.empty.button("Skip bad samples"))
    assert document.design.recipe.skip_bad_samples and panel.form.skip.isChecked()
    qtbot.waitUntil(lambda: engines.started[-1].request.design is document.design)


def test_a_place_is_kept_where_it_may_be_one_of_the_other_kind(made: Any) -> None:
    document, engines, panel = made
    kinds = (("images", "folder"), ("masks", "folder"), ("arrays", "either"), ("table", "file"))
    cards = tuple(Dataset(kind, kind, "", needs_path=True, path=path) for kind, path in kinds)  # type: ignore[arg-type]
    engines.devices.emit(replace(DEVICES, datasets=cards))
    panel.form.choose("images", "/there")
    for key, then in ((Qt.Key.Key_Down, "masks"), (Qt.Key.Key_Down, "arrays"), (Qt.Key.Key_Home, "images")):
        QTest.keyClick(panel.form.kind, key)
        assert document.design.recipe.data == f"{then}:/there"
    QTest.keyClick(panel.form.kind, Qt.Key.Key_End)
    assert document.design.recipe.data == "table" and panel.form.needs_place
    panel.form.path.setFocus()
    QTest.keyClicks(panel.form.path, "/a.csv")
    QTest.keyClick(panel.form.path, Qt.Key.Key_Return)
    assert document.design.recipe.data == "table:/a.csv"


def test_a_folder_is_dropped(made: Any, qtbot: Any, tmp_path: Path) -> None:
    document, engines, panel = made
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    at, copy = QPoint(400, 100), Qt.DropAction.CopyAction
    entering = QDragEnterEvent(at, copy, data, LEFT, NONE)
    QApplication.sendEvent(panel, entering)
    assert entering.isAccepted()
    QApplication.sendEvent(panel, QDropEvent(QPointF(at), copy, data, LEFT, NONE))
    asked = job(engines, qtbot, FindKind)
    assert asked.request.path == str(tmp_path)
    asked.finished.emit(KindFound("", "images", str(tmp_path)))
    assert document.design.recipe.data == f"images:{tmp_path}"
    QApplication.sendEvent(panel, QDropEvent(QPointF(at), copy, data, LEFT, NONE))
    qtbot.waitUntil(lambda: isinstance(engines.started[-1].request, FindKind))
    engines.started[-1].failed.emit("it looks like no data that can be read.")
    assert panel.empty.text == "it looks like no data that can be read."
    drawing = QMimeData()
    drawing.setUrls([QUrl.fromLocalFile(str(tmp_path / "a.netloom"))])
    entering = QDragEnterEvent(at, copy, drawing, LEFT, NONE)
    entering.ignore()
    QApplication.sendEvent(panel, entering)
    assert not entering.isAccepted(), "the window opens it"


def test_nothing_is_read_while_nobody_looks(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    panel.hide()
    panel.form.choose("digits")
    qtbot.wait(300)
    assert not engines.started
    panel.show()
    job(engines, qtbot)
    count = len(engines.started)
    document.edit("Move", lambda d: replace(d, nodes=(replace(d.nodes[0], x=5.0), *d.nodes[1:])))
    qtbot.wait(300)
    assert len(engines.started) == count, "where a node stands is nothing to the data"


# with real engines ----------------------------------------------------------------------------------------------------


def shown_panel(window: MainWindow, design: Design) -> DataPanel:
    window.document.load(design, None)
    window.bottom.show_tab("Data")
    panel = window.bottom.panel("Data")
    assert isinstance(panel, DataPanel)
    return panel


def test_real_data_from_choice_to_fix(
    real_window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, document = real_window, real_window.document
    panel = shown_panel(window, classifier(1, 8, 8, classes=7))

    def settled() -> None:
        qtbot.waitUntil(lambda: not panel.looks.waiting, timeout=ENGINE)

    # digits: what does not fit is said, and mended with a click, undoably
    click(panel.empty.button("Use handwritten digits"))
    qtbot.waitUntil(lambda: bool(panel.rows), timeout=ENGINE)
    settled()
    assert "has 10 classes" in panel.rows[0].problem.message and sum(panel.classes.counts) == 1257
    fix = next(b for b in panel.rows[0].findChildren(QWidget) if "out_features to 10" in b.property("text"))
    click(fix)
    assert document.design.by_id["head"].settings["out_features"] == 10
    qtbot.waitUntil(lambda: not panel.rows, timeout=ENGINE)
    document.undo_stack.undo()
    assert document.design.by_id["head"].settings["out_features"] == 7

    # a folder by the dialog: its kind is found, a bad sample is named, then skipped
    folder = make_masks(tmp_path / "d", 20)
    for name in ("004", "005", "006", "007"):
        (folder / "images" / f"{name}.png").write_bytes(b"nothing")
    document.load(replace(classifier(3, 24, 24), recipe=replace(document.design.recipe, data="")), None)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    click(panel.empty.button("Folder…"))
    qtbot.waitUntil(lambda: document.design.recipe.data == f"masks:{folder}", timeout=ENGINE)
    settled()
    assert ".png is not a picture" in panel.looks.trouble
    click(panel.empty.button("Skip bad samples"))
    qtbot.waitUntil(lambda: panel.looks.told is not None and panel.looks.told.masks == "mask", timeout=ENGINE)
    assert "4 samples are left out" in panel.about.text() and panel.grid.isVisible()

    # reading that takes long is told, and stops at once
    big = tmp_path / "big"
    for name in ("a", "b"):
        (big / name).mkdir(parents=True)
        Image.new("RGB", (64, 64), "red").save(big / name / "0.png")
        for i in range(1, 4000):
            os.link(big / name / "0.png", big / name / f"{i}.png")
    panel.form.choose("images", str(big))
    qtbot.waitUntil(lambda: panel.looks.working is not None, timeout=ENGINE)
    qtbot.waitUntil(panel.cancel.isVisible)
    click(panel.cancel)
    assert panel.empty.text == "Reading the data was stopped."

    # Python of one's own: read, allowed, run
    own = tmp_path / "own.py"
    own.write_text("def data():\n    return [([float(i), 1.0], i % 2) for i in range(90)]\n")
    panel.form.choose("python", str(own))
    qtbot.waitUntil(lambda: panel.looks.told is not None and bool(panel.looks.told.code), timeout=ENGINE)
    click(panel.empty.button("Read and allow…"))
    dialog = panel.findChild(ConsentDialog)
    assert dialog is not None and dialog.codes[0].toPlainText().startswith("def data()")
    click(dialog.allow_button)
    qtbot.waitUntil(lambda: panel.table.isVisible() and panel.table.rowCount() == 24, timeout=ENGINE)
    assert not panel.looks.told.code if panel.looks.told else False
