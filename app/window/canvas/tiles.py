"""A sheet kept as tiles of picture: panning puts tiles on the screen and paints nothing anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QTimer
from PySide6.QtGui import QPainter, QPixmap

if TYPE_CHECKING:
    from app.window.canvas.sheet import Sheet

SIDE = 256
"""Of a tile, in px."""
AROUND = 2
"""So many tiles past the edge of what is seen are kept; those next to it are painted while nothing else is to do."""
Place = tuple[int, int]


class Tiles:
    """The tiles of one sheet at the zoom that it has now; `draw` paints a place of the scene, given in its units.

    A tile is painted when it is first seen, and again when something on it has changed (`touch`).
    """

    def __init__(self, sheet: Sheet, draw: Callable[[QPainter, QRectF], None], *, ahead: bool = False) -> None:
        self._sheet = sheet
        self._draw = draw
        self._tiles: dict[Place, QPixmap] = {}
        self._of: object = None
        """The zoom and density that the tiles were painted for."""
        self.painted = 0
        """How many tiles were painted so far."""
        self._ahead = QTimer(sheet) if ahead else None
        if self._ahead is not None:
            self._ahead.setSingleShot(True)
            self._ahead.timeout.connect(self._paint_ahead)

    def forget(self) -> None:
        """All of it looks different now."""
        self._tiles.clear()

    def touch(self, rects: Iterable[QRectF]) -> None:
        """These places of the scene look different now."""
        side = SIDE / self._sheet.zoom
        for rect in rects:
            if not self._tiles:
                return
            if rect.width() * rect.height() > len(self._tiles) * side * side:
                self._tiles = {at: tile for at, tile in self._tiles.items() if not _rect(at, side).intersects(rect)}
                continue
            for at in _places(rect.adjusted(-1, -1, 1, 1), side):
                self._tiles.pop(at, None)

    def paint(self, painter: QPainter, exposed: QRect) -> None:
        """Draw what is seen in `exposed`; that and the painter are in px of the viewport."""
        sheet = self._sheet
        key = (sheet.zoom, sheet.viewport().devicePixelRatioF())
        if key != self._of:
            self._of = key
            self._tiles.clear()
        left, top = self._origin()
        for at in _places(QRectF(exposed.translated(-left, -top)), SIDE):
            painter.drawPixmap(left + at[0] * SIDE, top + at[1] * SIDE, self._tile(at))
        self._keep_near()
        if self._ahead is not None:
            self._ahead.start(0)

    def _origin(self) -> Place:
        """Where the scene's origin is on the viewport."""
        origin = self._sheet.viewportTransform()
        return round(origin.dx()), round(origin.dy())

    def _seen(self, around: int) -> QRectF:
        """What is seen and so many tiles around it, in px from the scene's origin."""
        left, top = self._origin()
        room = around * SIDE
        return QRectF(self._sheet.viewport().rect().translated(-left, -top).adjusted(-room, -room, room, room))

    def _keep_near(self) -> None:
        near = self._seen(AROUND)
        for at in [at for at in self._tiles if not _rect(at, SIDE).intersects(near)]:
            del self._tiles[at]

    def _paint_ahead(self) -> None:
        """Paint one tile that panning would bring into sight, then see to the next."""
        if not self._tiles or self._of != (self._sheet.zoom, self._sheet.viewport().devicePixelRatioF()):
            return
        missing = next((at for at in _places(self._seen(1), SIDE) if at not in self._tiles), None)
        if missing is not None and self._ahead is not None:
            self._tile(missing)
            self._ahead.start(0)

    def _tile(self, at: Place) -> QPixmap:
        made = self._tiles.get(at)
        if made is None:
            made = self._tiles[at] = self._made(at)
            self.painted += 1
        return made

    def _made(self, at: Place) -> QPixmap:
        zoom, ratio = self._sheet.zoom, self._sheet.viewport().devicePixelRatioF()
        made = QPixmap(round(SIDE * ratio), round(SIDE * ratio))
        made.setDevicePixelRatio(ratio)
        place = _rect(at, SIDE / zoom)
        painter = QPainter(made)
        painter.setRenderHints(self._sheet.renderHints())
        painter.scale(zoom, zoom)
        painter.translate(-place.topLeft())
        self._draw(painter, place)
        painter.end()
        return made


def _rect(at: Place, side: float) -> QRectF:
    return QRectF(at[0] * side, at[1] * side, side, side)


def _places(rect: QRectF, side: float) -> list[Place]:
    """The tiles that a rectangle meets."""
    left, top = int(rect.left() // side), int(rect.top() // side)
    right, bottom = int(rect.right() // side), int(rect.bottom() // side)
    return [(i, j) for j in range(top, bottom + 1) for i in range(left, right + 1)]
