"""Samples before and after their steps, with masks and boxes drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.messages.augment import Pair
from app.messages.data import ShownSample
from app.messages.preview import Look
from app.window import theme as look
from app.window.preview_pictures import images
from app.window.preview_tiles import SHARP
from app.window.theme import theme

COLOURS = ("#4c8df6", "#f0a13c", "#e56fb3", "#2fb5a8", "#b57bf0", "#c9b53a", "#6f9a5b", "#e0614f")
"""Of classes, in turn; class 0 of a mask is the ground, and has none."""
VEIL = 110
"""How strongly a mask covers the picture, of 255."""
GAP, LINE, HEAD = 8, 16, 54
LEAST, MOST = 40, 150
"""Height and width of a picture, in pixels."""


def mask_image(mask: Look) -> QImage | None:
    """A mask as colours to lay over the picture; what has no class is dark."""
    if len(mask.pixels) < mask.width * mask.height or not mask.pixels:
        return None  # the bytes come from another process
    raw = QImage(mask.pixels, mask.width, mask.height, mask.width, QImage.Format.Format_Indexed8).copy()
    table = [QColor(0, 0, 0, 0).rgba()]
    for number in range(1, 255):
        colour = QColor(COLOURS[(number - 1) % len(COLOURS)])
        colour.setAlpha(VEIL)
        table.append(colour.rgba())
    table.append(QColor(0, 0, 0, 150).rgba())
    raw.setColorTable(table)
    return raw


class PairGrid(QWidget):
    """A column for each sample: as it is read above, as the network gets it below (of two views, two)."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.pairs: tuple[Pair, ...] = ()
        self.old = False
        self._drawn: dict[int, tuple[QImage | None, QImage | None]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(200, 60)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(400, 220)

    def show_pairs(self, pairs: tuple[Pair, ...], *, old: bool = False) -> None:
        """Show these; `old` ones are dimmed: newer are on their way."""
        self.old = old
        if pairs is not self.pairs:
            self.pairs = pairs
            self._drawn = {}
            for pair in pairs:
                for sample in (pair.before, *pair.after):
                    shown = images(sample.look)[0] if sample.look is not None and images(sample.look) else None
                    self._drawn[id(sample)] = shown, mask_image(sample.mask) if sample.mask is not None else None
            labels = [f"{pair.before.number + 1}: {pair.after[0].label or 'no label'}" for pair in pairs]
            self.setAccessibleName("Samples before and after the steps" + (f": {', '.join(labels)}" if labels else ""))
        self.update()

    @property
    def side(self) -> int:
        """Height and width of each picture."""
        rows = 1 + max((len(pair.after) for pair in self.pairs), default=1)
        return max(min((self.height() - LINE - rows * GAP) // rows, MOST), LEAST)

    def columns(self) -> int:
        """How many samples there is room for."""
        return max(min((self.width() - HEAD) // (self.side + GAP), len(self.pairs)), 1 if self.pairs else 0)

    def place(self, column: int, row: int) -> QRectF:
        """Where a picture is: row 0 before, the others after."""
        side = self.side
        return QRectF(HEAD + column * (side + GAP), row * (side + GAP), side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(look.font(look.SECONDARY))
        if not self.pairs:
            return
        rows = max(len(pair.after) for pair in self.pairs)
        self._words(painter, 0, "before")
        for row in range(rows):
            self._words(painter, row + 1, "after" if rows == 1 else f"view {row + 1}")
        painter.setOpacity(0.45 if self.old else 1.0)
        for column in range(self.columns()):
            pair = self.pairs[column]
            for row, sample in enumerate((pair.before, *pair.after)):
                self._sample(painter, self.place(column, row), sample)
            below = self.place(column, rows)
            painter.setPen(theme.color("soft"))
            label, room = pair.after[0].label, self.side + GAP - 2
            text = painter.fontMetrics().elidedText(label, Qt.TextElideMode.ElideRight, room)
            place = QRectF(below.left(), below.bottom() + 2, self.side + GAP, LINE)
            painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

    def _words(self, painter: QPainter, row: int, words: str) -> None:
        painter.setPen(theme.color("soft"))
        place = self.place(0, row)
        at = QRectF(0, place.top(), HEAD - 8, place.height())
        painter.drawText(at, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, words)

    def _sample(self, painter: QPainter, place: QRectF, sample: ShownSample) -> None:
        picture, mask = self._drawn.get(id(sample), (None, None))
        if picture is None:
            return
        scale = min(place.width() / picture.width(), place.height() / picture.height())
        size = picture.size().toSizeF() * scale
        at = QRectF(place.center() - QPointF(size.width() / 2, size.height() / 2), size)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, max(picture.width(), picture.height()) > SHARP)
        painter.drawImage(at, picture)
        if mask is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
            painter.drawImage(at, mask)
        _draw_boxes(painter, at, sample.boxes)


def _draw_boxes(painter: QPainter, at: QRectF, boxes: Sequence[tuple[float, ...]]) -> None:
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for left, top, right, bottom, number in boxes:
        corner = QPointF(at.left() + left * at.width(), at.top() + top * at.height())
        end = QPointF(at.left() + right * at.width(), at.top() + bottom * at.height())
        painter.setPen(QPen(QColor("#ffffff"), 3))
        painter.drawRect(QRectF(corner, end))
        painter.setPen(QPen(QColor(COLOURS[int(number) % len(COLOURS)]), 1.5))
        painter.drawRect(QRectF(corner, end))
