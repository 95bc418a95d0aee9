"""What the preview's panel draws: a grid of small pictures, numbers as bars, and the row of samples to choose from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.window import theme as look
from app.window.canvas import thumbs
from app.window.preview_pictures import number
from app.window.theme import theme

GAP = 4
SIDES = (160, 128, 112, 96, 80, 72, 64, 56, 48, 40, 32)
"""How large a tile of the grid may be: the largest with which all are seen at once, the smallest where none is."""
SHARP = 48
"""Pictures up to so many pixels are shown pixel by pixel."""


def draw_image(painter: QPainter, place: QRectF, image: QImage) -> None:
    """Draw a picture in the middle of `place`, as large as it fits."""
    scale = min(place.width() / image.width(), place.height() / image.height())
    size = image.size().toSizeF() * scale
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, max(image.width(), image.height()) > SHARP)
    painter.drawImage(QRectF(place.center() - QPointF(size.width() / 2, size.height() / 2), size), image)


class TileGrid(QWidget):
    """Pictures side by side, or one of them as large as there is room. What the pointer is over is told."""

    chosen = Signal(int)
    """A picture was clicked: its index."""
    pointed = Signal(int)
    """The index of the picture under the pointer; -1: none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.images: Sequence[QImage] = ()
        self.only: int | None = None
        """The one that is shown alone."""
        self.old = False
        self._over = -1
        self.setMouseTracking(True)
        self.setAccessibleName("Pictures of the node")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def show_images(self, images: Sequence[QImage], only: int | None, old: bool) -> None:
        """Show these pictures, or one of them alone; `old` ones are dimmed."""
        self.images, self.old = images, old
        self.only = only if only is not None and only < len(images) else None
        self._fit()
        self.update()

    def place(self, index: int) -> QRectF:
        """Where a picture is; null where it is not shown."""
        if self.only is not None or len(self.images) == 1:
            alone = index == (self.only or 0)
            return QRectF(self.rect()).adjusted(1, 1, -1, -1) if alone else QRectF()
        wide, high, columns = self._cells()
        row, column = divmod(index, columns)
        return QRectF(column * (wide + GAP), row * (high + GAP), wide, high)

    def at(self, point: QPointF) -> int:
        """The index of the picture at a point; -1: none."""
        return next((i for i in range(len(self.images)) if self.place(i).contains(point)), -1)

    def _cells(self) -> tuple[float, float, int]:
        """Width and height of a cell, and how many stand side by side."""
        first = self.images[0]
        shape = min(max(first.width() / first.height(), 0.25), 4.0)
        view = self.parentWidget()
        room = view.height() if view is not None else self.height()
        for high in SIDES:
            wide = high * shape
            columns = max(int((self.width() + GAP) // (wide + GAP)), 1)
            if math.ceil(len(self.images) / columns) * (high + GAP) <= room:
                break
        return wide, float(high), columns

    def _fit(self) -> None:
        """Be as high as all rows take."""
        least = 0
        if self.only is None and len(self.images) > 1:
            _, high, columns = self._cells()
            least = math.ceil(math.ceil(len(self.images) / columns) * (high + GAP))
        if least != self.minimumHeight():
            self.setMinimumHeight(least)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(-1)

    def _point(self, index: int) -> None:
        if index != self._over:
            self._over = index
            self.pointed.emit(index)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.at(event.position())
        if event.button() == Qt.MouseButton.LeftButton and index >= 0:
            self.chosen.emit(index)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setOpacity(0.35 if self.old else 1.0)
        for index, image in enumerate(self.images):
            place = self.place(index)
            if place.isNull() or not place.intersects(QRectF(event.rect())):
                continue
            draw_image(painter, place, image)
            if index == self._over and len(self.images) > 1 and self.only is None:
                painter.setPen(QPen(theme.color("accent"), 2))
                painter.drawRect(place)
        painter.end()


class ValueBars(QWidget):
    """Numbers as bars; the one under the pointer is told."""

    pointed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.values: tuple[float, ...] = ()
        self.old = False
        self.setMouseTracking(True)
        self.setMinimumHeight(60)
        self.setAccessibleName("Numbers of the node")
        theme.changed.connect(self.update)

    def show_values(self, values: tuple[float, ...], old: bool) -> None:
        """Show these numbers; `old` ones are dimmed."""
        self.values, self.old = values, old
        self.setAccessibleDescription(", ".join(number(v) for v in values[:10]))
        self.update()

    def _inner(self) -> QRectF:
        return QRectF(self.rect()).adjusted(2, 6, -2, -6)

    def at(self, point: QPointF) -> int:
        """The index of the number at a point; -1: none."""
        if not self.values:
            return -1
        left, step = thumbs.bar_places(self._inner(), len(self.values))
        index = math.floor((point.x() - left) / step)
        return index if 0 <= index < len(self.values) else -1

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.pointed.emit(self.at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed.emit(-1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setOpacity(0.35 if self.old else 1.0)
        if len(self.values) == 1:
            painter.setFont(look.font(22, mono=True))
            painter.setPen(theme.color("text"))
            painter.drawText(self._inner(), Qt.AlignmentFlag.AlignCenter, number(self.values[0]))
        elif self.values:
            thumbs.bars(painter, self._inner(), self.values)
        painter.end()


class SampleRow(QWidget):
    """Samples to choose from, each with its class below."""

    chosen = Signal(int)
    """The place in the row of a sample that was clicked."""
    SIDE, LABEL = 28, 14

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._samples: list[tuple[str, QImage | None]] = []
        self._marked = -1
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("Samples to choose from")
        self.setFixedHeight(self.SIDE + self.LABEL + 6)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(10 * self.SIDE, self.SIDE + self.LABEL + 6)

    def show_samples(self, samples: list[tuple[str, QImage | None]], marked: int) -> None:
        """Show these samples (class, picture); the `marked` one is what is looked at."""
        self._samples, self._marked = samples, marked
        chosen = samples[marked][0] if 0 <= marked < len(samples) else "none"
        self.setAccessibleDescription(f"{', '.join(label for label, _ in samples)}; chosen: {chosen}")
        self.update()

    def place(self, index: int) -> QRectF:
        """Where a sample is."""
        step = min(self.width() / max(len(self._samples), 1), self.SIDE + 8.0)
        return QRectF(index * step, 0, min(step - 2, self.SIDE + 4.0), self.height())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        for index in range(len(self._samples)):
            if event.button() == Qt.MouseButton.LeftButton and self.place(index).contains(event.position()):
                self.chosen.emit(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()), 0)
        if step and self._samples:
            self.chosen.emit((max(self._marked, 0) + step) % len(self._samples))
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font(look.SECONDARY))
        for index, (label, image) in enumerate(self._samples):
            place = self.place(index)
            side = min(place.width(), self.SIDE + 4.0)
            square = QRectF(place.left(), 1, side, side).adjusted(2, 2, -2, -2)
            painter.fillRect(square, theme.color("canvas"))
            if image is not None:
                draw_image(painter, square, image)
            if index == self._marked:
                painter.setPen(QPen(theme.color("accent"), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(square.adjusted(-1, -1, 1, 1), 2, 2)
            painter.setPen(theme.color("text" if index == self._marked else "soft"))
            words = QRectF(place.left(), square.bottom() + 2, side, self.LABEL)
            shown = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, round(side))
            painter.drawText(words, Qt.AlignmentFlag.AlignCenter, shown)
        if self.hasFocus():
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.end()
