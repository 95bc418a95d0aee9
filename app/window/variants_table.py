"""All variants of the drawing side by side: what each costs. The engine works them out one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QIcon, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QProgressBar,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.design.paths import PathError, choose_variant
from app.design.values import Design
from app.messages.totals import GetTotals, Totals
from app.window import figures, table_text
from app.window.document import Document
from app.window.engines import Engines
from app.window.parts import button, label
from app.window.questions import Questions
from app.window.sentences import plain
from app.window.theme import font, icon, theme

HEADINGS = ("Variant", "Parameters", "MACs", "Weights", "Activations", "Training step", "Output")
UNITS = {"Weights": " (bytes)", "Activations": " (bytes)", "Training step": " (bytes)"}
"""What a CSV file adds to the headings: its numbers have no units of their own."""
RIGHT = (False, True, True, True, True, True, False)
WAIT = 300
"""Milliseconds after an edit until the variants are worked out again: more edits may follow."""
VALUE = int(Qt.ItemDataRole.UserRole)


@dataclass
class _Row:
    """What is known of a variant: `design` is the drawing with its settings, None where they cannot be set."""

    name: str
    design: Design | None
    totals: Totals | None = None
    failed: str = ""

    @property
    def done(self) -> bool:
        return self.totals is not None or bool(self.failed)

    @property
    def problem(self) -> str:
        return self.failed or (self.totals.problem if self.totals is not None else "")

    def values(self) -> list[float | str]:
        """What each column sorts by."""
        told = self.totals
        if told is None:
            return [self.name, -1, -1, -1, -1, -1, ""]
        memory = told.memory
        output = plain(told.problem) or ", ".join(figures.brief(named.tensors) for named in told.outputs)
        return [
            self.name, told.parameters, told.macs, memory.parameters, memory.activations, memory.training, output,
        ]  # fmt: skip

    def texts(self) -> list[str]:
        """What each column says."""
        name, parameters, macs, weights, activations, training, output = self.values()
        if self.totals is None:
            return [self.name, *["–" if self.failed else "…"] * 5, plain(self.failed)]
        sizes = [figures.size(int(value)) for value in (weights, activations, training)]
        step = f"≈ {sizes[2]}"
        return [str(name), f"{parameters:,}", figures.count(int(macs)), sizes[0], sizes[1], step, str(output)]


class _Cell(QTableWidgetItem):
    def __lt__(self, other: QTableWidgetItem) -> bool:
        return bool(self.data(VALUE) < other.data(VALUE))


class VariantsDialog(QDialog):
    """A row a variant. What is known of one holds as long as its settings lead to the same drawing."""

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self.rows: dict[str, _Row] = {}
        self.setWindowTitle("Compare variants")
        self.resize(860, 420)
        self.words = label("", wrap=True)
        self.table = QTableWidget(0, len(HEADINGS))
        for column, heading in enumerate(HEADINGS):
            item = QTableWidgetItem(heading)
            side = Qt.AlignmentFlag.AlignRight if RIGHT[column] else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self.table.setHorizontalHeaderItem(column, item)
        self.table.setAccessibleName("Variants")
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setStretchLastSection(True)
        header.setSortIndicatorClearable(True)
        self.table.setSortingEnabled(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.cellActivated.connect(lambda row, _column: self.choose(self.name_at(row)))
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.copy = button("Copy", tip="Copy the selected rows, or all, with tabs between the columns")
        self.save = button("Save as…", tip="Save the table as CSV or Markdown")
        self.take = button("Choose", "primary", "Make the drawing the selected variant, as one step to undo")
        self.shut = button("Close")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.as_text()))
        self.save.clicked.connect(self._save)
        self.take.clicked.connect(lambda: self.choose(self.name_at(self.table.currentRow())))
        self.shut.clicked.connect(self.close)
        below = QHBoxLayout()
        below.setSpacing(8)
        below.addWidget(self.bar, 1)
        below.addStretch(1)
        for one in (self.copy, self.save, self.shut, self.take):
            one.setAutoDefault(False)  # Return in the table chooses
            below.addWidget(one)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 18)
        box.setSpacing(12)
        box.addWidget(self.words)
        box.addWidget(self.table, 1)
        box.addLayout(below)
        document.changed.connect(lambda *_designs: self._follow(WAIT))
        document.catalogue_changed.connect(lambda: self._follow(WAIT))
        theme.changed.connect(self._show)
        self._follow(0)

    def name_at(self, row: int) -> str:
        """The variant in this row of the table; "" for no row."""
        item = self.table.item(row, 0)
        return item.text() if item is not None else ""

    # working them out -------------------------------------------------------------------------------------------------

    def _follow(self, wait: int) -> None:
        """Take the variants of the present drawing; those that are as they were need no second answer."""
        before, self.rows = self.rows, {}
        for variant in self._document.design.variants:
            row = self._row(variant.name)
            known = before.get(variant.name)
            same = known is not None and known.done and known.design is not None and known.design == row.design
            self.rows[variant.name] = known if known is not None and same else row
        self._show()
        self._next(wait)

    def _row(self, name: str) -> _Row:
        document = self._document
        try:  # as choosing it makes the drawing: a choice then changes no row
            return _Row(name, replace(choose_variant(document.design, name, document.catalogue), variants=()))
        except PathError as error:
            return _Row(name, None, failed=f"{error}.")

    def _next(self, wait: int = 0) -> None:
        row = next((row for row in self.rows.values() if not row.done), None)
        if row is None:
            self._questions.drop()
            return
        design = row.design
        assert design is not None  # else it has failed

        def take(told: Totals) -> None:
            row.totals = told
            self._show()
            self._next()

        def fail(sentence: str) -> None:
            row.failed = sentence
            self._show()
            self._next()

        self._questions.ask(lambda: GetTotals("", design), take, fail, wait=wait)

    # showing ----------------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        rows, now = list(self.rows.values()), self._document.variant
        done = sum(row.done for row in rows)
        chosen = self.name_at(self.table.currentRow())
        self.table.setSortingEnabled(False)  # else rows would move while they are filled
        self.table.setRowCount(len(rows))
        for at, row in enumerate(rows):
            for column, (text, value) in enumerate(zip(row.texts(), row.values(), strict=True)):
                item = _Cell(text)
                item.setData(VALUE, value)
                item.setToolTip(plain(row.problem) or text)
                if RIGHT[column]:
                    item.setFont(font(12, mono=True))
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if not column:
                    item.setIcon(_mark(row, now))
                self.table.setItem(at, column, item)
        self.table.setSortingEnabled(True)
        for at in range(len(rows)):
            if self.name_at(at) == (chosen or now):
                self.table.setCurrentCell(at, 0)
        self.bar.setRange(0, max(len(rows), 1))
        self.bar.setValue(done)
        self.bar.setVisible(done < len(rows))
        if not rows:
            self.words.setText("This drawing has no variants any more.")
        elif done < len(rows):
            self.words.setText(f"{done} of {len(rows)} variants are worked out…")
        else:
            self.words.setText("Totals for one sample. Double-click a variant, or press Return, to choose it.")

    def choose(self, name: str) -> None:
        """Make the drawing this variant."""
        if name:
            self._document.choose_variant(name)

    # taking it along --------------------------------------------------------------------------------------------------

    def _shown(self, *, all_rows: bool = True) -> list[_Row]:
        """The rows from top to bottom as they are sorted; those that are selected, where not all are wanted."""
        chosen = {index.row() for index in self.table.selectionModel().selectedRows()}
        order = range(self.table.rowCount())
        return [self.rows[self.name_at(at)] for at in order if all_rows or at in chosen]

    def as_text(self) -> str:
        """The selected rows, or all, with tabs between the columns."""
        rows = self._shown(all_rows=False)
        rows = rows if len(rows) > 1 else self._shown()
        return "\n".join("\t".join(cells) for cells in (HEADINGS, *(row.texts() for row in rows)))

    def as_csv(self) -> str:
        """All rows; bytes and counts as whole numbers."""
        head = [heading + UNITS.get(heading, "") for heading in HEADINGS]
        lines = [[str(v) if v != -1 else "" for v in row.values()] for row in self._shown()]
        return table_text.as_csv([head, *lines])

    def as_markdown(self) -> str:
        """All rows as they are shown."""
        return table_text.as_markdown([HEADINGS, *(row.texts() for row in self._shown())], RIGHT)

    def _save(self) -> None:
        said = table_text.save(self, f"{self._document.title}-variants.csv", self.as_csv, self.as_markdown)
        if said:
            self.words.setText(said)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        else:
            super().keyPressEvent(event)


def _mark(row: _Row, now: str) -> QIcon:
    """What stands before a name: that it has errors, that the drawing is it, or room for either."""
    if row.problem:
        return icon("circle-x", theme.tokens.error)
    return icon("check", theme.tokens.accent if row.name == now else theme.tokens.panel)
