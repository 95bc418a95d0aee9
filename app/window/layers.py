"""The layer table: every block that runs and what it is made of, its shapes and its cost, with the totals below."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPoint, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from app.messages import Analysis
from app.messages.parts import Fields, GetFields, GetParts, Parts
from app.window import parts, table_text
from app.window.document import Document
from app.window.engines import Engines
from app.window.layer_model import SHARE_ROLE, Index, LayerModel, Sorted
from app.window.layer_rows import COLUMNS, INPUT, NAME, TIME, Row, elements
from app.window.parts import Switch, button, label
from app.window.questions import Questions
from app.window.theme import font, theme

MOST = 300
"""Columns are as wide as what stands in them, up to this; names take what room is left."""
NARROW = 560
"""Below this width the tools over the table take two rows."""
MEASURED = 500
"""So many rows are measured: the columns of a long table are as wide as its beginning asks for."""


class _Bar(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        share = index.data(SHARE_ROLE)
        if share is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(option.rect).adjusted(8, 0, -8, 0)  # type: ignore[attr-defined]
        parts.draw_bar(painter, place, share)
        painter.restore()


class _Table(QTreeView):
    chosen = Signal(object)

    def __init__(self, model: LayerModel, shown: Sorted | None = None) -> None:
        super().__init__()
        self.source = model
        self.sorted = shown
        self.aligned: tuple[LayerModel, ...] = ()
        """Tables below this one that have its columns."""
        self.setModel(shown if shown is not None else model)
        self.setObjectName("layers")
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(True)
        self.setIndentation(18)
        self.setAllColumnsShowFocus(True)
        self.header().setStretchLastSection(False)
        self.header().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self._bar = _Bar(self)
        for i, column in enumerate(COLUMNS):
            self.setColumnWidth(i, column.least)
            self.setColumnHidden(i, not column.shown)
            if column.share:
                self.setItemDelegateForColumn(i, self._bar)

    def row_of(self, index: Index) -> Row:
        return self.source.row_of(self.sorted.mapToSource(index) if self.sorted is not None else index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.aligned:
            self.fit()

    def fit(self) -> None:
        """Size the columns by what stands in this table and in the one that is aligned with it."""
        rows = [(model, row) for model in (self.source, *self.aligned) for row in model.rows[:MEASURED]]
        words, numbers = self.fontMetrics(), QFontMetrics(font(12, mono=True))
        wide = []
        for at, column in enumerate(COLUMNS):
            face = numbers if at >= INPUT else words
            room = 26 + (24 + 2 * self.indentation() if at == NAME else 0)
            most = max((face.horizontalAdvance(column.text(r, m.order)) for m, r in rows), default=0) + room
            most = max(most, words.horizontalAdvance(column.heading) + 30)
            wide.append(0 if self.isColumnHidden(at) else min(max(column.least, most), MOST))
        wide[NAME] = max(wide[NAME], self.viewport().width() - sum(wide[NAME + 1 :]))
        for at, width in enumerate(wide):
            if width:
                self.setColumnWidth(at, width)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self.row_of(self.currentIndex()))
        else:
            super().keyPressEvent(event)

    def chosen_rows(self) -> list[Row]:
        """The selected rows, from top to bottom as they are shown."""
        picked = self.selectionModel().selectedRows()
        return [self.row_of(i) for i in sorted(picked, key=lambda i: self.visualRect(i).top())]

    def shown_rows(self) -> list[Row]:
        """All rows that one could scroll to, opened ones with their parts."""
        found = []
        index = self.model().index(0, 0, QModelIndex())
        while index.isValid():
            found.append(self.row_of(index))
            index = self.indexBelow(index)
        return found

    def cells(self, rows: list[Row]) -> list[list[str]]:
        """The headings, and what the visible columns say of these rows; names of parts stand further in."""
        at = [i for i, c in enumerate(COLUMNS) if c.heading and not self.isColumnHidden(i)]
        lines = [[COLUMNS[i].heading for i in at]]
        for row in rows:
            cells = [COLUMNS[i].text(row, self.source.order) for i in at]
            lines.append(["  " * row.depth + cells[0], *cells[1:]])
        return lines

    def as_text(self) -> str:
        """The selected rows, or all, with tabs between the columns."""
        return "\n".join("\t".join(cells) for cells in self.cells(self.chosen_rows() or self.shown_rows()))


class LayersPanel(QWidget):
    """The table and its totals. `chosen` carries the NodeReport that was clicked."""

    chosen = Signal(object)
    measure_wanted = Signal()
    """The time of each layer shall be measured."""

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._seen_for: Analysis | None = None
        """The analysis whose receptive fields were asked for, so that it is done once."""
        self._fields: Fields | None = None
        """What was answered."""
        self._timed = False
        """Whether there was a measurement when it was last looked for: the first one brings its columns."""
        self._questions = Questions(document, engines, self)
        self.model = LayerModel(document)
        self.totals = LayerModel(document, totals=True)
        self.sorted = Sorted(self.model)
        self.table = _Table(self.model, self.sorted)
        self.table.aligned = (self.totals,)
        self.table.header().setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.header().customContextMenuRequested.connect(self._choose_columns)
        self.table.header().setSectionsClickable(True)
        self.table.header().sectionClicked.connect(self._sort)
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None
        self.foot = _Table(self.totals)
        self.foot.header().hide()
        self.foot.setFixedHeight(30)
        self.foot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.foot.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.foot.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.foot.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 0, 8, 4)
        box.setSpacing(0)
        box.addLayout(self._tools())
        box.addWidget(self.table, 1)
        box.addWidget(parts.line())
        box.addWidget(self.foot)
        self._connect()
        self.refresh()

    def _tools(self) -> QBoxLayout:
        self.filter = QLineEdit()
        self.filter.setAccessibleName("Filter the layers")
        self.filter.setPlaceholderText("Filter layers")
        self.filter.setClearButtonEnabled(True)
        self.filter.setToolTip("Show the rows whose name or block has these words")
        self.filter.setMaximumWidth(240)
        self.filter.textChanged.connect(self.sorted.filter_by)
        self.between = label("", "soft")
        self.last = Switch()
        self.last.setToolTip("Write shapes with channels last (NHWC), as TensorFlow and ONNX tools show them")
        self.last.setAccessibleName("Channels last")
        self.last.toggled.connect(self._write_last)
        self.columns = button("Columns", tip="Choose which columns are shown")
        self.columns.clicked.connect(lambda: self._choose_columns(QPoint(0, 0)))
        self.measure = button("Measure…", tip="Run the network on this machine and show what each layer takes")
        self.measure.clicked.connect(self.measure_wanted)
        self.save = button("Save as…", tip="Save the rows that are shown as CSV or Markdown")
        self.save.clicked.connect(self._save)
        first, second = QHBoxLayout(), QHBoxLayout()
        first.addWidget(self.filter)
        first.addWidget(self.between, 1)
        first.addWidget(label("Channels last", "soft"))
        first.addWidget(self.last)
        for widget in (self.measure, self.columns, self.save):
            second.addWidget(widget)
        self._rows = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._rows.setContentsMargins(2, 6, 2, 6)
        for row in (self._rows, first, second):
            row.setSpacing(10)
        self._rows.addLayout(first, 1)
        self._rows.addLayout(second)
        return self._rows

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        across = QBoxLayout.Direction.LeftToRight if self.width() >= NARROW else QBoxLayout.Direction.TopToBottom
        self._rows.setDirection(across)

    def _connect(self) -> None:
        document = self._document
        self.model.parts_wanted.connect(self._ask_parts)
        self.table.clicked.connect(lambda index: self._choose(self.table.row_of(index)))
        self.table.chosen.connect(self._choose)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._compare())
        self.table.header().sectionResized.connect(lambda i, _old, new: self.foot.setColumnWidth(i, new))
        self.table.horizontalScrollBar().valueChanged.connect(self.foot.horizontalScrollBar().setValue)
        document.analysed.connect(self.refresh)
        document.catalogue_changed.connect(self.refresh)
        document.timings.changed.connect(self._show_timings)
        theme.changed.connect(self.refresh)
        self._show_timings()

    def _show_timings(self) -> None:
        self.model.show_timings()
        self.totals.show_timings()
        known = self._document.timings.profile is not None
        if known and not self._timed:
            for column in (TIME, TIME + 2):
                self.show_column(column, True)
        elif known:
            self.table.fit()
        self._timed = known

    def refresh(self) -> None:
        """Show the present analysis."""
        self.model.take()
        self.totals.take()
        if self._fields is not None and self._seen_for is self._document.analysis:
            self._show_fields(self._fields)  # the rows are new ones
        self.table.fit()
        self._ask_fields()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._ask_fields()

    # asking the engine ------------------------------------------------------------------------------------------------

    def _ask_fields(self) -> None:
        """Receptive fields are worked out while somebody looks."""
        analysis = self._document.analysis
        if self.isVisible() and analysis is not None and self._seen_for is not analysis:
            self._seen_for, self._fields = analysis, None
            self._questions.ask(lambda: GetFields("", self._document.design), self._show_fields, self._document_says)

    def _show_fields(self, told: Fields) -> None:
        self._fields = told
        self.model.show_fields(told)
        self.totals.show_fields(told)
        self.table.fit()

    def _ask_parts(self, row: Row) -> None:
        report = row.report
        assert report is not None  # rows inside have theirs already
        questions = Questions(self._document, self._engines, self)

        def answered(told: Parts) -> None:
            self.model.show_parts(row, told)
            questions.deleteLater()

        def request() -> GetParts:
            return GetParts("", self._document.design, report.where, report.node)

        questions.ask(request, answered, self._document_says, wait=0)

    def _document_says(self, sentence: str) -> None:
        self._document.refused.emit(sentence)

    # what one does with it --------------------------------------------------------------------------------------------

    def _choose(self, row: Row) -> None:
        while row.parent is not None:
            row = row.parent
        if row.report is not None:
            self.chosen.emit(row.report)

    def _sort(self, column: int) -> None:
        """Largest first, then smallest first (names the other way round), then as the network runs."""
        first = Qt.SortOrder.DescendingOrder if COLUMNS[column].right else Qt.SortOrder.AscendingOrder
        other = Qt.SortOrder.AscendingOrder if COLUMNS[column].right else Qt.SortOrder.DescendingOrder
        now = self._sorted_by
        after = (column, first) if now is None or now[0] != column else (column, other) if now[1] == first else None
        self._sorted_by = after
        self.sorted.sort(*(after or (-1, Qt.SortOrder.AscendingOrder)))
        header = self.table.header()
        header.setSortIndicatorShown(after is not None)
        if after is not None:
            header.setSortIndicator(*after)

    def _write_last(self, on: bool) -> None:
        self.model.write_last(on)
        self.table.fit()

    def _compare(self) -> None:
        """Between two rows: how many numbers there are at the one and at the other."""
        rows = self.table.chosen_rows()
        if len(rows) != 2 or not all(map(elements, rows)):
            self.between.setText("")
            return
        before, after = (elements(row) for row in rows)
        ratio = f"{before / after:.3g} : 1" if before >= after else f"1 : {after / before:.3g}"
        self.between.setText(f"{rows[0].name} to {rows[1].name}: {before:,} to {after:,} elements, {ratio}")

    def _choose_columns(self, _at: QPoint) -> None:
        menu = QMenu(self)
        for i, column in enumerate(COLUMNS):
            if column.heading and i != NAME:
                action = menu.addAction(column.heading)
                action.setCheckable(True)
                action.setChecked(not self.table.isColumnHidden(i))
                action.toggled.connect(lambda on, i=i: self.show_column(i, on))
        menu.popup(self.columns.mapToGlobal(QPoint(0, self.columns.height())))

    def show_column(self, column: int, on: bool) -> None:
        """Show or hide a column, and the bar that belongs to it."""
        bar = column + 1 if column + 1 < len(COLUMNS) and COLUMNS[column + 1].share else column
        for table in (self.table, self.foot):
            for i in {column, bar}:
                table.setColumnHidden(i, not on)
        self.table.fit()

    def _save(self) -> None:
        said = table_text.save(self, f"{self._document.title}-layers.csv", self.as_csv, self.as_markdown)
        if said:
            self._document_says(said)

    def as_csv(self) -> str:
        """The rows that are shown, numbers without commas."""
        return table_text.as_csv(self.table.cells(self.table.shown_rows()))

    def as_markdown(self) -> str:
        """The rows that are shown, and the totals, as a Markdown table."""
        right = [c.right for i, c in enumerate(COLUMNS) if c.heading and not self.table.isColumnHidden(i)]
        return table_text.as_markdown(self.table.cells([*self.table.shown_rows(), *self.totals.rows]), right)
