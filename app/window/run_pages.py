"""What is shown of a run: its curves; where it counted which class was taken for which, those matrices; its layers; and
what its network said of some samples."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.window.curves import Curves
from app.window.run_matrix import MatrixView
from app.window.run_samples import History
from app.window.run_tables import Counted
from app.window.runs import Run
from app.window.samples_view import SamplesView
from app.window.watch_page import WatchPage

TITLES = ("Curves", "Confusion", "Layers", "Samples")
CURVES, CONFUSION, LAYERS, SAMPLES = range(4)


class RunPages(QWidget):
    """Curves, matrices, layers and samples as pages. Where a run has the curves alone there are no tabs."""

    def __init__(self, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = curves
        self.matrix: MatrixView | None = None
        self.samples: SamplesView | None = None
        self.layers = WatchPage(self)
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Curves, confusion matrix, layers or samples")
        self.tabs.setExpanding(False)
        self.tabs.setUsesScrollButtons(False)  # the words beside the tabs are cut short instead
        self.tabs.setDrawBase(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 10px; }")  # low: the panel under the canvas is, too
        for title in TITLES:
            self.tabs.addTab(title)
        self.tabs.setTabToolTip(SAMPLES, "What the network says of some validation samples, epoch by epoch")
        self.tabs.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(curves)
        self._stack.addWidget(self.layers)
        self._run: Run | None = None
        self._history: History | None = None
        self._page = CURVES
        """The page that was chosen last; it may be one that the run has not."""
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        above = QHBoxLayout()
        above.setSpacing(12)
        above.addWidget(self.tabs)
        above.addWidget(self.layers.head, 1)
        box.addLayout(above)
        box.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._chosen)
        self._turn()

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

    def show_samples(self, history: History | None) -> None:
        """Show what a run's network said of samples; nothing takes the page away."""
        self._history = history if history is not None and history.epochs else None
        self._turn()

    def _chosen(self, index: int) -> None:
        self._page = index
        self._turn()

    def _turn(self) -> None:
        matrix, run = self.matrix, self._run
        there = [True, matrix is not None and bool(matrix.tables), run is not None and bool(run.watched),
                 self._history is not None]  # fmt: skip
        at = self._page if there[self._page] else CURVES
        with QSignalBlocker(self.tabs):  # the page that a person chose comes back with a run that has it
            for index, seen in enumerate(there):
                if self.tabs.isTabVisible(index) != seen:  # said twice, Qt forgets to lay the tabs out
                    self.tabs.setTabVisible(index, seen)
            self.tabs.setCurrentIndex(at)
        self.tabs.setVisible(any(there[1:]))
        if at == SAMPLES and self.samples is None:
            self.samples = SamplesView(self)
            self._stack.addWidget(self.samples)
        shown = (self.curves, matrix, self.layers, self.samples)[at]
        self._stack.setCurrentWidget(shown or self.curves)
        self.layers.head.setVisible(shown is self.layers)
        if shown is self.layers:
            self.layers.show_run(run)
        if shown is self.samples and self.samples is not None and self._history is not None:
            self.samples.show_history(self._history)  # a folder is read only now
