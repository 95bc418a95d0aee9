"""Try with rows and texts, typed and pasted, and what is answered; a fake plays the engine's part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.design.values import Recipe, Settings
from app.messages import Trained
from app.messages.data import ShownSample
from app.messages.predictions import Answer, GetForm, Predict, Prediction, Reading, SampleForm
from app.window.document import Document
from app.window.try_panel import TryPanel
from tests.window.fake_engines import CARDS, FakeEngines, small_design
from tests.window.test_samples_page import grey, mask

CTRL = Qt.KeyboardModifier.ControlModifier
ROW = SampleForm("", "row", ("width", "height", "depth"), ("15.02", "14.5", "0"))
TEXT = SampleForm("", "text", length=8, unit="characters")


def trained(qtbot: Any, data: str, form: SampleForm | None) -> tuple[FakeEngines, TryPanel]:
    document = Document()
    document.set_catalogue(CARDS)
    document.load(small_design(data=data), None)
    engines = FakeEngines()
    panel = TryPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1100, 300)
    panel.show()
    panel.runs.start(Recipe(data=data), "auto")
    engines.started[0].finished.emit(Trained("", "runs/untitled-1", False, 3, Settings(loss=0.1)))
    if form is not None:
        assert engines.started[1].request == GetForm("", "runs/untitled-1")
        engines.started[1].finished.emit(form)
    return engines, panel


def test_a_row_is_typed_in_named_fields(qtbot: Any) -> None:
    engines, panel = trained(qtbot, "table:a.csv", ROW)
    assert panel.row.isVisible() and not panel.zone.isVisible() and "Type the values" in panel.notice.text
    names = [(field.accessibleName(), field.text()) for field in panel.row.fields]
    assert names == [("width", "15.02"), ("height", "14.5"), ("depth", "0")]
    field = panel.row.fields[1]
    field.selectAll()
    QTest.keyClicks(field, "19.5")
    qtbot.waitUntil(lambda: len(engines.started) == 3)
    asked = engines.started[2].request
    assert isinstance(asked, Predict) and asked.row == ("15.02", "19.5", "0") and not asked.sample
    assert panel.notice.text == "The network is looking at it."
    sure = Reading("classes", "answer", (Answer("high", 0.9), Answer("wide", 0.1)))
    engines.started[2].finished.emit(Prediction("", sure.answers, readings=(sure,)))
    assert panel.bars.isVisible() and [a.label for a in panel.bars.answers] == ["high", "wide"]
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert len(engines.started) == 4, "Enter asks at once"
    engines.started[3].failed.emit("`height` is `tall`: it needs a number.")
    assert panel.notice.text == "`height` is `tall`: it needs a number." and not panel.bars.answers


def test_a_line_of_csv_fills_the_fields(qtbot: Any) -> None:
    engines, panel = trained(qtbot, "table:a.csv", ROW)
    QGuiApplication.clipboard().setText('1.5; "2";3')
    panel.row.whole.setFocus()
    QTest.keyClick(panel.row.whole, Qt.Key.Key_V, CTRL)
    QTest.keyClick(panel.row.whole, Qt.Key.Key_Return)
    assert [field.text() for field in panel.row.fields] == ["1.5", "2", "3"]
    assert engines.started[2].request.row == ("1.5", "2", "3")
    engines.started[2].finished.emit(Prediction("", (), readings=(Reading("numbers", "price", numbers=(41.53,)),)))
    assert panel.answer.numbers.text() == "41.5" and not panel.bars.isVisible()
    panel.row.whole.selectAll()
    QTest.keyClicks(panel.row.whole, "1, 2")
    QTest.keyClick(panel.row.whole, Qt.Key.Key_Return)
    assert engines.started[3].request.text == "1, 2" and not engines.started[3].request.row, (
        "the engine says what lacks"
    )


def test_a_text_is_written_and_gone_on_with(qtbot: Any, tmp_path: Path) -> None:
    engines, panel = trained(qtbot, "characters:a.txt", TEXT)
    assert panel.text.isVisible() and panel.text.hint.text() == "The network reads the last 8 characters."
    panel.text.box.setFocus()
    QTest.keyClicks(panel.text.box, "the ca")
    qtbot.waitUntil(lambda: len(engines.started) == 3)
    assert engines.started[2].request.text == "the ca"
    reading = Reading("tokens", "next", (Answer("t", 0.8), Answer(" ", 0.1)), text="he cat")
    engines.started[2].finished.emit(Prediction("", (), readings=(reading,), said="Only the last 8 are read."))
    assert [a.label for a in panel.bars.answers] == ["t", "␣"]
    assert panel.answer.said.text() == "This may come next. Only the last 8 are read."
    file = tmp_path / "b.txt"
    file.write_text("of a file")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    view = panel.text.box.viewport()
    at, action, none = QPoint(20, 20), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    for event in (QDragEnterEvent(at, action, data, Qt.MouseButton.LeftButton, none),
                  QDropEvent(QPointF(at), action, data, Qt.MouseButton.LeftButton, none)):  # fmt: skip
        QApplication.sendEvent(view, event)
    assert panel.text.box.toPlainText() == "of a file"
    file.write_bytes(b"\xff\xfe\x00")
    panel.text.box.insertFromMimeData(data)
    assert panel.notice.text == "b.txt is not UTF-8 text: choose a text file."


def test_what_cannot_be_asked_has_its_sentence(qtbot: Any) -> None:
    engines, panel = trained(qtbot, "table:a.csv", None)
    assert panel.notice.text == "It is looked up what the network takes."
    engines.started[1].failed.emit("How the columns were scaled is not noted.")
    assert panel.notice.text == "How the columns were scaled is not noted."
    assert not panel.bars.answers


@pytest.mark.parametrize("kind", ["mask", "picture"])
def test_masks_and_reconstructions_are_drawn(qtbot: Any, kind: str) -> None:
    engines, panel = trained(qtbot, "shapes", None)
    panel.ask(b"a picture's file")
    look = mask(2) if kind == "mask" else grey(200)
    names = ("ground", "circle", "square") if kind == "mask" else ()
    reading = Reading(kind, "answer", look=look, names=names)  # type: ignore[arg-type]
    engines.started[-1].finished.emit(
        Prediction("", (), 8, 8, bytes(64), (reading,), ShownSample(0, look=grey(80)))
    )  # fmt: skip
    pictures = panel.answer.pictures
    assert pictures.isVisible() and not panel.bars.isVisible()
    qtbot.waitUntil(lambda: pictures.width() > 100 and pictures.height() > 60)
    image = pictures.grab().toImage()
    middle = image.pixelColor(pictures.place(0).center().toPoint())
    if kind == "mask":
        assert middle.red() != middle.blue(), "the class's colour lies over the grey picture"
        assert pictures.accessibleName() == "answer: square 100.0 %"
    else:
        assert middle.name() == "#c8c8c8" and pictures.accessibleName() == "answer: a picture"
    seen = panel.seen.image
    assert seen is not None and seen.pixelColor(1, 1).name() == "#505050", "in its colours"
