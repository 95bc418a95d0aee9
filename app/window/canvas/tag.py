"""A few words beside the pointer: what a release would do, or why it would do nothing."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QWidget

from app.window.sentences import plain
from app.window.theme import font, theme

WIDE = 300.0
"""The most that a line is wide, in px."""
_PAD, _AWAY = 8.0, 16.0


def draw_tag(painter: QPainter, on: QWidget, at: QPointF, text: str, colour: str, *, mono: bool = False) -> None:
    """Write `text` beside the point `at` of the widget `on`, in a token's colour, as large at any zoom."""
    words = plain(text)
    if not words:
        return
    face: QFont = font(12, mono=mono)
    flags = Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap
    needed = QFontMetricsF(face).boundingRect(QRectF(0, 0, WIDE, 400), flags, words)
    box = QRectF(0, 0, needed.width() + 2 * _PAD + 1, needed.height() + _PAD)
    room = on.rect()
    left, top = at.x() + _AWAY, at.y() + _AWAY
    if left + box.width() > room.right() - 4:
        left = at.x() - _AWAY - box.width()
    if top + box.height() > room.bottom() - 4:
        top = at.y() - _AWAY - box.height()
    box.moveTo(max(left, 4.0), max(top, 4.0))
    painter.save()
    painter.resetTransform()
    painter.setPen(QPen(theme.color(colour), 1))
    painter.setBrush(theme.color("panel"))
    painter.drawRoundedRect(box, 6, 6)
    painter.setFont(face)
    painter.setPen(theme.color(colour))
    painter.drawText(box.adjusted(_PAD, _PAD / 2, -_PAD, -_PAD / 2), flags, words)
    painter.restore()
