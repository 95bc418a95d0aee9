"""The small map in the corner: every node in its category's colour, and the part that is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from app.window.canvas.painting import inks
from app.window.theme import theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

SIZE = QSize(144, 104)
_MARGIN, _PAD = 16, 8


class Minimap(QWidget):
    """Click or drag on it to look elsewhere."""

    def __init__(self, view: CanvasView) -> None:
        super().__init__(view)
        self._view = view
        self._map: QPixmap | None = None
        self._bounds = QRectF()
        self._seen = QRectF()
        self._shown: object = None
        """What the map was drawn of."""
        self.setObjectName("minimap")
        self.setAccessibleName("Map of the drawing")
        self.setFixedSize(SIZE)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def place(self) -> None:
        """Stand in the lower right corner."""
        self.move(self._view.width() - self.width() - _MARGIN, self._view.height() - self.height() - _MARGIN)

    def refresh(self) -> None:
        """The drawing changed: the map is drawn anew at the next paint."""
        shown = (self._view.scene_.laid, theme.tokens.dark)
        if shown != self._shown:
            self._shown = shown
            self._map = None
            self.update()
        self.follow()

    def follow(self) -> None:
        """Show what is seen now; where that is all of the drawing, a map would only cover some of it."""
        seen = self._view.mapToScene(self._view.viewport().rect()).boundingRect()
        self.setVisible(bool(self._view.scene_.nodes) and not seen.contains(self._view.scene_.bounds()))
        if seen != self._seen:
            self._seen = seen
            self.update()

    def _drawn(self) -> QPixmap:
        if self._map is None:
            ratio = self.devicePixelRatioF()
            self._map = QPixmap(self.size() * ratio)
            self._map.setDevicePixelRatio(ratio)
            self._map.fill(Qt.GlobalColor.transparent)
            self._bounds = self._view.scene_.bounds().adjusted(-60, -60, 60, 60)
            painter = QPainter(self._map)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            dark, (scale, left, top) = theme.tokens.dark, self._scale()
            painter.translate(left, top)
            painter.scale(scale, scale)
            painter.translate(-self._bounds.topLeft())
            least, round_ = 3 / scale, 1.5 / scale  # a node is 3 px large at least
            for frame in self._view.scene_.frames.items.values():
                tint = theme.category(frame.frame.colour)
                tint.setAlpha(60)
                painter.setBrush(tint)
                painter.drawRoundedRect(frame.rect, 2 / scale, 2 / scale)
            paths: dict[str, QPainterPath] = {}
            for item in self._view.scene_.nodes.values():
                at = item.rect
                size = QSizeF(max(at.width(), least), max(at.height(), least))
                path = paths.setdefault(item.face.category, QPainterPath())
                path.addRoundedRect(QRectF(at.topLeft(), size), round_, round_)
            for category, path in paths.items():
                path.setFillRule(Qt.FillRule.WindingFill)
                painter.setBrush(inks(category, dark).category)
                painter.drawPath(path)
            painter.end()
        return self._map

    def _scale(self) -> tuple[float, float, float]:
        wide, high = self.width() - 2 * _PAD, self.height() - 2 * _PAD
        scale = min(wide / max(self._bounds.width(), 1), high / max(self._bounds.height(), 1))
        left = _PAD + (wide - self._bounds.width() * scale) / 2
        return scale, left, _PAD + (high - self._bounds.height() * scale) / 2

    def _to_map(self, rect: QRectF) -> QRectF:
        scale, left, top = self._scale()
        return QRectF(
            left + (rect.left() - self._bounds.left()) * scale, top + (rect.top() - self._bounds.top()) * scale,
            rect.width() * scale, rect.height() * scale,
        )  # fmt: skip

    def paintEvent(self, event: QPaintEvent) -> None:
        drawn = self._drawn()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("line"), 1))
        ground = theme.color("panel")
        ground.setAlpha(225)
        painter.setBrush(ground)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        painter.drawPixmap(0, 0, drawn)
        seen = self._view.mapToScene(self._view.viewport().rect()).boundingRect()
        frame = self._to_map(seen).intersected(QRectF(self.rect()).adjusted(4, 4, -4, -4))
        fill = theme.color("accent")
        painter.setPen(QPen(fill, 1.2))
        fill.setAlpha(20)
        painter.setBrush(fill)
        painter.drawRoundedRect(frame, 2, 2)
        painter.end()

    def _look(self, at: QPointF) -> None:
        scale, left, top = self._scale()
        self._view.centerOn((at.x() - left) / scale + self._bounds.left(), (at.y() - top) / scale + self._bounds.top())
        self._view.bubble.follow()
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._look(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._look(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        event.accept()
