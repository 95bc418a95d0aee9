"""Samples of the data as one looks at them: pictures with labels, masks and boxes; rows of a table; texts."""

from __future__ import annotations

import math

from PySide6.QtCore import QEvent, QRect, QRectF, Qt
from PySide6.QtGui import QHelpEvent, QImage, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QToolTip,
    QWidget,
)

from app.messages.data import DataShown, ShownSample
from app.window import theme as look
from app.window.data_colours import class_colour, overlay
from app.window.preview_pictures import images
from app.window.preview_tiles import SHARP
from app.window.theme import theme

SIDES = (128, 112, 96, 80, 72, 64)
"""How large a picture may be: the largest with which all are seen at once, else the smallest."""
GAP, LINE = 8, 17


class SampleGrid(QWidget):
    """Pictures side by side with their labels below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.samples: tuple[ShownSample, ...] = ()
        self.marked = True
        """Masks and boxes are drawn over the pictures."""
        self._classes: tuple[str, ...] = ()
        self._images: list[QImage | None] = []
        self._masks: list[QImage | None] = []
        self.setObjectName("content")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Samples")
        theme.changed.connect(self.update)

    def show_samples(self, told: DataShown, *, marked: bool) -> None:
        """Show these pictures; `marked` with their masks and boxes."""
        self.marked, self._classes = marked, told.dataset.classes
        if told.samples is not self.samples:
            self.samples = told.samples
            self._images = [next(iter(images(s.look)), None) if s.look is not None else None for s in told.samples]
            self._masks = [overlay(sample) for sample in told.samples]
        labels = ", ".join(sample.label for sample in self.samples if sample.label)
        self.setAccessibleName(f"{len(self.samples)} samples of {told.split}" + (f": {labels}" if labels else ""))
        self._fit()
        self.update()

    @property
    def _foot(self) -> int:
        return LINE if any(sample.label for sample in self.samples) else 0

    def _cells(self) -> tuple[int, int]:
        """The side of a picture, and how many stand side by side."""
        view = self.parentWidget()
        room = view.height() if view is not None else self.height()
        side = columns = 1
        for side in SIDES:
            columns = max((self.width() + GAP) // (side + GAP), 1)
            if math.ceil(len(self.samples) / columns) * (side + self._foot + GAP) - GAP <= room:
                break
        return side, columns

    def place(self, index: int) -> QRectF:
        """Where a picture is."""
        side, columns = self._cells()
        row, column = divmod(index, columns)
        return QRectF(column * (side + GAP), row * (side + self._foot + GAP), side, side)

    def _fit(self) -> None:
        side, columns = self._cells()
        high = math.ceil(len(self.samples) / columns) * (side + self._foot + GAP)
        if high != self.minimumHeight():
            self.setMinimumHeight(high)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def tip(self, index: int) -> str:
        """What is said of a picture."""
        sample = self.samples[index]
        size = f"{sample.look.height} × {sample.look.width} as shown" if sample.look is not None else ""
        boxes = f"{len(sample.boxes)} box{'es' * (len(sample.boxes) != 1)}" if sample.boxes else ""
        return ", ".join(filter(None, (f"Sample {sample.number + 1:,}", sample.label, size, boxes)))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = next((i for i in range(len(self.samples)) if self.place(i).contains(event.pos())), -1)
            QToolTip.showText(event.globalPos(), self.tip(at) if at >= 0 else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(look.font(look.SECONDARY))
        for index, sample in enumerate(self.samples):
            place = self.place(index)
            if not place.adjusted(0, 0, 0, LINE).intersects(QRectF(event.rect())):
                continue
            painter.fillRect(place, theme.color("canvas"))
            if (image := self._images[index]) is not None:
                self._draw(painter, place, image, sample, self._masks[index])
            if sample.label:
                below = QRect(round(place.x()) - 3, round(place.bottom()) + 1, round(place.width()) + 6, LINE)
                text = painter.fontMetrics().elidedText(sample.label, Qt.TextElideMode.ElideRight, below.width())
                painter.setPen(theme.color("soft"))
                painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)

    def _draw(
        self, painter: QPainter, place: QRectF, image: QImage, sample: ShownSample, mask: QImage | None
    ) -> None:
        scale = min(place.width() / image.width(), place.height() / image.height())
        wide, high = image.width() * scale, image.height() * scale
        inner = QRectF(place.center().x() - wide / 2, place.center().y() - high / 2, wide, high)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, max(image.width(), image.height()) > SHARP)
        painter.drawImage(inner, image)
        if not self.marked:
            return
        if mask is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)  # a class has no neighbours
            painter.drawImage(inner, mask)
        for left, top, right, bottom, *kind in sample.boxes:
            painter.setPen(QPen(class_colour(int(kind[0]) if kind else 0), 1.5))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(inner.x() + left * wide, inner.y() + top * high,
                                    (right - left) * wide, (bottom - top) * high))  # fmt: skip


class RowTable(QTableWidget):
    """Samples as rows: the label first, then the cells, or a text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: DataShown | None = None
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAccessibleName("Samples")
        self.verticalHeader().setDefaultSectionSize(24)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setHighlightSections(False)

    def show_samples(self, told: DataShown) -> None:
        """Show these rows or texts."""
        if told is self._told:
            return
        self._told = told
        texts = any(sample.text for sample in told.samples)
        labelled = any(sample.label for sample in told.samples)
        count = max((len(sample.cells) for sample in told.samples), default=0)
        names = list(told.columns[:count]) or [f"{i + 1}" for i in range(count)]
        heads = [*(["label"] if labelled else []), *(["text"] if texts else names)]
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(heads)
        self.setRowCount(len(told.samples))
        self.setVerticalHeaderLabels([f"{sample.number + 1:,}" for sample in told.samples])
        for row, sample in enumerate(told.samples):
            shown = sample.text.replace("\n", "↵") if texts else ""
            cells = [*([sample.label] if labelled else []), *([shown] if texts else sample.cells)]
            for column, cell in enumerate(cells):
                item = QTableWidgetItem(cell)
                item.setToolTip(sample.text if texts and column == len(cells) - 1 else cell)
                if not texts and column >= labelled:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setFont(look.font(look.SECONDARY + 1, mono=True))
                self.setItem(row, column, item)
        header = self.horizontalHeader()
        header.setStretchLastSection(texts)
        header.setSectionResizeMode(
            QHeaderView.ResizeMode.Interactive if texts else QHeaderView.ResizeMode.ResizeToContents
        )
        self.setAccessibleName(f"{len(told.samples)} samples of {told.split}")
