"""The drawing from afar, many items with one call: wires of one look in one path, nodes of one colour at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter

from app.window.canvas import painting
from app.window.canvas.frame_item import FrameItem
from app.window.canvas.node_item import NodeItem
from app.window.canvas.wire_item import WireItem, draw_wires

if TYPE_CHECKING:
    from app.window.canvas.scene import Scene


def draw(scene: Scene, painter: QPainter, place: QRectF, zoom: float) -> None:
    """Draw what lies on a place of the scene; the painter is in its units."""
    around = place.adjusted(-2 / zoom, -2 / zoom, 2 / zoom, 2 / zoom)
    items = scene.items(around, Qt.ItemSelectionMode.IntersectsItemBoundingRect)
    nodes = [item for item in items if isinstance(item, NodeItem)]
    for frame in reversed([item for item in items if isinstance(item, FrameItem)]):  # the first one lies on top
        painter.translate(frame.pos())
        frame.draw(painter, zoom)
        painter.translate(-frame.pos())
    draw_wires(painter, [item for item in items if isinstance(item, WireItem)], zoom)
    if zoom < painting.MIDDLE:
        _fill(painter, nodes)
        return
    for item in reversed(nodes):  # the first one lies on top
        painter.translate(item.pos())
        painting.paint(painter, item.face, item.geometry, item.state, zoom)
        painter.translate(-item.pos())


def _fill(painter: QPainter, nodes: list[NodeItem]) -> None:
    """Nodes that are colour alone."""
    by_colour: dict[int, list[QRectF]] = {}
    for item in nodes:
        by_colour.setdefault(painting.far_colour(item.face, item.state).rgba(), []).append(item.rect)
    painter.setPen(Qt.PenStyle.NoPen)
    for colour, rects in by_colour.items():
        painter.setBrush(QColor.fromRgba(colour))
        painter.drawRects(rects)
