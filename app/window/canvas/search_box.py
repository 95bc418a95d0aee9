"""The search box on the canvas: type, choose with the arrow keys, and Enter puts the block where the pointer is.

Opened from a wire it offers only what fits that wire, and wires it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QCursor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.design import edits
from app.design.ports import ports
from app.design.values import Design, Node, Settings, Wire
from app.window import finding
from app.window.canvas import commands, glyphs
from app.window.canvas.face import ICONS, icon_of
from app.window.canvas.fitting import Fitting
from app.window.canvas.joining import place_joined
from app.window.canvas.wire_item import Curve, draw_curve
from app.window.document import Document
from app.window.palette_rows import CATEGORY, ICON, KEY, LEFT
from app.window.papers import cited
from app.window.sentences import Elided
from app.window.theme import BODY, SECONDARY, font, icon, theme
from app.window.topics import by_section
from blocks.card import CATEGORIES, Card

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView

WIDTH, ROWS = 372, 8
"""Of the box in px, and how many rows are seen at once."""
_ROW = 30
_MOST_RECENT = 6
NOTE, ABOUT = KEY + 8, KEY + 9
"""A row's soft words at the right, and the sentence under the list while it is current."""
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class Recent(QObject):
    """Which blocks and Groups were added one by one of late, the last first: by whatever way they came."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.keys: list[str] = []
        """As the rows' keys are: `block:Conv2d`, `group:encoder`."""
        document.changed.connect(self._changed)

    def _changed(self, before: Design, after: Design) -> None:
        where = self._document.where
        if where and where not in before.group_by_name:
            return
        old, new = before.graph(where), after.graph(where)
        if len(new.nodes) != len(old.nodes) + 1 or new.nodes[-1].id in old.by_id:
            return
        key = self._key(new.nodes[-1])
        self.keys = [key, *(k for k in self.keys if k != key)][:_MOST_RECENT]

    def _key(self, node: Node) -> str:
        if node.group:
            return f"group:{node.group}"
        card = self._document.catalogue.get(node.block)
        presets = [p for p in card.presets if p.settings] if card is not None else []
        held = dict(node.settings)
        made = next((p for p in presets if all(held.get(k) == v for k, v in p.settings)), None)
        return f"block:{node.block}:{made.name}" if made is not None else f"block:{node.block}"


