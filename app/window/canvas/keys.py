"""What one can do on the canvas, each thing with its keys, in one table: the menus, the command palette and the page of
shortcuts read it, and the canvas obeys it where it stands alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from app.window.canvas import commands, connecting, frames, walk
from app.window.canvas.geometry import GRID

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

Key = QKeySequence.StandardKey


@dataclass(frozen=True)
class Deed:
    """One thing to do on the canvas."""

    text: str
    keys: tuple[str | Key, ...]
    do: Callable[[CanvasView], object]
    icon: str = ""
    own: bool = False
    """Its keys mean something else in a field or on a button, so that only the canvas itself may hear them."""

    @property
    def sequences(self) -> list[QKeySequence]:
        """All its keys; of those that the desktop names, the ones that it means."""
        found: list[QKeySequence] = []
        for key in self.keys:
            found += QKeySequence.keyBindings(key) if isinstance(key, Key) else [QKeySequence(key)]
        return found


def _rename(view: CanvasView) -> None:
    if not view.rename_selection():
        view.hint.emit("Select one node to rename it.")


def _enter(view: CanvasView) -> None:
    framed = view.scene_.frames.selected()
    if len(ids := view.selected_ids()) == 1:
        view.document.enter(ids[0])
    elif not ids and len(framed) == 1:
        frames.select_inside(view, framed[0])
    else:
        view.hint.emit("Select one Group to look inside it.")


def _nudge(dx: int, dy: int, view: CanvasView) -> None:
    if view.selected_ids() or view.scene_.frames.selected():
        commands.nudge(view, dx * GRID, dy * GRID)


def _resize(dx: int, dy: int, view: CanvasView) -> None:
    if view.scene_.frames.selected():
        frames.resize(view, dx * GRID * 5, dy * GRID * 5)


def _next_frame(step: int, view: CanvasView) -> None:
    """Select the next frame and bring it into sight."""
    if id := view.scene_.frames.select_next(step):
        rect = view.scene_.frames.items[id].rect
        if not view.mapToScene(view.viewport().rect()).boundingRect().intersects(rect):
            view.look_at(rect.center())
    else:
        view.hint.emit("There are no frames here: Ctrl+J draws one around what is selected")


def _step_back(view: CanvasView) -> None:
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


_ARROWS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}

DEEDS: dict[str, Deed] = {
    "add": Deed("Add a block…", ("Tab",), lambda v: v.add(), "plus", own=True),
    "cut": Deed("Cut", (Key.Cut,), lambda v: v.cut_selection(), "scissors"),
    "copy": Deed("Copy", (Key.Copy,), lambda v: v.copy_selection(), "clipboard"),
    "paste": Deed("Paste", (Key.Paste,), lambda v: v.paste(), "clipboard-paste"),
    "duplicate": Deed("Duplicate", ("Ctrl+D",), lambda v: v.duplicate_selection(), "copy"),
    "delete": Deed("Delete", ("Del", "Backspace"), lambda v: v.delete_selection(), "trash-2"),
    "delete open": Deed("Delete and leave the gap", ("Ctrl+Del", "Ctrl+Backspace"), lambda v: v.delete_open()),
    "select all": Deed("Select all", (Key.SelectAll,), lambda v: v.select_all(), "mouse-pointer-2"),
    "group": Deed("Group", ("Ctrl+G",), lambda v: v.group_selection(), "group"),
    "ungroup": Deed("Ungroup", ("Ctrl+Shift+G",), lambda v: v.ungroup_selection(), "ungroup"),
    "frame": Deed("Frame the selection", ("Ctrl+J",), lambda v: v.frame_selection(), "square"),
    "next frame": Deed("To the next frame", ("J",), partial(_next_frame, 1), own=True),
    "frame before": Deed("To the frame before", ("Shift+J",), partial(_next_frame, -1), own=True),
    "rename": Deed("Rename", ("F2",), _rename, "pencil"),
    "connect": Deed("Connect…", ("W",), connecting.begin, "spline", own=True),
    "menu": Deed("Menu of the selection", ("Shift+F10",), lambda v: v.open_menu(), "ellipsis-vertical", own=True),
    "fit": Deed("Fit all", ("Home",), lambda v: v.fit_all(), "maximize"),
    "fit selection": Deed("Fit selection", ("F",), lambda v: v.fit_selection(), "focus"),
    "zoom in": Deed("Zoom in", ("Ctrl++", "Ctrl+="), lambda v: v.set_zoom(v.zoom * 1.25), "zoom-in"),
    "zoom out": Deed("Zoom out", ("Ctrl+-",), lambda v: v.set_zoom(v.zoom / 1.25), "zoom-out"),
    "zoom whole": Deed("Zoom to 100 %", ("Ctrl+0",), lambda v: v.set_zoom(1.0), "search"),
    "to feeding": Deed("To the node that feeds this one", ("Alt+Left",), walk.to_feeding, "arrow-left", own=True),
    "to fed": Deed("To the node that this one feeds", ("Alt+Right",), walk.to_fed, "arrow-right", own=True),
    "to above": Deed("To the node above", ("Alt+Up",), walk.to_above, "arrow-up", own=True),
    "to below": Deed("To the node below", ("Alt+Down",), walk.to_below, "arrow-down", own=True),
    "enter": Deed("Look inside the Group", ("Return", "Enter"), _enter, "log-in", own=True),
    "leave": Deed("Leave the Group", ("U",), leave, "log-out", own=True),
    "step back": Deed("Step back: drop, unselect, leave", ("Esc",), _step_back, own=True),
    **{
        f"nudge {way} {step}": Deed(
            f"Nudge {way.lower()}{' by five' * (step > 1)}", (f"{'Shift+' * (step > 1)}{way}",),
            partial(_nudge, dx * step, dy * step), "move", own=True,
        )
        for step in (1, 5) for way, (dx, dy) in _ARROWS.items()
    },
    **{
        f"resize {way}": Deed(
            f"Move the frame's edge {way.lower()}", (f"Ctrl+{way}",), partial(_resize, dx, dy), own=True
        )
        for way, (dx, dy) in _ARROWS.items()
    },
}  # fmt: skip
"""By the names that actions have. A key that only plays with the pointer (Space and drag) is none of them."""


def deed_of(event: QKeyEvent) -> Deed | None:
    """What a key asks for; None when it means nothing here."""
    held = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    typed = QKeySequence(event.keyCombination().key() | held)
    # A plus is typed with Shift on many keyboards, and that is meant where plus alone is.
    also = QKeySequence(event.keyCombination().key() | (held & ~Qt.KeyboardModifier.ShiftModifier))
    loose = event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal)
    return next((d for d in DEEDS.values() if typed in d.sequences or (loose and also in d.sequences)), None)


def press(view: CanvasView, event: QKeyEvent) -> bool:
    """Do what a key asks for; False when it means nothing here."""
    if event.key() == Qt.Key.Key_Space and not event.modifiers():
        if not event.isAutoRepeat():
            view.space_held = True
            view.viewport().setCursor(Qt.CursorShape.OpenHandCursor)
        return True
    deed = deed_of(event)
    if deed is not None:
        deed.do(view)
    return deed is not None
