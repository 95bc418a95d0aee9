"""A stroke through wires cuts them: Ctrl and the right button, drawn across what shall go."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QLineF, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen

from app.design import edits
from app.design.values import Wire
from app.window.canvas.gestures import Gesture
from app.window.canvas.wire_item import Curve, WireItem, draw_curve
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

_PIECES = 32
"""How many straight pieces a wire is taken for."""


class Slice(Gesture):
    """Cut the wires that the stroke crosses, all as one step."""

    def __init__(self, view: CanvasView, at: QPointF) -> None:
        super().__init__(view)
        self._stroke = [at]
        self._cut: dict[Wire, None] = {}
        view.viewport().setCursor(Qt.CursorShape.CrossCursor)
        view.bubble.hide()
        view.hint.emit("Draw across the wires that shall go")

    def move(self, at: QPointF, screen: QPoint) -> None:
        step = QLineF(self._stroke[-1], at)
        if step.length() * self.view.zoom < 2:
            return
        self._stroke.append(at)
        around = QRectF(step.p1(), step.p2()).normalized().adjusted(-1, -1, 1, 1)
        for item in self.view.scene_.items(around, Qt.ItemSelectionMode.IntersectsItemBoundingRect):
            if isinstance(item, WireItem) and item.wire not in self._cut and crosses(item.curve, step):
                self._cut[item.wire] = None
        count = len(self._cut)
        words = "a wire" if count == 1 else f"{count} wires"
        self.view.hint.emit(f"Release to cut {words}" if count else "Draw across the wires that shall go")
        self.view.viewport().update()

    def release(self, at: QPointF) -> None:
        document, where, cut = self.view.document, self.view.document.where, list(self._cut)
        self.cancel()
        if cut:
            words = "a wire" if len(cut) == 1 else f"{len(cut)} wires"
            document.edit(f"Cut {words}", lambda d: edits.disconnect(d, where, cut))

    def cancel(self) -> None:
        self._stroke, self._cut = self._stroke[:1], {}
        self.view.viewport().unsetCursor()
        self.view.bubble.refresh()
        self.view.hint.emit("")
        self.view.viewport().update()

    def paint(self, painter: QPainter) -> None:
        red = theme.color("error")
        thin = 1 / max(self.view.zoom, 0.05)
        pen = QPen(red, max(2.0, 2 * thin), Qt.PenStyle.DashLine)
        for wire in self._cut:
            item = self.view.scene_.wires.get(wire)
            if item is not None:
                draw_curve(painter, item.curve.path(), item.look.kind, pen)
        path = QPainterPath(self._stroke[0])
        for point in self._stroke[1:]:
            path.lineTo(point)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        stroke = QPen(red, 1.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
        stroke.setCosmetic(True)
        painter.setPen(stroke)
        painter.drawPath(path)


def crosses(curve: Curve, step: QLineF) -> bool:
    """Whether a straight piece of a stroke crosses a wire's curve."""
    points = [QPointF(*curve.at(i / _PIECES)) for i in range(_PIECES + 1)]
    return any(
        QLineF(a, b).intersects(step)[0] == QLineF.IntersectionType.BoundedIntersection  # type: ignore[index]
        for a, b in pairwise(points)
    )
