"""A sentence with the buttons that help: what stands where something is missing, has ended or went wrong."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QResizeEvent
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.window import parts
from app.window import theme as look
from app.window.sentences import Sentence, plain
from app.window.theme import theme

Button = tuple[str, Callable[[], object]]
"""What stands on it, and what it does."""

SENTENCE = 180
"""Pixels that a sentence needs beside its buttons."""
_ICONS = {"info": "info", "ok": "circle-check", "warn": "triangle-alert", "error": "circle-alert", "none": ""}


class Notice(QWidget):
    """An icon, a sentence and buttons: in a row, or with `tall` one below the other in the middle of a page."""

    def __init__(self, parent: QWidget | None = None, *, tall: bool = False) -> None:
        super().__init__(parent)
        self._said: tuple[str, str, tuple[str, ...]] | None = None
        self._tone = "info"
        self.buttons: list[QPushButton] = []
        self._icon = QLabel(self)
        self._icon.setFixedSize(16, 16)
        self.label = Sentence()
        self.label.setFont(look.font(look.BODY, weight=QFont.Weight.Medium if tall else QFont.Weight.Normal))
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._row = QHBoxLayout()
        self._row.setSpacing(8)
        layout = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12 if tall else 8)
        self._tall = tall
        self._outer = layout
        if tall:
            self.label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            layout.addStretch(1)
            layout.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(self.label)
            layout.addLayout(self._row)
            layout.addStretch(1)
            self._row.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        else:
            first = QHBoxLayout()
            first.setSpacing(8)
            first.addWidget(self._icon)
            first.addWidget(self.label, 1)
            layout.addLayout(first)
            layout.addLayout(self._row)
            layout.setDirection(QBoxLayout.Direction.LeftToRight)
            layout.setStretch(0, 1)
        self.setLayout(layout)
        theme.changed.connect(self._paint_icon)

    def say(self, tone: str, sentence: str, *buttons: Button, main: bool = True) -> None:
        """Show a sentence. `tone` is info, ok, warn, error or none; with `main` the first button stands out."""
        said = (tone, sentence, tuple(text for text, _ in buttons))
        if said == self._said:
            return  # a button under the pointer must not be replaced by its like
        self._said, self._tone = said, tone
        self.label.setText(sentence)
        self.setAccessibleName(plain(sentence))
        for old in self.buttons:
            old.hide()
            old.deleteLater()
        self.buttons = []
        for index, (text, act) in enumerate(buttons):
            button = parts.button(text, "primary" if main and index == 0 else "")
            button.clicked.connect(lambda _checked=False, act=act: act())
            self._row.addWidget(button)
            button.show()
            self.buttons.append(button)
        self._paint_icon()
        self._lay_out()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        """Put the buttons beside the sentence, or where they would squeeze it below."""
        if self._tall:
            return
        wide = sum(button.sizeHint().width() + 8 for button in self.buttons)
        below = bool(self.buttons) and 0 < self.width() < wide + SENTENCE
        way = QBoxLayout.Direction.TopToBottom if below else QBoxLayout.Direction.LeftToRight
        if way != self._outer.direction():
            self._outer.setDirection(way)
            self._row.setAlignment(Qt.AlignmentFlag.AlignRight if below else Qt.AlignmentFlag(0))

    @property
    def text(self) -> str:
        """The sentence shown."""
        return self.label.text()

    def button(self, text: str) -> QPushButton:
        """The button that says `text`. Raises KeyError when there is none."""
        found = next((b for b in self.buttons if b.text() == text), None)
        if found is None:
            raise KeyError(f"no button {text!r}, but {[b.text() for b in self.buttons]}")
        return found

    def _paint_icon(self) -> None:
        name = _ICONS[self._tone]
        self._icon.setVisible(bool(name))
        if name:
            token = "soft" if self._tone == "info" else self._tone
            self._icon.setPixmap(look.icon(name, theme.color(token).name()).pixmap(16, 16))


class _Sideways(QScrollArea):
    """Scrolls its widget sideways where there is less room than it needs; in height it always fits the view."""

    def __init__(self, body: QWidget, least: int, parent: QWidget) -> None:
        super().__init__(parent)
        self._body, self._least = body, least
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it takes the keys, and is brought into view
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(body)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        view = self.viewport().size()
        self._body.resize(max(view.width(), self._least), view.height())


def fill(panel: QWidget, body: QWidget, least: int) -> None:
    """Put `body` into `panel`; where there is less room than `least` px in width, it is scrolled, not squeezed."""
    body.setObjectName("content")  # the style sheet keeps its ground clear
    layout = QVBoxLayout(panel)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(_Sideways(body, least, panel))
