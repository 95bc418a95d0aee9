"""Flying over the drawing to a node, so that one sees where it lies; at once where the system asks for less motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEasingCurve, QVariantAnimation
from PySide6.QtWidgets import QStyle, QWidget

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

FLIGHT = 150
"""Milliseconds."""


def motion(widget: QWidget) -> int:
    """How long a movement takes, in ms; 0 where the system asks for none."""
    return FLIGHT if widget.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration, None, widget) else 0


class Flight(QVariantAnimation):
    """One way over the sheet; a new one ends it where it is."""

    def __init__(self, view: CanvasView, id: str, zoom: float, milliseconds: int) -> None:
        super().__init__(view)
        self._view, self._id = view, id
        self._from, self._to = view.middle(), view.scene_.nodes[id].rect.center()
        self._zooms = view.zoom, zoom
        self.setStartValue(0.0)
        self.setEndValue(1.0)
        self.setDuration(milliseconds)
        self.setEasingCurve(QEasingCurve.Type.InOutCubic)
        self.valueChanged.connect(self._show)
        self.finished.connect(self._land)

    def _show(self, part: float) -> None:
        before, after = self._zooms
        self._view.set_zoom(before * (after / before) ** part)
        self._view.look_at(self._from + (self._to - self._from) * part)

    def _land(self) -> None:
        if self._view.zoom >= 0.5:
            self._view.reveal(self._id)


def fly(view: CanvasView, id: str, *, zoom: float | None = None) -> None:
    """Select a node of the graph looked at and bring it to the middle, at `zoom` or where it can be read."""
    for under_way in view.findChildren(Flight):
        under_way.stop()
    if id not in view.scene_.nodes:
        return
    view.scene_.select([id])
    wanted = zoom or (view.zoom if view.zoom >= 0.5 else 1.0)
    if (milliseconds := motion(view)) and view.isVisible():
        Flight(view, id, wanted, milliseconds).start(Flight.DeletionPolicy.DeleteWhenStopped)
    else:
        view.set_zoom(wanted)
        view.look_at(view.scene_.nodes[id].rect.center())
