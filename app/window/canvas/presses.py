"""What a press of the left button takes in its hand: a wire's end, a node, a wire, a frame, or the void."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt

from app.design.values import End
from app.window.canvas import frame_gestures, gestures
from app.window.canvas.lasso import Lasso

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView


def begin(view: CanvasView, at: QPointF, held: Qt.KeyboardModifier) -> gestures.Gesture | None:
    """The gesture that the left button begins at `at` with the modifiers `held`; None where it only selects."""
    scene = view.scene_
    adds = bool(held & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier))
    hit = scene.hit(at, view.reach)
    if hit.node is not None and hit.port:
        end = End(hit.node.node.id, hit.port)
        taken = None if hit.output else scene.graph.wire_into(end)
        if taken is not None:
            return gestures.DrawWire(view, taken.source, from_output=True, moved=taken)
        return gestures.DrawWire(view, end, from_output=hit.output)
    if hit.node is not None:
        item = hit.node
        narrow = False
        if adds:
            item.setSelected(not item.isSelected())
        elif not item.isSelected():
            scene.select([item.node.id])
        else:
            narrow = True
        if not item.isSelected():
            return None
        copy = bool(held & Qt.KeyboardModifier.AltModifier)
        return gestures.Move(view, at, item, copy=copy, narrow=narrow)
    if hit.wire is not None:
        chosen = not hit.wire.isSelected() if adds else True
        if not adds:
            scene.clearSelection()
        hit.wire.setSelected(chosen)
        return gestures.PullWire(view, at, hit.wire)
    if hit.frame is not None:
        narrow = hit.frame.isSelected() and not adds
        if adds:
            hit.frame.setSelected(not hit.frame.isSelected())
        elif not narrow:
            scene.frames.select([hit.frame.frame.id])
        if not hit.frame.isSelected():
            return None
        if hit.part == "title":
            return frame_gestures.MoveFrame(view, at, hit.frame, narrow=narrow)
        return frame_gestures.Resize(view, at, hit.frame, hit.part)
    if held & Qt.KeyboardModifier.AltModifier:
        return Lasso(view, at, keep=adds)
    return gestures.Rubber(view, at, keep=adds)
