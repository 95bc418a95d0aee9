"""Icons and tints of the canvas, drawn as vectors so that they stay sharp at any zoom and in a picture."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF
from PySide6.QtGui import QColor, QPainter
from PySide6.QtSvg import QSvgRenderer

import resources


def has(name: str) -> bool:
    """Whether there is an icon of that name among the bundled ones."""
    return bool(name) and resources.path("icons", f"{name}.svg").is_file()


@lru_cache(maxsize=256)
def _renderer(name: str, colour: str) -> QSvgRenderer:
    svg = resources.path("icons", f"{name if has(name) else 'box'}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(svg.replace("currentColor", colour).encode()))


def draw(painter: QPainter, name: str, rect: QRectF, colour: QColor) -> None:
    """Draw a bundled icon; an unknown name (a block of one's own may ask for any) gives a plain box."""
    _renderer(name, colour.name()).render(painter, rect)


def mix(one: QColor, other: QColor, part: float) -> QColor:
    """`part` of `one` in `other`."""
    rest = 1 - part
    return QColor(
        round(one.red() * part + other.red() * rest),
        round(one.green() * part + other.green() * rest),
        round(one.blue() * part + other.blue() * rest),
    )


def tile(painter: QPainter, name: str, rect: QRectF, colour: QColor, ground: QColor) -> None:
    """A category's mark: a small square in its colour with the icon cut out of it."""
    painter.setPen(QColor(0, 0, 0, 0))
    painter.setBrush(colour)
    painter.drawRoundedRect(rect, rect.width() * 0.25, rect.width() * 0.25)
    inset = rect.width() * 0.16
    draw(painter, name, rect.adjusted(inset, inset, -inset, -inset), ground)
