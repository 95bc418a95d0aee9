"""A node's picture in a preview, and how it is drawn."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QLineF, QPointF, QRectF, Qt
from PySide6.QtGui import QImage, QPainter, QPen

from app.window.theme import font, theme


@dataclass(frozen=True, eq=False)
class Thumb:
    """A node's picture: tiles side by side, numbers as bars, or words. `wide` tiles may be stretched."""

    tiles: tuple[QImage, ...] = ()
    values: tuple[float, ...] = ()
    words: str = ""
    strong: bool = False
    wide: bool = False
    tip: str = ""


def paint(painter: QPainter, rect: QRectF, thumb: Thumb | None, *, old: bool) -> None:
    """Draw a picture into `rect`; nothing but its ground while there is none."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("canvas"))
    painter.drawRoundedRect(rect, 5, 5)
    if thumb is None:
        return
    painter.save()
    painter.setOpacity(0.35 if old else 1.0)
    inner = rect.adjusted(3, 3, -3, -3)
    if thumb.tiles:
        _tiles(painter, inner, thumb)
    elif thumb.values:
        bars(painter, inner, thumb.values)
    else:
        painter.setFont(font(12 if thumb.strong else 11, mono=thumb.strong))
        painter.setPen(theme.color("text" if thumb.strong else "soft"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignCenter, thumb.words)
    painter.restore()


def _tiles(painter: QPainter, rect: QRectF, thumb: Thumb) -> None:
    gap, left = 3.0, rect.left()
    sizes = [rect.height() * image.width() / image.height() for image in thumb.tiles]
    if thumb.wide or sizes[0] > rect.width():
        sizes = [rect.width()]
    shown = 0
    while shown < len(sizes) and sum(sizes[: shown + 1]) + gap * shown <= rect.width() + 0.5:
        shown += 1
    left += (rect.width() - sum(sizes[:shown]) - gap * max(shown - 1, 0)) / 2
    for image, wide in zip(thumb.tiles[:shown], sizes, strict=False):
        high = rect.height() if thumb.wide else min(rect.height(), wide * image.height() / image.width())
        place = QRectF(left, rect.top() + (rect.height() - high) / 2, wide, high)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, max(image.width(), image.height()) > 24)
        painter.drawImage(place, image)
        left += wide + gap


def bar_places(rect: QRectF, count: int) -> tuple[float, float]:
    """Where the first of `count` bars begins, and how far it is to the next."""
    step = min(rect.width() / count, 18.0)
    return rect.left() + (rect.width() - step * count) / 2, step


def bars(painter: QPainter, rect: QRectF, values: tuple[float, ...]) -> None:
    """Numbers as bars from a line at 0."""
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high - low) or 1.0
    zero = rect.top() + rect.height() * high / span
    left, step = bar_places(rect, len(values))
    best = max(range(len(values)), key=lambda i: values[i])
    for index, value in enumerate(values):
        reach = rect.height() * value / span
        bar = QRectF(left + index * step, zero, max(step - (1.5 if step > 4 else 0), 0.8), -reach).normalized()
        painter.fillRect(bar, theme.color("accent" if index == best else "wire"))
    painter.setPen(QPen(theme.color("line"), 1))
    painter.drawLine(QLineF(QPointF(rect.left(), zero), QPointF(rect.right(), zero)))
