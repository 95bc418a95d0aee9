"""The fields that rename a node or a frame in its place."""

from __future__ import annotations

from collections.abc import Callable
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


class InPlace(QLineEdit):
    """Stands over a title. Enter or a click elsewhere takes the words, Esc leaves the old ones. `take` says whether
    they were accepted."""

    def __init__(self, view: CanvasView, text: str, over: QRectF, take: Callable[[str], bool], about: str) -> None:
        super().__init__(text, view.viewport())
        self._view = view
        self._taken = take
        self._before = text
        self._done = False
        self.setObjectName("rename")
        self.setAccessibleName(about)
        self.setFont(font(12.5))
        self.setStyleSheet(
            f"QLineEdit {{ background: {theme.tokens.raised}; color: {theme.tokens.text}; padding: 1px 6px;"
            f" border: 2px solid {theme.tokens.accent}; border-radius: 6px;"
            f" selection-background-color: {theme.tokens.accent}; selection-color: {theme.tokens.on_accent}; }}"
        )
        place = view.mapFromScene(over).boundingRect()
        self.setGeometry(place.x(), place.center().y() - 14, max(place.width(), 140), 28)
        self.editingFinished.connect(self._take)
        self.installEventFilter(self)
        self.show()
        self.selectAll()
        self.setFocus()

    def _take(self) -> None:
        name = self.text().strip()
        kept = self._done or name == self._before
        # Refused words keep the field open for another try, unless the user has gone elsewhere.
        if kept or self._taken(name) or not self.hasFocus():
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
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self._done = True
                self.hide()
                self._view.setFocus()
                self.deleteLater()
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._take()  # a field lets the key pass on: the canvas would enter the Group that was renamed
                return True
        return super().eventFilter(watched, event)


class Rename(InPlace):
    """Renames a node, over its header."""

    def __init__(self, view: CanvasView, item: NodeItem) -> None:
        id, header = item.node.id, QRectF(item.pos().x(), item.pos().y(), item.geometry.width, HEADER)
        super().__init__(
            view, item.node.name, header, lambda name: commands.rename(view, id, name), "Name of the node"
        )
