"""The sheet under a drawing: it pans, zooms at the pointer, and has dots. What lies on it, and what one does there, is
the canvas' own."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QInputDevice, QNativeGestureEvent, QPainter, QPen, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsView, QWidget

from app.window.canvas.tiles import Tiles
from app.window.theme import theme

SMALLEST, LARGEST = 0.05, 3.0
_DOTS = 24.0
_SHEET = 3000.0
"""How far past the outermost nodes one can pan."""


class Sheet(QGraphicsView):
    """A view on a scene."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.TextAntialiasing)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setViewportUpdateMode(QGraphicsView.ViewportUpdateMode.SmartViewportUpdate)
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self.setResizeAnchor(QGraphicsView.ViewportAnchor.NoAnchor)
        self._ground = Tiles(self, self.draw_ground)
        self._kept: tuple[tuple[float, ...], QPointF] | None = None
        """Where the view stood after a zoom, and the point that the pointer held: the next one holds the very same, or
        what lies under the fingers would slip by a part of a px with each step."""
        theme.changed.connect(self._recolour)

    @property
    def zoom(self) -> float:
        """1 is 100 %."""
        return self.transform().m11()

    def middle(self) -> QPointF:
        """The middle of what is seen, on the scene."""
        return self.mapToScene(self.viewport().rect().center())

    # moving about -----------------------------------------------------------------------------------------------------

    def set_zoom(self, zoom: float, at: QPoint | None = None) -> None:
        """Zoom to `zoom` with the point `at` of the viewport (default: its middle) staying where it is."""
        place = at if at is not None else self.viewport().rect().center()
        zoom = min(max(zoom, SMALLEST), LARGEST)
        if zoom == self.zoom:
            return
        key = (place.x(), place.y(), *self._stand())
        kept = self._kept[1] if self._kept is not None and self._kept[0] == key else self.mapToScene(place)
        self.setTransform(self.transform().fromScale(zoom, zoom))
        slipped = self.viewportTransform().map(kept) - QPointF(place)
        self.scroll(QPoint(-round(slipped.x()), -round(slipped.y())))
        self._kept = (place.x(), place.y(), *self._stand()), kept

    def _stand(self) -> tuple[float, ...]:
        return self.horizontalScrollBar().value(), self.verticalScrollBar().value(), self.zoom

    def scroll(self, delta: QPoint) -> None:  # type: ignore[override]
        """Move the sheet by `delta` px."""
        bars = self.horizontalScrollBar(), self.verticalScrollBar()
        bars[0].setValue(bars[0].value() - delta.x())
        bars[1].setValue(bars[1].value() - delta.y())
        self._moved()

    def _centre(self, at: QPointF) -> None:
        self.centerOn(at)
        self._moved()

    def look_at(self, at: QPointF) -> None:
        """Bring a point of the scene to the middle."""
        self._centre(at)

    def _moved(self) -> None:
        """What is seen of the sheet is another part of it now."""

    def _fit(self, bounds: QRectF) -> None:
        room = self.viewport().rect()
        if bounds.isNull() or room.isEmpty():
            self.setTransform(self.transform().fromScale(1, 1))
            self._centre(QPointF(0, 0))
            return
        around = bounds.adjusted(-28, -28, 28, 28)
        zoom = min(room.width() / around.width(), room.height() / around.height(), 1.0)
        self.setTransform(self.transform().fromScale(max(zoom, SMALLEST), max(zoom, SMALLEST)))
        self._centre(bounds.center())

    def _grow_sheet(self, bounds: QRectF) -> None:
        """Leave room to pan around `bounds`."""
        needed = bounds.adjusted(-_SHEET, -_SHEET, _SHEET, _SHEET)
        if not self.sceneRect().contains(needed):
            kept = self.mapToScene(QPoint(0, 0))
            self.setSceneRect(self.sceneRect().united(needed))
            moved = self.mapFromScene(kept)  # by whole px: what is under the pointer must not slip in a drag
            for bar, by in ((self.horizontalScrollBar(), moved.x()), (self.verticalScrollBar(), moved.y())):
                bar.setValue(bar.value() + by)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
                self.set_zoom(self.zoom * (1 + event.value()), event.position().toPoint())
            return True
        return super().viewportEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        pad = event.device() is not None and event.device().type() == QInputDevice.DeviceType.TouchPad
        zooms = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if pad and not zooms:
            self.scroll(event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 4)
        elif turned := event.angleDelta().y():
            self.set_zoom(self.zoom * 1.0016**turned, event.position().toPoint())
        elif event.angleDelta().x():
            self.scroll(QPoint(event.angleDelta().x() // 2, 0))
        event.accept()

    # painting ---------------------------------------------------------------------------------------------------------

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        painter.save()
        painter.resetTransform()
        self._ground.paint(painter, self.mapFromScene(QRectF(rect)).boundingRect().intersected(self.viewport().rect()))
        painter.restore()

    def draw_ground(self, painter: QPainter, rect: QRectF) -> None:
        """Draw what lies under the drawing, in the scene's units."""
        painter.fillRect(rect, theme.color("canvas"))
        step = _DOTS
        while step * self.zoom < 14:
            step *= 2
        pen = QPen(theme.color("dots"), 1.6)
        pen.setCosmetic(True)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        left, top = int(rect.left() // step), int(rect.top() // step)
        right, bottom = int(rect.right() // step) + 1, int(rect.bottom() // step) + 1
        painter.drawPoints([QPointF(i * step, j * step) for i in range(left, right) for j in range(top, bottom)])

    def _recolour(self) -> None:
        self._ground.forget()
        self.viewport().update()
