"""The layer table: every block that runs, its shape and its cost, with the totals at the bottom."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from app.messages.reports import NodeReport
from app.window import figures, parts
from app.window.document import Document
from app.window.theme import CATEGORY_COLOURS, font, icon, theme

Index = QModelIndex | QPersistentModelIndex

NAME, BLOCK, SHAPE, PARAMETERS, PARAMETER_SHARE, MACS, MAC_SHARE, ACTIVATIONS = range(8)
HEADINGS = ("Layer", "Block", "Output", "Parameters", "", "MACs", "", "Activations")
LEAST = (120, 90, 110, 90, 52, 90, 52, 88)
MOST = 300
"""Columns are as wide as what stands in them, within LEAST and MOST; names take what room is left."""
MEASURED = 500
"""So many rows are measured: the columns of a long table are as wide as its beginning asks for."""
SHARE_ROLE = Qt.ItemDataRole.UserRole


class LayerModel(QAbstractTableModel):
    """The reports of the present analysis as rows; with `totals` the one row of sums instead."""

    def __init__(self, document: Document, *, totals: bool = False) -> None:
        super().__init__()
        self._document = document
        self._totals = totals
        self.rows: tuple[NodeReport, ...] = ()
        self._mono = font(12, mono=True)
        self.take()

    def take(self) -> None:
        """Show the present analysis."""
        analysis = self._document.analysis
        nodes = analysis.nodes if analysis is not None else ()
        if self._totals:
            self._sum = NodeReport("", "Total", "", "", f"{len(nodes):,} layers")
            if analysis is not None:
                partial = " (of the valid part)" if analysis.partial else ""
                self._sum = NodeReport(
                    "", f"Total{partial}", "", "", f"{len(nodes):,} layers", parameters=analysis.parameters,
                    macs=analysis.macs, activations=analysis.memory.activations,
                )  # fmt: skip
            nodes = (self._sum,)
        same = [r.id for r in nodes] == [r.id for r in self.rows]
        if same:
            self.rows = nodes
            if nodes:
                self.dataChanged.emit(self.index(0, 0), self.index(len(nodes) - 1, len(HEADINGS) - 1))
            return
        self.beginResetModel()
        self.rows = nodes
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(HEADINGS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return HEADINGS[section]
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            right = section in (SHAPE, PARAMETERS, MACS, ACTIVATIONS)
            side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        report, column = self.rows[index.row()], index.column()
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.text(report, column)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(report, column)
            case Qt.ItemDataRole.FontRole if column >= SHAPE:
                return self._mono
            case Qt.ItemDataRole.TextAlignmentRole if column >= SHAPE:
                return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
            case Qt.ItemDataRole.ForegroundRole if not report.ok:
                return theme.color("error")
            case Qt.ItemDataRole.ForegroundRole if column == BLOCK:
                return theme.color("soft")
            case Qt.ItemDataRole.DecorationRole if column == NAME and not self._totals:
                card = self._document.catalogue.get(report.block)
                shade = CATEGORY_COLOURS.get(card.category if card else "Connector", CATEGORY_COLOURS["Connector"])
                return icon((card.icon if card else "") or "box", shade)
            case _ if role == SHARE_ROLE:
                return self._share(report, column)
        return None

    def text(self, report: NodeReport, column: int) -> str:
        """What a cell says."""
        match column:
            case 0:
                return report.name.replace("/", " / ")
            case 1:
                card = self._document.catalogue.get(report.block)
                return card.title if card else report.block
            case 2:
                return ", ".join(figures.brief(port.tensors) for port in report.outputs)
            case 3:
                return f"{report.parameters:,}"
            case 5:
                return figures.count(report.macs)
            case 7:
                return figures.size(report.activations)
        return ""

    def _tip(self, report: NodeReport, column: int) -> str:
        match column:
            case 2:
                return "\n".join(f"{name or '    '}  {shape}" for name, shape in figures.port_lines(report.outputs))
            case 5 | 6:
                return f"{report.macs:,} MACs, {self._share(report, MAC_SHARE):.1%} of the whole"
            case 3 | 4:
                return f"{report.parameters:,} parameters, {self._share(report, PARAMETER_SHARE):.1%} of the whole"
        return report.name

    def _share(self, report: NodeReport, column: int) -> float:
        analysis = self._document.analysis
        if analysis is None or self._totals:
            return 0.0
        part, whole = (
            (report.parameters, analysis.parameters) if column == PARAMETER_SHARE else (report.macs, analysis.macs)
        )
        return min(part / whole, 1.0) if whole else 0.0


class _Bar(QStyledItemDelegate):
    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        if index.data(SHARE_ROLE) is None or index.row() < 0:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(option.rect).adjusted(8, 0, -8, 0)  # type: ignore[attr-defined]
        parts.draw_bar(painter, place, index.data(SHARE_ROLE))
        painter.restore()


class _Table(QTableView):
    chosen = Signal(object)

    def __init__(self, model: LayerModel) -> None:
        super().__init__()
        self._model = model
        self.aligned: tuple[LayerModel, ...] = ()
        """Tables below this one that have its columns."""
        self.setModel(model)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(28)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        for column, width in enumerate(LEAST):
            self.setColumnWidth(column, width)
        self._bar = _Bar(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self.aligned:
            self.fit()

    def fit(self) -> None:
        """Size the columns by what stands in this table and in the one that is aligned with it."""
        rows = [(model, report) for model in (self._model, *self.aligned) for report in model.rows[:MEASURED]]
        words, numbers = self.fontMetrics(), QFontMetrics(font(12, mono=True))
        wide = []
        for column, least in enumerate(LEAST):
            face = numbers if column >= SHAPE else words
            room = 26 + (24 if column == NAME else 0)
            most = max((face.horizontalAdvance(m.text(r, column)) for m, r in rows), default=0) + room
            wide.append(min(max(least, most), MOST))
        wide[NAME] = max(wide[NAME], self.viewport().width() - sum(wide[NAME + 1 :]))
        for column, width in enumerate(wide):
            self.setColumnWidth(column, width)

    def show_bars(self) -> None:
        for column in (PARAMETER_SHARE, MAC_SHARE):
            self.setItemDelegateForColumn(column, self._bar)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.chosen.emit(self._model.rows[self.currentIndex().row()])
        else:
            super().keyPressEvent(event)

    def as_text(self) -> str:
        """The selected rows, or all, with tabs between the columns."""
        chosen = sorted({i.row() for i in self.selectionModel().selectedRows()}) or range(self._model.rowCount())
        columns = [c for c, heading in enumerate(HEADINGS) if heading]
        lines = ["\t".join(HEADINGS[c] for c in columns)]
        lines += ["\t".join(self._model.text(self._model.rows[r], c) for c in columns) for r in chosen]
        return "\n".join(lines)


class LayersPanel(QWidget):
    """The table and its totals. `chosen` carries the NodeReport that was clicked."""

    chosen = Signal(object)

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = LayerModel(document)
        self.totals = LayerModel(document, totals=True)
        self.table = _Table(self.model)
        self.table.show_bars()
        self.table.aligned = (self.totals,)
        self.foot = _Table(self.totals)
        self.foot.horizontalHeader().hide()
        self.foot.setFixedHeight(30)
        self.foot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.foot.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.foot.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.foot.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 0, 8, 4)
        box.setSpacing(0)
        box.addWidget(self.table, 1)
        box.addWidget(parts.line())
        box.addWidget(self.foot)
        self.table.clicked.connect(lambda index: self.chosen.emit(self.model.rows[index.row()]))
        self.table.chosen.connect(self.chosen)
        self.table.horizontalHeader().sectionResized.connect(lambda i, _old, new: self.foot.setColumnWidth(i, new))
        self.table.horizontalScrollBar().valueChanged.connect(self.foot.horizontalScrollBar().setValue)
        document.analysed.connect(self.refresh)
        document.catalogue_changed.connect(self.refresh)
        theme.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Show the present analysis."""
        self.model.take()
        self.totals.take()
        self.table.fit()
