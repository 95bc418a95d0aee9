"""The palette: every block by category, found by typing, dragged or double-clicked onto the canvas."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDrag, QFont, QKeyEvent, QKeySequence, QPainter, QPen, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QLineEdit,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.design.values import Design, Group
from app.window import finding, palette_mine
from app.window.canvas import glyphs
from app.window.canvas.commands import misplaced
from app.window.canvas.drops import BLOCK_MIME, GROUP_MIME, MINE_MIME
from app.window.canvas.face import ICONS, icon_of
from app.window.document import Document
from app.window.palette_rows import CATEGORY, GROUPS, ICON, KEY, LEFT, MINE, PLACE, Rows, topic_of
from app.window.sentences import rich
from app.window.theme import BODY, font, icon, theme
from app.window.topics import by_section, first_sentence
from blocks.card import CATEGORIES, SECTIONS, Card

MIMES = {"block": BLOCK_MIME, "group": GROUP_MIME, "mine": MINE_MIME}
"""What a drag carries, by the kind of its row."""


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
        self.setItemDelegate(Rows(self))

    def mimeTypes(self) -> list[str]:
        return list(MIMES.values())

    def mimeData(self, items: Sequence[QTreeWidgetItem]) -> QMimeData:
        data = QMimeData()
        for item in items:
            kind, _, name = str(item.data(0, KEY)).partition(":")
            data.setData(MIMES[kind], name.encode())
        return data

    def startDrag(self, supportedActions: Qt.DropAction) -> None:
        items = [item for item in self.selectedItems() if item.data(0, KEY)]
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
        colour = theme.category(item.data(0, CATEGORY))
        painter.setPen(QPen(theme.color("accent"), 1.5))
        painter.setBrush(glyphs.mix(colour, theme.color("node"), 0.3 if theme.tokens.dark else 0.13))
        painter.drawRoundedRect(QRectF(1, 1, wide - 2, 32), 9, 9)
        glyphs.tile(painter, item.data(0, ICON), QRectF(10, 9, 16, 16), colour, theme.color("panel"))
        painter.setFont(face)
        painter.setPen(theme.color("text"))
        shown = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, wide - 46)
        painter.drawText(QRectF(36, 1, wide - 44, 32), LEFT, shown)
        painter.end()
        return picture


class Palette(QWidget):
    """Search field and rows; `chosen` when one is to be added to the middle of the canvas."""

    chosen = Signal(str)
    """A block's id."""
    group_chosen = Signal(str)
    """A Group's name."""
    mine_chosen = Signal(str)
    """The name of a Group that the user keeps."""

    def __init__(self, document: Document, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.document = document
        self.setObjectName("palette")
        self._folded = {f"{category}/{finding.PARTS}" for category in SECTIONS}
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
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._open_menu)
        self.list.itemExpanded.connect(lambda item: self._folded.discard(item.data(0, PLACE)))
        self.list.itemCollapsed.connect(lambda item: self._folded.add(item.data(0, PLACE)))
        document.catalogue_changed.connect(self.refresh)
        document.place_changed.connect(self.refresh)
        document.changed.connect(self._changed)
        document.my_groups.changed.connect(self.refresh)
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
        """Fill the rows anew: all blocks by category and section, or what the search finds, best first."""
        query = self.search.text().strip()
        where = self.document.where
        cards = [card for card in self.document.catalogue.values() if not misplaced(card.id, where)]
        groups = list(self.document.design.groups)
        current = self._current()
        chosen = current.data(0, KEY) if current is not None else None
        self.list.blockSignals(True)
        self.list.clear()
        if query:
            self._find(query, cards, groups)
        else:
            for category in CATEGORIES:
                self._category(category, [card for card in cards if card.category == category])
            self._heading(GROUPS, [self._group_row(group) for group in groups])
            self._heading(MINE, palette_mine.rows(self.document.my_groups))
            self._choose(chosen)
        self.list.blockSignals(False)
        self._say(query, bool(cards or groups))

    def _find(self, query: str, cards: list[Card], groups: list[Group]) -> None:
        for offer in finding.found(query, cards):
            self.list.addTopLevelItem(self._block_row(offer))
        for group in groups:
            if finding.match(query, group.name) is not None:
                self.list.addTopLevelItem(self._group_row(group))
        for row in palette_mine.rows(self.document.my_groups):
            if finding.match(query, row.text(0)) is not None:
                self.list.addTopLevelItem(row)
        if self.list.topLevelItemCount():
            self.list.setCurrentItem(self.rows()[0])

    def _category(self, category: str, cards: list[Card]) -> None:
        head: QTreeWidgetItem | None = None
        for section, listed in by_section(category, cards).items():
            rows = [self._block_row(offer) for card in listed for offer in finding.offers(card)]
            if not section:
                head = self._heading(category, rows)
                continue
            head = self._heading(f"{category}/{section}", rows, head or self._heading(category, [], always=bool(rows)))

    def _heading(
        self, place: str, rows: list[QTreeWidgetItem], under: QTreeWidgetItem | None = None, *, always: bool = False
    ) -> QTreeWidgetItem | None:
        """Add a heading with rows; what it stands under, or else itself, comes back."""
        if not rows and not always:
            return under
        head = QTreeWidgetItem([place.rpartition("/")[2]])
        head.setData(0, PLACE, place)
        if page := self.document.pages.get("Group" if place in (GROUPS, MINE) else place):
            head.setToolTip(0, f"{rich(first_sentence(page.text))}<br>F1 tells more.")
        head.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
        head.addChildren(rows)
        if under is None:
            self.list.addTopLevelItem(head)
        else:
            under.addChild(head)
        head.setExpanded(place not in self._folded)
        return under or head

    def _choose(self, key: str | None) -> None:
        for item in self.rows():
            if key and item.data(0, KEY) == key:
                self.list.setCurrentItem(item)

    def _say(self, query: str, any_blocks: bool) -> None:
        if query and not self.list.topLevelItemCount():
            self.nothing.setText(f"No block is called “{query}”. Try another word, or a shorter one.")
        elif not any_blocks:
            self.nothing.setText("The blocks appear here as soon as the engine has started.")
        else:
            self.nothing.setText("")
        self.nothing.setVisible(bool(self.nothing.text()))

    def _block_row(self, offer: finding.Offer) -> QTreeWidgetItem:
        """A row of a block, or of a preset, whose card has its title already."""
        card, preset = offer.card, offer.preset
        row = QTreeWidgetItem([card.title])
        row.setData(0, KEY, f"block:{offer.key}")
        row.setData(0, CATEGORY, card.category)
        row.setData(0, ICON, (preset and preset.icon) or icon_of(card, card.category))
        lines = [
            f"<b>{escape(card.title)}</b>",
            rich(preset.help) if preset else "",
            rich(card.summary),
            escape(card.paper),
        ]
        row.setToolTip(0, "<br>".join(line for line in lines if line))
        return row

    def _group_row(self, group: Group) -> QTreeWidgetItem:
        row = QTreeWidgetItem([group.name])
        row.setData(0, KEY, f"group:{group.name}")
        row.setData(0, CATEGORY, "Group")
        row.setData(0, ICON, ICONS["Group"])
        row.setToolTip(0, rich(group.help or f"Another node that uses the Group {group.name}."))
        return row

    def rows(self) -> list[QTreeWidgetItem]:
        """The rows of blocks and Groups, from top to bottom."""
        found: list[QTreeWidgetItem] = []
        left = [self.list.topLevelItem(i) for i in reversed(range(self.list.topLevelItemCount()))]
        while left:
            item = left.pop()
            assert item is not None
            if item.data(0, KEY):
                found.append(item)
            left += [item.child(i) for i in reversed(range(item.childCount()))]
        return found

    def _current(self) -> QTreeWidgetItem | None:
        return self.list.currentItem()  # None when there is none, whatever the stubs say

    # explaining -------------------------------------------------------------------------------------------------------

    def topic(self) -> str:
        """What F1 is about here: the current row's block or category; "" while no row is current."""
        return topic_of(self._current())

    def menu_at(self, at: QPoint) -> QMenu:
        """The menu for the row at `at` in the list; empty where there is none."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        item: QTreeWidgetItem | None = self.list.itemAt(at)
        if item is None:
            return menu
        palette_mine.fill_menu(menu, self.document, str(item.data(0, KEY) or ""), self)
        topic, page = topic_of(item), self.document.pages.get(topic_of(item).removeprefix("category:"))
        about = menu.addAction(icon("info"), f"About {page.title if page else item.text(0)}")
        about.setShortcut(QKeySequence("F1"))
        about.triggered.connect(lambda _on=False: self.document.explanation_wanted.emit(topic))
        return menu

    def _open_menu(self, at: QPoint) -> None:
        menu = self.menu_at(at)
        if menu.isEmpty():
            menu.deleteLater()
        else:
            menu.popup(self.list.viewport().mapToGlobal(at))

    # choosing ---------------------------------------------------------------------------------------------------------

    def _clicked(self, item: QTreeWidgetItem) -> None:
        if not item.data(0, KEY):
            item.setExpanded(not item.isExpanded())

    def _take(self, item: QTreeWidgetItem | None) -> None:
        kind, _, name = str(item.data(0, KEY) or "").partition(":") if item is not None else ("", "", "")
        if kind == "block":
            self.chosen.emit(name)
        elif kind == "group":
            self.group_chosen.emit(name)
        elif kind == "mine":
            self.mine_chosen.emit(name)

    def _take_current(self) -> None:
        if self.search.text().strip():
            self._take(self._current())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if watched is self.search and key in (Qt.Key.Key_Down, Qt.Key.Key_Up) and self.rows():
                current = self._current()
                if current is None or not current.data(0, KEY):
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
                if item is not None and not item.data(0, KEY):
                    item.setExpanded(not item.isExpanded())
                self._take(item)
                return True
        return super().eventFilter(watched, event)
