"""Bars of a certificate: a line each, with a name, how large it is, and its number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.window.canvas.geometry import text_width
from app.window.theme import SECONDARY, font, theme

HIGH = 21
"""Of a line, in px."""
LEAST, MOST = 1e-9, 1.0
"""Where the scale of differences begins and ends."""
BAR = 60
"""Pixels that a bar needs at least."""


class Bar(NamedTuple):
    """A line. `share` of the whole width is filled; `token` names its colour."""

    name: str
    value: str
    share: float
    token: str = "accent"
    tip: str = ""


def on_log_scale(value: float) -> float:
    """Where a difference stands between `LEAST` and `MOST`, as a share; what is no number fills all of it."""
    if math.isnan(value) or value >= MOST:
        return 1.0
    return max(math.log(max(value, LEAST) / LEAST) / math.log(MOST / LEAST), 0.0)


def short(value: float) -> str:
    """A difference in two digits, with its power of ten: 3.1e-7."""
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits}e{int(power)}" if power else digits


class Bars(QWidget):
    """Lines under each other: names at the left, numbers at the right, and where there is a `mark`, a line across."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self._what = what
        self.bars: tuple[Bar, ...] = ()
        self.mark: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def show_bars(self, bars: Sequence[Bar], mark: float | None = None) -> None:
        """Show these lines, with a line across all bars at the share `mark`."""
        self.bars, self.mark = tuple(bars), mark
        self._names = max((text_width(bar.name, SECONDARY) for bar in bars), default=0.0)
        self._values = max((text_width(bar.value, SECONDARY, mono=True) for bar in bars), default=0.0)
        self.setFixedHeight(max(HIGH * len(bars), 1))
        self.setAccessibleName(f"{self._what}: " + "; ".join(f"{bar.name} {bar.value}" for bar in bars))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(self._names + self._values) + BAR + 26, self.height()) if self.bars else QSize(0, 0)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _place(self, line: int) -> QRectF:
        """Where the bar of a line may be."""
        left, right = self._names + 12, self.width() - self._values - 12
        return QRectF(left, line * HIGH + 6, max(right - left, 8), HIGH - 12)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = Qt.AlignmentFlag.AlignVCenter
        for n, bar in enumerate(self.bars):
            place = self._place(n)
            painter.setFont(font(SECONDARY))
            painter.setPen(theme.color("soft"))
            painter.drawText(QRectF(0, n * HIGH, self._names + 1, HIGH), middle, bar.name)
            painter.setFont(font(SECONDARY, mono=True))
            painter.setPen(theme.color("error" if bar.token == "error" else "text"))
            value = QRectF(place.right() + 12, n * HIGH, self._values + 1, HIGH)
            painter.drawText(value, middle | Qt.AlignmentFlag.AlignRight, bar.value)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(place, 4, 4)
            if bar.share > 0:
                painter.setBrush(theme.color(bar.token))
                filled = QRectF(place.x(), place.y(), max(place.width() * min(bar.share, 1.0), 4), place.height())
                painter.drawRoundedRect(filled, 4, 4)
        if self.mark is not None and self.bars:
            place = self._place(0)
            x = place.x() + place.width() * self.mark
            painter.setPen(QPen(theme.color("text"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QPointF(x, 2), QPointF(x, self.height() - 2))
        painter.end()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            line = int(event.pos().y() // HIGH)
            tip = self.bars[line].tip if 0 <= line < len(self.bars) else ""
            QToolTip.showText(event.globalPos(), tip, self)
            return True
        return super().event(event)
