"""The context menu of a frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QActionGroup, QIcon, QKeySequence, QPainter, QPixmap
from PySide6.QtWidgets import QInputDialog, QMenu

from app.design.values import Frame
from app.window.canvas import frames
from app.window.theme import icon, theme
from blocks.card import CATEGORIES

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

COLOURS = ("", *(name for name in CATEGORIES if name not in ("Ends", "Connector")))
"""The colours that a frame is offered: grey, and those of the categories, under their names."""


def fill(view: CanvasView, menu: QMenu, frame: Frame) -> None:
    """Put what can be done with a frame into its menu."""

    def add(text: str, mark: str, do: object, keys: str = "") -> None:
        action = menu.addAction(icon(mark), text)
        if keys:
            action.setShortcut(QKeySequence(keys))
        action.triggered.connect(lambda _on=False: do())  # type: ignore[operator]

    add("Rename", "pencil", lambda: frames.rename(view, frame.id), "F2")
    add("Write a note…", "file", lambda: _ask_text(view, frame))
    add("Select what stands in it", "mouse-pointer-2", lambda: frames.select_inside(view, frame.id), "Return")
    colours = menu.addMenu(icon("droplets"), "Colour")
    one = QActionGroup(colours)
    for name in COLOURS:
        action = colours.addAction(swatch(name), name or "Grey")
        action.setCheckable(True)
        action.setChecked(name == frame.colour)
        action.setActionGroup(one)
        action.triggered.connect(
            lambda _on=False, name=name: frames.change(view, frame.id, "Colour a frame", colour=name)
        )
    menu.addSeparator()
    add("Duplicate", "copy", view.duplicate_selection, "Ctrl+D")
    add("Copy", "clipboard", view.copy_selection, "Ctrl+C")
    add("Delete the frame", "trash-2", view.delete_selection, "Del")


def swatch(colour: str) -> QIcon:
    """A small square in a frame's colour."""
    picture = QPixmap(14, 14)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.category(colour))
    painter.drawRoundedRect(1, 1, 12, 12, 3, 3)
    painter.end()
    return QIcon(picture)


def _ask_text(view: CanvasView, frame: Frame) -> None:
    text, chosen = QInputDialog.getMultiLineText(view, "Note", "What stands in the frame, under its title:", frame.text)
    if chosen:
        frames.change(view, frame.id, "Write a note", text=text.strip())
