"""A small plot of one line: the learning rate over a run to come, or the loss over learning rates that were tried."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.window import theme as look
from app.window.theme import theme

HIGH, LEFT, FOOT, EDGE = 112, 58, 18, 8
Point = tuple[float, float]


class RateCurve(QWidget):
    """Draws `points` with the ends of both axes in figures; what is under the pointer is said above the line."""

    def __init__(self, name: str, words: Callable[[float, float], str], *, log: bool = False) -> None:
        super().__init__()
        self._name, self._words, self._log = name, words, log
        self.points: list[Point] = []
        self.chosen: float | None = None
        """Where a line stands upright: the rate that is advised."""
        self._ends = ("", "")
        self._pointed: Point | None = None
        self.setMinimumHeight(HIGH)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self.setAccessibleName(name)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(320, HIGH)

    def show_points(self, points: Sequence[Point], ends: tuple[str, str], chosen: float | None = None) -> None:
        """Draw a line through `points`; `ends` is what stands under the left and the right end."""
        self.points, self._ends, self.chosen, self._pointed = list(points), ends, chosen, None
        if self.points:
            high = max(self.points, key=lambda p: p[1])
            said = f"begins at {self.points[0][1]:.3g}, is highest at {high[1]:.3g}, ends at {self.points[-1][1]:.3g}"
            self.setAccessibleDescription(f"{self._name} {said}")
        self.update()

    @property
    def said(self) -> str:
        """What is said of the point under the pointer."""
        return self._words(*self._pointed) if self._pointed is not None else ""

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        place = self._place()
        at = event.position().x()
        near = min(self.points, key=lambda p: abs(self._x(p[0], place) - at), default=None)
        self._pointed = near if near is not None and place.left() - 4 <= at <= place.right() + 4 else None
        self.update()

    def leaveEvent(self, event: object) -> None:
        self._pointed = None
        self.update()

    def _place(self) -> QRectF:
        return QRectF(LEFT, EDGE + 12, max(self.width() - LEFT - EDGE, 10), max(self.height() - FOOT - EDGE - 14, 10))

    def _x(self, x: float, place: QRectF) -> float:
        low, high = self._scaled(self.points[0][0]), self._scaled(self.points[-1][0])
        return place.left() + place.width() * ((self._scaled(x) - low) / (high - low) if high > low else 0.0)

    def _scaled(self, x: float) -> float:
        return math.log10(max(x, 1e-300)) if self._log else x

    def _range(self) -> tuple[float, float]:
        values = [y for _, y in self.points]
        low = min(values) if self._log else 0.0
        # A loss that shoots up at the end would press what one looks for into a line.
        high = min(max(values), values[0] + 1.5 * (values[0] - low)) if self._log and values[0] > low else max(values)
        return (low, high) if high > low else (low, low + (abs(low) or 1.0))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(theme.color("line"))
        painter.setBrush(theme.color("canvas"))
        painter.drawRoundedRect(ground, 6, 6)
        if not self.points:
            painter.end()
            return
        place, (low, high) = self._place(), self._range()

        def at(point: Point) -> QPointF:
            share = min(max((point[1] - low) / (high - low), 0.0), 1.0)
            return QPointF(self._x(point[0], place), place.bottom() - share * place.height())

        painter.setFont(look.font(10, mono=True))
        painter.setPen(theme.color("soft"))
        right, middle = Qt.AlignmentFlag.AlignRight, Qt.AlignmentFlag.AlignVCenter
        for value, y in ((high, place.top()), (low, place.bottom())):
            painter.drawText(QRectF(2, y - 8, LEFT - 8, 16), right | middle, f"{value:.3g}")
        foot = QRectF(place.left(), place.bottom() + 2, place.width(), FOOT - 2)
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft | middle, self._ends[0])
        painter.drawText(foot, right | middle, self._ends[1])
        painter.setPen(QPen(theme.color("dots"), 1))
        for y in (place.top(), place.bottom()):
            painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
        if self.chosen is not None:
            painter.setPen(QPen(theme.color("ok"), 1.4, Qt.PenStyle.DashLine))
            x = self._x(self.chosen, place)
            painter.drawLine(QPointF(x, place.top()), QPointF(x, place.bottom()))
        painter.setPen(QPen(theme.color("accent"), 1.8))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([at(point) for point in self.points]))
        if self._pointed is not None:
            painter.setBrush(QColor(theme.color("accent")))
            painter.drawEllipse(at(self._pointed), 3.5, 3.5)
            painter.setPen(theme.color("text"))
            painter.drawText(QRectF(place.left(), 3, place.width(), 16), right | middle, self.said)
        painter.end()
