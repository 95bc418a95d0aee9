"""Choosing with a line drawn by hand: Alt and a drag over the bare canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen, QPolygonF

from app.window.canvas.gestures import Gesture
from app.window.canvas.node_item import NodeItem
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

_STEP = 3.0
"""Pixels on the screen after which the line takes another point."""


class Lasso(Gesture):
    """Choose the nodes whose middle the line goes around."""

    def __init__(self, view: CanvasView, at: QPointF, *, keep: bool) -> None:
        super().__init__(view)
        self._line = QPolygonF([at])
        self._kept = view.scene_.selected_ids() if keep else []
        self._before = view.scene_.selected_ids()
        if not keep:
            view.scene_.clearSelection()

    def move(self, at: QPointF, screen: QPoint) -> None:
        if (at - self._line.last()).manhattanLength() * self.view.zoom < _STEP:
            return
        self._line.append(at)
        within = self._path()
        bounds: QRectF = within.boundingRect()
        touched = [item for item in self.view.scene_.items(bounds) if isinstance(item, NodeItem)]
        ids = [item.node.id for item in touched if within.contains(item.rect.center())]
        self.view.scene_.select(dict.fromkeys([*self._kept, *ids]))
        self.view.viewport().update()

    def _path(self) -> QPainterPath:
        path = QPainterPath()
        path.addPolygon(self._line)
        path.closeSubpath()
        path.setFillRule(Qt.FillRule.WindingFill)
        return path

    def release(self, at: QPointF) -> None:
        self.view.viewport().update()

    def cancel(self) -> None:
        self.view.scene_.select(self._before)
        self.view.viewport().update()

    def paint(self, painter: QPainter) -> None:
        fill = theme.color("accent")
        fill.setAlpha(28)
        pen = QPen(theme.color("accent"), 1.5)
        pen.setCosmetic(True)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawPath(self._path())
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(self._line)
        pen.setStyle(Qt.PenStyle.DotLine)  # the way back, which closes it
        painter.setPen(pen)
        painter.drawLine(self._line.last(), self._line.first())
