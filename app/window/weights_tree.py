"""The table of a file's tensors beside the drawing's: nodes with a bar of what fits, folded out to tensors."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QKeySequence, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
)

from app.messages.weights import TITLES, NodeFit, TensorFit, WeightsCompared
from app.window.parts import draw_bar
from app.window.theme import font, icon, theme

HEADINGS = ("Name", "Fits", "", "By", "Shape here", "In the file", "Name there")
NAME, BAR, COUNT, BY, HERE, THERE, THEIRS = range(len(HEADINGS))
SHARE = int(Qt.ItemDataRole.UserRole)
ID = SHARE + 1
"""Of the name: the analysis path of the node; "" where there is none."""
MOST = 340
"""Names are shortened in the middle beyond this width."""
SIGNS = {"ok": "circle-check", "warn": "triangle-alert", "error": "circle-x", "soft": "minus"}


class _Bar(QStyledItemDelegate):
    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        share = index.data(SHARE)
        if share is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_bar(painter, QRectF(option.rect).adjusted(8, 0, -8, 0), share)  # type: ignore[attr-defined]
        painter.restore()


class WeightsTree(QTreeWidget):
    """`lead` gives the analysis path of the node whose row, or whose tensor's row, is clicked or reached by keys."""

    lead = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._told: WeightsCompared | None = None
        self.rows: list[tuple[QTreeWidgetItem, list[QTreeWidgetItem]]] = []
        """The row of each node with those of its tensors; what is not needed stands last."""
        self._dark: bool | None = None
        self._wrong = False
        self.setObjectName("layers")
        self.setColumnCount(len(HEADINGS))
        self.setHeaderLabels(list(HEADINGS))
        self.setAccessibleName("Nodes and their tensors")
        self.setUniformRowHeights(True)
        self.setIndentation(18)
        self.setAllColumnsShowFocus(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setItemDelegateForColumn(BAR, _Bar(self))
        header = self.header()
        header.setStretchLastSection(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.currentItemChanged.connect(lambda item, _before: self._lead(item))
        self.itemClicked.connect(lambda item, _column: self._lead(item))

    def show_told(self, told: WeightsCompared | None) -> None:
        """Fill the table; what was folded out stays so."""
        if told is self._told and self._dark == theme.dark:
            return
        opened = {top.text(NAME) for top, _ in self.rows if top.isExpanded()}
        self._told, self._dark = told, theme.dark
        self.blockSignals(True)
        self.clear()
        self.rows = []
        for node in told.nodes if told is not None else ():
            inside = [_of_tensor(tensor, node.id, _prefix(node)) for tensor in node.tensors]
            self._add(_of_node(node), inside, node.name in opened)
        if told is not None and told.unused:
            name = "Not needed here"
            top = _row([name, "", f"{len(told.unused):,}", "", "", "", ""], "soft")
            self._add(top, [_of_tensor(t, "", "") for t in told.unused], name in opened)
        self.blockSignals(False)
        self.show_wrong(self._wrong)
        self._fit()

    def _add(self, top: QTreeWidgetItem, inside: list[QTreeWidgetItem], opened: bool) -> None:
        top.addChildren(inside)
        self.addTopLevelItem(top)
        self.rows.append((top, inside))
        top.setExpanded(opened)

    def show_wrong(self, only: bool) -> None:
        """Whether only what does not fit is shown."""
        self._wrong = only
        nodes = self._told.nodes if self._told is not None else ()
        for (top, inside), node in zip(self.rows, nodes, strict=False):
            top.setHidden(only and node.whole)
            for item, tensor in zip(inside, node.tensors, strict=True):
                item.setHidden(only and (tensor.taken or tensor not in node.counted))

    def _fit(self) -> None:
        """Columns as wide as what stands in them."""
        mono = QFontMetrics(font(12, mono=True))
        left = self.viewport().width()
        wide: dict[int, int] = {}
        for column, least in ((BAR, 90), (COUNT, 76), (BY, 80), (HERE, 90), (THERE, 90), (NAME, 150), (THEIRS, 150)):
            texts = [HEADINGS[column]]
            for top, inside in self.rows[:300]:
                texts += [top.text(column), *(item.text(column) for item in inside[:8])]
            room = 76 if column == NAME else 26
            wide[column] = min(max(max(mono.horizontalAdvance(text) for text in texts) + room, least), MOST)
            left -= wide[column]
        if left < 0:  # long names give way: they are shortened in the middle
            for column in (THEIRS, NAME):
                give = min(-left, max(wide[column] - 150, 0))
                wide[column], left = wide[column] - give, left + give
        for column, width in wide.items():
            self.setColumnWidth(column, width)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _lead(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and (id := str(item.data(NAME, ID) or "")):
            self.lead.emit(id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.as_text())
        else:
            super().keyPressEvent(event)

    def as_text(self) -> str:
        """The selected rows, or all, with tabs between the columns."""
        chosen = self.selectedItems()
        if not chosen:
            chosen = [item for top, inside in self.rows for item in (top, *inside)]
        lines = [[item.text(column) for column in range(len(HEADINGS)) if column != BAR] for item in chosen]
        return "\n".join("\t".join(line) for line in [[h for h in HEADINGS if h != "Fits"], *lines])


def _row(texts: list[str], state: str, tip: str = "") -> QTreeWidgetItem:
    item = QTreeWidgetItem(texts)
    item.setIcon(NAME, icon(SIGNS[state], getattr(theme.tokens, state)))
    for column in range(len(texts)):
        if column != BY:
            item.setFont(column, font(12, mono=True))
        item.setToolTip(column, tip or texts[column])
    item.setTextAlignment(COUNT, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return item


def _of_node(node: NodeFit) -> QTreeWidgetItem:
    state = "ok" if node.whole else "warn" if node.taken or node.offered else "error"
    count = len(node.counted)
    item = _row([node.name, "", f"{node.taken} of {count}", node.how, "", "", ""], state)
    item.setData(BAR, SHARE, node.taken / count if count else 1.0)
    item.setToolTip(BAR, f"{node.taken} of {count} tensors of {node.name} fit")
    item.setData(NAME, ID, node.id)
    return item


def _of_tensor(tensor: TensorFit, id: str, prefix: str) -> QTreeWidgetItem:
    guess = tensor.how in ("shape", "order")
    state = "ok" if tensor.taken else "warn" if guess or tensor.how == "size" else "soft"
    state = "error" if tensor.how == "missing" else state
    own = tensor.ours.removeprefix(f"{prefix}.") or "—"
    shapes = _shape(tensor.needed), _shape(tensor.held)
    item = _row([own, "", "", TITLES[tensor.how], *shapes, tensor.theirs or "—"], state)
    item.setToolTip(NAME, tensor.ours)
    if guess and not tensor.taken:
        item.setText(BY, f"{TITLES[tensor.how]}?")
        item.setToolTip(BY, "It would fit so: choose above to match by this too")
    if tensor.how == "size":
        for column in (THERE, HERE):
            item.setForeground(column, theme.color("warn"))
    item.setData(NAME, ID, id)
    return item


def _prefix(node: NodeFit) -> str:
    """What all names of a node's tensors begin with: its place in the state_dict."""
    return node.name.replace("/", ".")


def _shape(sizes: tuple[int, ...] | None) -> str:
    return "" if sizes is None else "×".join(map(str, sizes)) or "one number"
