"""The pointer and the keys on a chart: zoom, back, move, point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QRubberBand

if TYPE_CHECKING:
    from app.window.chart import Chart

NEAR = 6
"""Pixels that the pointer must be dragged for it to be a zoom."""


class ChartHand(QObject):
    """Hears what is done to a chart, and has it say what is wanted: all charts follow."""

    def __init__(self, chart: Chart) -> None:
        super().__init__(chart)
        self._chart = chart
        self._press: QPoint | None = None
        self._panning: tuple[QPoint, float, float] | None = None
        self._band = QRubberBand(QRubberBand.Shape.Rectangle, chart.plot.viewport())
        chart.plot.viewport().installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        chart = self._chart
        match event.type():
            case QEvent.Type.MouseButtonPress if event.button() == Qt.MouseButton.LeftButton:
                chart.setFocus(Qt.FocusReason.MouseFocusReason)
                at = event.position().toPoint()
                if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
                    self._panning = (at, *chart.range[:2])
                else:
                    self._press = at
                return True
            case QEvent.Type.MouseMove:
                self._moved(event.position().toPoint())
            case QEvent.Type.MouseButtonRelease if event.button() == Qt.MouseButton.LeftButton:
                self._released(event.position().toPoint())
                return True
            case QEvent.Type.MouseButtonDblClick:
                self._press = None
                self._chart.back_wanted.emit()
                return True
            case QEvent.Type.Wheel if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.zoom(0.8 if event.angleDelta().y() > 0 else 1.25, self._x(event.position().toPoint()))
                return True
            case QEvent.Type.Wheel:
                event.ignore()  # the cards are scrolled
                return True
            case QEvent.Type.Leave:
                chart.box.hide()
                self._chart.pointed.emit(None)
        return bool(super().eventFilter(watched, event))

    def _at(self, position: QPoint) -> QPointF:
        view = self._chart.plot.getPlotItem().vb
        return QPointF(view.mapSceneToView(self._chart.plot.mapToScene(position)))

    def _x(self, position: QPoint) -> float:
        return self._at(position).x()

    def _moved(self, at: QPoint) -> None:
        if self._panning is not None:
            start, left, right = self._panning
            by = (at.x() - start.x()) * (right - left) / max(self._chart.plot.width() - 56, 1)
            self.move_to(left - by, right - by)
            return
        if self._press is not None and (at - self._press).manhattanLength() > NEAR:
            self._band.setGeometry(self._rectangle(self._press, at))
            self._band.show()
        self._chart.pointed.emit(self._x(at))

    def _rectangle(self, start: QPoint, end: QPoint) -> QRect:
        """What a drag takes: both ways, or where it goes along the axis alone the whole height."""
        found = QRect(start, end).normalized()
        if found.height() < 4 * NEAR:
            found.setTop(0)
            found.setBottom(self._chart.plot.height())
        return found

    def _released(self, at: QPoint) -> None:
        start, self._press = self._press, None
        self._band.hide()
        if self._panning is not None:
            self._panning = None
            return
        if start is None or abs(at.x() - start.x()) <= NEAR:
            return
        place = self._rectangle(start, at)
        first, last = self._at(place.topLeft()), self._at(place.bottomRight())
        heights = (last.y(), first.y()) if place.height() < self._chart.plot.height() else None
        self._chart.zoomed.emit((max(first.x(), 0.0), last.x()), heights)

    def zoom(self, by: float, around: float | None = None) -> None:
        """See `by` times as much of the axis, with the place `around` where it is."""
        left, right = self._chart.range[:2]
        around = (left + right) / 2 if around is None else min(max(around, left), right)
        wanted = max(around - (around - left) * by, 0.0), around + (right - around) * by
        if wanted[1] >= self._chart.end() and wanted[0] <= 0:
            self._chart.whole_wanted.emit()
        else:
            self._chart.zoomed.emit(wanted, None)

    def move_to(self, left: float, right: float) -> None:
        """See another part of the axis, as long as this one."""
        if self._chart.view.span is None:
            return
        wide = right - left
        left = min(max(left, 0.0), max(self._chart.end() - wide, 0.0))
        self._chart.moved.emit((left, left + wide))

    def key(self, event: QKeyEvent) -> bool:
        """Do what a key stands for; whether it stands for anything."""
        left, right = self._chart.range[:2]
        key, shift = event.key(), bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        step = (right - left) / 10
        if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom(0.8, self._chart.place)
        elif key == Qt.Key.Key_Minus:
            self.zoom(1.25, self._chart.place)
        elif key in (Qt.Key.Key_Escape, Qt.Key.Key_Backspace) and self._chart.view.span is not None:
            self._chart.back_wanted.emit()
        elif key == Qt.Key.Key_Home:
            self._chart.whole_wanted.emit()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right):
            by = step if key == Qt.Key.Key_Right else -step
            if shift:
                self.move_to(left + by, right + by)
            else:
                place = right if self._chart.place is None else self._chart.place
                self._chart.pointed.emit(min(max(place + by / 5, left), right))
        else:
            return False
        return True
