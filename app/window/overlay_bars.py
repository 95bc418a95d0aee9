"""The two bars over the canvas that belong to overlays: which of them is open, each made when it is first needed."""

from __future__ import annotations

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QVBoxLayout

from app.window.canvas.view import CanvasView
from app.window.engines import Engines
from app.window.overlay_bar import OverlayBar
from app.window.profile_bar import ProfileBar

PLACE = 1
"""In the column that holds the canvas: under the breadcrumbs."""


class OverlayBars(QObject):
    """Shows the measures on the canvas, each with its bar."""

    def __init__(self, canvas: CanvasView, engines: Engines, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas, self._engines = canvas, engines
        self._document = canvas.document
        self._column: QVBoxLayout | None = None
        self._profile: ProfileBar | None = None
        self._legend: OverlayBar | None = None

    def stand_in(self, column: QVBoxLayout) -> None:
        """Put bars into this column, over the canvas."""
        self._column = column

    def profile(self) -> ProfileBar:
        """The bar that measures."""
        if self._profile is None:
            assert self._column is not None  # the window is laid out before anything can be asked of it
            bar = self._profile = ProfileBar(self._document, self._engines)
            bar.closed.connect(lambda: self.show("time"))
            self._column.insertWidget(PLACE, bar)
        return self._profile

    def show(self, measure: str) -> None:
        """Colour the nodes by a measure of `overlays.TITLES`; the one that is shown, or "", takes the colours off."""
        overlay = self._document.overlay
        if measure == "time":
            bar = self.profile()
            if overlay.measure == "time":
                bar.shut()
                self._canvas.setFocus()
            else:
                bar.open()
            return
        if self._legend is None and measure:
            assert self._column is not None
            legend = self._legend = OverlayBar(self._document, self._engines)
            legend.closed.connect(self._canvas.setFocus)
            self._column.insertWidget(PLACE, legend)
        overlay.show("" if measure == overlay.measure else measure)
