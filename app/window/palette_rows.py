"""How the palette's rows are drawn: a category's heading, a section's, a block's row."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen
from PySide6.QtWidgets import (
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
)

from app.window.canvas import glyphs
from app.window.theme import BODY, SECONDARY, font, theme
from app.window.topics import GROUP

GROUPS = "Groups"
"""The heading of the drawing's own Groups."""
MINE = "My Groups"
"""The heading of the Groups that the user keeps."""
KEY = int(Qt.ItemDataRole.UserRole)
"""`block:Conv2d`, `block:Input:tokens`, `group:encoder`, `mine:encoder`; nothing on headings."""
CATEGORY, ICON, PLACE = KEY + 1, KEY + 2, KEY + 3
"""A row's category and icon; where a heading stands: `Layer`, `Layer/Pooling`."""
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_ROW = 28


def topic_of(item: QTreeWidgetItem | None) -> str:
    """What there is to read about a row: its block, or the category of a heading; "" for none."""
    if item is None:
        return ""
    kind, _, name = str(item.data(0, KEY) or "").partition(":")
    if kind == "block":
        return f"block:{name.partition(':')[0]}"
    place = str(item.data(0, PLACE) or GROUPS).partition("/")[0]
    return GROUP if place in (GROUPS, MINE) else f"category:{place}"


class Rows(QStyledItemDelegate):
    """Draws headings and rows."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # type: ignore[override]
        return QSize(120, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:  # type: ignore[override]
        rect: QRect = option.rect  # type: ignore[attr-defined]
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        key = index.data(KEY)
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
        if key:
            self._row(painter, full, index)
        else:
            self._heading(painter, full, index, view.isExpanded(index), inner=index.parent().isValid())
        painter.restore()

    def _heading(self, painter: QPainter, full: QRect, index: QModelIndex, open: bool, *, inner: bool) -> None:
        middle, left = full.center().y() + 0.5, 20 if inner else 12
        mark = "chevron-down" if open else "chevron-right"
        side = 10 if inner else 12
        glyphs.draw(painter, mark, QRectF(left, middle - side / 2, side, side), theme.color("soft"))
        face = font(SECONDARY) if inner else font(BODY - 0.5, weight=QFont.Weight.Medium)
        painter.setFont(face)
        painter.setPen(theme.color("soft"))
        room = QRect(left + 18, full.top(), full.right() - left - 22, full.height())
        painter.drawText(room, LEFT, _fitted(painter, index.data(int(Qt.ItemDataRole.DisplayRole)), room.width()))

    def _row(self, painter: QPainter, full: QRect, index: QModelIndex) -> None:
        middle, colour = full.center().y() + 0.5, theme.category(index.data(CATEGORY))
        glyphs.tile(painter, index.data(ICON), QRectF(18, middle - 8, 16, 16), colour, theme.color("panel"))
        painter.setFont(font(BODY))
        painter.setPen(theme.color("text"))
        room = QRect(42, full.top(), full.right() - 46, full.height())
        painter.drawText(room, LEFT, _fitted(painter, index.data(int(Qt.ItemDataRole.DisplayRole)), room.width()))


def _fitted(painter: QPainter, text: str, width: int) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)
