"""Open, save, recent files; bad files leave the open drawing alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, QSettings, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.design import edits, file
from app.design.values import Design, Node
from app.window.document import Document
from app.window.files import Files, dropped_file
from app.window.main_window import MainWindow


class Answers(Files):
    """Files whose questions are answered by the test."""

    path = ""
    choice = "cancel"
    said: tuple[str, ...] = ()

    def ask_save(self) -> str:
        return self.choice

    def ask_open_path(self) -> str:
        return self.path

    def ask_save_path(self) -> str:
        return self.path

    def ask_replace(self, path: Path) -> bool:
        self.said = (*self.said, f"replace {path.name}")
        return self.choice == "replace"

    def report(self, sentence: str) -> None:
        self.said = (*self.said, sentence)


@pytest.fixture
def files(qtbot: QtBot, tmp_path: Path) -> Answers:
    window = QWidget()
    qtbot.addWidget(window)
    made = Answers(Document(window), window, QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    made.keep = window  # type: ignore[attr-defined]
    return made


def _add(files: Answers, id: str) -> None:
    files._document.edit("Add", lambda d: edits.add_node(d, "", Node(id, block="Input")))


def test_save_asks_where_once_and_the_file_reopens_equal(files: Answers, tmp_path: Path) -> None:
    _add(files, "image")
    files.path = str(tmp_path / "net")
    assert files.save()
    saved = tmp_path / "net.netloom"
    assert files._document.file == saved
    assert not files._document.modified
    _add(files, "more")
    files.path = ""
    assert files.save()
    before = files._document.design
    assert files.new()
    assert files._document.design == Design()
    assert files.open(saved)
    assert files._document.design == before
    assert files.recent() == [saved]


@pytest.mark.parametrize(
    "content",
    [
        b"not json", b"[1, 2]", b'{"netloom": 99}', b'{"netloom": 1, "nodes": 3}', b"\xff\xfe",
        b'{"netloom": 1, "nodes": [{"id": "a", "block": "X"}],'
        b' "wires": [{"source": ["a", "o"], "target": ["b", "x"]}]}',
    ],
)  # fmt: skip
def test_a_bad_file_gets_one_sentence_and_changes_nothing(files: Answers, tmp_path: Path, content: bytes) -> None:
    _add(files, "image")
    before, steps = files._document.design, files._document.undo_stack.count()
    files.choice = "discard"
    bad = tmp_path / "bad.netloom"
    bad.write_bytes(content)
    assert not files.open(bad)
    assert files._document.design is before
    assert files._document.undo_stack.count() == steps
    (sentence,) = files.said
    assert "bad.netloom" in sentence
    assert "\n" not in sentence


def test_changes_are_asked_about(files: Answers, tmp_path: Path) -> None:
    _add(files, "image")
    assert not files.close()
    assert files._document.modified
    files.choice, files.path = "save", ""
    assert not files.close(), "a cancelled save keeps the drawing"
    files.path = str(tmp_path / "kept.netloom")
    assert files.close()
    assert file.load(tmp_path / "kept.netloom").by_id
    _add(files, "image")
    files.choice = "discard"
    assert files.close() and len(files.tabs) == 1 and files.tabs.untouched


def test_quitting_asks_about_each_drawing_with_changes(files: Answers, tmp_path: Path) -> None:
    _add(files, "first")
    files.new()
    files.new()
    _add(files, "third")
    assert not files.may_quit() and files.tabs.index == 0, "the one that is asked about is shown"
    files.choice, files.path = "save", str(tmp_path / "a.netloom")
    assert not files.may_quit(), "two drawings do not fit into one file"
    assert "a.netloom is open in another tab" in files.said[-1]
    files.path = str(tmp_path / "b.netloom")
    assert files.may_quit() and not files.tabs.unsaved
    assert file.load(tmp_path / "a.netloom").by_id.keys() == {"first"}
    assert file.load(tmp_path / "b.netloom").by_id.keys() == {"third"}


def test_a_missing_file_leaves_the_recent_list(files: Answers, tmp_path: Path) -> None:
    _add(files, "image")
    files.path = str(tmp_path / "a.netloom")
    assert files.save()
    (tmp_path / "a.netloom").unlink()
    assert not files.open(tmp_path / "a.netloom")
    assert files.recent() == []


def test_missing_files_vanish_from_the_recent_list(files: Answers, tmp_path: Path) -> None:
    for name in ("a", "b"):
        files.path = str(tmp_path / name)
        assert files.save_as()
    (tmp_path / "a.netloom").unlink()
    assert files.recent() == [tmp_path / "b.netloom"]


def test_a_name_with_another_end_gets_ours_and_replaces_nothing_unasked(files: Answers, tmp_path: Path) -> None:
    _add(files, "image")
    files.path = str(tmp_path / "net.v2")
    assert files.save_as()
    assert files._document.file == tmp_path / "net.v2.netloom"
    _add(files, "more")
    before = (tmp_path / "net.v2.netloom").read_bytes()
    assert not files.save_as()
    assert files.said == ("replace net.v2.netloom",)
    assert (tmp_path / "net.v2.netloom").read_bytes() == before
    files.choice = "replace"
    assert files.save_as()
    assert (tmp_path / "net.v2.netloom").read_bytes() != before


def test_a_bad_file_is_told_and_opens_no_tab(files: Answers, tmp_path: Path) -> None:
    _add(files, "image")
    files.choice, files.path = "save", str(tmp_path / "kept.netloom")
    (tmp_path / "bad.netloom").write_bytes(b"no")
    assert not files.open(tmp_path / "bad.netloom")
    assert files._document.modified and len(files.tabs) == 1
    assert not (tmp_path / "kept.netloom").exists()


def test_what_another_program_drags_here(tmp_path: Path) -> None:
    data = QMimeData()
    data.setText("no file")
    assert dropped_file(data) == ""
    data.setUrls([QUrl("https://example.org/a.netloom"), QUrl.fromLocalFile(str(tmp_path / "a.netloom"))])
    assert dropped_file(data) == str(tmp_path / "a.netloom")


@pytest.mark.parametrize("name", ["digits", "pyramid"])
def test_examples_open_without_a_file(files: Answers, name: str) -> None:
    assert files.open_known(name), files.said
    assert files._document.file is None
    assert files._document.title == name
    assert files._document.design.nodes


def test_a_folder_that_cannot_be_written_is_told(files: Answers, tmp_path: Path) -> None:
    files.path = str(tmp_path / "no" / "such" / "a.netloom")
    assert not files.save()
    assert "cannot be saved" in files.said[0]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.show()
    qtbot.waitExposed(made)
    return made


def _drop(widget: QWidget, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    at = QPointF(widget.rect().center())
    for kind in (QDragEnterEvent, QDropEvent):
        where = at.toPoint() if kind is QDragEnterEvent else at
        event = kind(
            where, Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )  # type: ignore[call-overload]
        QApplication.sendEvent(widget, event)
        assert event.isAccepted()


def test_a_dropped_file_opens_and_a_bad_one_changes_nothing(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(window.files, "report", said.append)
    good, bad = tmp_path / "good.netloom", tmp_path / "bad.netloom"
    file.save(Design(nodes=(Node("image", block="Input"),)), good)
    bad.write_bytes(b'{"netloom": 1, "nodes": 3}')
    _drop(window, good)
    qtbot.waitUntil(lambda: window.document.file == good)
    assert window.windowTitle().startswith("good")
    window.document.edit("Add", lambda d: edits.add_node(d, "", Node("more", block="Input")))
    before = window.document.design
    _drop(window, bad)
    qtbot.waitUntil(lambda: bool(said))
    assert window.document.design is before
    assert window.isWindowModified()
    assert "bad.netloom" in said[0]


def test_keys_typed_in_a_field_leave_the_drawing_alone(window: MainWindow, qtbot: QtBot) -> None:
    document = window.document
    document.load(Design(nodes=(Node("image", block="Input"), Node("other", block="Input", x=200))), None)
    window.canvas.select_all()
    window.activateWindow()
    search = window.palette_panel.search
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    before = document.design
    for key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Home, Qt.Key.Key_F, Qt.Key.Key_Left):
        QTest.keyClick(search, key)
    for key in (Qt.Key.Key_A, Qt.Key.Key_D, Qt.Key.Key_G, Qt.Key.Key_X):
        QTest.keyClick(search, key, Qt.KeyboardModifier.ControlModifier)
    assert document.design is before
    assert len(window.canvas.selected_ids()) == 2
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert not document.design.nodes


@pytest.mark.parametrize("place", ["a file/a.netloom", "shut/a.netloom", "gone/a.netloom"])
def test_a_folder_that_takes_no_file_is_told(files: Answers, tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "shut").mkdir(mode=0o500)
    if place.startswith("shut") and os.access(tmp_path / "shut", os.W_OK):
        (tmp_path / "shut" / "a.netloom").mkdir()  # root may write everywhere, but not a file over a folder
    files.path = str(tmp_path / place)
    assert not files.save()
    assert "cannot be saved" in files.said[0]
