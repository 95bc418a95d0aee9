"""The list of steps on samples: ticked on or off, dragged or moved by Alt+Up and Alt+Down, taken out by Delete."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QApplication, QListWidget, QListWidgetItem, QWidget

from app.design.augment import KINDS, Steps, step_words
from app.window import theme as look
from app.window.theme import theme


class StepList(QListWidget):
    """Shows steps; it changes nothing itself."""

    switched = Signal(int, bool)
    """The step at this place is to be on, or off."""
    moved = Signal(int, int)
    """The step at the first place is to stand at the second."""
    removed = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("pages")
        self.setAccessibleName("Steps on samples")
        self.setToolTip("Space: on or off · Alt+Up, Alt+Down or drag: move · Delete: take out")
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragDropMode(QAbstractItemView.DragDropMode.NoDragDrop)
        self.itemChanged.connect(self._ticked)
        self._pressed: QPoint | None = None
        self._dragged = self._before = -1
        """The step that is dragged, and the one before which it would be dropped."""

    def show_steps(self, steps: Steps, wrong: frozenset[int]) -> None:
        """Show these; those at the places `wrong` are marked. What is chosen stays chosen."""
        with QSignalBlocker(self):
            current = self.currentRow()
            while self.count() > len(steps):
                self.takeItem(self.count() - 1)
            while self.count() < len(steps):
                item = QListWidgetItem()
                flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable
                item.setFlags(flags)
                self.addItem(item)
            for at, step in enumerate(steps):
                self._dress(self.item(at), step.kind, step_words(step), not step.off, at in wrong)
            self.setCurrentRow(min(max(current, 0), len(steps) - 1))

    def _dress(self, item: QListWidgetItem, kind: str, words: str, on: bool, wrong: bool) -> None:
        title = KINDS[kind].title if kind in KINDS else kind
        settings = words.partition(" ")[2]
        item.setText(f"{title}  {settings}" if settings else title)
        item.setToolTip(KINDS[kind].help if kind in KINDS else "This version does not know it.")
        item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        state = "has a problem" if wrong else "on" if on else "off"
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text()}, {state}")
        item.setForeground(theme.color("error" if wrong else "text" if on else "soft"))
        item.setIcon(look.icon("triangle-alert", theme.color("error").name()) if wrong else look.icon("grip-vertical"))

    def _ticked(self, item: QListWidgetItem) -> None:
        self.switched.emit(self.row(item), item.checkState() == Qt.CheckState.Checked)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, key = self.currentRow(), event.key()
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            to = row + (1 if key == Qt.Key.Key_Down else -1)
            if row >= 0 and 0 <= to < self.count():
                self.moved.emit(row, to)
            return
        if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            if row >= 0:
                self.removed.emit(row)
            return
        super().keyPressEvent(event)

    # dragging ---------------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        held = event.button() == Qt.MouseButton.LeftButton and self.indexAt(point).isValid()
        self._pressed = point if held else None
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        if self._dragged < 0:
            if (point - self._pressed).manhattanLength() < QApplication.startDragDistance():
                return
            self._dragged = self.indexAt(self._pressed).row()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        self._before = self._place_at(point)
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        start, before = self._dragged, self._before
        self._pressed, self._dragged, self._before = None, -1, -1
        if start < 0:
            super().mouseReleaseEvent(event)
            return
        self.unsetCursor()
        self.viewport().update()
        to = before - 1 if before > start else before
        if to != start:
            self.moved.emit(start, to)

    def _place_at(self, point: QPoint) -> int:
        """The step before which something dropped here comes."""
        for row in range(self.count()):
            if point.y() < self._rect(row).center().y():
                return row
        return self.count()

    def _rect(self, row: int) -> QRect:
        return self.visualItemRect(self.item(row))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._dragged < 0 or not self.count():
            return
        last = self._before >= self.count()
        rect = self._rect(self.count() - 1 if last else self._before)
        y = rect.bottom() + 1 if last else rect.top()
        painter = QPainter(self.viewport())
        painter.setPen(QPen(theme.color("accent"), 2))
        painter.drawLine(rect.left(), y, rect.right(), y)
