"""The tools over the curves: the axis, the scale, smoothing, which charts, zoom back, export."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QSlider, QWidget

from app.window import parts
from app.window.chart_view import title_of

EXPORTS = {"png": "Picture (PNG)…", "svg": "Vector picture (SVG)…", "csv": "Table of points (CSV)…"}
AXIS_TITLES = {"epochs": "Epochs", "steps": "Steps", "time": "Time"}
SMOOTHEST = 99


class CurveTools(QWidget):
    """Says what the user wants; `Curves` does it."""

    axis_chosen = Signal(str)
    log_chosen = Signal(bool)
    smoothing_chosen = Signal(float)
    chart_chosen = Signal(str, bool)
    """A chart's name, and whether it is to be seen."""
    back_wanted = Signal()
    export_wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.axis = QComboBox(self)
        self.axis.setAccessibleName("Axis of the curves")
        self.axis.setToolTip("What the curves are drawn along")
        for name, title in AXIS_TITLES.items():
            self.axis.addItem(title, name)
        self.log = parts.button("Log", "chip", "Draw values by their logarithm")
        self.log.setAccessibleName("Logarithmic axis")
        self.log.setCheckable(True)
        self.smoothing = QSlider(Qt.Orientation.Horizontal, self)
        self.smoothing.setRange(0, SMOOTHEST)
        self.smoothing.setAccessibleName("Smoothing")
        self.smoothing.setToolTip("Smooth the train curves: each value becomes a mean of those before it")
        self.smoothing.setMinimumWidth(48)
        self.smoothing.setMaximumWidth(160)
        self._smooth = parts.label("Smooth", "soft")
        self._weight = parts.label("0.00", "monosoft")
        self.charts = parts.IconButton("eye", "Choose which charts are shown", side=26)
        self.back = parts.IconButton("zoom-out", "Back to what was seen before the zoom", side=26)
        self.back.setEnabled(False)
        self.export = parts.IconButton("download", "Export the curves as a picture or a table", side=26)
        self._menu = QMenu(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for widget in (self.axis, self.log, self._smooth):
            row.addWidget(widget)
        row.addWidget(self.smoothing, 1)
        row.addWidget(self._weight)
        row.addStretch(1)
        for button in (self.charts, self.back, self.export):
            row.addWidget(button)
        self.axis.activated.connect(lambda _i: self.axis_chosen.emit(self.axis.currentData()))
        self.log.toggled.connect(self.log_chosen)
        self.smoothing.valueChanged.connect(self._slid)
        self.back.clicked.connect(self.back_wanted)
        self.export.clicked.connect(self._show_exports)

    def _slid(self, value: int) -> None:
        self._weight.setText(f"{value / 100:.2f}")
        self.smoothing_chosen.emit(value / 100)

    def offer_charts(self, shown: Callable[[], dict[str, bool]]) -> None:
        """The charts that there are by name, and whether each is seen, asked for when the menu opens."""
        self.charts.clicked.connect(lambda: self._show_charts(shown()))

    def _show_charts(self, shown: dict[str, bool]) -> None:
        self._menu.clear()
        for name, seen in shown.items():
            action = self._menu.addAction(title_of(name))
            action.setCheckable(True)
            action.setChecked(seen)
            action.toggled.connect(lambda on, name=name: self.chart_chosen.emit(name, on))
        self._menu.popup(self.charts.mapToGlobal(self.charts.rect().bottomLeft()))

    def _show_exports(self) -> None:
        self._menu.clear()
        for kind, title in EXPORTS.items():
            self._menu.addAction(title).triggered.connect(lambda _on=False, kind=kind: self.export_wanted.emit(kind))
        self._menu.popup(self.export.mapToGlobal(self.export.rect().bottomLeft()))

    @property
    def menu(self) -> QMenu:
        """The menu that is open, or was last."""
        return self._menu
