"""The whole way in the real window with the real engine: train, see the samples improve, try one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.design import file
from app.window.main_window import MainWindow
from app.window.runs import FINISHED
from tests.engine.sample_designs import make_table, masks, table
from tests.window.conftest import ENGINE
from tests.window.test_confusion import turn
from tests.window.test_whole import analysed, click_button, click_tab

NONE = Qt.KeyboardModifier.NoModifier


def trained(window: MainWindow, qtbot: Any, path: Path) -> Any:
    window.files.open(path)
    panel = click_tab(window, "Training")
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=10_000)
    click_button(panel, "Start")
    qtbot.waitUntil(lambda: panel.runs.last is not None and not panel.running, timeout=3 * ENGINE)
    assert panel.runs.last.state == FINISHED, panel.runs.last.message
    return panel


def test_masks_are_seen_to_improve_and_ones_own_picture_and_row_are_tried(
    real_window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    window = real_window
    file.save(masks(epochs=2, batch_size=40), tmp_path / "masks.netloom")
    panel = trained(window, qtbot, tmp_path / "masks.netloom")
    tabs = panel.views.tabs
    qtbot.waitUntil(lambda: tabs.isVisible() and tabs.isTabVisible(3) and tabs.tabRect(3).right() <= tabs.width())
    turn(panel, "Samples")
    qtbot.waitUntil(lambda: panel.views.samples is not None)
    view = panel.views.samples
    qtbot.waitUntil(view.isVisible)
    assert view.epoch.text() == "epoch 2" and view.score.text().endswith("% of pixels right")
    assert len(view.grid.samples) == 8 and len(view.grid._tiles[0]) == 2
    last = view.grid.readings
    view.slider.setFocus()
    QTest.keyClick(view.slider, Qt.Key.Key_Home)
    assert view.epoch.text() == "epoch 1" and view.grid.readings != last

    tried = click_tab(window, "Try")
    picture = QImage(40, 30, QImage.Format.Format_RGB32)
    picture.fill(0xFF3060C0)
    picture.save(str(tmp_path / "mine.png"))
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "mine.png"))])
    left, copy = Qt.MouseButton.LeftButton, Qt.DropAction.CopyAction
    QApplication.sendEvent(tried.zone, QDragEnterEvent(QPoint(9, 9), copy, data, left, NONE))
    QApplication.sendEvent(tried.zone, QDropEvent(QPointF(9, 9), copy, data, left, NONE))
    qtbot.waitUntil(lambda: bool(tried.answer.pictures.tiles), timeout=ENGINE)
    (tile,) = tried.answer.pictures.tiles
    assert tile.mask is not None and (tile.mask.width(), tile.mask.height()) == (24, 24)
    assert "ground" in tried.answer.pictures.accessibleName() and not tried.notice.isVisible()
    seen = tried.seen.image
    assert seen.pixelColor(3, 3).name() == "#3060c0", "in its colours, at the size of the Input"
    QGuiApplication.clipboard().setText("no picture")
    tried.zone.setFocus()
    QTest.keyClick(tried.zone, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert "holds no picture" in tried.notice.text

    file.save(table(make_table(tmp_path / "a.csv")), tmp_path / "rows.netloom")
    trained(window, qtbot, tmp_path / "rows.netloom")
    click_tab(window, "Try")
    qtbot.waitUntil(lambda: len(tried.row.fields) == 2 and tried.row.isVisible(), timeout=ENGINE)
    assert [field.accessibleName() for field in tried.row.fields] == ["width", "height"]
    for field, text in zip(tried.row.fields, ("19", "11"), strict=True):
        QTest.mouseClick(field, left)
        field.selectAll()
        QTest.keyClicks(field, text)
    QTest.keyClick(tried.row.fields[1], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(tried.bars.answers) and tried.bars.answers[0].label == "wide", timeout=ENGINE)
    tried.row.fields[0].selectAll()
    QTest.keyClicks(tried.row.fields[0], "broad")
    QTest.keyClick(tried.row.fields[0], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: tried.notice.text == "`width` is `broad`: it needs a number.", timeout=ENGINE)
    tried.row.whole.setFocus()
    QTest.keyClicks(tried.row.whole, "11, 19.5")
    QTest.keyClick(tried.row.whole, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(tried.bars.answers) and tried.bars.answers[0].label == "high", timeout=ENGINE)
