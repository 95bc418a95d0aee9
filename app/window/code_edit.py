"""A field for lines of Python: monospaced, lightly coloured, Return keeps the indent, Ctrl+Return hands it in."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetrics, QKeyEvent, QSyntaxHighlighter, QTextCharFormat, QTextDocument
from PySide6.QtWidgets import QPlainTextEdit

from app.window.number_edit import undoes_the_drawing
from app.window.parts import area
from app.window.theme import font, theme

LINES = (3, 14)
"""So many lines are shown at least and at most."""
_RULES = tuple((token, re.compile(pattern)) for token, pattern in (
    ("accent", r"\b(?:and|as|break|class|continue|def|elif|else|except|False|finally|for|from|if|import|in|is|lambda"
               r"|None|not|or|pass|raise|return|True|try|while|with|yield)\b"),
    ("warn", r"\b\d[\d_.]*(?:e[+-]?\d+)?\b"),
    ("ok", r"'[^']*'|\"[^\"]*\""),
    ("soft", r"#.*"),
))  # fmt: skip


class _Colours(QSyntaxHighlighter):
    """Keywords, numbers, texts and comments in the theme's colours."""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        theme.changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        for token, rule in _RULES:
            look = QTextCharFormat()
            look.setForeground(theme.color(token))
            for found in rule.finditer(text):
                self.setFormat(found.start(), found.end() - found.start(), look)


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
        self._colours = _Colours(self.document())
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
            before = self.textCursor().block().text()[: self.textCursor().positionInBlock()]
            indent = before[: len(before) - len(before.lstrip())] + "    " * before.rstrip().endswith(":")
            super().keyPressEvent(event)
            self.insertPlainText(indent)
            return
        if event.key() == Qt.Key.Key_Escape and self.toPlainText() != self.settled:
            self.show_text(self.settled)
            return
        super().keyPressEvent(event)
