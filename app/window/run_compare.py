"""Runs beside each other: the settings in which they differ, their figures, and their curves over each other."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.design.compare import compare
from app.window import parts, table_text
from app.window.chart_view import RUN_COLOURS
from app.window.curves import Curves
from app.window.run_folder import Kept
from app.window.runs_table import differing, figure, figures_of, setting, when, worded
from app.window.shelf import Shelf
from app.window.theme import font, theme


def rows_of(runs: list[Kept]) -> list[tuple[str, list[str]]]:
    """What is said of each run: a heading, and a text for each."""
    found = [("State", [run.state for run in runs]), ("Started", [when(run) for run in runs])]
    if any(run.design is not None for run in runs):
        found.append(("Drawing", [_drawing(runs[0], run) for run in runs]))
    for name in differing(runs):
        found.append((setting(name).capitalize(), [_chosen(run, name) for run in runs]))
    for name in figures_of(runs):
        found.append((f"Best {name}", [figure(name, run.best.get(name)) for run in runs]))
    tested = sorted({name for run in runs for name in run.test}, key=lambda name: name != "loss")
    for name in tested:
        found.append((f"Test {name}", [figure(name, run.test.get(name)) for run in runs]))
    return found


def _chosen(run: Kept, name: str) -> str:
    return worded(getattr(run.recipe, name)) if run.design is not None else ""


def _drawing(first: Kept, run: Kept) -> str:
    """In how much a run's drawing differs from the first one's."""
    if run.design is None:
        return "cannot be read"
    if first.design is None or run is first:
        return "the first"
    graph = (first.design.nodes, first.design.wires, first.design.groups)
    if graph == (run.design.nodes, run.design.wires, run.design.groups):
        return "the same"
    count = len(compare(first.design, run.design, {}).differences)
    return f"{count} difference{'s' * (count != 1)}" if count else "the same, placed otherwise"


class RunCompare(QDialog):
    """Two or more runs. It follows those that are still trained."""

    def __init__(self, shelf: Shelf, runs: list[Kept], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._shelf = shelf
        self._paths: list[Path] = [run.path for run in runs]
        self.setWindowTitle("Compare runs")
        room = parent.size() if parent is not None else QSize(1366, 768)
        self.resize(max(room.width() - 120, 800), max(room.height() - 80, 560))
        self.table = QTableWidget(self)
        self.table.setAccessibleName("Settings and figures")
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setShowGrid(False)
        self.table.verticalHeader().setDefaultSectionSize(26)
        self.curves = Curves(self)
        self.copy_button = parts.button("Copy table", "", "Copy the table as Markdown")
        close = parts.button("Close")
        self.split = QSplitter(Qt.Orientation.Vertical)
        self.split.setChildrenCollapsible(False)
        self.split.addWidget(self.table)
        self.split.addWidget(self.curves)
        self.split.setStretchFactor(1, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(self.copy_button)
        foot.addWidget(close)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 16, 20, 16)
        box.setSpacing(12)
        box.addWidget(self.split, 1)
        box.addLayout(foot)
        self.copy_button.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.as_markdown()))
        close.clicked.connect(self.close)
        shelf.changed.connect(self.refresh)
        shelf.moved.connect(self._moved)
        theme.changed.connect(self.refresh)
        shelf.watch(f"compare {id(self)}", True)
        self.finished.connect(lambda _code: shelf.watch(f"compare {id(self)}", False))
        self.refresh()
        high = self.table.rowCount() * 26 + 40
        self.split.setSizes([min(high, self.height() // 2), self.height() - min(high, self.height() // 2)])

    @property
    def runs(self) -> list[Kept]:
        """Those that are still there."""
        return [self._shelf.runs[path] for path in self._paths if path in self._shelf.runs]

    def _moved(self, old: Path, new: Path | None) -> None:
        self._paths = [new or path if path == old else path for path in self._paths]

    def refresh(self) -> None:
        """Show the runs as they are now."""
        runs = self.runs
        rows = rows_of(runs) if runs else []
        table = self.table
        table.setRowCount(len(rows))
        table.setColumnCount(len(runs))
        table.setVerticalHeaderLabels([heading for heading, _ in rows])
        colours = RUN_COLOURS[theme.dark]
        for at, run in enumerate(runs):
            head = QTableWidgetItem(run.name)
            head.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
            head.setIcon(_dot(colours[at % len(colours)] if run.points else theme.tokens.faint))
            head.setToolTip(run.wrong or str(run.path))
            table.setHorizontalHeaderItem(at, head)
        for row, (_heading, texts) in enumerate(rows):
            for at, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setFont(font(12, mono=text[:1].isdigit()))
                table.setItem(row, at, item)
        table.resizeColumnsToContents()
        self.curves.show_runs(self._shelf.shown([run.path for run in runs]))

    def as_markdown(self) -> str:
        """The table as text."""
        lines = [["", *(run.name for run in self.runs)], *([heading, *texts] for heading, texts in rows_of(self.runs))]
        return table_text.as_markdown(lines, [False] * len(lines[0]))


def _dot(colour: str) -> QIcon:
    """A run's colour: the style sheet leaves headings none of their own."""
    pixmap = QPixmap(24, 24)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(2, 2, 8, 8)
    painter.end()
    return QIcon(pixmap)
