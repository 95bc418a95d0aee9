"""The shape on every wire: a small pill that keeps clear of nodes and of other pills.

One layer draws them all: an item a pill would double what Qt has to keep for a large drawing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from app.design.values import Wire
from app.window.canvas import glyphs
from app.window.canvas.geometry import PILL_SIZE, text_width
from app.window.canvas.painting import NEAR
from app.window.canvas.wire_item import WireItem, wire_colour
from app.window.theme import font, theme

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""

HEIGHT = 20.0
_CLEAR = 5.0
_CELL = 160.0
_ALONG = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
_ASIDE = (0.5, 0.36, 0.64, 0.24, 0.76)
_BESIDE = len(_ALONG) + 2 * len(_ASIDE)
"""So many of the candidate places are on or beside the curve; the others are further off."""


class Boxes:
    """Rectangles by key, hashed into cells: whether a place is free costs the same in a large drawing."""

    def __init__(self) -> None:
        self._boxes: dict[Hashable, Box] = {}
        self._cells: dict[tuple[int, int], set[Hashable]] = {}

    def put(self, key: Hashable, box: Box) -> None:
        self.drop(key)
        self._boxes[key] = box
        for cell in _cells(box):
            self._cells.setdefault(cell, set()).add(key)

    def drop(self, key: Hashable) -> Box | None:
        box = self._boxes.pop(key, None)
        if box is not None:
            for cell in _cells(box):
                self._cells[cell].discard(key)
        return box

    def get(self, key: Hashable) -> Box | None:
        return self._boxes.get(key)

    def at(self, box: Box) -> Iterator[Hashable]:
        """The keys whose rectangles meet `box` (one may come twice)."""
        left, top, right, bottom = box
        wide = (right - left) * (bottom - top) > len(self._boxes) * _CELL * _CELL
        # A rectangle that covers more cells than there are boxes (a whole picture) is answered from the boxes.
        near = [self._boxes.keys()] if wide else [self._cells.get(cell, ()) for cell in _cells(box)]
        for keys in near:
            for key in keys:
                l, t, r, b = self._boxes[key]  # noqa: E741
                if l < right and r > left and t < bottom and b > top:
                    yield key


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    left, top, right, bottom = (int(edge // _CELL) for edge in box)
    for i in range(left, right + 1):
        for j in range(top, bottom + 1):
            yield i, j


def box_of(rect: QRectF, around: float = 0) -> Box:
    return (rect.left() - around, rect.top() - around, rect.right() + around, rect.bottom() + around)


@dataclass(frozen=True)
class _Pill:
    item: WireItem
    box: Box
    place: int


class PillLayer(QGraphicsItem):
    """All the pills of a scene."""

    def __init__(self) -> None:
        super().__init__()
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption)
        self.setZValue(1.5)
        self.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        self.nodes = Boxes()
        self._taken = Boxes()
        self._courses = Boxes()
        """Small boxes along every wire: a pill on another wire would be read as that one's."""
        self._uncharted: dict[Wire, WireItem] = {}
        """The wires whose courses are worked out as soon as a pill looks for a place."""
        self._steps: dict[Wire, int] = {}
        self._pills: dict[Wire, _Pill] = {}
        self.wanted: dict[Wire, tuple[WireItem, int | None]] = {}
        """The wires whose pills look for a place, and the place that they would like best."""

    # where they go ----------------------------------------------------------------------------------------------------

    def box(self, wire: Wire) -> Box | None:
        """Where the pill of a wire is; None when it has none or there was no room."""
        self.settle()
        pill = self._pills.get(wire)
        return pill.box if pill else None

    def repaint(self, wire: Wire) -> None:
        """The wire looks different, and its pill with it."""
        if (pill := self._pills.get(wire)) is not None:
            self.update(_rect(pill.box).adjusted(-1, -1, 1, 1))

    def wires_under(self, box: Box) -> set[Wire]:
        """The wires whose pills lie in `box`: a node was put there."""
        return {key for key in self._taken.at(box) if isinstance(key, Wire)}

    def follow(self, item: WireItem) -> None:
        """Note that the course of a wire is another one."""
        self._forget(item.wire)
        self._uncharted[item.wire] = item

    def _chart(self, item: WireItem) -> None:
        start, end = item.curve.start, item.curve.end
        steps = min(max(int((abs(end.x() - start.x()) + abs(end.y() - start.y())) / 28), 4), 24)
        self._steps[item.wire] = steps
        for i in range(1, steps):
            x, y = item.curve.at(i / steps)
            self._courses.put((item.wire, i), (x - 5, y - 5, x + 5, y + 5))

    def _forget(self, wire: Wire) -> None:
        self._uncharted.pop(wire, None)
        for i in range(1, self._steps.pop(wire, 0)):
            self._courses.drop((wire, i))

    def remove(self, wire: Wire) -> None:
        """A wire is gone."""
        self.drop(wire)
        self._forget(wire)

    def drop(self, wire: Wire) -> None:
        """Take away the pill of a wire."""
        self.wanted.pop(wire, None)
        pill = self._pills.pop(wire, None)
        if pill is not None:
            self._taken.drop(wire)
            self.update(_rect(pill.box))

    def clear(self) -> None:
        """Take all away, courses too: every wire will be told of again."""
        self._taken, self._courses = Boxes(), Boxes()
        for kept in (self._uncharted, self._steps, self._pills, self.wanted):
            kept.clear()
        self.update()

    def want(self, items: Iterable[WireItem], *, sticky: bool = False) -> None:
        """Let the pills of these wires look for a place, by `settle`; `sticky` (while nodes are dragged) prefers the
        place they had."""
        todo = list(items)
        had = {item.wire: pill.place for item in todo if sticky and (pill := self._pills.get(item.wire)) is not None}
        for item in todo:
            self.drop(item.wire)
        self.wanted |= {item.wire: (item, had.get(item.wire)) for item in todo if item.look.label}

    def settle(self, seconds: float = math.inf) -> bool:
        """Find places for the pills that look for one; True when all have been seen to, and not only what could be
        done in `seconds`."""
        end = time.monotonic() + seconds
        while self.wanted and time.monotonic() < end:
            if self._uncharted:  # all courses first: a pill must keep clear of every wire
                self._chart(self._uncharted.pop(next(iter(self._uncharted))))
                continue
            wire = next(iter(self.wanted))
            item, had = self.wanted.pop(wire)
            found = self._find(item, had)
            if found is not None:
                place, box = found
                self._pills[wire] = _Pill(item, box, place)
                self._taken.put(wire, box)
                self.update(_rect(box))
        return not self.wanted

    def _find(self, item: WireItem, first: int | None) -> tuple[int, Box] | None:
        wide = text_width(item.look.label, PILL_SIZE, mono=True) + 18
        places = list(self._places(item))
        order = list(range(len(places)))
        if first is not None and first < len(order):
            order.insert(0, first)
        spare: tuple[int, Box] | None = None
        for index in order:
            if spare is not None and index >= _BESIDE:
                break  # on the wire where another one crosses reads better than far from it
            x, y = places[index]
            box = (x - wide / 2, y - HEIGHT / 2, x + wide / 2, y + HEIGHT / 2)
            around = (box[0] - _CLEAR, box[1] - _CLEAR, box[2] + _CLEAR, box[3] + _CLEAR)
            if next(self.nodes.at(around), None) is not None or next(self._taken.at(around), None) is not None:
                continue
            if not any(isinstance(key, tuple) and key[0] != item.wire for key in self._courses.at(box)):
                return index, box
            spare = spare or (index, box)
        return spare

    def _places(self, item: WireItem) -> Iterator[tuple[float, float]]:
        """Candidates, best first: on the curve, beside it, then past the edges of the two nodes that it joins."""
        curve = item.curve
        for t in _ALONG:
            yield curve.at(t)
        for t in _ASIDE:
            x, y = curve.at(t)
            yield x, y - 17
            yield x, y + 17
        ends = [self.nodes.get(item.wire.source.node), self.nodes.get(item.wire.target.node)]
        boxes = [box for box in ends if box is not None]
        if not boxes:
            return
        middle = (curve.start.x() + curve.end.x()) / 2
        gap = HEIGHT / 2 + _CLEAR + 2
        tops, bottoms = sorted({b[1] for b in boxes}), sorted({b[3] for b in boxes}, reverse=True)
        for shift in (0.0, -HEIGHT - 8):
            yield middle, tops[0] - gap + shift
            yield middle, bottoms[0] + gap - shift
        for x in (curve.start.x() - 40, curve.end.x() + 40):
            yield x, tops[0] - gap
            yield x, bottoms[0] + gap

    # how they look ----------------------------------------------------------------------------------------------------

    def boundingRect(self) -> QRectF:
        return QRectF(-4e6, -4e6, 8e6, 8e6)

    def shape(self) -> QPainterPath:
        return QPainterPath()

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        if option.levelOfDetailFromTransform(painter.worldTransform()) < NEAR:
            return
        exposed = option.exposedRect.adjusted(-4, -4, 4, 4)  # type: ignore[attr-defined]
        painter.setFont(font(PILL_SIZE, mono=True))
        for key in set(self._taken.at(box_of(exposed))):
            assert isinstance(key, Wire)
            self._paint_pill(painter, self._pills[key])

    def _paint_pill(self, painter: QPainter, pill: _Pill) -> None:
        look = pill.item.look
        ground, line = theme.color("canvas"), theme.color("line")
        text = theme.color("soft")
        if look.bad:
            line = text = theme.color("error")
        elif pill.item.isSelected():
            line, text = theme.color("accent"), theme.color("text")
        elif pill.item.on_path:
            line, text = theme.color("soft"), theme.color("text")
        elif look.kind == "pyramid":
            line = glyphs.mix(wire_colour(look.kind, look.category), line, 0.4)
        rect = _rect(pill.box)
        painter.setPen(QPen(line, 1))
        painter.setBrush(glyphs.mix(theme.color("node"), ground, 0.6))
        painter.drawRoundedRect(rect, HEIGHT / 2, HEIGHT / 2)
        painter.setPen(text)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, look.label)


def _rect(box: Box) -> QRectF:
    return QRectF(box[0], box[1], box[2] - box[0], box[3] - box[1])
