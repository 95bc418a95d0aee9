"""The confusion matrices of runs in the real window: pages, cells under the pointer and by keys, shares, copying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.design.values import Settings
from app.engine import confusions
from app.messages import Progress
from app.messages.confusion import Confusion
from app.window import kept, run_tables
from app.window.run_matrix import MatrixView
from app.window.runs_panel import RunsPanel
from tests.window.canvas_hands import CHAIN
from tests.window.run_folders import run_folder, runs_in_a_window

LEFT = Qt.MouseButton.LeftButton
TABLE = Confusion("confusion", ("cat", "dog", "owl"), ((90, 10, 0), (30, 60, 10), (0, 0, 5)))
TESTED = Confusion("confusion", ("cat", "dog", "owl"), ((9, 1, 0), (3, 6, 1), (0, 0, 0)))


@pytest.fixture
def panel(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunsPanel]:
    """The list with a run that has matrices of two splits, written by the engine, and one without."""
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr(kept, "catalogue_file", lambda: tmp_path / "cache" / "catalogue.json")
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "runs" / "plain", CHAIN, began="2026-01-02 10:00:00")
    counted = run_folder(tmp_path / "runs" / "counted", CHAIN, began="2026-01-02 11:00:00")
    confusions.write(counted, "validation", 3, 60, [TABLE])
    confusions.write(counted, "test", 3, 60, [TESTED])
    yield from runs_in_a_window(qtbot, monkeypatch, 2)


def turn(panel: Any, title: str) -> None:
    tabs = panel.views.tabs
    at = next(i for i in range(tabs.count()) if tabs.tabText(i) == title)
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(at).center())


def opened(panel: Any, qtbot: Any) -> MatrixView:
    turn(panel, "Confusion")
    matrix = panel.views.matrix
    assert isinstance(matrix, MatrixView)
    qtbot.waitUntil(lambda: matrix.isVisible() and matrix.picture.width() > 100)
    return matrix


def test_a_cell_says_what_was_taken_for_what(panel: RunsPanel, qtbot: Any) -> None:
    matrix = opened(panel, qtbot)
    assert [matrix.which.itemText(i) for i in range(2)] == ["Validation, epoch 3", "Test, epoch 3"]
    matrix.which.setFocus()
    QTest.keyClick(matrix.which, Qt.Key.Key_Up)
    picture = matrix.picture
    assert picture.table == TABLE
    QTest.mouseMove(picture, picture.place_of(0, 0).center().toPoint())
    QTest.mouseMove(picture, picture.place_of(1, 0).center().toPoint())
    assert matrix.said.text() == "dog was taken for cat: 30 of 100 (30.0 %)"
    QTest.mouseMove(picture, picture.place_of(2, 2).center().toPoint())
    assert matrix.said.text() == "owl was recognised: 5 of 5 (100.0 %)"
    QTest.mouseMove(picture, QPoint(2, 2))
    assert "A row is a right class" in matrix.said.text()
    picture.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Right):
        QTest.keyClick(picture, key)
    assert picture.cell == (1, 2) and picture.accessibleDescription() == "dog was taken for owl: 10 of 100 (10.0 %)"


def test_cells_are_coloured_and_say_counts_or_shares(panel: RunsPanel, qtbot: Any) -> None:
    matrix = opened(panel, qtbot)
    matrix.which.setCurrentIndex(0)
    picture = matrix.picture

    def colour(row: int, column: int) -> str:
        at = picture.place_of(row, column).topLeft().toPoint() + QPoint(3, 3)
        return picture.grab().toImage().pixelColor(at).name()

    def cells() -> list[str]:
        return [colour(row, column) for row in range(3) for column in range(3)]

    assert colour(0, 2) == colour(2, 0), "nothing counted, no colour"
    assert len({colour(0, 0), colour(0, 1), colour(0, 2), colour(1, 0)}) == 4
    counts = cells()
    assert picture._text(30, 0.3) == "30" and picture._text(0, 0.0) == ""
    QTest.mouseClick(matrix.shares, LEFT, pos=QPoint(8, matrix.shares.height() // 2))
    assert matrix.shares.isChecked() and picture._text(5, 1.0) == "100"
    assert cells() != counts, "five of five is as strong as a share as ninety are as counts"


def test_the_matrix_is_copied_as_a_table(panel: RunsPanel, qtbot: Any) -> None:
    matrix = opened(panel, qtbot)
    matrix.which.setCurrentIndex(0)
    QTest.mouseClick(matrix.copy_button, LEFT)
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0] == "|  | cat | dog | owl |" and lines[3] == "| dog | 30 | 60 | 10 |"


def test_a_run_without_a_matrix_shows_its_curves_alone(panel: RunsPanel, qtbot: Any) -> None:
    opened(panel, qtbot)
    panel.table.choose([path for path in panel.shelf.runs if path.name == "plain"])
    assert not panel.views.tabs.isVisible() and panel.curves.isVisible()
    panel.table.choose([path for path in panel.shelf.runs if path.name == "counted"])
    assert panel.views.tabs.isVisible() and not panel.curves.isVisible(), "it comes back to the page one was on"


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"tables": 3}', '{"tables": [{"split": "test"}]}',
     '{"tables": [{"split": "test", "epoch": 1, "table": {"name": "c", "classes": ["a"], "counts": [[1, 2]]}}]}',
     '{"tables": [{"split": "test", "epoch": 1, "table": {"name": "c", "classes": ["a"], "counts": [[-1]]}}]}'],
)  # fmt: skip
def test_a_file_that_is_damaged_is_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / run_tables.NAME).write_text(text)
    assert run_tables.read(tmp_path) == ()


def test_while_a_run_goes_on_its_newest_matrix_is_shown(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    panel.resize(1200, 300)
    QTest.mouseClick(panel.start_button, LEFT)
    (job,) = engines.started
    job.tell(1, 2, "train", loss=1.0)
    qtbot.waitUntil(lambda: panel.curves is not None and panel.curves.isVisible())
    assert not panel.views.tabs.isVisible()
    for epoch, table in ((1, TESTED), (2, TABLE)):
        values = Settings(loss=0.5)
        told = Progress("", epoch, 3, 10 * epoch, 30, "validation", values, confusions=(table,))
        job.progress.emit(told)
    qtbot.waitUntil(panel.views.tabs.isVisible)
    matrix = opened(panel, qtbot)
    assert matrix.picture.table == TABLE and matrix.which.currentText() == "Validation, epoch 2"
