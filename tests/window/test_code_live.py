"""The Code panel with its real engine: the code of the digits network, edited where a setting is built into a class."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from app.window.main_window import MainWindow
from tests.window.code_hands import click, panel, put
from tests.window.conftest import ENGINE

pytestmark = pytest.mark.xdist_group("insight")


def test_code_of_a_real_drawing_is_shown_followed_and_read_back(qtbot: Any, real_window: MainWindow) -> None:
    window, document = real_window, real_window.document
    window.files.open_known("digits")
    window.bottom.show_tab("Code")
    code = panel(window)
    view = code.view
    qtbot.waitUntil(lambda: "class Digits(nn.Module)" in view.text, timeout=ENGINE)
    assert code.title.words == "digits.py" and "import torch" in view.text
    click(view, "self.stage2 = ")
    assert window.document.path == ("backbone",) and window.canvas.selected_ids() == ["stage2"] and len(view.lit) == 2
    click(view, "self.head = ")
    assert window.document.path == () and window.canvas.selected_ids() == ["head"]
    QTest.mouseClick(code.edit_button, Qt.MouseButton.LeftButton)
    put(view, "nn.Linear(C, 10)", "nn.Linear(C, 7)")
    put(view, "self.head(attention)", "self.head(backbone)")
    QTest.keyClick(view, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert document.undo_stack.count() == 0, "that 10 is the classes is a guess: the code that they give says so"
    qtbot.waitUntil(lambda: document.undo_stack.count() == 1, timeout=ENGINE)
    assert document.design.by_id["head"].settings["classes"] == 7
    assert document.design.into["head"][0].source.node == "backbone"
    qtbot.waitUntil(lambda: code.base_design is document.design, timeout=ENGINE)
    assert "nn.Linear(C, 7)" in view.text and "self.head(backbone)" in view.text
    put(view, "padding=kernel_size // 2", "padding=kernel_size // 3")
    QTest.keyClick(view, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert document.undo_stack.count() == 1 and "nothing was changed" in code.notice.text
    assert "the class ConvNormAct was changed by hand" in code.outline.rows[0]
    QTest.keyClick(view, Qt.Key.Key_Escape)
    document.undo_stack.undo()
    qtbot.waitUntil(lambda: code.base_design is document.design, timeout=ENGINE)
    assert "nn.Linear(C, 10)" in view.text
