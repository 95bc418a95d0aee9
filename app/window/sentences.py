"""Sentences on the screen: names that stand in `backticks` are shown in the monospaced face, without the ticks."""

from __future__ import annotations

import re
from html import escape

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy


def plain(text: str) -> str:
    """A sentence for where only plain text can stand: a button, a screen reader."""
    return text.replace("`", "")


LONGEST_WORD = 24
"""A longer word may be broken where it must be: names of 64 characters stand in narrow panels."""


def _breakable(text: str) -> str:
    def broken(word: re.Match[str]) -> str:
        pieces = re.findall(rf".{{1,{LONGEST_WORD}}}?(?:[_/.]+|$)|.{{{LONGEST_WORD}}}", word.group())
        return "\N{ZERO WIDTH SPACE}".join(pieces)

    return re.sub(rf"\S{{{LONGEST_WORD + 1},}}", broken, text)


def rich(text: str) -> str:
    """A sentence as rich text."""
    text = _breakable(text)
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

    def __init__(self, role: str = "", text: str = "", *, most: int = 0) -> None:
        """With `most` it is as wide as its text, up to so many px, and at the right; else as wide as it is let."""
        super().__init__()
        self._said = ""
        self._most = most
        self.setTextFormat(Qt.TextFormat.PlainText)
        across = QSizePolicy.Policy.Fixed if most else QSizePolicy.Policy.Ignored
        self.setSizePolicy(across, QSizePolicy.Policy.Preferred)
        if most:
            self.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role:
            self.setProperty("role", role)
        self.setText(text)

    def setText(self, text: str) -> None:
        self._said = text
        self.setAccessibleName(plain(text))
        if self._most:
            self.ensurePolished()
            self.setFixedWidth(min(self.fontMetrics().horizontalAdvance(plain(text)) + 6, self._most))
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
