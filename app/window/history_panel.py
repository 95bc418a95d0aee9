"""The history: every step by its name, the present one marked. A click or the arrow keys go there."""

from __future__ import annotations

from datetime import datetime

from PySide6.QtCore import QItemSelectionModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.window.document import Document
from app.window.steps import History
from app.window.theme import BODY, SECONDARY, font, icon, theme

TIME = int(Qt.ItemDataRole.UserRole)
"""When the step was made, as "18:24"."""
ROW = 28


class HistoryList(QListView):
    """The steps, the oldest first; the first row is the drawing as it was opened."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self._document = document
        self._filling = False
        self._stale = True
        self._shown: list[tuple[str, float, str]] = []
        """Of each row: its text, when it was made, and what a screen reader says."""
        self._rows = QStandardItemModel(self)
        self.setModel(self._rows)
        self.setItemDelegate(_Delegate(document, self))
        self.setAccessibleName("History")
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        document.undo_stack.indexChanged.connect(self._changed)
        document.opened.connect(self._changed)
        document.file_changed.connect(self._changed)
        theme.changed.connect(self.viewport().update)
        self.selectionModel().currentChanged.connect(self._go)
        self._changed()

    def _changed(self) -> None:
        self._stale = True
        if self.isVisible():
            self.refresh()

    def showEvent(self, event: object) -> None:
        super().showEvent(event)  # type: ignore[arg-type]
        self.refresh()

    def refresh(self) -> None:
        """Show the steps that there are now."""
        if not self._stale:
            return
        self._stale, self._filling = False, True
        history = self._document.history
        steps = [(_first(history), 0.0), *((step.text, step.time) for step in history.steps)]
        wanted = [(text, time, _said(text, i - history.index)) for i, (text, time) in enumerate(steps)]
        if len(self._shown) > len(wanted):
            self._rows.removeRows(len(wanted), len(self._shown) - len(wanted))
        for i, (text, time, said) in enumerate(wanted):
            if i < len(self._shown) and self._shown[i] == wanted[i]:
                continue
            item = self._rows.item(i)
            if item is None:
                item = QStandardItem()
                self._rows.appendRow(item)
            item.setText(text)
            item.setToolTip(text)
            item.setData(_clock(time) if time else "", TIME)
            item.setData(said, Qt.ItemDataRole.AccessibleTextRole)
        self._shown = wanted
        present = self._rows.index(history.index, 0)
        self.selectionModel().setCurrentIndex(present, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.scrollTo(present)
        self._filling = False
        self.viewport().update()

    def keyboardSearch(self, search: str) -> None:
        """Typed letters lead nowhere: each row that is gone to changes the drawing."""

    def _go(self, current: QModelIndex, _before: QModelIndex) -> None:
        if not self._filling and current.isValid():
            self._document.go_to_step(current.row())


def _first(history: History) -> str:
    if history.file or history.name or history.opened.nodes:
        return "As it was opened"
    return "An empty drawing"


def _said(text: str, place: int) -> str:
    return f"{text}, now" if not place else f"{text}, undone" if place > 0 else text


def _clock(time: float) -> str:
    return datetime.fromtimestamp(time).strftime("%H:%M")


class _Delegate(QStyledItemDelegate):
    """Draws a step: a mark at the present one, faint after it, the time at the right; a disk where it was saved."""

    def __init__(self, document: Document, parent: QWidget) -> None:
        super().__init__(parent)
        self._stack = document.undo_stack
        self._document = document

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(120, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        row, now = index.row(), self._stack.index()
        painter.save()
        if row == now:
            painter.fillRect(rect, theme.color("raised"))
        elif state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("window"))
        if row == now:
            tone = theme.color("accent").name()
            icon("chevron-right", tone).paint(painter, QRect(rect.left() + 10, rect.center().y() - 7, 16, 16))
        inside = rect.adjusted(34, 0, -16, 0)
        painter.setPen(theme.color("soft"))
        painter.setFont(font(SECONDARY))
        time = str(index.data(TIME) or "")
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(inside, int(side), time)
        inside.setRight(inside.right() - painter.fontMetrics().horizontalAdvance(time) - 12)
        if self._document.file is not None and row == self._stack.cleanIndex():
            place = QRect(inside.right() - 16, rect.center().y() - 7, 16, 16)
            icon("save", theme.color("soft").name()).paint(painter, place)
            inside.setRight(place.left() - 8)
        painter.setFont(font(BODY))
        painter.setPen(theme.color("text" if row <= now else "soft"))
        shown = painter.font()
        shown.setItalic(row > now)  # undone: colour alone must not say it
        painter.setFont(shown)
        text = painter.fontMetrics().elidedText(str(index.data()), Qt.TextElideMode.ElideRight, inside.width())
        painter.drawText(inside, int(Qt.AlignmentFlag.AlignVCenter), text)
        if row == now and state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(theme.color("accent"))
            painter.drawRect(rect.adjusted(0, 0, -1, -1))
        painter.restore()


class HistoryPanel(QWidget):
    """The tab with the history."""

    def __init__(self, document: Document) -> None:
        super().__init__()
        self.list = HistoryList(document)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 4, 0, 4)
        box.addWidget(self.list)
        self.setFocusProxy(self.list)
