"""A wire on the scene: a calm curve, three lines for a pyramid, red and dashed where it does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPainterPathStroker, QPen
from PySide6.QtWidgets import (
    QGraphicsItem,
    QGraphicsSceneHoverEvent,
    QStyleOptionGraphicsItem,
    QWidget,
)

from app.design.shapes import bend
from app.design.values import Wire
from app.window.canvas import glyphs
from app.window.canvas.painting import MIDDLE, NEAR
from app.window.theme import theme
from blocks.card import Kind

REACH = 7.0
"""Half the width of the band in which the pointer is on a wire."""


@dataclass(frozen=True)
class Curve:
    """A cubic curve from an output to an input."""

    start: QPointF
    one: QPointF
    two: QPointF
    end: QPointF

    @staticmethod
    def between(start: QPointF, end: QPointF) -> Curve:
        """Leave to the right, arrive from the left; a wire that runs back swings out further."""
        reach = bend(end.x() - start.x(), end.y() - start.y())
        return Curve(start, QPointF(start.x() + reach, start.y()), QPointF(end.x() - reach, end.y()), end)

    def path(self) -> QPainterPath:
        path = QPainterPath(self.start)
        path.cubicTo(self.one, self.two, self.end)
        return path

    def at(self, t: float) -> tuple[float, float]:
        """The point at `t` of 0..1."""
        a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t * t, t**3
        return (
            a * self.start.x() + b * self.one.x() + c * self.two.x() + d * self.end.x(),
            a * self.start.y() + b * self.one.y() + c * self.two.y() + d * self.end.y(),
        )


@dataclass(frozen=True)
class WireLook:
    """What a wire shows beside its course."""

    kind: Kind = "tensor"
    category: str = "Connector"
    label: str = ""
    bad: bool = False


def wire_colour(kind: Kind, category: str) -> QColor:
    """A tensor's wire is quiet; every other kind has the colour of its source."""
    return theme.color("wire") if kind in ("tensor", "any") else theme.category(category)


def draw_curve(painter: QPainter, path: QPainterPath, kind: Kind, pen: QPen) -> None:
    """Draw a curve in the manner of its kind: a pyramid is three lines."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if kind != "pyramid":
        painter.setPen(pen)
        painter.drawPath(path)
        return
    thin = QPen(pen)
    thin.setWidthF(pen.widthF() * 0.75)
    painter.setPen(thin)
    for shift in (-4.0, 0.0, 4.0):
        painter.drawPath(path.translated(0, shift))


class WireItem(QGraphicsItem):
    """The picture of one Wire."""

    def __init__(self, wire: Wire, curve: Curve, look: WireLook) -> None:
        super().__init__()
        self.wire = wire
        self.look = look
        self.hovered = False
        self.on_path = False
        """The pointer is on this wire or on one that it feeds or is fed by."""
        self.offered = False
        """A block held over this wire would be put into it."""
        self.when_hovered: Callable[[WireItem], None] | None = None
        """Called when the pointer comes or goes."""
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemIsSelectable)
        self.setAcceptHoverEvents(True)
        self.setZValue(1)
        self._take(curve)

    def _take(self, curve: Curve) -> None:
        self.curve = curve
        self.path = curve.path()
        self._bounds = self.path.boundingRect().adjusted(-9, -9, 9, 9)
        self._shape: QPainterPath | None = None

    def follow(self, curve: Curve) -> None:
        """Take a new course."""
        if curve != self.curve:
            self.prepareGeometryChange()
            self._take(curve)
            self.update()

    def show_look(self, look: WireLook) -> None:
        if look != self.look:
            self.look = look
            self.update()

    def offer(self, offered: bool) -> None:
        """Show that a block which is held here would go into the wire."""
        if offered != self.offered:
            self.offered = offered
            self.update()

    def boundingRect(self) -> QRectF:
        return self._bounds

    def shape(self) -> QPainterPath:
        if self._shape is None:
            stroker = QPainterPathStroker()
            stroker.setWidth(2 * REACH)
            self._shape = stroker.createStroke(self.path)
        return self._shape

    def show_path(self, on: bool) -> None:
        """Stand out, or not any more: the way that a tensor takes is followed through the drawing."""
        if on != self.on_path:
            self.on_path = on
            self.setZValue(1.2 if on else 1)
            self.update()

    def hoverEnterEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self._hover(True)

    def hoverLeaveEvent(self, event: QGraphicsSceneHoverEvent) -> None:
        self._hover(False)

    def _hover(self, on: bool) -> None:
        self.hovered = on
        self.update()
        if self.when_hovered is not None:
            self.when_hovered(self)

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        zoom = option.levelOfDetailFromTransform(painter.worldTransform())
        if zoom < MIDDLE:
            painter.setPen(self.pen(zoom))
            painter.drawLine(self.curve.start, self.curve.end)
        else:
            draw_curve(painter, self.path, self.look.kind, self.pen(zoom))

    def pen(self, zoom: float) -> QPen:
        """What it is drawn with: colour, width and dashes."""
        colour = wire_colour(self.look.kind, self.look.category)
        if zoom < MIDDLE:
            return QPen(theme.color("error") if self.look.bad else colour, 0)
        selected = self.isSelected()
        width = 2.0 if zoom >= NEAR else 1.0 / zoom  # a line of one px costs Qt a fraction of a wider one
        if self.look.bad:
            colour = theme.color("error")
        if selected or self.offered:
            colour = theme.color("accent")
        elif self.on_path:
            colour = glyphs.mix(theme.color("text"), colour, 0.7 if self.hovered else 0.5)
        if self.offered or selected:
            width *= 1.4
        pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap)
        if self.look.bad:
            pen.setDashPattern([3.5, 2.5])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        return pen


def draw_wires(painter: QPainter, wires: Iterable[WireItem], zoom: float) -> None:
    """Draw many wires from afar: all that look alike with one call."""
    alike: dict[tuple[float, int, float, Qt.PenStyle, Kind], tuple[QPen, Kind, list[WireItem]]] = {}
    for wire in wires:
        pen = wire.pen(zoom)
        kind: Kind = "pyramid" if wire.look.kind == "pyramid" else "tensor"
        key = (wire.zValue(), pen.color().rgba(), pen.widthF(), pen.style(), kind)
        alike.setdefault(key, (pen, kind, []))[2].append(wire)
    for key in sorted(alike, key=lambda key: key[0]):
        pen, kind, found = alike[key]
        if zoom < MIDDLE:
            painter.setPen(pen)
            painter.drawLines([QLineF(wire.curve.start, wire.curve.end) for wire in found])
            continue
        path = QPainterPath()
        for wire in found:
            path.addPath(wire.path)
        draw_curve(painter, path, kind, pen)
