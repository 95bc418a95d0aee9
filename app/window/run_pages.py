"""What is shown of a run: its curves, and where it counted which class was taken for which, those matrices."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedWidget, QTabBar, QVBoxLayout, QWidget

from app.window.curves import Curves
from app.window.run_matrix import MatrixView
from app.window.run_tables import Counted


class RunPages(QWidget):
    """Curves and matrices as two pages. Without a matrix there are no tabs."""

    def __init__(self, curves: Curves, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.curves = curves
        self.matrix: MatrixView | None = None
        self.tabs = QTabBar(self)
        self.tabs.setAccessibleName("Curves or confusion matrix")
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        self.tabs.setStyleSheet("QTabBar::tab { padding: 3px 10px; }")  # low: the panel under the canvas is, too
        for title in ("Curves", "Confusion"):
            self.tabs.addTab(title)
        self.tabs.hide()
        self._stack = QStackedWidget(self)
        self._stack.addWidget(curves)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.tabs)
        box.addWidget(self._stack, 1)
        self.tabs.currentChanged.connect(lambda _index: self._turn())

    def show_tables(self, tables: tuple[Counted, ...]) -> None:
        """Show a run's matrices; none takes the page away."""
        if tables and self.matrix is None:
            self.matrix = MatrixView(self)
            self._stack.addWidget(self.matrix)
        if self.matrix is not None and tables != self.matrix.tables:
            self.matrix.show_tables(tables)
        self.tabs.setVisible(bool(tables))
        self._turn()

    def _turn(self) -> None:
        matrix = self.matrix
        seen = matrix is not None and bool(matrix.tables) and self.tabs.currentIndex() == 1
        self._stack.setCurrentWidget(matrix if matrix is not None and seen else self.curves)
