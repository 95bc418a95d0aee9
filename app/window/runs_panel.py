"""The tab with the runs: a table, what can be done with them, and the curves of those that are chosen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QSplitter,
    QStackedWidget,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.window import parts
from app.window.boxes import ask_for_good
from app.window.curves import Curves
from app.window.notice import Notice, fill
from app.window.run_folder import Kept
from app.window.run_pages import RunPages
from app.window.run_samples import History
from app.window.runs import Runs
from app.window.runs_table import PATH, STARTED, CurveDelegate, RunsModel, SortedRuns
from app.window.shelf import Shelf

WIDEST = 200
"""Pixels of a column at most."""


class RunsTable(QTreeView):
    """The rows. Space ticks, Enter opens the drawing, F2 renames, Delete deletes."""

    key_pressed = Signal(object)

    def __init__(self, model: RunsModel, shelf: Shelf) -> None:
        super().__init__()
        self.source = model
        self.sorted = SortedRuns(model)
        self.setModel(self.sorted)
        self.setObjectName("layers")  # the sheet dresses it as the other table
        self.setAccessibleName("Runs")
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSortingEnabled(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.header().setStretchLastSection(False)
        self.setItemDelegateForColumn(1, CurveDelegate(self, lambda: shelf.over))
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.newest_first()

    def newest_first(self) -> None:
        """Sort by when the runs began."""
        headings = [column.heading for column in self.source.columns]
        self.sortByColumn(headings.index(STARTED), Qt.SortOrder.DescendingOrder)

    def chosen(self) -> list[Path]:
        """The paths of the rows that are selected, from top to bottom."""
        rows = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [index.data(PATH) for index in rows]

    def choose(self, paths: list[Path]) -> None:
        """Select these rows."""
        wanted = QItemSelection()
        for row in range(self.sorted.rowCount()):
            index = self.sorted.index(row, 0)
            if index.data(PATH) in paths:
                wanted.select(index, index)
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().select(wanted, flags.ClearAndSelect | flags.Rows)

    @property
    def sorted_by(self) -> tuple[str, Qt.SortOrder]:
        """The heading of the column that the rows are sorted by, and which way."""
        header, columns = self.header(), self.source.columns
        at = header.sortIndicatorSection()
        return columns[at].heading if at < len(columns) else STARTED, header.sortIndicatorOrder()

    def sort_again(self, by: tuple[str, Qt.SortOrder]) -> None:
        """Keep the order although columns have come or gone."""
        headings = [column.heading for column in self.source.columns]
        self.sortByColumn(headings.index(by[0] if by[0] in headings else STARTED), by[1])

    def row_of(self, path: Path) -> int:
        """The row of a run; -1 where it has none."""
        count = self.sorted.rowCount()
        return next((row for row in range(count) if self.sorted.index(row, 0).data(PATH) == path), -1)

    def fit(self) -> None:
        """Columns as wide as what stands in them."""
        for at in range(self.sorted.columnCount()):
            self.resizeColumnToContents(at)
            self.setColumnWidth(at, 96 if at == 1 else min(self.columnWidth(at) + 8, WIDEST))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = (Qt.Key.Key_F2, Qt.Key.Key_Delete, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if event.key() in keys:
            self.key_pressed.emit(event.key())
        else:
            super().keyPressEvent(event)


class RunsPanel(QWidget):
    """Lists the runs. What needs the rest of the window is asked of it by signals, each with a Kept."""

    open_wanted = Signal(object)
    """Its drawing in a tab."""
    resume_wanted = Signal(object)
    try_wanted = Signal(object)
    export_wanted = Signal(object)
    compare_wanted = Signal(object)
    """A list of Kept."""

    def __init__(self, shelf: Shelf, runs: Runs, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shelf, self._runs = shelf, runs
        self.model = RunsModel(self.state, lambda: shelf.over, shelf.lay_over)
        self.table = RunsTable(self.model, shelf)
        self.curves = Curves(self)
        self.views = RunPages(self.curves, self)
        self.notice = Notice(self)
        self.empty = Notice(self, tall=True)
        self._buttons: dict[str, QWidget] = {}
        self._pages = QStackedWidget(self)
        self._arrange()
        shelf.changed.connect(self.refresh)
        shelf.over_changed.connect(self._over_changed)
        runs.changed.connect(lambda run: shelf.scan() if self.isVisible() and not run.progress else None)
        runs.changed.connect(lambda _run: self.model.refresh() if self.isVisible() else None)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._chosen())
        self.table.doubleClicked.connect(lambda _index: self._one(self.open_wanted.emit))
        self.table.key_pressed.connect(self._key)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.refresh()

    def _arrange(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(8)
        for name, text, tip, do in (
            ("compare", "Compare", "Settings, figures and curves of the runs that are selected (two or more)",
             self.compare),
            ("open", "Open drawing", "Open the drawing that was trained in a tab",
             lambda: self._one(self.open_wanted.emit)),
            ("resume", "Resume", "Go on from its last checkpoint", lambda: self._one(self.resume_wanted.emit)),
            ("try", "Try", "Show its network samples of your own", lambda: self._one(self.try_wanted.emit)),
            ("export", "Export", "Export its trained network", lambda: self._one(self.export_wanted.emit)),
        ):  # fmt: skip
            button = parts.button(text, "", tip)
            button.clicked.connect(lambda _on=False, do=do: do())
            bar.addWidget(button)
            self._buttons[name] = button
        bar.addStretch(1)
        for name, symbol, tip, act in (
            ("rename", "pencil", "Rename the run (F2)", lambda: self._one(self.rename)),
            ("delete", "trash-2", "Move the runs that are selected to the trash (Delete)", self.delete),
            ("folder", "folder", "Show the run's folder", lambda: self._one(self.show_folder)),
            ("add", "folder-open", "List a run, or a folder of runs, that lies elsewhere", self.open_folder),
        ):
            made = parts.IconButton(symbol, tip, side=28)
            made.clicked.connect(lambda _on=False, act=act: act())
            bar.addWidget(made)
            self._buttons[name] = made
        side = QWidget(self)
        right = QVBoxLayout(side)
        right.setContentsMargins(12, 0, 0, 0)
        right.setSpacing(6)
        right.addWidget(self.notice)
        right.addWidget(self.views, 1)
        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.setChildrenCollapsible(False)
        self.split.setHandleWidth(1)
        self.split.addWidget(self.table)
        self.split.addWidget(side)
        self.split.setStretchFactor(0, 3)
        self.split.setStretchFactor(1, 2)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.split)
        body = QWidget()
        layout = QVBoxLayout(body)
        layout.setContentsMargins(20, 8, 20, 12)
        layout.setSpacing(8)
        layout.addLayout(bar)
        layout.addWidget(self._pages, 1)
        fill(self, body, 800)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.shelf.watch("panel", True)
        self.refresh()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.shelf.watch("panel", False)

    # what is shown ----------------------------------------------------------------------------------------------------

    def state(self, run: Kept) -> str:
        """How a run stands; of this window's own it is known at once."""
        mine = self._runs.at(run.path)
        if mine is not None and mine.active:
            return "paused" if mine.paused else "running"
        return run.state

    def refresh(self) -> None:
        """Show the runs that there are."""
        runs = list(self.shelf.runs.values())
        kept, by = self.table.chosen(), self.table.sorted_by
        if self.model.show(runs):
            self.table.sort_again(by)
            self.table.fit()
            self.table.choose(kept)
        sentence = "No run yet: train the drawing, and its run is listed here." if self.shelf.ready else ""
        self.empty.say("info" if sentence else "none", sentence, ("Open runs elsewhere", self.open_folder), main=False)
        self._pages.setCurrentIndex(1 if runs else 0)
        if runs and not self.table.chosen():
            self.table.setCurrentIndex(self.table.sorted.index(0, 0))
        self._chosen()

    def selected(self) -> list[Kept]:
        """The runs that are selected."""
        return [self.shelf.runs[path] for path in self.table.chosen() if path in self.shelf.runs]

    def _chosen(self) -> None:
        """Show the curves of the runs that are selected, and what can be done with them."""
        chosen = self.selected()
        one = chosen[0] if len(chosen) == 1 else None
        live = one is not None and self.state(one) in ("running", "paused")
        for name, on in {
            "compare": len(chosen) > 1,
            "open": one is not None and one.design is not None,
            "resume": one is not None and one.resumable and not live,
            "try": one is not None and one.usable and not live,
            "export": one is not None and one.usable and not live,
            "rename": one is not None and not live,
            "delete": bool(chosen),
            "folder": one is not None,
        }.items():
            self._buttons[name].setEnabled(on)
        said = one.wrong or one.message if one is not None else ""
        self.notice.setVisible(bool(said))
        if said:
            self.notice.say("error", said)
        drawn = [run.path for run in chosen if run.points]
        over = [path for path in self.shelf.over if path not in drawn]
        first = self.shelf.runs[drawn[0]] if len(drawn) == 1 else None
        if first is not None:
            self.curves.lay_over(self.shelf.shown(over))
            self.curves.show_points(first.points, first.recipe.epochs, first.name)
        else:
            self.curves.show_runs(self.shelf.shown([*drawn, *over]))
        self.views.show_tables(one.tables if one is not None else ())
        self.views.show_samples(History(one.path) if one is not None else None)
        self.views.setVisible(bool(drawn or over or (one is not None and one.tables)))

    def _over_changed(self) -> None:
        self.model.refresh()
        self._chosen()

    # doing ------------------------------------------------------------------------------------------------------------

    def _one(self, do: Callable[[Kept], object]) -> None:
        """Do something with the one run that is selected."""
        if len(chosen := self.selected()) == 1:
            do(chosen[0])

    def _key(self, key: Qt.Key) -> None:
        name = {Qt.Key.Key_F2: "rename", Qt.Key.Key_Delete: "delete"}.get(key, "open")
        if self._buttons[name].isEnabled():
            self._buttons[name].click()  # type: ignore[attr-defined]

    def _show_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name, button in self._buttons.items():
            text = button.text() or button.toolTip().partition(" (")[0]  # type: ignore[attr-defined]
            action = menu.addAction(text)
            action.setEnabled(button.isEnabled())
            action.triggered.connect(lambda _on=False, name=name: self._buttons[name].click())  # type: ignore[attr-defined]
        menu.popup(self.table.viewport().mapToGlobal(at))

    def compare(self) -> None:
        """Put the runs that are selected beside each other."""
        if len(chosen := self.selected()) > 1:
            self.compare_wanted.emit(chosen)

    def rename(self, run: Kept) -> None:
        """Give a run another name."""
        name = self.ask_name(run)
        if name:
            self._say(self.shelf.rename(run, name))

    def delete(self) -> None:
        """Move the runs that are selected to the trash, once the user has said yes."""
        chosen = self.selected()
        if not chosen or not self.ask_delete(chosen):
            return
        for run in chosen:
            mine = self._runs.at(run.path)
            active = mine is not None and mine.active
            why = f"{run.name} is being trained: stop it first." if active else self.shelf.delete(run)
            self._say(why)

    def show_folder(self, run: Kept) -> None:
        """Show a run's folder in the system's way."""
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(run.path)))

    def open_folder(self) -> None:
        """List runs that lie elsewhere."""
        if chosen := self.ask_folder():
            self._say(self.shelf.open(Path(chosen)))

    def _say(self, sentence: str) -> None:
        if sentence:
            self.report(sentence)

    # asking, so that a test can answer --------------------------------------------------------------------------------

    def ask_name(self, run: Kept) -> str:
        """Ask for a run's new name; "" for none."""
        name, done = QInputDialog.getText(self, "Rename the run", "Name", text=run.name)
        return name if done else ""

    def ask_delete(self, runs: list[Kept]) -> bool:
        """Ask whether runs may go."""
        one = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
        more = "Curves, checkpoints and log go with the folder. The drawing that is open stays."
        return ask_for_good(self, f"Move {one} to the trash?", more, "Move to trash")

    def ask_folder(self) -> str:
        """Ask for a folder; "" for none."""
        return QFileDialog.getExistingDirectory(self, "Open a run, or a folder of runs", str(self.shelf.folder.parent))

    def report(self, sentence: str) -> None:
        """Say what went wrong."""
        from app.window.curve_export import report

        report(self, sentence)
