"""The data panel: what is trained on, chosen at the left; samples of it; at the right how many there are of what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QProgressBar,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.design.values import Design
from app.messages.data import PROBLEM_CODES, DataShown
from app.messages.reports import Problem
from app.window import parts
from app.window.data_counts import ClassBars, SplitBar
from app.window.data_form import DataForm
from app.window.data_looks import PAGE, Looks
from app.window.data_samples import RowTable, SampleGrid
from app.window.document import Document
from app.window.files import dropped_file
from app.window.notice import Button, Notice, fill
from app.window.problems import ProblemRow, ProblemRows
from app.window.theme import theme

LEFT, RIGHT = 240, 198
DIGITS = "digits"
MISFITS = 104
"""Pixels that the problems take at most; more of them are scrolled."""
INVITES = "Choose the data to train on, or drop a folder or file here."


class DataPanel(QWidget):
    """Chooses the data and shows it. It is read in an engine, and only while the panel is seen."""

    chosen = Signal(object)
    """Problem: the user wants to see its node."""

    def __init__(self, document: Document, engines: Any, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self.setAcceptDrops(True)
        self.looks = Looks(document, engines, self)
        self.form = DataForm(document, self)
        self.split = QComboBox(self)
        self.before = parts.IconButton("chevron-left", "Samples before these", side=28)
        self.after = parts.IconButton("chevron-right", "Samples after these", side=28)
        self.marks = parts.IconButton("eye", "Draw masks and boxes over the pictures", side=28)
        self.again = parts.IconButton("refresh-cw", "Read the data from the disk again", side=28)
        self.where = parts.label("", "monosoft")
        self.bar = QProgressBar(self)
        self.status = parts.label("", "monosoft")
        self.cancel = parts.button("Cancel", "", "Stop reading the data")
        self.grid = SampleGrid()
        self.table = RowTable()
        self.notice = Notice(self)
        self.empty = Notice(self, tall=True)
        self.classes = ClassBars()
        self.classes_title = parts.label("Classes", "heading")
        self.shares = SplitBar(self)
        self.about = parts.label("", "soft", wrap=True)
        self._problems: tuple[Problem, ...] | None = None
        self._bodies = QStackedWidget(self)
        self._arrange()
        self._connect()
        self._devices(engines.last_devices)

    # making -----------------------------------------------------------------------------------------------------------

    def _arrange(self) -> None:
        self.split.setAccessibleName("Split that is shown")
        self.split.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.marks.setCheckable(True)
        self.marks.setChecked(True)
        self.bar.setTextVisible(False)
        left = _scrolled(self.form)
        left.setFixedWidth(LEFT)
        head = QHBoxLayout()
        head.setSpacing(6)
        first: tuple[QWidget, ...] = (self.split, self.before, self.after, self.where)
        for widget in first:
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.marks)
        head.addWidget(self.again)
        self._head = QWidget(self)
        self._head.setLayout(head)
        head.setContentsMargins(0, 0, 0, 0)
        self._progress = QWidget(self)
        progress = QHBoxLayout(self._progress)
        progress.setContentsMargins(0, 0, 0, 0)
        progress.setSpacing(10)
        progress.addWidget(self.bar, 1)
        progress.addWidget(self.status)
        progress.addWidget(self.cancel)
        holder = parts.area("content")
        self._list = ProblemRows(self._document, holder)
        self._list.chosen.connect(self.chosen)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._list.addStretch(1)
        self._misfits = _Misfits(holder)
        for page in (self.empty, _scrolled(self.grid), self.table):
            self._bodies.addWidget(page)
        middle = QVBoxLayout()
        middle.setSpacing(6)
        above: tuple[QWidget, ...] = (self._progress, self.notice, self._head)
        for widget in above:
            middle.addWidget(widget)
        middle.addWidget(self._bodies, 1)
        self._facts = QWidget(self)
        self._facts.setFixedWidth(RIGHT)
        facts = QVBoxLayout(self._facts)
        facts.setContentsMargins(0, 0, 0, 0)
        facts.setSpacing(6)
        facts.addWidget(self.shares)
        inner = parts.area("content")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(6)
        column.addWidget(self.classes_title)
        column.addWidget(self.classes)
        column.addWidget(self.about)
        column.addStretch(1)
        facts.addWidget(_scrolled(inner), 1)
        body = QWidget()
        row = QHBoxLayout(body)
        row.setContentsMargins(20, 10, 20, 10)
        row.setSpacing(18)
        row.addWidget(left)
        right = QVBoxLayout()
        right.setSpacing(6)
        right.addWidget(self._misfits)
        both = QHBoxLayout()
        both.setSpacing(18)
        both.addLayout(middle, 1)
        both.addWidget(self._facts)
        right.addLayout(both, 1)
        row.addLayout(right, 1)
        fill(self, body, 780)

    def _connect(self) -> None:
        looks = self.looks
        looks.changed.connect(self.refresh)
        looks.kind_found.connect(self.form.choose)
        self.split.activated.connect(lambda _index: looks.turn(str(self.split.currentData()), 0))
        self.before.clicked.connect(lambda: looks.turn(looks.split, looks.start - PAGE))
        self.after.clicked.connect(lambda: looks.turn(looks.split, looks.start + PAGE))
        self.marks.toggled.connect(lambda _on: self._show_samples())
        self.again.clicked.connect(looks.read_again)
        self.cancel.clicked.connect(looks.cancel)
        self._document.analysed.connect(self._refresh_problems)
        self._document.changed.connect(self._edited)
        self._engines.devices.connect(self._devices)
        theme.changed.connect(self._paint)

    def _paint(self) -> None:
        for row in self.rows:
            row.paint_icon()

    def _devices(self, devices: Any) -> None:
        self.form.set_devices(devices)
        self.refresh()

    def _edited(self, before: Design, after: Design) -> None:
        if self.isVisible() and before.recipe != after.recipe:
            self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.looks.watch(True)
        self.refresh()
        self._refresh_problems()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.looks.watch(False)

    # dropping ---------------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        path = dropped_file(event.mimeData())
        if path and not path.endswith(".netloom"):  # a drawing is for the window to open
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        if path := dropped_file(event.mimeData()):
            event.acceptProposedAction()
            self.looks.find_kind(path)

    # showing ----------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show what is known now."""
        looks, told = self.looks, self.looks.told
        shown = told is not None and not told.code
        reading = looks.waiting and (looks.working is not None or not shown)
        self._progress.setVisible(reading)
        if reading:
            self._show_progress()
        tone, sentence, buttons = self._said(told)
        self._head.setVisible(shown)
        self._facts.setVisible(shown)
        self.notice.setVisible(shown and bool(sentence))
        if shown:
            self.notice.say(tone, sentence, *buttons, main=False)
        else:
            self.empty.say(tone, sentence, *buttons)
        if told is not None and shown:
            self._show(told)
        else:
            self._bodies.setCurrentIndex(0)

    def _show_progress(self) -> None:
        working = self.looks.working
        self.bar.setRange(0, 1000 if working is not None and working.total else 0)
        if working is not None and working.total:
            self.bar.setValue(round(1000 * working.done / working.total))
            self.status.setText(f"{100 * working.done / working.total:.0f} %")
        else:
            self.status.setText("")

    def _said(self, told: DataShown | None) -> tuple[str, str, tuple[Button, ...]]:
        """How it stands, with the buttons that help."""
        looks = self.looks
        if looks.trouble and not self.form.needs_place:
            return "error", looks.trouble, self._helps()
        if looks.cancelled:
            return "info", "Reading the data was stopped.", (("Read it", looks.read_again),)
        if not looks.spec:
            offers: list[Button] = []
            if (digits := self.form.dataset_of(DIGITS)) is not None:
                words = f"{digits.title[:1].lower()}{digits.title[1:]}"
                offers.append((f"Use {words}", lambda: self.form.choose(DIGITS)))
            return "info", INVITES, (*offers, ("Folder…", self._browse_folder), ("File…", self._browse_file))
        if self.form.needs_place:
            dataset = self.form.dataset
            title = dataset.title if dataset is not None else "This data"
            sentence = f"{title} needs a path: choose where it lies, or drop it here."
            return "info", sentence, (("Browse", self.form.browse),)
        if told is not None and told.code:
            path = Path(looks.spec.partition(":")[2]).name
            sentence = f"`{path}` is Python that nobody has allowed to run yet."
            return "warn", sentence, (("Read and allow…", self._ask_consent),)
        return ("none", "", ()) if told is not None or not looks.waiting else ("none", "Reading the data.", ())

    def _helps(self) -> tuple[Button, ...]:
        recipe, dataset = self._document.design.recipe, self.form.dataset
        again: Button = ("Read again", self.looks.read_again)
        missing = self.looks.trouble.startswith("There is no")
        if recipe.skip_bad_samples or missing or dataset is None or not dataset.needs_path:
            return (again,)
        return again, ("Skip bad samples", self.form.skip_bad)

    def _show(self, told: DataShown) -> None:
        with QSignalBlocker(self.split):
            self.split.clear()
            for split in told.splits:
                self.split.addItem(f"{split.name} ({split.size:,})", split.name)
            self.split.setCurrentIndex(max(self.split.findData(self.looks.split), 0))
        size = next((split.size for split in told.splits if split.name == told.split), 0)
        first = told.samples[0].number if told.samples else 0
        last = first + len(told.samples)
        self.where.setText(f"{first + 1:,}–{last:,}" if told.samples else "")
        self.before.setEnabled(first > 0)
        self.after.setEnabled(last < size)
        self.marks.setVisible(any(sample.mask is not None or sample.boxes for sample in told.samples))
        self.shares.show_splits(told.splits)
        counts = next((split.counts for split in told.splits if split.name == told.split), ())
        pixels = bool(told.masks) and sum(counts) > size
        names = told.dataset.classes if counts or told.dataset.form != "tokens" else ()
        coloured = any(sample.mask is not None or sample.boxes for sample in told.samples)
        self.classes.show_classes(names, counts, shares=pixels, coloured=coloured)
        self.classes_title.setText(f"{len(names):,} classes{', share of pixels' if pixels else ''}")
        self.classes_title.setVisible(bool(names))
        self.about.setText("\n".join(filter(None, (told.sizes[:1].upper() + told.sizes[1:], *told.notes))))
        self._show_samples()

    def _show_samples(self) -> None:
        told = self.looks.told
        if told is None or told.code:
            return
        if any(sample.look is not None for sample in told.samples):
            self._bodies.setCurrentIndex(1)
            self.grid.show_samples(told, marked=self.marks.isChecked())
        else:
            self._bodies.setCurrentIndex(2)
            self.table.show_samples(told)

    # how it fits the drawing ------------------------------------------------------------------------------------------

    @property
    def rows(self) -> list[ProblemRow]:
        """What the check says, with its fixes."""
        return self._list.rows

    def _refresh_problems(self) -> None:
        """Show what the check says of this data and the drawing, with its fixes."""
        problems = tuple(p for p in self._document.open_problems if p.code in PROBLEM_CODES)
        if problems == self._problems:
            return
        self._problems = problems
        self._list.fill(problems)
        self._misfits.setVisible(bool(problems))
        self._misfits.fit(self.rows)

    # choosing ---------------------------------------------------------------------------------------------------------

    def _browse_folder(self) -> None:
        self._find(self.form.ask_folder())

    def _browse_file(self) -> None:
        self._find(self.form.ask_file())

    def _find(self, path: str) -> None:
        if path:
            self.looks.find_kind(path)

    def _ask_consent(self) -> None:
        from app.window.consent import ConsentDialog

        if (told := self.looks.told) is not None and told.code:
            name = Path(self.looks.spec.partition(":")[2]).name
            ConsentDialog(self._document, self, [(name, told.code)]).open()


def _scrolled(widget: QWidget) -> QScrollArea:
    area = QScrollArea()
    _dress(area, widget)
    return area


class _Misfits(QScrollArea):
    """As high as the rows in it are, up to a limit."""

    def __init__(self, holder: QWidget) -> None:
        super().__init__()
        self._rows: list[ProblemRow] = []
        _dress(self, holder)

    def fit(self, rows: list[ProblemRow]) -> None:
        self._rows = rows
        wide = self.viewport().width()
        self.setFixedHeight(min(sum(row.heightForWidth(wide) for row in rows), MISFITS))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.fit(self._rows)


def _dress(area: QScrollArea, widget: QWidget) -> None:
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setWidget(widget)
