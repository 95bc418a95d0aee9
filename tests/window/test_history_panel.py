"""The history panel, by mouse and keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.window.canvas import commands
from app.window.history_panel import HistoryList, HistoryPanel
from app.window.main_window import MainWindow
from app.window.steps import Step
from tests.window.canvas_hands import CARDS, CHAIN, body, drag, key

LEFT, NONE, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.document.load(CHAIN, None)
    made.show()
    made.activateWindow()
    qtbot.waitExposed(made)
    yield made


def listed(window: MainWindow) -> HistoryList:
    panel = window.bottom.panel("History")
    assert isinstance(panel, HistoryPanel)
    return panel.list


def said(window: MainWindow) -> list[str]:
    model, role = listed(window).model(), int(Qt.ItemDataRole.AccessibleTextRole)
    return [str(model.index(row, 0).data(role)) for row in range(model.rowCount())]


def test_each_step_has_its_name_and_can_be_gone_to(window: MainWindow, qtbot: QtBot) -> None:
    view, document = window.canvas, window.document
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_D, CTRL)
    key(view, Qt.Key.Key_Delete)
    view.scene_.select(["relu"])
    key(view, Qt.Key.Key_Delete)
    QTest.keyClick(window, Qt.Key.Key_H, CTRL)
    steps = listed(window)
    assert window.bottom.current == "History" and steps.hasFocus()
    assert said(window) == ["As it was opened", "Duplicate conv", "Delete conv_2", "Delete relu, now"]
    shown: list[object] = []
    document.changed.connect(lambda _old, new: shown.append(new))
    QTest.mouseClick(steps.viewport(), LEFT, NONE, steps.visualRect(steps.model().index(0, 0)).center())
    assert document.design is CHAIN and shown == [CHAIN], "one change, whatever lies between"
    assert said(window)[0] == "As it was opened, now" and said(window)[3] == "Delete relu, undone"
    QTest.keyClick(steps, Qt.Key.Key_Down)
    assert document.undo_stack.index() == 1 and "conv_2" in view.scene_.nodes
    QTest.keyClick(steps, Qt.Key.Key_End)
    assert document.undo_stack.index() == 3 and "relu" not in view.scene_.nodes
    QTest.keyClick(window, Qt.Key.Key_Z, CTRL)
    assert steps.currentIndex().row() == 2
    before = document.design
    QTest.keyClick(steps, Qt.Key.Key_D)
    assert document.design is before, "letters go nowhere"
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_Delete)
    assert said(window) == ["As it was opened", "Duplicate conv", "Delete conv_2", "Delete conv, now"]


def test_moves_of_the_same_nodes_merge_for_a_while(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    view, document = window.canvas, window.document
    view.fit_all()
    start = document.design
    for offset in (40, 60):
        at = body(view, "conv")
        drag(view, at, at + type(at)(offset, 40))
    key(view, Qt.Key.Key_Right)
    assert document.undo_stack.count() == 1 and document.undo_stack.undoText() == "Move conv"
    at = body(view, "relu")
    drag(view, at, at + type(at)(0, 60))
    assert document.undo_stack.count() == 2, "other nodes are another step"
    later = document.last_step.time + commands.ONE_MOVE + 1
    monkeypatch.setattr("app.window.document.time.time", lambda: later)
    at = body(view, "relu")
    drag(view, at, at + type(at)(0, 60))
    assert document.undo_stack.count() == 3, "much later is another step"
    assert isinstance(document.last_step, Step)
    document.go_to_step(0)
    assert document.design is start
