"""Dragging a frame by its title, with what stands in it; and by its edges and corners, which changes its size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF

from app.design.frames import SMALLEST
from app.window.canvas import frames
from app.window.canvas.frame_item import FrameItem
from app.window.canvas.geometry import snap
from app.window.canvas.gestures import Gesture, Move

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


class MoveFrame(Move):
    """Move a frame with the nodes and frames that stand in it."""

    def __init__(self, view: CanvasView, at: QPointF, pressed: FrameItem, *, narrow: bool) -> None:
        super().__init__(view, at, pressed, copy=False, narrow=narrow)
        self._frame = pressed

    def _clicked(self) -> None:
        if self._narrow:  # one of several things that are selected: now it alone is
            self.view.scene_.frames.select([self._frame.frame.id])

    def _words(self) -> str:
        return self._frame.frame.title or "a frame"


class Resize(Gesture):
    """Drag edges of a frame."""

    def __init__(self, view: CanvasView, at: QPointF, pressed: FrameItem, part: str) -> None:
        super().__init__(view)
        self._from, self._part = at, part
        self._id, self._before, self._item = pressed.frame.id, pressed.frame, pressed
        self._after = pressed.frame

    def move(self, at: QPointF, screen: QPoint) -> None:
        frame, delta = self._before, at - self._from
        left, top, right, bottom = frame.x, frame.y, frame.x + frame.width, frame.y + frame.height
        if "w" in self._part:
            left = min(snap(left + delta.x()), right - SMALLEST)
        if "e" in self._part:
            right = max(snap(right + delta.x()), left + SMALLEST)
        if "n" in self._part:
            top = min(snap(top + delta.y()), bottom - SMALLEST)
        if "s" in self._part:
            bottom = max(snap(bottom + delta.y()), top + SMALLEST)
        self._after = replace(frame, x=left, y=top, width=right - left, height=bottom - top)
        self._item.show_frame(self._after)

    def release(self, at: QPointF) -> None:
        after = self._after
        if after != self._before and not frames.change(
            self.view, self._id, f"Resize {self._before.title or 'a frame'}",
            x=after.x, y=after.y, width=after.width, height=after.height,
        ):  # fmt: skip
            self.cancel()

    def cancel(self) -> None:
        if self._item.scene() is not None:
            self._item.show_frame(self._before)
