"""Nodes glide to new places, so that the eye can follow; where less motion is wanted they are there at once."""

from __future__ import annotations

import os
from collections.abc import Mapping

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QObject, QPointF, QVariantAnimation
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QStyle

from app.window.canvas.scene import Scene

LASTS = 150
"""Milliseconds."""
MOST = 400
"""With more nodes each step would take longer than an eye waits: they are there at once."""


def calm() -> bool:
    """Whether less motion is wanted: NETLOOM_CALM says so, or the desktop by its style or its settings."""
    told = os.environ.get("NETLOOM_CALM")
    if told is not None:
        return told not in ("", "0")
    hints = QGuiApplication.styleHints()
    accessibility = getattr(hints, "accessibility", None)  # newer Qt asks the desktop
    motion = getattr(accessibility() if accessibility else None, "motionPreference", None)
    if motion is not None and "Reduced" in str(motion()):
        return True
    return not QApplication.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration)


class Glide(QObject):
    """Moves the items of a scene; the drawing itself has the new places already."""

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._scene = scene
        self._ways: dict[str, tuple[QPointF, QPointF]] = {}
        self._clock = QVariantAnimation(self)
        self._clock.setStartValue(0.0)
        self._clock.setEndValue(1.0)
        self._clock.setDuration(LASTS)
        self._clock.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._clock.valueChanged.connect(self._step)
        self._clock.finished.connect(self._end)
        scene.document.changed.connect(self._changed)
        scene.document.place_changed.connect(self._clock.stop)

    @property
    def running(self) -> bool:
        return self._clock.state() == QAbstractAnimation.State.Running

    def from_(self, starts: Mapping[str, tuple[float, float]]) -> None:
        """Let the items go from these places to where their nodes are."""
        if calm() or len(starts) > MOST:
            return
        nodes = self._scene.nodes
        self._ways = {
            id: (QPointF(*start), QPointF(nodes[id].node.x, nodes[id].node.y))
            for id, start in starts.items() if id in nodes
        }  # fmt: skip
        self._clock.start()

    def finish(self) -> None:
        """Be there."""
        if self.running:
            self._clock.stop()
            self._end()

    def _changed(self) -> None:
        # The scene has put what an edit moved where it belongs; the others go on from there.
        self.finish()

    def _step(self, part: object) -> None:
        if self.running:
            self._put(float(part))  # type: ignore[arg-type]

    def _put(self, part: float) -> None:
        nodes = self._scene.nodes
        for id, (start, end) in self._ways.items():
            if id in nodes:
                nodes[id].setPos(start + (end - start) * part)
        self._scene.follow(self._ways, sticky=True)
        self._scene.shown.emit()

    def _end(self) -> None:
        nodes = self._scene.nodes
        for id in self._ways:
            if id in nodes:
                nodes[id].setPos(nodes[id].node.x, nodes[id].node.y)
        self._scene.follow([id for id in self._ways if id in nodes])
        self._ways = {}
        self._scene.shown.emit()
