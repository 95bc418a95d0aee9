"""The canvas' keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from app.window.canvas import commands, frames
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
        view.cut_selection()
    elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and not held:
        view.delete_selection()
    elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and held == control:
        view.delete_open()
    elif key == Qt.Key.Key_Tab and not held:
        view.add()
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
    elif key == Qt.Key.Key_J and held == control:
        view.frame_selection()
    elif key == Qt.Key.Key_J and held in (shift, Qt.KeyboardModifier.NoModifier):
        _next_frame(view, -1 if held else 1)
    elif key == Qt.Key.Key_F2:
        view.rename_selection()
    elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not ids and len(view.scene_.frames.selected()) == 1:
        frames.select_inside(view, view.scene_.frames.selected()[0])
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
    framed = view.scene_.frames.selected()
    dx, dy = _ARROWS[key]
    if held == Qt.KeyboardModifier.ControlModifier and framed:
        frames.resize(view, dx * GRID * 5, dy * GRID * 5)
        return True
    plain = (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier)
    if held not in plain or not (view.selected_ids() or framed):
        return False
    step = GRID * (5 if held else 1)
    commands.nudge(view, dx * step, dy * step)
    return True


def _next_frame(view: CanvasView, step: int) -> None:
    """Select the next frame and bring it into sight."""
    if id := view.scene_.frames.select_next(step):
        rect = view.scene_.frames.items[id].rect
        if not view.mapToScene(view.viewport().rect()).boundingRect().intersects(rect):
            view.look_at(rect.center())
    else:
        view.hint.emit("There are no frames here: Ctrl+J draws one around what is selected")


def _escape(view: CanvasView) -> None:
    """Step back once: from a gesture, else from a selection, else out of the Group."""
    if view.cancel_gesture():
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
