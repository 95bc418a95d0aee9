"""What was checked of an export, a line with a tick each."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.window import parts
from app.window import theme as look
from app.window.sentences import Sentence
from app.window.theme import theme


class ReportLines(QWidget):
    """Hidden while there is nothing to say."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = QVBoxLayout(self)
        self._lines.setContentsMargins(0, 0, 0, 0)
        self._lines.setSpacing(4)

    @property
    def lines(self) -> list[str]:
        """What is said."""
        return [words.text() for words in self.findChildren(Sentence) if not words.isHidden()]

    def show_lines(self, lines: Sequence[str]) -> None:
        """Say this in the place of what was said before."""
        while (item := self._lines.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.setParent(None)
                widget.deleteLater()
        for line in lines:
            self._lines.addWidget(_row(line))
        self.setVisible(bool(lines))


def _row(line: str) -> QWidget:
    row = QWidget()
    tick = QLabel(row)
    tick.setPixmap(look.icon("check", theme.color("ok").name()).pixmap(14, 14))
    tick.setAlignment(Qt.AlignmentFlag.AlignTop)
    words = parts.label(line, "soft", wrap=True)
    words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    layout = QHBoxLayout(row)
    layout.setContentsMargins(1, 0, 0, 0)
    layout.setSpacing(9)
    layout.addWidget(tick)
    layout.addWidget(words, 1)
    return row
