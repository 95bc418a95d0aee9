"""The palette: every block by category, found by typing, dragged or double-clicked onto the canvas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from PySide6.QtCore import QEvent, QMimeData, QModelIndex, QObject, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QFont, QKeyEvent, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QLineEdit,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.design.values import Design, Group
from app.window.canvas import glyphs
from app.window.canvas.commands import misplaced
from app.window.canvas.drops import BLOCK_MIME, GROUP_MIME
from app.window.canvas.face import ICONS, icon_of
from app.window.document import Document
from app.window.sentences import rich
from app.window.theme import BODY, font, icon, theme
from blocks.card import CATEGORIES, Card

GROUPS = "Groups"
_KEY = int(Qt.ItemDataRole.UserRole)
_CATEGORY, _ICON = _KEY + 1, _KEY + 2
_ROW = 28


def score(query: str, card: Card) -> int | None:
    """How well a block answers a search, 0 best; None when not at all.

    A title beats an id, an id an alias, the beginning of a word its middle; letters in order ("sqex") come last.
    """
    wish = "".join(query.lower().split())
    best: int | None = None
    for rank, text in enumerate((card.title, card.id, *card.aliases)):
        found = _match(wish, text.lower())
        if found is not None:
            value = found * 10 + min(rank, 2)
            best = value if best is None else min(best, value)
    return best


def _match(wish: str, text: str) -> int | None:
    words = text.replace("-", " ").replace("_", " ").split()
    joined = "".join(words)
    if joined == wish:
        return 0
    if wish in words:
        return 1
    if joined.startswith(wish):
        return 2
    if any(word.startswith(wish) for word in words):
        return 3
    if wish in joined:
        return 4
    letters: Iterator[str] = iter(joined)
    # Letters in order find nearly everything when there are few of them.
    return 5 if len(wish) >= 3 and joined[:1] == wish[:1] and all(letter in letters for letter in wish) else None


class _Rows(QStyledItemDelegate):
    """Draws a category's heading and a block's row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        text, key = index.data(int(Qt.ItemDataRole.DisplayRole)), index.data(_KEY)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        view = self.parent()
        assert isinstance(view, QTreeWidget)
        full = QRect(8, rect.top() + 1, view.viewport().width() - 16, rect.height() - 2)
        lit = bool(state & QStyle.StateFlag.State_MouseOver) and key
        if (state & QStyle.StateFlag.State_Selected and key) or lit:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(full, 6, 6)
        if state & QStyle.StateFlag.State_HasFocus:
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(full).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        middle = rect.center().y() + 0.5
        if not key:
            mark = "chevron-down" if view.isExpanded(index) else "chevron-right"
            glyphs.draw(painter, mark, QRectF(12, middle - 6, 12, 12), theme.color("soft"))
            painter.setFont(font(BODY - 0.5, weight=QFont.Weight.Medium))
            painter.setPen(theme.color("soft"))
            painter.drawText(QRect(30, rect.top(), full.width() - 30, rect.height()), _LEFT, text)
        else:
            colour = theme.category(index.data(_CATEGORY))
            ground = theme.color("panel")
            glyphs.tile(painter, index.data(_ICON), QRectF(22, middle - 8, 16, 16), colour, ground)
            painter.setFont(font(BODY))
            painter.setPen(theme.color("text"))
            room = QRect(48, rect.top(), full.right() - 52, rect.height())
            painter.drawText(
                room, _LEFT, painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
            )
        painter.restore()