class _Rows(QStyledItemDelegate):
    """Draws a row: the category's mark, the title, and at the right why it was found."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        full = rect.adjusted(6, 1, -6, -1)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen or state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(theme.color("accent") if chosen else Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(QRectF(full).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        mark = QRectF(full.left() + 8, full.center().y() - 7.5, 16, 16)
        glyphs.tile(painter, index.data(ICON), mark, theme.category(index.data(CATEGORY)), theme.color("panel"))
        painter.setFont(font(BODY))
        painter.setPen(theme.color("text"))
        title = index.data(int(Qt.ItemDataRole.DisplayRole))
        room = QRect(full.left() + 34, full.top(), full.width() - 44, full.height())
        shown = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, room.width() - 60)
        painter.drawText(room, LEFT, shown)
        room.setLeft(room.left() + painter.fontMetrics().horizontalAdvance(shown) + 16)
        painter.setFont(font(SECONDARY))
        painter.setPen(theme.color("soft"))
        note = painter.fontMetrics().elidedText(index.data(NOTE) or "", Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, RIGHT, note)
        painter.restore()


class SearchBox(QFrame):
    """Stands at `at` (a place of the scene) until something is chosen, Escape, or a press elsewhere.

    With `fitting` it offers what fits there alone and wires it; with `wire` what is chosen goes into that wire.
    """

    def __init__(
        self, view: CanvasView, at: QPointF, fitting: Fitting | None = None, wire: Wire | None = None
    ) -> None:
        super().__init__(view.window())
        self._view, self._at, self._fitting, self._wire = view, at, fitting, wire
        self._over = False
        self.setObjectName("search-box")
        self.setAccessibleName("Add a block")
        self.field = QLineEdit()
        self.field.setObjectName("search-field")
        self.field.setPlaceholderText(fitting.question if fitting is not None else "Search blocks, papers and Groups")
        self.field.setAccessibleName(self.field.placeholderText())
        self.field.addAction(icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.list = QListWidget()
        self.list.setObjectName("search-list")
        self.list.setAccessibleName("What was found")
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setMouseTracking(True)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field keeps what is typed
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.about = Elided("soft")
        self.about.setObjectName("search-about")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(6)
        column.addWidget(self.field)
        column.addWidget(self.list, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(6, 0, 6, 0)
        foot.addWidget(self.about)
        column.addLayout(foot)
        self.field.textChanged.connect(self.refresh)
        self.list.itemClicked.connect(self._take)
        self.list.currentItemChanged.connect(lambda item, _before: self._tell(item))
        document = view.document
        document.changed.connect(self.shut)
        document.place_changed.connect(self.shut)
        document.catalogue_changed.connect(self.refresh)
        theme.changed.connect(self._dress)
        self._dress()
        self.refresh()
        self._stand()
        self.show()
        self.raise_()
        self.field.setFocus()
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)  # a press anywhere else closes it

    def paint(self, painter: QPainter) -> None:
        """Draw the wire that waits for a block, in the scene's coordinates."""
        scene, fitting = self._view.scene_, self._fitting
        if fitting is None or self._wire is not None:
            return
        ends: list[QPointF] = []
        for end, output in ((fitting.source, True), (fitting.target, False)):
            known = end is not None and end.node in scene.nodes
            ends.append(scene.place_of(end, output=output) if known and end is not None else self._at)
        pen = QPen(theme.color("accent"), 2.0, Qt.PenStyle.DashLine)
        draw_curve(painter, Curve.between(*ends).path(), fitting.kind, pen)

    def _dress(self) -> None:
        look = theme.tokens
        self.setStyleSheet(
            f"#search-box {{ background: {look.panel}; border: 1px solid {look.line}; border-radius: 9px; }}"
            f"#search-about {{ color: {look.soft}; }}"
        )

    def _stand(self) -> None:
        """Stand beside the place, inside the window: above it where there is no room below."""
        window = self._view.window()
        room = window.rect().adjusted(8, 8, -8, -8)
        high = min(self._height(ROWS), room.height())
        self.setFixedWidth(min(WIDTH, room.width()))
        view = self._view
        spot = view.viewport().mapTo(window, view.mapFromScene(self._at))
        x = min(max(spot.x() + 12, room.left()), room.right() - self.width())
        y = spot.y() - 20
        if y + high > room.bottom():
            y = room.bottom() - high
        self.move(x, max(y, room.top()))
        self._shrink()

    def _height(self, rows: int) -> int:
        """Of the box in px with so many rows."""
        return self.field.sizeHint().height() + rows * _ROW + self.about.sizeHint().height() + 30

    def _shrink(self) -> None:
        """Be as high as the rows need; the field stays where it is."""
        room = self._view.window().height() - 8 - self.y()
        self.setFixedHeight(min(self._height(min(max(self.list.count(), 1), ROWS)), max(room, 0)))

    # rows -------------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """List what the field finds: nothing typed, the recent ones and then all."""
        query = self.field.text().strip()
        self.list.clear()
        for offer, note in self._blocks(query):
            card = offer.card
            mark = (offer.preset and offer.preset.icon) or icon_of(card, card.category)
            self._add(f"block:{offer.key}", card.title, card.category, mark, note, card.summary)
        for name, help, note in self._groups(query):
            self._add(f"group:{name}", name, "Group", ICONS["Group"], note, help or "A Group of this drawing.")
        if not query:
            self._recent_first()
        self.list.setCurrentRow(0)
        if not self.list.count():
            self._tell(None)
        self._shrink()

    def _add(self, key: str, title: str, category: str, mark: str, note: str, about: str) -> None:
        item = QListWidgetItem(title)
        for role, value in ((KEY, key), (CATEGORY, category), (ICON, mark), (NOTE, note), (ABOUT, about)):
            item.setData(role, value)
        self.list.addItem(item)

    def _blocks(self, query: str) -> Iterator[tuple[finding.Offer, str]]:
        document = self._view.document
        cards = [card for card in document.catalogue.values() if not commands.misplaced(card.id, document.where)]
        if query:
            offers = finding.found(query, cards)
        else:
            offers = [offer for card in self._in_order(cards) for offer in finding.offers(card)]
        for offer in offers:
            if self._fitting is None:
                why = cited(offer.why) if offer.why == offer.card.paper else offer.why
                yield offer, why or offer.card.category
                continue
            settings = Settings(offer.preset.settings) if offer.preset is not None else Settings()
            note = self._note(Node(id="new", block=offer.card.id, settings=settings))
            if note is not None:
                yield offer, note

    def _in_order(self, cards: list[Card]) -> Iterator[Card]:
        """As the palette has them; behind a wire layers first, for they are what mostly follows."""
        categories = CATEGORIES if self._fitting is None else ("Layer", *(c for c in CATEGORIES if c != "Layer"))
        for category in categories:
            for listed in by_section(category, [card for card in cards if card.category == category]).values():
                yield from listed

    def _groups(self, query: str) -> Iterator[tuple[str, str, str]]:
        design, where = self._view.document.design, self._view.document.where
        for group in design.groups:
            if (query and finding.match(query, group.name) is None) or (
                where and where in edits.used_groups(design, group.name)
            ):
                continue
            note = "Group" if self._fitting is None else self._note(Node(id="new", group=group.name))
            if note is not None:
                yield group.name, group.help, note

    def _note(self, node: Node) -> str | None:
        """How the node fits; None when it does not."""
        assert self._fitting is not None
        document = self._view.document
        own = ports(document.design, document.graph, node, document.catalogue)
        ends = self._fitting.by_ports(own)
        return self._fitting.note(own, ends) if ends is not None else None

    def _recent_first(self) -> None:
        rows = {self.list.item(i).data(KEY): i for i in range(self.list.count())}
        found = [self.list.item(rows[key]) for key in self._view.recent.keys if key in rows]
        for item in reversed(found):
            self.list.takeItem(self.list.row(item))
            self.list.insertItem(0, item)

    def titles(self) -> list[str]:
        """What is listed, from top to bottom."""
        return [self.list.item(i).text() for i in range(self.list.count())]

    def _tell(self, item: QListWidgetItem | None) -> None:
        """Say what the current row is; or why there is none."""
        if item is not None:
            self.about.setText(item.data(ABOUT) or "")
        elif not self._view.document.catalogue:
            self.about.setText("The blocks appear here as soon as the engine has started.")
        elif self._fitting is not None:
            self.about.setText("Nothing of that name fits here: try another word")
        else:
            self.about.setText("No block is called that: try another word, or a shorter one")

    # choosing ---------------------------------------------------------------------------------------------------------

    def _take(self, item: QListWidgetItem | None) -> None:
        if item is None:
            return
        kind, _, name = str(item.data(KEY)).partition(":")
        view, document = self._view, self._view.document
        self.shut()
        if kind == "group":
            node = edits.new_group_node(document.design, document.where, name)
        else:
            node = commands.new_node(document, name)
        wire = view.scene_.wires.get(self._wire) if self._wire is not None else None
        if wire is not None:
            commands.insert(view, node, self._at, wire)
        elif self._fitting is not None:
            place_joined(view, node, self._at, self._fitting)
        else:
            commands.place(view, node, self._at, True)

    def shut(self, *_what: object) -> None:
        """Close without adding anything."""
        if self._over:
            return
        self._over = True
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)
        document = self._view.document
        document.changed.disconnect(self.shut)
        document.place_changed.disconnect(self.shut)
        document.catalogue_changed.disconnect(self.refresh)
        theme.changed.disconnect(self._dress)
        self.hide()
        self._view.search = None
        self._view.viewport().update()
        self._view.setFocus()
        self.deleteLater()

    def _step(self, by: int) -> None:
        count = self.list.count()
        if count:
            self.list.setCurrentRow(min(max(self.list.currentRow() + by, 0), count - 1))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseButtonPress:
            if isinstance(watched, QWidget) and watched is not self and not self.isAncestorOf(watched):
                self.shut()
            return False
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self._key(event)
        return False

    def _key(self, event: QKeyEvent) -> bool:
        steps = {
            Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_Tab: 1, Qt.Key.Key_Backtab: -1,
            Qt.Key.Key_PageDown: ROWS, Qt.Key.Key_PageUp: -ROWS,
        }  # fmt: skip
        key = Qt.Key(event.key())
        if key in steps:
            self._step(steps[key])
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take(self.list.currentItem())
        elif key == Qt.Key.Key_Escape:
            self.shut()
        else:
            return False
        return True


def open_search(
    view: CanvasView, at: QPointF | None = None, fitting: Fitting | None = None, wire: Wire | None = None
) -> SearchBox:
    """Open the search at a place of the scene; without one at the pointer, or in the middle of what is seen."""
    if view.search is not None:
        view.search.shut()
    if at is None:
        spot: QPoint = view.viewport().mapFromGlobal(QCursor.pos())
        at = view.mapToScene(spot) if view.viewport().rect().contains(spot) else view.middle()
    view.search = SearchBox(view, at, fitting, wire)
    view.viewport().update()  # the wire that waits
    return view.search
