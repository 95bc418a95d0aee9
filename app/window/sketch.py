"""A drawing in small, for cards: each node a tile in its category's colour with its icon, placed as on the canvas."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen, QPixmap

from app.design.values import Design, Node
from app.window.canvas import glyphs
from app.window.canvas.face import icon_of
from app.window.canvas.wire_item import Curve
from app.window.theme import theme
from blocks.card import Card

LARGEST, SMALLEST = 34.0, 7.0
"""Sides that a tile may have, in px."""
_MIDDLE = QPointF(96, 44)
"""From a node's corner to about its middle."""


def sketch(design: Design, catalogue: Mapping[str, Card], size: QSize, density: float = 1.0) -> QPixmap:
    """The top of a drawing in `size` px."""
    picture = QPixmap(size * density)
    picture.setDevicePixelRatio(density)
    picture.fill(Qt.GlobalColor.transparent)
    if not design.nodes:
        return picture
    side, places = _places(design, QRectF(0, 0, size.width(), size.height()))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(theme.color("wire"), 1.3))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    reach = QPointF(side / 2, 0)
    for wire in design.wires:
        start, end = places[wire.source.node] + reach, places[wire.target.node] - reach
        painter.drawPath(Curve.between(start, end).path())
    for node in design.nodes:
        _tile(painter, node, catalogue, places[node.id], side)
    painter.end()
    return picture


def _places(design: Design, room: QRectF) -> tuple[float, dict[str, QPointF]]:
    """The side of a tile, and where the middle of each is."""
    middles = {n.id: QPointF(n.x, n.y) + _MIDDLE for n in design.nodes}
    xs, ys = [p.x() for p in middles.values()], [p.y() for p in middles.values()]
    wide, high = max(xs) - min(xs), max(ys) - min(ys)
    # Nodes side by side are the measure of a tile: between two there must be room for a wire.
    nearest = min((b - a for a, b in pairwise(sorted(set(xs))) if b - a > 60), default=260.0)
    lower = min((b - a for a, b in pairwise(sorted(set(ys))) if b - a > 40), default=200.0)
    side, scale = LARGEST, 1.0
    for _ in range(3):  # the smaller the tiles, the more room between them: this settles at once
        scale = min((room.width() - side) / max(wide, 1), (room.height() - side) / max(high, 1), 0.3)
        side = min(max(0.66 * scale * nearest, SMALLEST), max(0.8 * scale * lower, SMALLEST), LARGEST)
    left = room.center().x() - scale * wide / 2
    top = room.center().y() - scale * high / 2
    return side, {
        id: QPointF(left + scale * (p.x() - min(xs)), top + scale * (p.y() - min(ys))) for id, p in middles.items()
    }


def _tile(painter: QPainter, node: Node, catalogue: Mapping[str, Card], at: QPointF, side: float) -> None:
    card = catalogue.get(node.block)
    category = "Group" if node.group else card.category if card else "Connector"
    own, ground = theme.category(category), theme.color("node")
    place = QRectF(at.x() - side / 2, at.y() - side / 2, side, side)
    painter.setPen(QPen(glyphs.mix(own, ground, 0.9), 1.2))
    painter.setBrush(glyphs.mix(own, ground, 0.34 if theme.tokens.dark else 0.2))
    painter.drawRoundedRect(place, side / 5, side / 5)
    if side >= 13:
        inset = side * 0.24
        ink = theme.color("text") if theme.tokens.dark else glyphs.mix(own, theme.color("text"), 0.45)
        glyphs.draw(painter, "boxes" if node.group else icon_of(card, category),
                    place.adjusted(inset, inset, -inset, -inset), ink)  # fmt: skip
