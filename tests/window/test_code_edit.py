"""Code edited in the panel or in a file: what it would change is listed; applied, it is one step."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.design import edits
from app.design.values import Settings
from app.window.code_panel import CodePanel
from app.window.main_window import MainWindow
from tests.window.code_hands import Asked, answer, code_of, line_of, panel, put

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def editing(code_window: MainWindow) -> CodePanel:
    code = panel(code_window)
    QTest.mouseClick(code.edit_button, LEFT)
    assert code.editing.on and code.view.hasFocus()
    return code


def test_an_edit_is_listed_and_applied_as_one_step(
    code_window: MainWindow, asked: Asked, editing: CodePanel, qtbot: QtBot
) -> None:
    window, code = code_window, editing
    document, view = window.document, code.view
    before = document.design
    assert code.outline.isHidden() and not code.apply_button.isEnabled()
    put(view, "out_channels=64", "out_channels=32")
    put(view, "relu = self.relu(conv)", "relu = self.relu(image)")
    qtbot.waitUntil(lambda: len(code.outline.rows) == 2)
    assert code.outline.rows == ["≠ conv  out_channels: 64 → 32", "≠ relu  input x: conv.out → image.out"]
    assert code.outline.head.text() == "Changes 2 nodes" and document.design is before
    QTest.keyClick(view, Qt.Key.Key_Return, CTRL)
    assert document.design.by_id["conv"].settings["out_channels"] == 32
    assert document.undo_stack.count() == 1 and document.undo_stack.undoText() == "Edit code: changes 2 nodes"
    assert "applied" in code.notice.text and not code.editing.touched
    typed = view.text
    assert answer(window, asked, qtbot).text.replace(" ", "") == typed.replace(" ", ""), "it is the code of the drawing"
    document.undo_stack.undo()
    answer(window, asked, qtbot)
    assert document.design is before and view.text == code_of(before).text and code.editing.on


def test_what_cannot_be_read_changes_nothing_but_by_consent(
    code_window: MainWindow, editing: CodePanel, qtbot: QtBot
) -> None:
    document, view, code = code_window.document, editing.view, editing
    before = document.design
    put(view, "out_channels=64", "out_channels=0")
    put(view, "self.relu = nn.ReLU()", "self.relu = nn.Identity3()")
    put(view, "kernel_size=(3, 3)", "kernel_size=5")
    qtbot.waitUntil(lambda: len(view.marks) == 2)
    wrong = line_of(view, "out_channels=0")
    assert "at least 1" in view.marks[wrong] and code.outline.head.text() == "2 lines cannot be read"
    QTest.mouseClick(code.apply_button, LEFT)
    assert document.design is before and "nothing was changed" in code.notice.text
    QTest.mouseClick(code.notice.button(f"Go to line {wrong}"), LEFT)
    assert view.line == wrong and view.hasFocus()
    QTest.mouseClick(code.notice.button("Apply the rest"), LEFT)
    assert document.design.by_id["conv"].settings == Settings(kernel_size=(5, 5))
    assert document.undo_stack.count() == 1


def test_revert_and_leaving(code_window: MainWindow, editing: CodePanel) -> None:
    view, code = editing.view, editing
    text = view.text
    put(view, "out_channels=64", "out_channels=32")
    QTest.mouseClick(code.edit_button, LEFT)
    assert code.editing.on and "not applied" in code.notice.text, "what was typed is not lost by a click"
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert view.text == text and code.editing.on
    QTest.keyClick(view, Qt.Key.Key_Z, CTRL)
    assert "out_channels=32" in view.text, "undo brings it back"
    QTest.mouseClick(code.revert_button, LEFT)
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert not code.editing.on and view.isReadOnly() and code.outline.isHidden()
    QTest.keyClicks(view, "x")
    assert view.text == text


def test_an_edit_goes_on_over_a_drawing_that_changes(
    code_window: MainWindow, asked: Asked, editing: CodePanel, qtbot: QtBot
) -> None:
    document, view = code_window.document, editing.view
    put(view, "self.relu = nn.ReLU()", "self.act = nn.ReLU()")
    put(view, "relu = self.relu(conv)", "relu = self.act(conv)")
    document.edit("Add", lambda d: edits.set_setting(d, "", "conv", "out_channels", 8, document.catalogue))
    QTest.keyClick(view, Qt.Key.Key_Return, CTRL)
    assert "act" not in document.design.by_name, "the code of the drawing is on its way"
    answer(code_window, asked, qtbot)
    assert document.design.by_name["act"].id == "relu" and document.undo_stack.count() == 2
    assert document.design.by_name["conv"].settings["out_channels"] == 8
    answer(code_window, asked, qtbot)
    put(view, "out_channels=8", "out_channels=16")
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 4, document.catalogue))
    answer(code_window, asked, qtbot)
    assert "changed where its code was edited" in editing.notice.text and "out_channels=16" in view.text
    QTest.mouseClick(editing.notice.button("Take the drawing's"), LEFT)
    assert "out_channels=4" in view.text and not editing.editing.touched


def test_another_tab_keeps_what_was_typed(
    code_window: MainWindow, asked: Asked, editing: CodePanel, qtbot: QtBot
) -> None:
    window, view = code_window, editing.view
    put(view, "out_channels=64", "out_channels=32")
    typed = view.text
    window.files.new()
    assert not editing.editing.on and editing.empty.isVisible()
    window.tabs.show(0)
    assert editing.editing.on and view.text == typed and editing.editing.touched
    window.tabs.show(1)
    window.files.close()
    editing.editing.leave(forget=True)


def test_a_file_edited_elsewhere_is_read_back(
    code_window: MainWindow, asked: Asked, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, code = code_window, panel(code_window)
    document, file = window.document, tmp_path / "model.py"
    monkeypatch.setattr(code, "ask_path", lambda save: str(file))
    QTest.mouseClick(code.save_button, LEFT)
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "kernel_size", 5, document.catalogue))
    answer(window, asked, qtbot)
    file.write_text(file.read_text().replace("out_channels=64", "out_channels=48"))
    qtbot.waitUntil(lambda: "has changed" in code.notice.text)
    QTest.mouseClick(code.notice.button("Read it back"), LEFT)
    assert code.outline.rows == ["≠ conv  out_channels: 64 → 48"], "what was drawn since then stays"
    QTest.mouseClick(code.notice.button("Apply"), LEFT)
    assert document.design.by_id["conv"].settings == Settings(kernel_size=(5, 5), out_channels=48)
    answer(window, asked, qtbot)
    other = tmp_path / "other.py"
    other.write_text(code.view.text.replace("nn.ReLU()", "nn.ReLU(open('x'))"))
    monkeypatch.setattr(code, "ask_path", lambda save: str(other))
    window.bottom.show_tab("Problems")
    window.actions_["read code"].trigger()
    assert window.bottom.current == "Code" and "cannot be read" in code.notice.text
    for content, words in ((b"\xff\xfe", "no text in UTF-8"), (b"#" * 2_000_001, "at most 2,000,000")):
        other.write_bytes(content)
        window.actions_["read code"].trigger()
        assert words in code.notice.text
    other.unlink()
    window.actions_["read code"].trigger()
    assert "cannot be read" in code.notice.text


def test_a_drawing_whose_code_is_edited_is_not_closed_unasked(
    code_window: MainWindow, asked: Asked, editing: CodePanel, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, code = code_window, editing
    window.document.undo_stack.setClean()
    put(code.view, "out_channels=64", "out_channels=32")
    answers, told = [False], []
    monkeypatch.setattr(window.files, "ask_give_up", lambda: told.append(window.document.title) or answers[-1])
    number, count = window.document.number, len(window.tabs)
    QTest.keyClick(code.view, Qt.Key.Key_W, CTRL)
    assert (len(told), len(window.tabs)) == (1, count), "it is kept"
    window.files.new()
    window.bottom.show_tab("Problems")
    assert window.tabs.is_typed(number) and not window.files.close(0), "in a tab that is not shown too"
    assert len(told) == 2 and window.document.number == number and code.isVisible()
    assert "out_channels=32" in code.view.text, "it is shown as it was left"
    answers.append(True)
    assert window.files.close(0) and not window.tabs.is_typed(number) and len(told) == 3
    assert window.files.may_quit() and len(told) == 3
