"""Another program changes, breaks or takes away the file of the drawing."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.design import edits, file
from app.design.values import Design
from app.window.disk import DiskBar
from app.window.main_window import MainWindow
from tests.window.canvas_hands import CARDS, CHAIN

LEFT = Qt.MouseButton.LeftButton
THEIRS = edits.rename(CHAIN, "", "conv", "theirs")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "chain.netloom"
    file.save(CHAIN, path)
    return path


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.show()
    qtbot.waitExposed(made)
    assert made.files.open(path)
    return made


def bar(window: MainWindow) -> DiskBar | None:
    return next((b for b in window.findChildren(DiskBar) if b.isVisible()), None)


def press(qtbot: QtBot, window: MainWindow, text: str) -> str:
    """Wait for the bar, and press one of its buttons; returns what it said."""
    qtbot.waitUntil(lambda: bar(window) is not None)
    shown = bar(window)
    assert shown is not None
    said = shown.notice.text
    QTest.mouseClick(shown.notice.button(text), LEFT)
    return said


def mine(window: MainWindow) -> Design:
    window.document.edit("Delete relu", lambda d: edits.remove(d, "", ["relu"]))
    return window.document.design


def test_reload_keeps_the_view_and_can_be_undone(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    document, canvas = window.document, window.canvas
    qtbot.wait(1)  # the view is fitted once the drawing is open
    canvas.set_zoom(1.5)
    canvas.scene_.select(["conv"])
    drawn = mine(window)
    file.save(THEIRS, path)
    said = press(qtbot, window, "Reload")
    assert "`chain.netloom`" in said and "changes of its own" in said
    assert document.design == THEIRS and not document.modified and bar(window) is None
    assert canvas.zoom == 1.5 and canvas.selected_ids() == ["conv"]
    document.undo_stack.undo()
    assert document.design is drawn and document.modified


def test_an_unchanged_drawing_is_asked_too(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    path.write_bytes(file.dumps(THEIRS))  # in place, as some editors do
    assert "changes of its own" not in press(qtbot, window, "Reload")
    assert window.document.design == THEIRS and window.document.undo_stack.undoText() == "Reload chain"


def test_mine_is_kept_and_may_be_saved_then(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    file.save(THEIRS, path)
    press(qtbot, window, "Keep mine")
    assert bar(window) is None and window.document.modified, "it is not what the file holds"
    assert window.save()
    assert file.load(path) == CHAIN and not window.document.modified


@pytest.mark.parametrize("answer", ["cancel", "replace", "elsewhere"])
def test_a_save_writes_over_nothing_unseen(
    window: MainWindow, path: Path, answer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = mine(window)
    file.save(THEIRS, path)
    asked: list[Path] = []
    other = path.with_name("other.netloom")
    monkeypatch.setattr(window.files, "ask_write_over", lambda path: asked.append(path) or answer)
    monkeypatch.setattr(window.files, "ask_save_path", lambda: str(other))
    assert window.save() == (answer != "cancel")
    assert asked == [path]
    assert file.load(path) == (drawn if answer == "replace" else THEIRS)
    assert other.exists() == (answer == "elsewhere") and window.document.modified == (answer == "cancel")
    assert window.document.file == (other if answer == "elsewhere" else path)


def test_own_saves_and_the_same_design_are_no_change(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    drawn = mine(window)
    assert window.save()
    path.write_bytes(file.dumps(drawn).replace(b"\n", b"\n\n"))
    looked: list[bool] = []
    window.files.disk._timer.timeout.connect(lambda: looked.append(True))  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: bool(looked))
    assert window.files.disk.state == "" and not window.document.modified  # type: ignore[union-attr]
    assert window.save(), "nobody is asked"


def test_a_file_that_is_gone_or_broken(window: MainWindow, qtbot: QtBot, path: Path) -> None:
    path.unlink()
    qtbot.waitUntil(lambda: bar(window) is not None)
    assert window.document.modified, "closing the window asks"
    file.save(CHAIN, path)
    qtbot.waitUntil(lambda: bar(window) is None)
    assert not window.document.modified
    path.unlink()
    assert "deleted or moved" in press(qtbot, window, "Save it again")
    assert file.load(path) == CHAIN and bar(window) is None
    path.write_bytes(b"<<<<<<< ours")
    assert "cannot be read now" in press(qtbot, window, "Keep mine")
    assert window.save() and file.load(path) == CHAIN
