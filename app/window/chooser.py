"""A field with rows under it, over the window: one types, goes up and down, and takes a row with Enter."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.window.canvas import glyphs
from app.window.theme import BODY, SECONDARY, font, theme

ROW, SHOWN = 32, 10
"""Height of a row, and how many are in sight at most."""
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_ROW = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True)
class Row:
    """One row: what it is called, where that stands, its keys."""

    text: str
    detail: str = ""
    keys: str = ""
    icon: str = ""
    colour: str = ""
    """The icon's; "" for that of soft text."""
    why: str = ""
    """Why it cannot be taken now; "" where it can."""
    data: object = None


class Chooser(QFrame):
    """Stands over `over`; `rows` says what a query finds. It closes when it loses the focus."""

    chosen = Signal(object)
    """A row was taken: its data."""

    def __init__(self, over: QWidget, name: str, hint: str, wide: int = 560) -> None:
        super().__init__(over)
        self._over, self._wide = over, wide
        self._before: QWidget | None = None
        self.setObjectName("chooser")
        self.setAccessibleName(name)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.field = QLineEdit()
        self.field.setAccessibleName(name)
        self.field.setPlaceholderText(hint)
        self.field.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setAccessibleName(f"{name}: what was found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the field has the keys
        self.list.setItemDelegate(_Rows(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.nothing = QLabel()
        self.nothing.setWordWrap(True)
        self.nothing.setContentsMargins(6, 2, 6, 4)
        box = QVBoxLayout(self)
        box.setContentsMargins(8, 8, 8, 8)
        box.setSpacing(6)
        box.addWidget(self.field)
        box.addWidget(self.list)
        box.addWidget(self.nothing)
        self.field.textChanged.connect(lambda _text: self.refresh())
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(lambda _item: self.take())
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def rows(self, query: str) -> list[Row]:
        """What there is to choose; of the query's finds the best first."""
        raise NotImplementedError

    def nothing_words(self, query: str) -> str:
        """What is said where there is nothing to choose."""
        return f"Nothing is called “{query}”. Try another word, or a shorter one."

    def _dress(self) -> None:
        look = theme.tokens
        self.setStyleSheet(
            f"#chooser {{ background: {look.panel}; border: 1px solid {look.faint}; border-radius: 9px; }}"
            f"QLineEdit {{ min-height: 24px; }} QListWidget {{ background: transparent; border: none; outline: none; }}"
            f"QLabel {{ color: {look.soft}; }}"
        )

    # coming and going -------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Come up empty, and take the keys."""
        if not self.isVisible():
            self._before = QApplication.focusWidget()
            application = QApplication.instance()
            assert isinstance(application, QApplication)
            application.focusChanged.connect(self._focus_went)
        self.field.clear()
        self.refresh()
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def shut(self) -> None:
        """Go, and give the focus back to where it was."""
        before = self._before
        self._go()
        (before or self._over).setFocus(Qt.FocusReason.OtherFocusReason)

    def _go(self) -> None:
        if self.isHidden():
            return
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        application.focusChanged.disconnect(self._focus_went)
        self.hide()
        self._before = None

    def _focus_went(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and new is not self and not self.isAncestorOf(new):
            self._go()

    def place(self) -> None:
        """Stand near the top, in the middle."""
        room = self._over.rect()
        wide = min(self._wide, room.width() - 24)
        high = self._height()
        self.setGeometry((room.width() - wide) // 2, min(72, max(12, room.height() - high - 12)), wide, high)

    def _height(self) -> int:
        self.list.setFixedHeight(min(self.list.count(), SHOWN) * ROW)
        layout = self.layout()
        assert layout is not None
        layout.activate()
        return layout.sizeHint().height()

    # rows -------------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Find anew."""
        query = self.field.text().strip()
        found = self.rows(query)
        self.list.clear()
        for row in found:
            item = QListWidgetItem(row.text)
            item.setData(_ROW, row)
            said = (row.text, row.detail, row.keys, row.why and f"not now: {row.why}")
            item.setData(int(Qt.ItemDataRole.AccessibleTextRole), ", ".join(part for part in said if part))
            item.setToolTip(f"{row.text}\n{row.why or row.detail}".strip())
            self.list.addItem(item)
        self.list.setVisible(bool(found))
        self.nothing.setText("" if found else self.nothing_words(query))
        self.nothing.setVisible(not found)
        if found:
            self.list.setCurrentRow(0)
        self.place()

    def current(self) -> Row | None:
        """The row that Enter takes."""
        item = self.list.currentItem()
        return item.data(_ROW) if item is not None else None  # type: ignore[redundant-expr]

    def shown_rows(self) -> list[Row]:
        """All rows, from top to bottom."""
        return [self.list.item(i).data(_ROW) for i in range(self.list.count())]

    def step(self, by: int) -> None:
        """Go down (or up) so many rows; past the end to the beginning."""
        if count := self.list.count():
            at = self.list.currentRow() + by
            at = at % count if abs(by) == 1 else min(max(at, 0), count - 1)
            self.list.setCurrentRow(at)

    def take(self) -> None:
        """Take the current row; one that cannot be taken now stays."""
        row = self.current()
        if row is not None and not row.why:
            self.shut()
            self.chosen.emit(row.data)

    def key(self, event: QKeyEvent) -> bool:
        """Heed a key; False where the field is to have it."""
        steps = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: SHOWN, Qt.Key.Key_PageUp: -SHOWN}
        if (by := steps.get(Qt.Key(event.key()))) is not None:
            self.step(by)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.take()
        elif event.key() == Qt.Key.Key_Escape:
            self.shut()
        else:
            return False
        return True

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            return self.key(event)
        return super().eventFilter(watched, event)


class _Rows(QStyledItemDelegate):
    """Draws a row: icon, words, and at the right its keys."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(100, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        row: Row = index.data(_ROW)
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        whole: QRect = option.rect  # type: ignore[attr-defined]
        look = theme.tokens
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        full = whole.adjusted(0, 1, 0, -1)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            painter.setPen(theme.color("accent") if state & QStyle.StateFlag.State_Selected else Qt.PenStyle.NoPen)
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(QRectF(full).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        if row.icon:
            colour = theme.color("soft") if not row.colour else QColor(row.colour)
            glyphs.draw(painter, row.icon, QRectF(full.left() + 10, full.center().y() - 7.5, 16, 16), colour)
        left, right = full.left() + 36, full.right() - 12
        small, plain = font(SECONDARY), font(BODY)
        if row.keys:
            keys = font(SECONDARY, mono=True)
            wide = QFontMetrics(keys).horizontalAdvance(row.keys)
            painter.setFont(keys)
            painter.setPen(theme.color("soft"))
            painter.drawText(QRect(right - wide - 2, full.top(), wide + 2, full.height()), _RIGHT, row.keys)
            right -= wide + 16
        painter.setFont(plain)
        painter.setPen(theme.color("soft" if row.why else "text"))
        wide = QFontMetrics(plain).horizontalAdvance(row.text)
        name_room = min(wide + 2, right - left)
        painter.drawText(
            QRect(left, full.top(), name_room, full.height()), _LEFT,
            painter.fontMetrics().elidedText(row.text, Qt.TextElideMode.ElideRight, name_room),
        )  # fmt: skip
        left += name_room + 12
        if right - left > 30:
            painter.setFont(small)
            painter.setPen(QColor(look.soft))
            said = row.why or row.detail
            painter.drawText(
                QRect(left, full.top(), right - left, full.height()), _LEFT,
                painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, right - left),
            )  # fmt: skip
        painter.restore()
