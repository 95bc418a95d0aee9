"""Hands on the Code panel: a window whose engines are played by the test."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.design.values import Design
from app.messages.code import Code, GetCode
from app.window.code_panel import CodePanel
from app.window.code_side import CodeTab
from app.window.code_view import CodeView
from app.window.main_window import MainWindow
from tests.design import made_code
from tests.window.canvas_hands import CHAIN, wire
from tests.window.fake_engines import FakeJob

DESIGN = replace(CHAIN, wires=(*CHAIN.wires, wire("conv", "relu")))


class Asked(list[FakeJob]):
    """What the window asks of its engines, answered by hand."""

    def run(self, request: Any) -> FakeJob:
        self.append(FakeJob(request))
        return self[-1]

    def codes(self) -> list[FakeJob]:
        return [job for job in self if isinstance(job.request, GetCode)]


def code_of(design: Design) -> Code:
    """The code of a small drawing, as an engine would give it."""
    text, places = made_code.code_of(design)
    return Code("", text, places)


def panel(window: MainWindow) -> CodePanel:
    tab = window.bottom.panel("Code")
    assert isinstance(tab, CodeTab)
    return tab.code


def answer(window: MainWindow, asked: Asked, qtbot: QtBot) -> Code:
    """Answer the question after the code of what is drawn, once it comes."""
    qtbot.waitUntil(lambda: bool(asked.codes()) and asked.codes()[-1].request.design is window.document.design)
    job = asked.codes()[-1]
    code = code_of(job.request.design)
    job.finished.emit(code)
    return code


def line_of(view: CodeView, text: str) -> int:
    return next(i for i, line in enumerate(view.text.split("\n"), 1) if text in line)


def click(view: CodeView, text: str) -> None:
    """Click into the line that holds a text."""
    line = line_of(view, text)
    view.look_at(range(line, line + 1))
    block = view.document().findBlockByNumber(line - 1)
    at = view.blockBoundingGeometry(block).translated(view.contentOffset()).center()
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(60, round(at.y()))
    )


def put(view: CodeView, text: str, instead: str) -> None:
    """Select a text and type another in its place."""
    cursor = view.document().find(text)
    assert not cursor.isNull(), text
    view.setTextCursor(cursor)
    QTest.keyClicks(view, instead)