_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class _List(QTreeWidget):
    """The rows: one can be dragged, and takes its block or Group along."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("palette-list")
        self.setAccessibleName("Blocks")
        self.setHeaderHidden(True)
        self.setIndentation(0)
        self.setRootIsDecorated(False)
        self.setExpandsOnDoubleClick(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformRowHeights(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setItemDelegate(_Rows(self))

    def mimeTypes(self) -> list[str]:
        return [BLOCK_MIME, GROUP_MIME]

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        data = QMimeData()
        for item in items:
            kind, _, name = str(item.data(0, _KEY)).partition(":")
            data.setData(GROUP_MIME if kind == "group" else BLOCK_MIME, name.encode())
        return data

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        items = [item for item in self.selectedItems() if item.data(0, _KEY)]
        if not items:
            return
        drag = QDrag(self)
        drag.setMimeData(self.mimeData(items[:1]))
        picture = self._picture(items[0])
        drag.setPixmap(picture)
        drag.setHotSpot(QPoint(int(picture.width() / picture.devicePixelRatio()) // 2, 16))
        drag.exec(Qt.DropAction.CopyAction)

    def _picture(self, item: QTreeWidgetItem) -> QPixmap:
        """What is under the pointer while a block is dragged: a node's header."""
        title = item.text(0)
        face = font(BODY, weight=QFont.Weight.DemiBold)
        ratio = self.devicePixelRatioF()
        wide = 160
        picture = QPixmap(QSize(wide, 34) * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.category(item.data(0, _CATEGORY))
        painter.setPen(QPen(theme.color("accent"), 1.5))
        painter.setBrush(glyphs.mix(colour, theme.color("node"), 0.3 if theme.tokens.dark else 0.13))
        painter.drawRoundedRect(QRectF(1, 1, wide - 2, 32), 9, 9)
        glyphs.tile(painter, item.data(0, _ICON), QRectF(10, 9, 16, 16), colour, theme.color("panel"))
        painter.setFont(face)
        painter.setPen(theme.color("text"))
        shown = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, wide - 46)
        painter.drawText(QRectF(36, 1, wide - 44, 32), _LEFT, shown)
        painter.end()
        return picture


