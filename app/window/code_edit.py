"""A field for lines of Python: monospaced, lightly coloured, Return keeps the indent, Ctrl+Return hands it in."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent
from PySide6.QtWidgets import QPlainTextEdit

from app.window.highlight import PythonColours
from app.window.number_edit import undoes_the_drawing
from app.window.parts import area
from app.window.theme import font

LINES = (3, 14)
"""So many lines are shown at least and at most."""


def indent_after(edit: QPlainTextEdit) -> str:
    """What a new line after the cursor begins with: the indent of its line, and one step more after a colon."""
    before = edit.textCursor().block().text()[: edit.textCursor().positionInBlock()]
    return before[: len(before) - len(before.lstrip())] + "    " * before.rstrip().endswith(":")


class CodeEdit(QPlainTextEdit):
    """Lines of Python. `settled` is the text that stands in the drawing."""

    typed = Signal(str)
    """The field was left, or Ctrl+Return pressed, with another text than the settled one."""

    def __init__(self) -> None:
        super().__init__()
        self.settled = ""
        self.setFont(font(12, mono=True))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setTabChangesFocus(True)  # the keyboard must lead out again; Return indents where Python needs it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setCornerWidget(area("content"))  # where both bars meet the style would draw a box
        self._colours = PythonColours(self.document())
        self.textChanged.connect(self._fit)
        self._fit()

    def show_text(self, text: str) -> None:
        """Show what stands in the drawing; nothing is announced."""
        self.settled = text
        if self.toPlainText() != text:
            self.setPlainText(text)

    def _fit(self) -> None:
        """As high as the lines need, within bounds."""
        lines = min(max(self.document().blockCount(), LINES[0]), LINES[1])
        self.setFixedHeight(lines * QFontMetrics(self.font()).lineSpacing() + 38)

    def _hand_in(self) -> None:
        if self.toPlainText() != self.settled:
            self.typed.emit(self.toPlainText())

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:  # its own menu is open: one is still at it
            self._hand_in()

    def event(self, event: QEvent) -> bool:
        if not undoes_the_drawing(event, self.toPlainText() == self.settled):
            return super().event(event)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.isReadOnly():
            if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self._hand_in()
                return
            indent = indent_after(self)
            super().keyPressEvent(event)
            self.insertPlainText(indent)
            return
        if event.key() == Qt.Key.Key_Escape and self.toPlainText() != self.settled:
            self.show_text(self.settled)
            return
        super().keyPressEvent(event)
