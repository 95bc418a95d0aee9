"""The layer table's model: a tree of rows, the calls of blocks at the top and what they are made of below."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt, Signal

from app.messages.parts import Field, Fields, Parts
from app.messages.profile import NodeTime
from app.messages.reports import NodeReport
from app.window import layer_rows
from app.window.document import Document
from app.window.layer_rows import BLOCK, COLUMNS, INPUT, MEASURED, NAME, SEES, TIME, Order, Row
from app.window.theme import font, icon, theme
from app.window.timings import Timing

Index = QModelIndex | QPersistentModelIndex
SHARE_ROLE = Qt.ItemDataRole.UserRole


class LayerModel(QAbstractItemModel):
    """The rows of the present analysis; with `totals` the one row of sums instead."""

    parts_wanted = Signal(object)
    """A Row was opened whose parts are not known yet."""

    def __init__(self, document: Document, *, totals: bool = False) -> None:
        super().__init__()
        self._document = document
        self._totals = totals
        self.order = Order()
        self.rows: list[Row] = []
        self._gone: list[Row] = []
        self._mono = font(12, mono=True)
        self.take()

    # rows -------------------------------------------------------------------------------------------------------------

    def take(self) -> None:
        """Show the present analysis. A row that is as it was keeps its parts."""
        analysis = self._document.analysis
        reports = analysis.nodes if analysis is not None else ()
        if self._totals:
            reports = (self._sum(reports),)
        if [r.id for r in reports] != [row.report.id for row in self.rows if row.report]:
            self.beginResetModel()
            gone, self.rows = self.rows, [self._row(report, i) for i, report in enumerate(reports)]
            self.endResetModel()
            self._gone = gone
            return
        for i, report in enumerate(reports):
            if self.rows[i].report != report:
                self._close(self.rows[i])
                self.rows[i].become(self._row(report, i))
            self.rows[i].asked = self.rows[i].inside is not None  # an answer about another drawing was dropped
        if reports:
            self.dataChanged.emit(self.index(0, 0), self.index(len(reports) - 1, len(COLUMNS) - 1))

    def _row(self, report: NodeReport, place: int) -> Row:
        row = layer_rows.of_report(report, place, self._document.catalogue)
        row.timing = self._timing(report)
        return row

    def _timing(self, report: NodeReport) -> Timing | None:
        return self._whole() if self._totals else self._document.timings.of(report.id)

    def _whole(self) -> Timing | None:
        """The whole network's: the time is that of a pass in which nothing was measured."""
        timings, told = self._document.timings, self._document.timings.profile
        if told is None:
            return None
        memory = sum(node.memory for node in told.nodes)
        figure = NodeTime("", told.forward, told.forward_spread, told.backward, told.backward_spread, memory, 1.0)
        return Timing(figure, timings.outdated)

    def show_timings(self) -> None:
        """Fill in what was measured."""
        for row in self.rows:
            if row.report is not None:
                row.timing = self._timing(row.report)
        if self.rows:
            self.dataChanged.emit(self.index(0, TIME), self.index(len(self.rows) - 1, MEASURED[-1]))

    def _close(self, row: Row) -> None:
        """Take the parts of a row away: they were those of another analysis."""
        if row.inside:
            self.beginRemoveRows(self.createIndex(row.place, 0, row), 0, len(row.inside) - 1)
            self._gone += row.inside  # Qt knows rows by their address: none is freed while an index may name it
            row.inside = None
            self.endRemoveRows()

    def _sum(self, reports: tuple[NodeReport, ...]) -> NodeReport:
        analysis = self._document.analysis
        weighted = sum(r.parameters > 0 for r in reports)
        wires = sum(len(port.tensors) > 0 for r in reports for port in r.inputs)
        title = f"{weighted:,} weighted, {wires:,} wire{'s' * (wires != 1)}"
        name = f"Total of {len(reports):,} layer{'s' * (len(reports) != 1)}"
        if analysis is None:
            return NodeReport("", name, "", "", title)
        if analysis.partial:
            name = f"{name} (the valid part)"
        return NodeReport(
            "", name, "", "", title, parameters=analysis.parameters,
            trainable=analysis.trainable_parameters, buffers=analysis.buffers, macs=analysis.macs,
            activations=analysis.memory.activations,
        )  # fmt: skip

    def show_parts(self, row: Row, parts: Parts) -> None:
        """Put what came for a row under it."""
        if row.place >= len(self.rows) or self.rows[row.place] is not row or row.inside is not None:
            return
        found = layer_rows.of_parts(parts.rows, row, self._document.catalogue)
        if not found:
            return
        row.inside = None
        self.beginInsertRows(self.createIndex(row.place, 0, row), 0, len(found) - 1)
        row.inside = found
        self.endInsertRows()

    def show_fields(self, told: Fields) -> None:
        """Fill the receptive fields in."""
        by_call: dict[str, tuple[Field | None, ...]] = {}
        for output in told.outputs:
            by_call.setdefault(output.id, output.fields)
        for row in self.rows:
            if row.report is not None:
                row.fields = by_call.get(row.report.id, ())
                row.connections = told.connections.get(row.report.id)
        if self._totals:
            for row in self.rows:
                row.connections = sum(told.connections.values()) or None
        if self.rows:
            self.dataChanged.emit(self.index(0, SEES), self.index(len(self.rows) - 1, len(COLUMNS) - 1))

    def write_last(self, on: bool) -> None:
        """Write channels last (B × H × W × C), or as torch has them."""
        self.order = Order(last=on)
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(COLUMNS) - 1))

    def row_of(self, index: Index) -> Row:
        row: Row = index.internalPointer()
        return row

    # what Qt asks -----------------------------------------------------------------------------------------------------

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        rows = (self.row_of(parent).inside or []) if parent.isValid() else self.rows
        if 0 <= row < len(rows) and 0 <= column < len(COLUMNS):
            return self.createIndex(row, column, rows[row])
        return QModelIndex()

    def parent(self, index: Index) -> QModelIndex:  # type: ignore[override]
        above = self.row_of(index).parent if index.isValid() else None
        return self.createIndex(above.place, 0, above) if above is not None else QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        if not parent.isValid():
            return len(self.rows)
        return len(self.row_of(parent).inside or ()) if parent.column() == 0 else 0

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return len(COLUMNS)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: B008
        if not parent.isValid():
            return bool(self.rows)
        row = self.row_of(parent)
        return parent.column() == 0 and bool(row.inside or (row.opens and row.inside is None and not self._totals))

    def canFetchMore(self, parent: Index) -> bool:
        return parent.isValid() and self.row_of(parent).opens and self.row_of(parent).inside is None

    def fetchMore(self, parent: Index) -> None:
        row = self.row_of(parent)
        if not row.asked:
            row.asked = True
            self.parts_wanted.emit(row)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = COLUMNS[section]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.heading
            case Qt.ItemDataRole.ToolTipRole:
                return column.help
            case Qt.ItemDataRole.TextAlignmentRole:
                right = column.right and not column.share
                side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, at = self.row_of(index), index.column()
        column = COLUMNS[at]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(row, self.order)
            case Qt.ItemDataRole.ToolTipRole:
                if column.share:
                    return f"{self.share(row, at):.1%} of the whole"
                return layer_rows.tip(row, at, self.order)
            case Qt.ItemDataRole.FontRole if at >= INPUT:
                return self._mono
            case Qt.ItemDataRole.TextAlignmentRole if column.right:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole if not row.ok:
                return theme.color("error")
            case Qt.ItemDataRole.ForegroundRole if at == BLOCK:
                return theme.color("soft")
            case Qt.ItemDataRole.DecorationRole if at == NAME and not self._totals:
                shade = theme.category(row.category).name()
                return icon(row.icon, shade)
            case _ if role == SHARE_ROLE and column.share:
                return self.share(row, at)
        return None

    def share(self, row: Row, column: int) -> float:
        """Which part of the whole design's a row has, 0 to 1."""
        analysis, name = self._document.analysis, COLUMNS[column].share
        if analysis is None or self._totals or not name:
            return 0.0
        if name == "time":
            return row.timing.figure.share if row.timing is not None and not row.timing.old else 0.0
        part, whole = getattr(row.counts, name), getattr(analysis, name)
        return min(part / whole, 1.0) if whole else 0.0


class Sorted(QSortFilterProxyModel):
    """The rows sorted and filtered; without a column to sort by they stand as the network runs."""

    def __init__(self, source: LayerModel) -> None:
        super().__init__()
        self.setSourceModel(source)
        self.setFilterCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.words: list[str] = []

    def filter_by(self, text: str) -> None:
        """Show the rows whose name or block has all these words."""
        self.words = text.lower().split()
        self.invalidate()

    def filterAcceptsRow(self, place: int, parent: Index) -> bool:
        source = self.sourceModel()
        assert isinstance(source, LayerModel)
        if not self.words or parent.isValid():  # what a row is made of stays with it
            return True
        row = source.rows[place]
        text = f"{row.name} {row.title} {row.block}".lower()
        return all(word in text for word in self.words)

    def lessThan(self, left: Index, right: Index) -> bool:  # type: ignore[override]
        source = self.sourceModel()
        assert isinstance(source, LayerModel)
        column = COLUMNS[left.column()]
        return bool(column.value(source.row_of(left)) < column.value(source.row_of(right)))
