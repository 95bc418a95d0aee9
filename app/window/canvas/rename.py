"""The field that renames a node in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from app.design.shapes import HEADER
from app.window.canvas import commands
from app.window.canvas.node_item import NodeItem
from app.window.theme import font, theme

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


class Rename(QLineEdit):
    """Stands over a node's header. Enter or a click elsewhere takes the name, Esc leaves the old one."""

    def __init__(self, view: CanvasView, item: NodeItem) -> None:
        super().__init__(item.node.name, view.viewport())
        self._view = view
        self._id = item.node.id
        self._before = item.node.name
        self._done = False
        self.setObjectName("rename")
        self.setAccessibleName("Name of the node")
        self.setFont(font(12.5))
        self.setStyleSheet(
            f"QLineEdit {{ background: {theme.tokens.raised}; color: {theme.tokens.text}; padding: 1px 6px;"
            f" border: 2px solid {theme.tokens.accent}; border-radius: 6px;"
            f" selection-background-color: {theme.tokens.accent}; selection-color: {theme.tokens.on_accent}; }}"
        )
        header = QRectF(item.pos().x(), item.pos().y(), item.geometry.width, HEADER)
        place = view.mapFromScene(header).boundingRect()
        self.setGeometry(place.x(), place.center().y() - 14, max(place.width(), 140), 28)
        self.editingFinished.connect(self._take)
        self.installEventFilter(self)
        self.show()
        self.selectAll()
        self.setFocus()

    def _take(self) -> None:
        name = self.text().strip()
        kept = self._done or name == self._before
        # A refused name keeps the field open for another try, unless the user has gone elsewhere.
        if kept or commands.rename(self._view, self._id, name) or not self.hasFocus():
            self._close()
        else:
            self.selectAll()

    def _close(self) -> None:
        if self._done:
            return
        self._done = True
        had_focus = self.hasFocus()
        self.hide()
        if had_focus:
            self._view.setFocus()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self._done = True
            self.hide()
            self._view.setFocus()
            self.deleteLater()
            return True
        return super().eventFilter(watched, event)
