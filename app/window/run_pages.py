"""What is shown of a run: its curves; where it counted which class was taken for which, those matrices; and what its
network said of some samples."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker
from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.window.curves import Curves
from app.window.run_matrix import MatrixView
from app.window.run_samples import History
from app.window.run_tables import Counted
from app.window.samples_view import SamplesView

CURVES, CONFUSION, SAMPLES = range(3)


class RunPages(QWidget):
    """Curves, matrices and samples as pages. What a run has not has no tab; without both there are none."""

    def __init__(self, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = curves
        self.matrix: MatrixView | None = None
        self.samples: SamplesView | None = None
        self._history: History | None = None
        self._page = CURVES
        """The page that was chosen last; it may be one that the run has not."""
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Curves, confusion matrix or samples")
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 10px; }")  # low: the panel under the canvas is, too
        for title in ("Curves", "Confusion", "Samples"):
            self.tabs.addTab(title)
        self.tabs.setTabToolTip(SAMPLES, "What the network says of some validation samples, epoch by epoch")
        self.tabs.setTabVisible(CONFUSION, False)
        self.tabs.setTabVisible(SAMPLES, False)
        self.tabs.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(curves)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.tabs)
        box.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(self._chosen)

    def show_tables(self, tables: tuple[Counted, ...]) -> None:
        """Show a run's matrices; none takes the page away."""
        if tables and self.matrix is None:
            self.matrix = MatrixView(self)
            self._stack.addWidget(self.matrix)
        if self.matrix is not None and tables != self.matrix.tables:
            self.matrix.show_tables(tables)
        self._offer(CONFUSION, bool(tables))

    def show_samples(self, history: History | None) -> None:
        """Show what a run's network said of samples; nothing takes the page away."""
        self._history = history if history is not None and history.epochs else None
        self._offer(SAMPLES, self._history is not None)

    def _offer(self, page: int, on: bool) -> None:
        with QSignalBlocker(self.tabs):  # the page that a person chose is what comes back with another run
            self.tabs.setTabVisible(page, on)
            self.tabs.setCurrentIndex(self._page if self.tabs.isTabVisible(self._page) else CURVES)
        self.tabs.setVisible(self.tabs.isTabVisible(CONFUSION) or self.tabs.isTabVisible(SAMPLES))
        self._turn()

    def _chosen(self, index: int) -> None:
        self._page = index
        self._turn()

    def _turn(self) -> None:
        at = self.tabs.currentIndex()
        shown: QWidget = self.curves
        if at == CONFUSION and self.matrix is not None and self.tabs.isTabVisible(CONFUSION):
            shown = self.matrix
        elif at == SAMPLES and self._history is not None:
            if self.samples is None:
                self.samples = SamplesView(self)
                self._stack.addWidget(self.samples)
            self.samples.show_history(self._history)  # a folder is read only now
            shown = self.samples
        self._stack.setCurrentWidget(shown)
