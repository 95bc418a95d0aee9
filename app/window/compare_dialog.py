"""Two drawings side by side: what differs is marked on both, listed below, and summed up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPointF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from shiboken6 import isValid

from app.design.compare import Comparison, Difference, Place, compare
from app.design.values import Design
from app.messages import Analysis, Survey, Surveyed
from app.window.compare_side import Side, mark_colour
from app.window.compare_words import KINDS, as_markdown, as_text, known, lines, summary, totals
from app.window.notice import Notice
from app.window.parts import IconButton, Switch, button, label
from app.window.theme import font
from blocks.card import Card

COLUMNS = ("", "Node", "Block", "What", "", "")


@dataclass(frozen=True)
class Given:
    """One of the two drawings, as it was when the comparison began."""

    title: str
    design: Design
    analysis: Analysis | None = None
    """What is known of it; None: an engine is asked."""


class CompareDialog(QDialog):
    """Shows two drawings and what differs. Neither is changed, and neither need be the one that is open."""

    def __init__(
        self, before: Given, after: Given, cards: tuple[Card, ...], engines: Any, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._given = [before, after]
        self._analyses = [before.analysis, after.analysis]
        self._catalogue = {card.id: card for card in cards}
        self._engines = engines
        self._jobs: list[Any] = [None, None]
        self._failed = ""
        self.titles = (before.title, after.title)
        self.found = Comparison()
        self._rows: list[Difference | None] = []
        self._back: dict[Place, Place] = {}
        self._last: list[tuple[float, QPointF]] = []
        """Zoom and middle of both sides, as they were before one of them moved."""
        self.setWindowTitle(f"{before.title} and {after.title}")
        room = parent.size() if parent is not None else QSize(1366, 768)
        self.resize(room.width() - 40, room.height() - 40)
        self.sides = (Side(cards, self), Side(cards, self))
        self._arrange()
        for side, given in zip(self.sides, self._given, strict=True):
            side.show_design(given.design, given.title, given.analysis)
        self._connect()
        self._compare()
        self._ask()

    # parts ------------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.summary = label("", "title")
        self.notice = Notice()
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.setTextVisible(False)
        self.busy.setFixedWidth(90)
        self.busy.setAccessibleName("Analysing")
        self.together = Switch()
        self.together.setChecked(True)
        self.together.setAccessibleName("Move together")
        self.together.setToolTip("Pan and zoom both drawings at once")
        self.up = IconButton("arrow-up", "Leave the Group (U)", side=28)
        self.fit_button = IconButton("maximize", "Show all of both drawings (Home)", side=28)
        top = QHBoxLayout()
        top.setContentsMargins(16, 10, 16, 8)
        top.setSpacing(10)
        top.addWidget(self.summary)
        top.addWidget(self.notice, 1)
        top.addWidget(self.busy)
        for widget in (label("Move together", "soft"), self.together, self.up, self.fit_button):
            top.addWidget(widget)
        self.heads = (label("", "heading"), label("", "heading"))
        self.across = QSplitter(Qt.Orientation.Horizontal)
        for head, side in zip(self.heads, self.sides, strict=True):
            column = QWidget()
            box = QVBoxLayout(column)
            box.setContentsMargins(0, 0, 0, 0)
            box.setSpacing(4)
            head.setContentsMargins(16, 0, 0, 0)
            box.addWidget(head)
            box.addWidget(side, 1)
            self.across.addWidget(column)
        self.across.setSizes([1000, 1000])
        self.table = self._table()
        self.sums = QTableWidget(0, 4)
        self.sums.setHorizontalHeaderLabels(["Total", *self.titles, "Difference"])
        _dress(self.sums)
        self.sums.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.sums.setAccessibleName("Totals")
        self.sums.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.copy_button = button("Copy", "", "Copy the list as Markdown")
        self.save_button = button("Save list…", "", "Write the list to a file: Markdown (.md), or plain text (.txt)")
        self.close_button = button("Close", "", "Close the comparison (Escape)")
        for made in (self.copy_button, self.save_button, self.close_button):
            made.setAutoDefault(False)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addStretch(1)
        for made in (self.copy_button, self.save_button, self.close_button):
            buttons.addWidget(made)
        right = QWidget()
        beside = QVBoxLayout(right)
        beside.setContentsMargins(8, 8, 16, 12)
        beside.addWidget(self.sums, 1)
        beside.addLayout(buttons)
        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.addWidget(self.table)
        lower.addWidget(right)
        lower.setStretchFactor(0, 3)
        lower.setStretchFactor(1, 2)
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.addWidget(self.across)
        whole.addWidget(lower)
        whole.setSizes([460, 260])
        for splitter in (self.across, lower, whole):
            splitter.setChildrenCollapsible(False)
            splitter.setHandleWidth(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(top)
        box.addWidget(whole, 1)

    def _table(self) -> QTableWidget:
        table = QTableWidget(0, len(COLUMNS))
        table.setHorizontalHeaderLabels([*COLUMNS[:4], *self.titles])
        _dress(table)
        table.setAccessibleName("Differences")
        head = table.horizontalHeader()
        for column in range(4):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        for column in (4, 5):
            head.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        return table

    def _connect(self) -> None:
        self.table.currentCellChanged.connect(lambda row, *_: self._fly(row))
        self.table.cellClicked.connect(lambda row, _column: self._fly(row))
        for i, side in enumerate(self.sides):
            side.moved.connect(lambda i=i: self._follow(i))
            side.chosen.connect(lambda id, i=i: self._choose(i, id))
            side.enter_wanted.connect(lambda id, i=i: self._enter(i, id))
            side.leave_wanted.connect(self.leave)
            side.document.place_changed.connect(self._say_places)
        self.up.clicked.connect(self.leave)
        self.fit_button.clicked.connect(self.fit)
        self.together.toggled.connect(lambda on: self._align() if on else None)
        self.copy_button.clicked.connect(self.copy)
        self.save_button.clicked.connect(self.save)
        self.close_button.clicked.connect(self.close)
        self._say_places()

    # comparing --------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        """Have what is not known yet analysed, each drawing by itself."""
        for i, given in enumerate(self._given):
            if self._analyses[i] is not None:
                continue
            if self._engines.stopped:
                self._failed = "The engine is off: what is drawn is compared, without shapes and costs."
                continue
            job = self._jobs[i] = self._engines.run(Survey("", given.design))
            job.finished.connect(lambda told, i=i: self._told(i, told) if isValid(self) else None)
            job.failed.connect(lambda why, i=i: self._fail(i, why) if isValid(self) else None)
        self._say()

    def _told(self, i: int, told: Surveyed) -> None:
        self._jobs[i], self._analyses[i] = None, told.analysis
        self.sides[i].show_analysis(told.analysis)
        self._compare()

    def _fail(self, i: int, why: str) -> None:
        self._jobs[i] = None
        self._failed = f"{self.titles[i]} could not be analysed, so shapes and costs are not compared: {why}"
        self._say()

    @property
    def waiting(self) -> bool:
        """Whether an analysis is due."""
        return any(job is not None for job in self._jobs)

    def _compare(self) -> None:
        before, after = self._analyses
        both = before is not None and after is not None
        figures = (known(before), known(after)) if both else ({}, {})
        first, second = self._given
        self.found = compare(first.design, second.design, self._catalogue, *figures)
        self._back = {theirs: mine for mine, theirs in self.found.pairs.items()}
        for i, side in enumerate(self.sides):
            places = [(d.before if i == 0 else d.after, d) for d in self.found.differences]
            side.show_marks({place: d for place, d in places if place is not None})
        self._fill()
        self._say()

    def _fill(self) -> None:
        rows = lines(self.found)
        self._rows = [difference for difference, _ in rows]
        self.table.blockSignals(True)
        self.table.setRowCount(len(rows))
        last: Difference | None = None
        for row, (difference, detail) in enumerate(rows):
            sign = KINDS[difference.kind] if difference is not None else "≠"
            first = difference is None or difference is not last
            name = difference.name if difference is not None else "recipe"
            block = difference.block if difference is not None else ""
            card = self._catalogue.get(block)
            texts = (sign, name, card.title if card else block, detail.what, detail.before, detail.after)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text if first or column not in (1, 2) else "")
                item.setToolTip(text)
                if column == 0:
                    item.setForeground(QColor(mark_colour(sign)))
                    item.setFont(font(14, weight=font().Weight.Bold))
                    item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
                elif column >= 4:
                    item.setFont(font(12, mono=True))
                self.table.setItem(row, column, item)
            last = difference
        self.table.blockSignals(False)
        sums = totals(*self._analyses)
        self.sums.setRowCount(len(sums))
        for row, total in enumerate(sums):
            for column, text in enumerate((total.name, *total.texts)):
                item = QTableWidgetItem(text)
                if column:
                    item.setFont(font(12, mono=True))
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.sums.setItem(row, column, item)

    def _say(self) -> None:
        self.summary.setText(summary(self.found))
        self.busy.setVisible(self.waiting)
        if self.waiting:
            names = " and ".join(t for t, job in zip(self.titles, self._jobs, strict=True) if job is not None)
            self.notice.say("info", f"Analysing {names}: shapes and costs follow.")
        elif self._failed:
            self.notice.say("warn", self._failed)
        elif partial := [t for t, a in zip(self.titles, self._analyses, strict=True) if a is not None and a.partial]:
            self.notice.say("warn", f"{' and '.join(partial)} does not run to its end: the rest is compared as drawn.")
        else:
            self.notice.say("none", "")

    # going about ------------------------------------------------------------------------------------------------------

    def _say_places(self) -> None:
        for head, side, title in zip(self.heads, self.sides, self.titles, strict=True):
            document = side.document
            names = [document.design.graph(document.where_of(document.path[:i])).by_id[id].name
                     for i, id in enumerate(document.path)]  # fmt: skip
            head.setText(" / ".join([title, *names]))
        self.up.setEnabled(any(side.document.path for side in self.sides))

    def _other(self, i: int, place: Place) -> Place | None:
        return (self.found.pairs if i == 0 else self._back).get(place)

    def _go(self, i: int, path: Place) -> None:
        """Look at a graph on one side, and at that which is taken for it on the other."""
        there = self._other(i, path) if path else ()
        self.sides[i].go(path)
        if there is not None and (not there or _is_group(self.sides[1 - i].document.design, there)):
            self.sides[1 - i].go(there)
        self.fit()

    def _enter(self, i: int, id: str) -> None:
        self._go(i, (*self.sides[i].document.path, id))

    def leave(self) -> None:
        """Look at what the Group stands in, on both sides."""
        i = 0 if len(self.sides[0].document.path) >= len(self.sides[1].document.path) else 1
        if path := self.sides[i].document.path:
            self._go(i, path[:-1])

    def _choose(self, i: int, id: str) -> None:
        """Choose a node on both sides, and its line in the list."""
        place = (*self.sides[i].document.path, id) if id else None
        other = self._other(i, place) if place is not None else None
        places = (place, other) if i == 0 else (other, place)
        for side, each in zip(self.sides, places, strict=True):
            side.scene_.select([each[-1]] if each is not None and each[:-1] == side.document.path else [])
        row = next((r for r, d in enumerate(self._rows) if d is not None and place is not None
                    and place == (d.before if i == 0 else d.after)), -1)  # fmt: skip
        self.table.blockSignals(True)
        self.table.setCurrentCell(row, 0)
        self.table.blockSignals(False)

    def _fly(self, row: int) -> None:
        """Show the node of a line on both sides; where one has none, it shows what lies about there."""
        difference = self._rows[row] if 0 <= row < len(self._rows) else None
        if difference is None:
            return
        places = (difference.before, difference.after)
        for i, (side, place) in enumerate(zip(self.sides, places, strict=True)):
            side.quiet = True
            if place is None and (other := places[1 - i]) is not None:
                side.fly_to(self._beside(1 - i, other))
            side.fly_to(place)
            side.quiet = False
        if self.together.isChecked():
            first = 0 if difference.before is not None else 1
            zoom, other_side = self.sides[first].zoom, self.sides[1 - first]
            other_side.place_at(zoom, other_side.centre())
        self._remember()

    def _beside(self, i: int, place: Place) -> Place | None:
        """Where a node would stand that only side `i` has: at what feeds it, or is fed by it, or in the same Group."""
        document = self.sides[i].document
        graph = document.design.graph(document.where_of(place[:-1]))
        near = [wire.source.node for wire in graph.into.get(place[-1], ())]
        near += [wire.target.node for wire in graph.out_of.get(place[-1], ())]
        around = [(*place[:-1], id) for id in near]
        found = (self._other(i, each) for each in [*around, *([place[:-1]] if len(place) > 1 else [])])
        return next((each for each in found if each is not None), None)

    def fit(self) -> None:
        """Show all of both, as large as the larger one allows."""
        for side in self.sides:
            side.quiet = True
            side.fit()
        zoom = min(side.zoom for side in self.sides)
        for side in self.sides:
            if self.together.isChecked():
                side.place_at(zoom, side.scene_.bounds().center())
            side.quiet = False
        self._remember()

    def _align(self) -> None:
        self.sides[1].place_at(self.sides[0].zoom, self.sides[1].centre())
        self._remember()

    def _remember(self) -> None:
        self._last = [(side.zoom, side.centre()) for side in self.sides]

    def _follow(self, i: int) -> None:
        """The other side moves by as much."""
        if not self._last:
            return  # it is not shown yet
        side, other = self.sides[i], self.sides[1 - i]
        if self.together.isChecked():
            by = side.centre() - self._last[i][1]
            other.place_at(side.zoom, self._last[1 - i][1] + by)
        self._remember()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.fit()

    # out of here ------------------------------------------------------------------------------------------------------

    def ask_path(self) -> str:
        """Ask where the list is written to; "" for nowhere."""
        name = str(Path.cwd() / f"{self.titles[0]}-{self.titles[1]}.md".replace("/", "-"))
        return QFileDialog.getSaveFileName(self, "Save the list", name, "Markdown (*.md);;Text (*.txt)")[0]

    def copy(self) -> None:
        """Put the list on the clipboard, as Markdown."""
        QGuiApplication.clipboard().setText(as_markdown(self.titles, self.found, totals(*self._analyses)))
        self.notice.say("ok", "The list is on the clipboard.")

    def save(self) -> None:
        """Write the list to a file: Markdown, or with the end .txt plain text."""
        if not (answer := self.ask_path()):
            return
        path = Path(answer)
        path = path if path.suffix else path.with_suffix(".md")
        write = as_text if path.suffix.lower() == ".txt" else as_markdown
        try:
            path.write_text(write(self.titles, self.found, totals(*self._analyses)), encoding="utf-8")
        except OSError as error:
            why = error.strerror or str(error)
            self.notice.say("error", f"{path.name} cannot be written ({why}): choose another place.")
            return
        self.notice.say("ok", f"{path.name} is written.")

    def done(self, result: int) -> None:
        for side in self.sides:
            side.scene_.blockSignals(True)  # a dying scene still tells of its selection
        for job in self._jobs:
            if job is not None:
                job.cancel()
        self._jobs = [None, None]
        super().done(result)


def _is_group(design: Design, place: Place) -> bool:
    """Whether a place is a Group's node that one can look into."""
    where = ""
    for id in place:
        node = design.graph(where).by_id.get(id)
        if node is None or node.group not in design.group_by_name:
            return False
        where = node.group
    return True


def _dress(table: QTableWidget) -> None:
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(26)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
    table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
    table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