class Palette(QWidget):
    """Search field and rows; `chosen` when one is to be added to the middle of the canvas."""

    chosen = Signal(str)
    """A block's id."""
    group_chosen = Signal(str)
    """A Group's name."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.setObjectName("palette")
        self._folded: set[str] = set()
        heading = QLabel("Blocks")
        heading.setFont(font(BODY, weight=QFont.Weight.DemiBold))
        heading.setObjectName("panel-heading")
        self.search = QLineEdit()
        self.search.setObjectName("palette-search")
        self.search.setPlaceholderText("Search blocks")
        self.search.setAccessibleName("Search blocks")
        self.search.setClearButtonEnabled(True)
        self.list = _List(self)
        self.nothing = QLabel()
        self.nothing.setObjectName("palette-nothing")
        self.nothing.setWordWrap(True)
        self.nothing.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.nothing.setContentsMargins(4, 8, 4, 8)
        top = QVBoxLayout()
        top.setContentsMargins(14, 14, 14, 8)
        top.setSpacing(10)
        top.addWidget(heading)
        top.addWidget(self.search)
        top.addWidget(self.nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(self.list, 1)
        self.search.textChanged.connect(self.refresh)
        self.search.returnPressed.connect(self._take_current)
        self.search.installEventFilter(self)
        self.list.itemClicked.connect(self._clicked)
        self.list.itemDoubleClicked.connect(self._take)
        self.list.installEventFilter(self)
        self.list.itemExpanded.connect(lambda item: self._folded.discard(item.text(0)))
        self.list.itemCollapsed.connect(lambda item: self._folded.add(item.text(0)))
        document.catalogue_changed.connect(self.refresh)
        document.place_changed.connect(self.refresh)
        document.changed.connect(self._changed)
        theme.changed.connect(self._dress)
        self.setTabOrder(self.search, self.list)
        self.setFocusProxy(self.search)
        self._dress()
        self.refresh()

    def _dress(self) -> None:
        look = theme.tokens
        self.list.setStyleSheet(
            f"QTreeWidget {{ background: transparent; border: none; outline: none; color: {look.text}; }}"
        )
        self.nothing.setStyleSheet(f"color: {look.soft};")
        for action in self.search.actions():
            if action.objectName() == "magnifier":
                self.search.removeAction(action)
        magnifier = self.search.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        magnifier.setObjectName("magnifier")
        self.list.viewport().update()

    def _changed(self, before: Design, after: Design) -> None:
        if before.groups != after.groups:
            self.refresh()

    # rows -------------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Fill the rows anew: all blocks by category, or what the search finds, best first."""
        query = self.search.text().strip()
        where = self.document.where
        cards = [card for card in self.document.catalogue.values() if not misplaced(card.id, where)]
        groups = list(self.document.design.groups)
        current = self._current()
        chosen = current.data(0, _KEY) if current is not None else None
        self.list.blockSignals(True)
        self.list.clear()
        if query:
            ranked = [(score(query, card), card) for card in cards]
            for _, card in sorted(((s, c) for s, c in ranked if s is not None), key=lambda found: found[0]):
                self.list.addTopLevelItem(self._block_row(card))
            wish = "".join(query.lower().split())
            for group in groups:
                if _match(wish, group.name.lower()) is not None:
                    self.list.addTopLevelItem(self._group_row(group))
            if self.list.topLevelItemCount():
                self.list.setCurrentItem(self.rows()[0])
        else:
            for category in CATEGORIES:
                self._section(category, [self._block_row(card) for card in cards if card.category == category])
            self._section(GROUPS, [self._group_row(group) for group in groups])
            self._choose(chosen)
        self.list.blockSignals(False)
        self._say(query, bool(cards or groups))

    def _section(self, title: str, rows: list[QTreeWidgetItem]) -> None:
        if not rows:
            return
        head = QTreeWidgetItem([title])
        head.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        head.addChildren(rows)
        self.list.addTopLevelItem(head)
        head.setExpanded(title not in self._folded)

    def _choose(self, key: str | None) -> None:
        for item in self.rows():
            if key and item.data(0, _KEY) == key:
                self.list.setCurrentItem(item)

    def _say(self, query: str, any_blocks: bool) -> None:
        if query and not self.list.topLevelItemCount():
            self.nothing.setText(f"No block is called “{query}”. Try another word, or a shorter one.")
        elif not any_blocks:
            self.nothing.setText("The blocks appear here as soon as the engine has started.")
        else:
            self.nothing.setText("")
        self.nothing.setVisible(bool(self.nothing.text()))

    def _block_row(self, card: Card) -> QTreeWidgetItem:
        row = QTreeWidgetItem([card.title])
        row.setData(0, _KEY, f"block:{card.id}")
        row.setData(0, _CATEGORY, card.category)
        row.setData(0, _ICON, icon_of(card, card.category))
        lines = [f"<b>{escape(card.title)}</b>", rich(card.summary), escape(card.paper)]
        row.setToolTip(0, "<br>".join(line for line in lines if line))
        return row

    def _group_row(self, group: Group) -> QTreeWidgetItem:
        row = QTreeWidgetItem([group.name])
        row.setData(0, _KEY, f"group:{group.name}")
        row.setData(0, _CATEGORY, "Group")
        row.setData(0, _ICON, ICONS["Group"])
        row.setToolTip(0, rich(group.help or f"Another node that uses the Group {group.name}."))
        return row

    def rows(self) -> list[QTreeWidgetItem]:
        """The rows of blocks and Groups, from top to bottom."""
        found: list[QTreeWidgetItem] = []
        for i in range(self.list.topLevelItemCount()):
            item = self.list.topLevelItem(i)
            assert item is not None
            inside = [item.child(j) for j in range(item.childCount())]
            found += [item] if item.data(0, _KEY) else [child for child in inside if child is not None]
        return found

    def _current(self) -> QTreeWidgetItem | None:
        return self.list.currentItem()  # None when there is none, whatever the stubs say

    # choosing ---------------------------------------------------------------------------------------------------------

    def _clicked(self, item: QTreeWidgetItem) -> None:
        if not item.data(0, _KEY):
            item.setExpanded(not item.isExpanded())

    def _take(self, item: QTreeWidgetItem | None) -> None:
        kind, _, name = str(item.data(0, _KEY) or "").partition(":") if item is not None else ("", "", "")
        if kind == "block":
            self.chosen.emit(name)
        elif kind == "group":
            self.group_chosen.emit(name)

    def _take_current(self) -> None:
        if self.search.text().strip():
            self._take(self._current())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if watched is self.search and key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.rows():
                current = self._current()
                if current is None or not current.data(0, _KEY):
                    self.list.setCurrentItem(self.rows()[0])
                else:
                    step = self.list.itemBelow if key == Qt.Key.Key_Down else self.list.itemAbove
                    beside: QTreeWidgetItem | None = step(current)
                    if beside is not None:
                        self.list.setCurrentItem(beside)
                return True
            if watched is self.search and key == Qt.Key.Key_Escape and self.search.text():
                self.search.clear()
                return True
            if watched is self.list and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                item = self._current()
                if item is not None and not item.data(0, _KEY):
                    item.setExpanded(not item.isExpanded())
                self._take(item)
                return True
        return super().eventFilter(watched, event)
