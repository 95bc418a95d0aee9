"""The Code panel in the window, by mouse and keys: it follows the drawing and the selection, and is read back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QTextCursor
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.design import edits
from app.design.grouping import collapse
from app.design.values import Design
from app.messages.code import Code
from app.window.code_lines import line_map, merged
from app.window.code_side import CodeTab
from app.window.code_view import CodeView
from app.window.main_window import MainWindow
from app.window.theme import theme
from tests.window.canvas_hands import CARDS, body
from tests.window.code_hands import DESIGN, Asked, answer, click, code_of, line_of, panel

LEFT, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


def set_channels(design: Design, channels: int) -> Design:
    return edits.set_setting(design, "", "conv", "out_channels", channels, {card.id: card for card in CARDS})


# showing --------------------------------------------------------------------------------------------------------------


def test_the_lines_of_what_is_selected_are_lit_and_a_line_selects_its_node(code_window: MainWindow) -> None:
    window = code_window
    code, canvas = panel(window), window.canvas
    view = code.view
    assert view.text == code_of(DESIGN).text and view.isReadOnly()
    assert code.lines.text() == f"{view.blockCount()} lines" and view.accessibleName() == "Code"
    QTest.mouseClick(canvas.viewport(), LEFT, NONE, body(canvas, "relu"))
    assert view.lit == [line_of(view, "self.relu = "), line_of(view, "relu = self.relu(")]
    assert line_of(view, "self.relu = ") in view.seen, "they are brought into view"
    click(view, "conv = self.conv(image)")
    assert canvas.selected_ids() == ["conv"] and view.hasFocus(), "the keys stay in the code"
    assert view.lit == [line_of(view, "self.conv = "), line_of(view, "conv = self.conv(")]
    QTest.keyClick(view, Qt.Key.Key_Down)
    assert canvas.selected_ids() == ["relu"]
    click(view, "super().__init__()")
    assert canvas.selected_ids() == ["relu"], "a line of no node leaves the selection alone"


def test_code_inside_a_group_leads_into_it(code_window: MainWindow, asked: Asked, qtbot: QtBot) -> None:
    window = code_window
    design = edits.add_node(DESIGN, "", edits.new_node(DESIGN, "", "Conv2d", name="extra"))
    grouped, _id = collapse(design, "", ["conv", "relu"], "stage", {c.id: c for c in CARDS})
    window.document.load(grouped, None)
    (node,) = [n for n in grouped.nodes if n.group]
    inner = next(n for n in grouped.group_by_name[node.group].nodes if n.block == "Conv2d")
    text = "class Stage:\n    conv\n\nclass Network:\n    stage\n    extra\n"
    qtbot.waitUntil(lambda: bool(asked.codes()) and asked.codes()[-1].request.design is grouped)
    places = {node.id: (5,), f"stage/{inner.id}": (2,), "extra": (6,)}
    asked.codes()[-1].finished.emit(Code("", text, places))
    code = panel(window)
    click(code.view, "    conv")
    assert window.document.path == (node.id,) and window.canvas.selected_ids() == [inner.id]
    assert code.view.lit == [2]
    click(code.view, "    extra")
    assert window.document.path == () and window.canvas.selected_ids() == ["extra"]
    window.canvas.scene_.select([node.id])
    assert code.view.lit == [5]


def test_the_text_follows_what_is_drawn_and_keeps_its_place(
    code_window: MainWindow, asked: Asked, qtbot: QtBot
) -> None:
    window = code_window
    document, view = window.document, panel(window).view
    for _ in range(12):
        document.edit("Add", lambda d: edits.add_node(d, "", edits.new_node(d, "", "Conv2d")))
    answer(window, asked, qtbot)
    view.verticalScrollBar().setValue(14)
    top, cursor = view.firstVisibleBlock().text(), view.textCursor().position()
    count = len(asked.codes())
    for channels in (8, 16, 24):
        document.edit("Set", lambda d, c=channels: set_channels(d, c))
    document.edit("Add", lambda d: edits.add_node(d, "", edits.new_node(d, "", "ReLU", name="first", x=-900)))
    stale = asked.codes()[-1]
    code = answer(window, asked, qtbot)
    assert len(asked.codes()) == count + 1, "edits in a row are one question"
    assert view.text == code.text and "out_channels=24" in view.text
    assert view.firstVisibleBlock().text() == top and view.textCursor().position() == cursor
    stale.finished.emit(code_of(DESIGN))
    assert view.text == code.text, "a stale answer is dropped"
    count += 1
    document.edit("Set", lambda d: set_channels(d, 40))
    qtbot.waitUntil(lambda: len(asked.codes()) == count + 1)
    document.edit("Set", lambda d: set_channels(d, 48))
    qtbot.wait(350)
    assert len(asked.codes()) == count + 1, "no second question while an answer is due"
    asked.codes()[-1].finished.emit(code_of(DESIGN))
    assert len(asked.codes()) == count + 2 and "out_channels=24" in view.text
    assert "out_channels=48" in answer(window, asked, qtbot).text
    count += 1
    window.bottom.show_tab("Problems")
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 32, document.catalogue))
    qtbot.wait(350)
    assert len(asked.codes()) == count + 1, "nobody looks, so nobody asks"
    window.bottom.show_tab("Code")
    assert "out_channels=32" in answer(window, asked, qtbot).text


def test_a_design_with_errors_shows_the_last_good_code_dimmed(
    code_window: MainWindow, asked: Asked, qtbot: QtBot
) -> None:
    window = code_window
    document, code = window.document, panel(window)
    before = code.view.text
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "kernel_size", 99, document.catalogue))
    qtbot.waitUntil(lambda: asked.codes()[-1].request.design is document.design)
    asked.codes()[-1].failed.emit("conv: `x` is 32 high, but kernel_size is 99.")
    assert code.view.text == before and code.view.is_dim
    assert "before the last edits" in code.notice.text and "kernel_size is 99" in code.notice.text
    count = len(asked.codes())
    QTest.mouseClick(code.notice.button("Try again"), LEFT)
    qtbot.waitUntil(lambda: len(asked.codes()) == count + 1)
    asked.codes()[-1].failed.emit("conv: `x` is 32 high, but kernel_size is 99.")
    document.undo_stack.undo()
    assert not code.view.is_dim and code.said.isHidden()
    window.document.new()
    assert "stands here" in code.empty.text and code.empty.isVisible()


def test_finding_copying_and_saving(code_window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window = code_window
    code = panel(window)
    view, bar = code.view, code.find_bar
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_F, CTRL)
    assert bar.isVisible() and bar.field.hasFocus(), "in the code Ctrl+F finds in the code"
    QTest.keyClicks(bar.field, "self.conv")
    assert bar.count.text() == "1 of 2" and view.line == line_of(view, "self.conv = ")
    QTest.keyClick(bar.field, Qt.Key.Key_Return)
    assert bar.count.text() == "2 of 2" and view.textCursor().selectedText() == "self.conv"
    QTest.keyClick(bar.field, Qt.Key.Key_Return, SHIFT)
    assert bar.count.text() == "1 of 2"
    QTest.keyClicks(bar.field, "x")
    assert bar.count.text() == "none"
    QTest.keyClick(bar.field, Qt.Key.Key_Escape)
    assert bar.isHidden() and view.hasFocus() and not view.extraSelections()
    QTest.mouseClick(code.copy_button, LEFT)
    assert QGuiApplication.clipboard().text() == view.text
    monkeypatch.setattr(code, "ask_path", lambda save: str(tmp_path / "net"))
    QTest.mouseClick(code.save_button, LEFT)
    assert (tmp_path / "net.py").read_text() == view.text and "net.py" in code.notice.text
    assert code.title.words == "untitled.py"


def test_it_stands_beside_the_canvas_and_goes_back(code_window: MainWindow) -> None:
    window = code_window
    code, tab = panel(window), window.bottom.panel("Code")
    assert isinstance(tab, CodeTab)
    QTest.mouseClick(code.beside_button, LEFT)
    assert tab.beside and code.isVisible() and window.bottom.current == "Problems"
    left = window.canvas.mapTo(window, QPoint(window.canvas.width(), 0)).x()
    assert code.mapTo(window, QPoint(0, 0)).x() >= left, "right of the canvas"
    assert window.settings.value("window/code_beside") == "true"
    window.canvas.scene_.select(["relu"])
    assert code.view.lit
    window.bottom.show_tab("Code")
    QTest.mouseClick(tab._away.button("Put it back here"), LEFT)
    assert not tab.beside and code.isVisible() and code.parentWidget() is tab
    window.actions_["code beside"].trigger()
    assert tab.beside
    window.actions_["code beside"].trigger()
    assert not tab.beside and window.settings.value("window/code_beside") == "false"


def test_both_themes_colour_the_lines(code_window: MainWindow) -> None:
    window = code_window
    view = panel(window).view
    kept = theme.mode
    for mode in ("light", "dark"):
        theme.set_mode(mode)
        block = view.document().findBlockByNumber(line_of(view, "class Network") - 1)
        looks = {(f.start, f.length): f.format.foreground().color().name() for f in block.layout().formats()}
        assert looks[0, 6] == theme.color("accent").name() and looks[6, 7] == theme.color("text").name()
    theme.set_mode(kept)


def test_lines_that_move_are_found_again() -> None:
    assert line_map("a\nb\nc", "a\nx\nb\nc") == {1: 1, 2: 3, 3: 4}
    assert line_map("a\nb\nc", "a\nB\nc") == {1: 1, 2: 2, 3: 3}
    assert line_map("a\nb\nc", "c") == {3: 1}
    assert merged("a\nb\nc\nd", "A\nb\nc\nd", "a\nb\nc\nD") == "A\nb\nc\nD"
    assert merged("a\nb\nc", "a\nX\nc", "a\nY\nc") is None
    assert merged("a\nb\nc", "a\nX\nc", "a\nX\nc") == "a\nX\nc"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a\nb", "a\nb\n"), ("a\nb\n", "a\nb"), ("a", "b\na"), ("a\nb\nc", "c"), ("a\nb\nc", "a"),
        ("a\n\nb", "x\ny"), ("a", ""),
    ],
)  # fmt: skip
def test_a_text_is_put_in_line_by_line(qtbot: QtBot, before: str, after: str) -> None:
    view = CodeView()
    qtbot.addWidget(view)
    view.show_text(before)
    view.show_text(after)
    assert view.text == after
    view.set_editing(True)
    view.type_text(before)
    assert view.text == before and view.changed == (before != after)
    cursor = QTextCursor(view.document())
    view.setTextCursor(cursor)
    QTest.keyClick(view, Qt.Key.Key_Z, CTRL)
    assert view.text == after
