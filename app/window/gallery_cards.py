"""The gallery's cards: what is known of a family, which of them are wanted, and how one is painted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import msgspec
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QPainter, QPen, QPixmap, QTextLayout, QTextOption
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.window import figures
from app.window.papers import cited
from app.window.rows import NOT_KNOWN
from app.window.theme import BODY, SECONDARY, font, theme
from examples import zoo
from examples.zoo import Network

SORTS = ("Newest first", "Oldest first", "By name")
CARD = QSize(236, 262)
"""The least size of a card; it grows in width to fill a line."""
PICTURE = QSize(212, 96)
ROLE = int(Qt.ItemDataRole.UserRole)
Index = QModelIndex | QPersistentModelIndex


class Family(msgspec.Struct, frozen=True):
    """A file of the zoo: one drawing with its variants."""

    name: str
    variants: tuple[Network, ...]

    @property
    def about(self) -> Network:
        """What is the same for all its variants."""
        return self.variants[0]

    @property
    def title(self) -> str:
        return self.about.title or self.name

    def says(self, words: list[str]) -> bool:
        """Whether all words stand somewhere on the card."""
        about = self.about
        names = " ".join(n.name for n in self.variants)
        text = f"{about.title} {self.name} {names} {about.paper} {about.year} {about.task} {about.introduced}".lower()
        return all(word in text for word in words)

    def meant(self, words: list[str]) -> int:
        """Which variant somebody means who typed these words: the one so called, else one whose name has them all."""
        names = [n.name.lower() for n in self.variants]
        exact = [i for i, name in enumerate(names) if name in words]
        near = [i for i, name in enumerate(names) if words and all(word in name for word in words)]
        return next(iter((*exact, *near)), 0)

    def span(self, what: str) -> str:
        """From the least to the most `parameters` or `macs` of its variants."""
        known = sorted(n for v in self.variants if (n := getattr(v, what)) is not None)
        if not known:
            return NOT_KNOWN
        low, high = figures.short(known[0]), figures.short(known[-1])
        return low if low == high else f"{low} – {high}"


def families() -> tuple[Family, ...]:
    """All of the zoo, in alphabetical order of the files."""
    return tuple(Family(name, tuple(found)) for name, found in groupby(zoo.networks(), lambda n: n.family))


def chosen(all: tuple[Family, ...], text: str, task: str, sort: str) -> list[Family]:
    """The families that a search and a task leave ("" for every task), in the order that is wished."""
    words = text.lower().split()
    found = [f for f in all if (not task or f.about.task == task) and f.says(words)]
    found.sort(key=lambda f: f.title.lower())
    if sort != SORTS[2]:
        found.sort(key=lambda f: f.about.year, reverse=sort == SORTS[0])
    # Who types a name wants that one: exact names come before what mentions it.
    return sorted(found, key=lambda f: not set(words) & {f.name, f.title.lower(), *(n.name for n in f.variants)})


class CardPainter(QStyledItemDelegate):
    """Paints a Family: picture, title, year, what it introduced, what it costs."""

    def __init__(self, picture: Callable[[Family], QPixmap | None]) -> None:
        super().__init__()
        self._picture = picture
        self.width = CARD.width()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(self.width, CARD.height())

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        family: Family = index.data(ROLE)
        on = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        over = bool(option.state & QStyle.StateFlag.State_MouseOver)  # type: ignore[attr-defined]
        card = QRectF(option.rect).adjusted(6.5, 6.5, -6.5, -6.5)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent" if on else "faint" if over else "line"), 2 if on else 1))
        painter.setBrush(theme.color("raised"))
        painter.drawRoundedRect(card, 9, 9)
        sheet = QRectF(card.left() + 1.5, card.top() + 1.5, card.width() - 3, PICTURE.height() + 14)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("canvas"))
        painter.drawRoundedRect(sheet, 8, 8)
        painter.drawRect(sheet.adjusted(0, 10, 0, 0))
        if (picture := self._picture(family)) is not None:
            size = picture.deviceIndependentSize()
            place = QRect(0, 0, round(size.width()), round(size.height()))
            place.moveCenter(sheet.center().toPoint())
            painter.drawPixmap(place.topLeft(), picture)
        self._texts(painter, family, card.adjusted(12, sheet.height() + 10, -12, -10))
        painter.restore()

    def _texts(self, painter: QPainter, family: Family, room: QRectF) -> None:
        about, left, right = family.about, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        line = QRectF(room.left(), room.top(), room.width(), 18)
        bold = font(13, weight=QFont.Weight.DemiBold)
        _line(painter, line, str(about.year or ""), font(SECONDARY, mono=True), "soft", right)
        _line(painter, line.adjusted(0, 0, -40, 0), family.title, bold, "text", left)
        line.translate(0, 18)
        count = len(family.variants)
        what = f"{about.task} · {count} variants" if count > 1 else about.task
        _line(painter, line, f"{cited(about.paper)} · {what}" if about.paper else what, font(SECONDARY), "soft", left)
        _wrapped(painter, QRectF(room.left(), line.bottom() + 4, room.width(), 34), about.introduced, 2)
        foot = QRectF(room.left(), room.bottom() - 33, room.width(), 16)
        for name, key in (("parameters", "parameters"), ("MACs", "macs")):
            _line(painter, foot, name, font(SECONDARY), "soft", left)
            _line(painter, foot, family.span(key), font(SECONDARY, mono=True), "text", right)
            foot.translate(0, 17)


def _line(
    painter: QPainter, place: QRectF, text: str, face: QFont, colour: str, side: Qt.AlignmentFlag
) -> None:
    painter.setFont(face)
    painter.setPen(theme.color(colour))
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(place.width()))
    painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, shown)


def _wrapped(painter: QPainter, place: QRectF, text: str, lines: int) -> None:
    """A sentence on a few lines; the last ends in an ellipsis where there is more."""
    face = font(BODY - 0.5)
    painter.setFont(face)
    painter.setPen(theme.color("soft"))
    layout = QTextLayout(text, face)
    layout.setTextOption(QTextOption(Qt.AlignmentFlag.AlignLeft))
    layout.beginLayout()
    for i in range(lines):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(place.width())
        rest = text[line.textStart() :] if i == lines - 1 else text[line.textStart() :][: line.textLength()]
        shown = painter.fontMetrics().elidedText(rest.strip(), Qt.TextElideMode.ElideRight, int(place.width()))
        painter.drawText(place.adjusted(0, 17 * i, 0, 0), Qt.AlignmentFlag.AlignTop, shown)
    layout.endLayout()
