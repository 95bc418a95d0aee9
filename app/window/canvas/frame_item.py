"""A frame on the scene: a titled rectangle behind nodes and wires. Far out its title grows, so that it can be read."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.design.values import Frame
from app.window.canvas.geometry import RADIUS, metrics, text_width
from app.window.canvas.painting import LEFT, NEAR
from app.window.canvas.sheet import SMALLEST
from app.window.theme import BODY, font, theme

BAR = 28.0
"""Height of the title bar at 100 %, in scene units."""
_TITLE, _LEAST, _BAR_ON_SCREEN = 13.0, 8.0, 24.0
"""How small a title, one that is to fit, and the bar get on the screen, in px."""
_EDGE, _CORNER = 6.0, 14.0
"""How near to an edge or a corner a press takes it, in px on the screen."""
_OVER = _BAR_ON_SCREEN / SMALLEST
"""How far over the frame's top the bar can grow."""


def bar_height(zoom: float) -> float:
    """How high the title bar is at a zoom, in scene units."""
    return max(BAR, _BAR_ON_SCREEN / max(zoom, SMALLEST))


class FrameItem(QGraphicsItem):
    """The picture of one Frame."""

    def __init__(self, frame: Frame) -> None:
        super().__init__()
        self.frame = frame
        self.nested = False
        """Whether it lies in another frame: then its bar does not grow, over that one's title."""
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self._place()

    def show_frame(self, frame: Frame) -> None:
        """Show another title, place or colour."""
        if frame != self.frame:
            self.prepareGeometryChange()
            self.frame = frame
            self._place()
            self.update()

    def show_nested(self, nested: bool) -> None:
        """Lie in another frame, or no more."""
        if nested != self.nested:
            self.nested = nested
            self.update()

    def _place(self) -> None:
        self.setPos(self.frame.x, self.frame.y)
        # Behind everything; the larger ones further back, so that a frame inside another lies on it.
        self.setZValue(-1.0 - self.frame.width * self.frame.height * 1e-9)

    @property
    def rect(self) -> QRectF:
        """The frame on the scene, where it is shown now."""
        return QRectF(self.pos().x(), self.pos().y(), self.frame.width, self.frame.height)

    def bar(self, zoom: float) -> QRectF:
        """The title bar on the scene: at the top inside; far out it grows upwards, clear of what stands within."""
        high = BAR if self.nested else bar_height(zoom)
        return QRectF(self.pos().x(), self.pos().y() + BAR - high, self.frame.width, high)

    def part(self, at: QPointF, zoom: float) -> str:
        """What lies at a point of the scene: "title", edges to drag ("n", "se"), or "" for the inside and nothing."""
        rect, near, corner = self.rect, _EDGE / zoom, _CORNER / zoom
        if rect.adjusted(-near, -near, near, near).contains(at):
            close = {
                "n": at.y() - rect.top(), "s": rect.bottom() - at.y(),
                "w": at.x() - rect.left(), "e": rect.right() - at.x(),
            }  # fmt: skip
            taken = [side for side, far in close.items() if far <= near]
            if taken:  # beside a corner both of its edges are taken
                across = "we" if taken[0] in "ns" else "ns"
                taken += [s for s in across if s not in taken and close[s] <= corner and len(taken) < 2]
                return "".join(sorted(taken, key="nswe".index))
        return "title" if self.bar(zoom).contains(at) else ""

    def boundingRect(self) -> QRectF:
        return QRectF(0, 0, self.frame.width, self.frame.height).adjusted(-8, -_OVER, 8, 8)

    def shape(self) -> QPainterPath:
        path = QPainterPath()
        path.addRect(QRectF(0, 0, self.frame.width, self.frame.height))
        return path

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        self.draw(painter, option.levelOfDetailFromTransform(painter.worldTransform()))

    def draw(self, painter: QPainter, zoom: float) -> None:
        """Draw it at its own origin."""
        selected = self.isSelected()
        rect = QRectF(0, 0, self.frame.width, self.frame.height)
        bar = self.bar(zoom).translated(-self.pos())
        body = QRectF(rect)
        body.setTop(min(max(bar.bottom(), rect.top()), rect.bottom()))  # under the bar the ground would show through
        own, dark = theme.category(self.frame.colour), theme.tokens.dark
        ground, head = _thin(own, 26 if dark else 22), _thin(own, 70 if dark else 54)
        line = theme.color("accent") if selected else _thin(own, 150)
        edge = QPen(line, (2.0 if selected else 1.0) / min(zoom, 1.0))
        if zoom < NEAR:  # the corners are too small to be seen round, and large round shapes cost most of a repaint
            painter.fillRect(body, ground)
            painter.fillRect(bar, head)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(edge)
            painter.drawRect(rect.united(bar))
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(ground)
            painter.setClipRect(body)
            painter.drawRoundedRect(rect, RADIUS, RADIUS)
            painter.setBrush(head)
            painter.setClipRect(bar)
            painter.drawRoundedRect(bar.adjusted(0, 0, 0, RADIUS), RADIUS, RADIUS)
            painter.setClipping(False)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(edge)
            painter.drawRoundedRect(rect.united(bar), RADIUS, RADIUS)
        self._words(painter, bar, zoom)
        if selected and zoom >= NEAR:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("accent"))
            for corner in (rect.topLeft(), rect.topRight(), rect.bottomLeft(), rect.bottomRight()):
                painter.drawRect(QRectF(corner.x() - 4, corner.y() - 4, 8, 8))

    def _words(self, painter: QPainter, bar: QRectF, zoom: float) -> None:
        scale = max(zoom, SMALLEST)
        size = BODY if self.nested else max(BODY, _TITLE / scale)
        pad = 12.0 if zoom >= NEAR else 5 / scale
        room = bar.adjusted(pad, 0, -pad, 0)
        if not self.nested and zoom < NEAR:  # rather small than cut off
            full = text_width(self.frame.title, BODY, bold=True) / BODY
            size = max(min(size, room.width() / max(full, 1.0)), _LEAST / scale)
        if size * zoom >= 5:
            painter.setFont(font(size, weight=QFont.Weight.DemiBold))
            painter.setPen(theme.color("text"))
            bold = metrics(float(round(size)), weight=QFont.Weight.DemiBold)
            words = bold.elidedText(self.frame.title, Qt.TextElideMode.ElideRight, room.width())
            painter.drawText(room, LEFT, words)
        if self.frame.text and zoom >= NEAR:
            painter.setFont(font(BODY - 0.5))
            painter.setPen(theme.color("soft"))
            note = QRectF(12, BAR + 8, self.frame.width - 24, self.frame.height - BAR - 16)
            painter.setClipRect(note)
            flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
            painter.drawText(note, flags, self.frame.text)
            painter.setClipping(False)


def _thin(colour: QColor, alpha: int) -> QColor:
    made = QColor(colour)
    made.setAlpha(alpha)
    return made
