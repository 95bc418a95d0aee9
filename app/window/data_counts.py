"""How many samples there are: a bar for each class, and the shares of the splits."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.messages.data import SplitShown
from app.window import theme as look
from app.window.chart_view import COLOURS
from app.window.data_colours import class_colour
from app.window.theme import theme

ROW = 20
MOST = 300
"""So many classes are drawn."""


class ClassBars(QWidget):
    """The classes by name, with how many samples (or, with `shares`, how much of the pixels) each has."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.names: tuple[str, ...] = ()
        self.counts: tuple[int, ...] = ()
        self._shares = self._coloured = False
        self.setObjectName("content")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Classes")
        theme.changed.connect(self.update)

    def show_classes(
        self, names: tuple[str, ...], counts: tuple[int, ...], *, shares: bool = False, coloured: bool = False
    ) -> None:
        """Show names and counts (none where they are not known); `coloured` as masks and boxes are."""
        self.names, self.counts, self._shares, self._coloured = names[:MOST], counts, shares, coloured
        said = [f"{name} {self.said(i)}".strip() for i, name in enumerate(self.names)]
        self.setAccessibleName("Classes: " + ", ".join(said) if said else "No classes")
        self.setFixedHeight(max(ROW * len(self.names), 1))
        self.updateGeometry()
        self.update()

    def said(self, index: int) -> str:
        """What stands at the right of a class."""
        if index >= len(self.counts):
            return ""
        count = self.counts[index]
        return f"{100 * count / max(sum(self.counts), 1):.1f} %" if self._shares else f"{count:,}"

    def sizeHint(self) -> QSize:
        return QSize(160, ROW * len(self.names))

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = event.pos().y() // ROW
            tip = ""
            if 0 <= at < len(self.names):
                share = f", {100 * self.counts[at] / max(sum(self.counts), 1):.1f} %" if self.counts else ""
                tip = f"{self.names[at]}: {self.said(at) or 'not counted'}{'' if self._shares else share}"
            QToolTip.showText(event.globalPos(), tip, self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        body, mono = look.font(look.SECONDARY + 1), look.font(look.SECONDARY, mono=True)
        top = max(self.counts, default=0)
        painter.setFont(mono)
        last = max((painter.fontMetrics().horizontalAdvance(self.said(i)) for i in range(len(self.names))), default=0)
        painter.setFont(body)
        names = max((painter.fontMetrics().horizontalAdvance(name) for name in self.names), default=0)
        left = 14 if self._coloured else 0
        wide = min(names + 4, (self.width() - left) // 2)
        for index, name in enumerate(self.names):
            line = QRect(left, index * ROW, self.width() - left, ROW)
            if not line.intersects(event.rect()):
                continue
            if self._coloured:
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._colour(index))
                painter.drawRoundedRect(QRectF(0, line.center().y() - 4, 9, 9), 2, 2)
            painter.setFont(body)
            painter.setPen(theme.color("text"))
            text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, wide)
            painter.drawText(QRect(left, line.y(), wide, ROW), Qt.AlignmentFlag.AlignVCenter, text)
            if not self.counts:
                continue
            room = QRectF(left + wide + 8, line.center().y() - 3, self.width() - left - wide - last - 16, 7)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(room, 3, 3)
            if top and index < len(self.counts) and self.counts[index]:
                painter.setBrush(self._colour(index) if self._coloured else theme.color("accent"))
                long = max(room.width() * self.counts[index] / top, 3)
                painter.drawRoundedRect(QRectF(room.topLeft(), QPointF(room.x() + long, room.bottom())), 3, 3)
            painter.setFont(mono)
            painter.setPen(theme.color("soft"))
            painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, self.said(index))

    def _colour(self, index: int) -> QColor:
        return class_colour(index - 1) if index else theme.color("line")


class SplitBar(QWidget):
    """The shares of train, validation and test, one after another, with their names below."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.splits: tuple[SplitShown, ...] = ()
        self.setFixedHeight(30)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Splits")
        theme.changed.connect(self.update)

    def show_splits(self, splits: tuple[SplitShown, ...]) -> None:
        self.splits = splits
        said = ", ".join(f"{split.name} {split.size:,} ({self.share(split):.0f} %)" for split in splits)
        self.setAccessibleName(f"Splits: {said}")
        self.setToolTip(said)
        self.update()

    def share(self, split: SplitShown) -> float:
        """In percent."""
        return 100 * split.size / max(sum(each.size for each in self.splits), 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(look.font(look.SECONDARY))
        said = [f"{split.name} {self.share(split):.0f} %" for split in self.splits]
        if sum(painter.fontMetrics().horizontalAdvance(text) + 18 for text in said) > self.width():
            said = [text.replace("validation", "val").replace(" %", "%") for text in said]
        x, gap = 0.0, 2.0
        room = self.width() - gap * max(len(self.splits) - 1, 0)
        words = 0.0
        for split, text in zip(self.splits, said, strict=True):
            wide = room * self.share(split) / 100
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(COLOURS[theme.dark].get(split.name, theme.category("Metric"))))
            painter.drawRoundedRect(QRectF(x, 2, max(wide, 2), 6), 3, 3)
            x += wide + gap
            painter.drawEllipse(QRectF(words, 18, 6, 6))
            painter.setPen(theme.color("soft"))
            painter.drawText(QPointF(words + 10, 25), text)
            words += painter.fontMetrics().horizontalAdvance(text) + 18
