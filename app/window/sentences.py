"""Sentences on the screen: names that stand in `backticks` are shown in the monospaced face, without the ticks."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy


def plain(text: str) -> str:
    """A sentence for where only plain text can stand: a button, a screen reader."""
    return text.replace("`", "")


def rich(text: str) -> str:
    """A sentence as rich text."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a tick without its partner is a tick
        parts[-2:] = ["`".join(parts[-2:])]
    shown = [
        f"<span style=\"font-family:'JetBrains Mono'\">{escape(part)}</span>" if i % 2 else escape(part)
        for i, part in enumerate(parts)
    ]
    return "".join(shown).replace("\n", "<br>")


class Sentence(QLabel):
    """A label of as many lines as it needs, for sentences as they are written; `text` gives back what was set."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__()
        self._said = ""
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        if role:
            self.setProperty("role", role)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._said = text
        super().setText(rich(text))
        self.setAccessibleName(plain(text))

    def text(self) -> str:
        return self._said


class Elided(QLabel):
    """One line that ends in an ellipsis where there is no room for all of it; the whole is its tooltip then."""

    def __init__(self, role: str = "") -> None:
        super().__init__()
        self._said = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            self.setProperty("role", role)

    def setText(self, text: str) -> None:
        self._said = text
        self.setAccessibleName(plain(text))
        self._fit()

    def text(self) -> str:
        return self._said

    def _fit(self) -> None:
        whole = plain(self._said)
        shown = self.fontMetrics().elidedText(whole, Qt.TextElideMode.ElideRight, self.width() - 2)
        super().setText(shown)
        self.setToolTip(whole if shown != whole else "")

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()
