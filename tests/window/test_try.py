"""Try: a drawing, a dropped file, a pasted picture, and what the network answers; a fake plays the engine's part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QGuiApplication, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from app.design.values import Recipe, Settings
from app.messages import Answer, Predict, Prediction, Trained
from app.window.document import Document
from app.window.drawing_pad import Pad, png
from app.window.try_panel import TryPanel
from tests.window.fake_engines import CARDS, FakeEngines, small_design

LEFT = Qt.MouseButton.LeftButton
ANSWERS = (Answer("7", 0.93), Answer("1", 0.05), Answer("9", 0.02))


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[FakeEngines, TryPanel]]:
    document = Document()
    document.set_catalogue(CARDS)
    document.load(small_design(data="digits"), None)
    engines = FakeEngines()
    panel = TryPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1000, 260)
    panel.show()
    yield engines, panel


@pytest.fixture
def trained(made: Any) -> tuple[FakeEngines, TryPanel]:
    engines, panel = made
    panel.runs.start(Recipe(data="digits"), "auto")
    engines.started[0].finished.emit(Trained("", "runs/untitled-1", False, 3, Settings(loss=0.1)))
    return engines, panel


def stroke(pad: Pad, *points: tuple[float, float]) -> None:
    """Draw with the mouse, in shares of the square."""
    side = pad.square().width()
    at = [QPoint(round(x * side), round(y * side)) for x, y in points]
    QTest.mousePress(pad, LEFT, pos=at[0])
    for point in at[1:]:
        QTest.mouseMove(pad, point)
    QTest.mouseRelease(pad, LEFT, pos=at[-1])


def picture(side: int = 20, colour: str = "white") -> QImage:
    image = QImage(side, side, QImage.Format.Format_RGB32)
    image.fill(QColor(colour))
    painter = QPainter(image)
    painter.fillRect(8, 2, 3, 16, QColor("black"))
    painter.end()
    return image


def drop(widget: Any, data: QMimeData) -> None:
    at, action, none = QPoint(20, 20), Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QDragEnterEvent(at, action, data, LEFT, none))
    QApplication.sendEvent(widget, QDropEvent(QPointF(at), action, data, LEFT, none))


def test_before_any_run_it_offers_to_train(made: Any, qtbot: Any) -> None:
    engines, panel = made
    assert "Nothing is trained yet" in panel.empty.text and not panel.zone.isVisible()
    with qtbot.waitSignal(panel.train_wanted):
        QTest.mouseClick(panel.empty.button("Train"), LEFT)
    run = panel.runs.start(Recipe(), "auto")
    assert "is being trained" in panel.empty.text and not panel.empty.buttons
    engines.started[0].failed.emit("The engine for training was killed (signal 9).")
    assert not run.usable and "Nothing is trained yet" in panel.empty.text


def test_a_drawing_is_answered_after_each_stroke(trained: Any) -> None:
    engines, panel = trained
    assert panel.pad.isVisible() and "draw one" in panel.notice.text
    stroke(panel.pad, (0.2, 0.2), (0.5, 0.2), (0.8, 0.2))
    request = engines.started[-1].request
    assert isinstance(request, Predict) and request.run == "runs/untitled-1"
    sent = QImage.fromData(request.sample)
    assert sent.pixelColor(0, 0).value() == 0 and sent.pixelColor(sent.width() // 2, sent.height() // 5).value() == 255

    stroke(panel.pad, (0.8, 0.2), (0.4, 0.9))
    stroke(panel.pad, (0.3, 0.5), (0.7, 0.5))
    assert len(engines.started) == 2, "the newer drawings wait for the answer to the first"
    engines.started[1].finished.emit(Prediction("", ANSWERS, 8, 8, bytes(range(64))))
    assert len(engines.started) == 3, "and only the newest is asked"
    last = QImage.fromData(engines.started[2].request.sample)
    assert last.pixelColor(last.width() // 2, last.height() // 2).value() == 255
    assert [a.label for a in panel.bars.answers] == ["7", "1", "9"] and not panel.notice.isVisible()
    seen = panel.seen.image
    assert (seen.width(), seen.height(), seen.pixelColor(1, 2).value()) == (8, 8, 17)


def test_clear_forgets_the_drawing_and_an_answer_that_is_still_due(trained: Any) -> None:
    engines, panel = trained
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    QTest.mouseClick(panel.clear_button, LEFT)
    assert panel.pad.empty
    engines.started[-1].finished.emit(Prediction("", ANSWERS, 8, 8, bytes(64)))
    assert not panel.bars.answers and panel.seen.image is None
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    engines.started[-1].finished.emit(Prediction("", ANSWERS, 8, 8, bytes(64)))
    assert panel.bars.answers


def test_a_file_dropped_is_sent_as_it_is(trained: Any, tmp_path: Path) -> None:
    engines, panel = trained
    file = tmp_path / "seven.png"
    picture().save(str(file))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    drop(panel.zone, data)
    assert engines.started[-1].request.sample == file.read_bytes()
    assert panel.zone.image is not None and panel.zone.image.width() == 20


def test_a_click_chooses_a_file(trained: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines, panel = trained
    file = tmp_path / "seven.png"
    picture().save(str(file))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", staticmethod(lambda *_: (str(file), "")))
    QTest.mouseClick(panel.zone, LEFT)
    assert engines.started[-1].request.sample == file.read_bytes()


def test_a_picture_is_pasted_by_key_and_by_button(trained: Any) -> None:
    engines, panel = trained
    QGuiApplication.clipboard().setImage(picture(12))
    panel.zone.setFocus()
    QTest.keyClick(panel.zone, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert QImage.fromData(engines.started[-1].request.sample).width() == 12
    engines.started[-1].finished.emit(Prediction("", ANSWERS))
    assert panel.seen.image is None and panel.bars.answers, "what was seen is no picture"
    QGuiApplication.clipboard().setText("no picture")
    asked = len(engines.started)
    QTest.mouseClick(panel.paste_button, LEFT)
    assert "no picture" in panel.notice.text and len(engines.started) == asked


def test_what_the_engine_cannot_read_has_its_sentence(trained: Any, tmp_path: Path) -> None:
    engines, panel = trained
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    panel.zone.take_file(file)
    engines.started[-1].failed.emit("The sample is not a picture that can be read: use PNG.")
    assert panel.notice.isVisible() and "not a picture" in panel.notice.text and not panel.bars.answers
    panel.zone.take_file(tmp_path / "absent.png")
    assert panel.notice.text == "absent.png cannot be opened: No such file or directory."
    panel.pad.clear()
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    engines.started[-1].finished.emit(Prediction("", ANSWERS, 8, 8, bytes(64)))
    assert panel.bars.answers and not panel.notice.isVisible()


def test_a_new_run_takes_the_place_of_the_last(trained: Any) -> None:
    engines, panel = trained
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    old = engines.started[-1]
    panel.runs.start(Recipe(data="digits"), "auto")
    engines.started[-1].finished.emit(Trained("", "runs/untitled-2", False, 3, Settings()))
    old.finished.emit(Prediction("", ANSWERS, 8, 8, bytes(64)))
    assert not panel.bars.answers, "an answer of the run before is not this run's"
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    assert engines.started[-1].request.run == "runs/untitled-2"


def test_bars_and_squares_are_painted(trained: Any) -> None:
    engines, panel = trained
    stroke(panel.pad, (0.2, 0.2), (0.8, 0.8))
    engines.started[-1].finished.emit(Prediction("", ANSWERS, 8, 8, bytes([0, 255] * 32)))
    for widget in (panel.bars, panel.seen, panel.pad, panel.zone):
        image = widget.grab().toImage()
        colours = {image.pixel(x, y) for x in range(0, image.width(), 3) for y in range(0, image.height(), 3)}
        assert len(colours) > 2, widget
    assert panel.bars.accessibleDescription().startswith("7 93.0%") and len(png(picture())) > 50
