"""What is shown of a run: its curves, its layers, and where it counted which class was taken for which, those
matrices."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.window.curves import Curves
from app.window.run_matrix import MatrixView
from app.window.run_tables import Counted
from app.window.runs import Run
from app.window.watch_page import WatchPage


class RunPages(QWidget):
    """Curves, matrices and layers as pages. Where a run has the curves alone there are no tabs."""

    def __init__(self, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = curves
        self.matrix: MatrixView | None = None
        self.layers = WatchPage(self)
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Curves, confusion matrix or layers")
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 10px; }")  # low: the panel under the canvas is, too
        for title in ("Curves", "Confusion", "Layers"):
            self.tabs.addTab(title)
        self.tabs.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(curves)
        self._stack.addWidget(self.layers)
        self._run: Run | None = None
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        above = QHBoxLayout()
        above.setSpacing(12)
        above.addWidget(self.tabs)
        above.addWidget(self.layers.head, 1)
        box.addLayout(above)
        box.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(lambda _index: self._turn())

    def show_tables(self, tables: tuple[Counted, ...]) -> None:
        """Show a run's matrices; none takes the page away."""
        if tables and self.matrix is None:
            self.matrix = MatrixView(self)
            self._stack.addWidget(self.matrix)
        if self.matrix is not None and tables != self.matrix.tables:
            self.matrix.show_tables(tables)
        self._turn()

    def show_layers(self, run: Run) -> None:
        """Show how a run's nodes fare; where nothing was measured the page is gone."""
        self._run = run
        self._turn()

    def _turn(self) -> None:
        matrix, run, at = self.matrix, self._run, self.tabs.currentIndex()
        there = [True, matrix is not None and bool(matrix.tables), run is not None and bool(run.watched)]
        for index, seen in enumerate(there):
            self.tabs.setTabVisible(index, seen)
        if self.tabs.currentIndex() != at:
            self.tabs.setCurrentIndex(at)  # Qt left a page that is away: it comes back with what it shows
        self.tabs.setVisible(any(there[1:]))
        shown = (self.curves, matrix, self.layers)[at] if there[at] else self.curves
        self._stack.setCurrentWidget(shown or self.curves)
        self.layers.head.setVisible(shown is self.layers)
        if shown is self.layers:
            self.layers.show_run(run)
