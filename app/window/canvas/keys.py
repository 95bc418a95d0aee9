"""The canvas' keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from app.window.canvas import commands
from app.window.canvas.geometry import GRID

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

_ARROWS = {
    Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0), Qt.Key.Key_Up: (0, -1), Qt.Key.Key_Down: (0, 1),
}  # fmt: skip


def press(view: CanvasView, event: QKeyEvent) -> bool:
    """Do what a key asks for; False when it means nothing here."""
    key = Qt.Key(event.key())
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    shift, control = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
    ids = view.selected_ids()
    if key in _ARROWS:
        return _arrow(view, key, held)
    if event.matches(QKeySequence.StandardKey.Copy):
        view.copy_selection()
    elif event.matches(QKeySequence.StandardKey.Paste):
        view.paste()
    elif event.matches(QKeySequence.StandardKey.SelectAll):
        view.select_all()
    elif event.matches(QKeySequence.StandardKey.Cut):
        view.copy_selection()
        view.delete_selection()
    elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not held:
        view.delete_selection()
    elif key == Qt.Key.Key_D and held == control:
        view.duplicate_selection()
    elif key == Qt.Key.Key_G and held == control:
        view.group_selection()
    elif key == Qt.Key.Key_G and held == control | shift:
        view.ungroup_selection()
    elif key == Qt.Key.Key_F and not held:
        view.fit_selection()
    elif key == Qt.Key.Key_Home and not held:
        view.fit_all()
    elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal) and held in (control, control | shift):
        view.set_zoom(view.zoom * 1.25)
    elif key == Qt.Key.Key_Minus and held == control:
        view.set_zoom(view.zoom / 1.25)
    elif key == Qt.Key.Key_0 and held == control:
        view.set_zoom(1.0)
    elif key == Qt.Key.Key_F2 and len(ids) == 1:
        view.rename(ids[0])
    elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and len(ids) == 1:
        view.document.enter(ids[0])
    elif key == Qt.Key.Key_Escape:
        _escape(view)
    elif key == Qt.Key.Key_U and not held:
        leave(view)
    elif key == Qt.Key.Key_Space and not held:
        if not event.isAutoRepeat():
            view.space_held = True
            view.viewport().setCursor(Qt.CursorShape.OpenHandCursor)
    else:
        return False
    return True


def _arrow(view: CanvasView, key: Qt.Key, held: Qt.KeyboardModifier) -> bool:
    if held == Qt.KeyboardModifier.AltModifier and key == Qt.Key.Key_Up:
        leave(view)
        return True
    if held not in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier) or not view.selected_ids():
        return False
    step = GRID * (5 if held else 1)
    dx, dy = _ARROWS[key]
    commands.nudge(view, dx * step, dy * step)
    return True


def _escape(view: CanvasView) -> None:
    """Step back once: from a gesture, else from a selection, else out of the Group."""
    if view.cancel_gesture():
        return
    if view.arranger.busy:
        view.arranger.stop()
        return
    if view.scene_.selectedItems():
        view.scene_.clearSelection()
    else:
        leave(view)


def leave(view: CanvasView) -> None:
    """Go out of the Group, and show which one it was."""
    path = view.document.path
    if path:
        view.document.leave()
        view.scene_.select([path[-1]])
