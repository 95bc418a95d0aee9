"""Samples with what a network says of them: pictures, masks beside the truth, reconstructions, texts, numbers."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtGui import QResizeEvent as Resized
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.messages.data import ShownSample
from app.messages.predictions import Reading, Shown
from app.window import theme as look
from app.window.data_colours import overlay
from app.window.preview_pictures import images, number
from app.window.preview_tiles import SHARP
from app.window.theme import theme

SIDES = (160, 128, 112, 96, 80, 64, 48)
"""How large a picture may be: the largest with which all are seen at once, else the smallest."""
GAP, LINE, BETWEEN, INSET = 12, 17, 4, 4
LEAST, WORDS = 92, 300
"""Pixels that a cell with pictures, or one of words alone, is wide at least."""
MARK = 14


class Line(NamedTuple):
    """A line under the pictures. `right` marks it; `mono` is for what was read letter by letter."""

    text: str
    right: bool | None = None
    mono: bool = False
    soft: bool = False


class Tile(NamedTuple):
    """A picture with what lies over it, and what it is."""

    image: QImage | None
    mask: QImage | None
    what: str


def visible(text: str) -> str:
    """A text with its line breaks to be seen."""
    return text.replace("\r", "").replace("\n", "↵").replace("\t", "→")


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def lines_of(shown: Shown, readings: tuple[Reading, ...], columns: tuple[str, ...]) -> list[Line]:
    """What is written of a sample."""
    made: list[Line] = []
    sample = shown.sample
    if sample.text:
        made.append(Line(visible(sample.text), mono=True, soft=True))
    elif sample.cells:
        names = columns if len(columns) == len(sample.cells) else ("",) * len(sample.cells)
        made.append(Line("  ".join(f"{n} {c}".strip() for n, c in zip(names, sample.cells, strict=True)), soft=True))
    for at, reading in enumerate(readings):
        true = shown.truths[at] if at < len(shown.truths) else Reading()
        made += _said(reading, true)
    return made


def _said(reading: Reading, true: Reading) -> list[Line]:
    match reading.kind:
        case "classes" | "tokens" if reading.answers:
            best = reading.answers[0]
            right = best.label == true.answers[0].label if true.answers else None
            says = visible(best.label) if reading.kind == "classes" else f"next {_quoted(best.label)}"
            text = f"{says}  {percent(best.probability)}"
            if right is False:
                is_ = true.answers[0].label
                text += f", is {visible(is_) if reading.kind == 'classes' else _quoted(is_)}"
            made = [Line(text, right)]
            if reading.kind == "tokens" and reading.right is not None:
                made.append(Line(f"{percent(reading.right)} of all next ones right", soft=True))
            return made
        case "mask" if reading.right is not None:
            return [Line(f"{percent(reading.right)} of pixels right")]
        case "picture" if reading.error is not None:
            return [Line(f"error {number(reading.error)}")]
        case "numbers":
            text = ", ".join(map(number, reading.numbers[:4])) + ("…" if len(reading.numbers) > 4 else "")
            if true.numbers:
                text += ", is " + ", ".join(map(number, true.numbers[:4]))
            return [Line(text)]
        case "none" if reading.said:
            return [Line(reading.said, soft=True)]
    return []


def _quoted(token: str) -> str:
    return f"“{'␣' if token == ' ' else visible(token)}”"


def tiles_of(shown: Shown, readings: tuple[Reading, ...]) -> list[Tile]:
    """The pictures of a sample: itself, or with masks the true one and the found one over it; reconstructions."""
    sample = shown.sample
    image = next(iter(images(sample.look)), None) if sample.look is not None else None
    made: list[Tile] = []
    for at, reading in enumerate(readings):
        true = shown.truths[at] if at < len(shown.truths) else Reading()
        if reading.kind == "mask":
            if true.look is not None:
                made.append(Tile(image, _mask(true), "truth"))
            made.append(Tile(image, _mask(reading), "found"))
        elif reading.kind == "picture" and reading.look is not None:
            made.append(Tile(next(iter(images(reading.look)), None), None, "made"))
    if image is not None and (not made or made[0].what == "made"):
        made.insert(0, Tile(image, None, "sample"))
    return made


def _mask(reading: Reading) -> QImage | None:
    return overlay(ShownSample(0, mask=reading.look))


def draw_tile(painter: QPainter, place: QRectF, tile: Tile) -> None:
    """Draw a picture into a place, sharp where its pixels are large."""
    painter.fillRect(place, theme.color("canvas"))
    base = tile.image or tile.mask
    if base is None:
        return
    scale = min(place.width() / base.width(), place.height() / base.height())
    wide, high = base.width() * scale, base.height() * scale
    inner = QRectF(place.center().x() - wide / 2, place.center().y() - high / 2, wide, high)
    smooth = QPainter.RenderHint.SmoothPixmapTransform
    if tile.image is not None:
        painter.setRenderHint(smooth, max(base.width(), base.height()) > SHARP)
        painter.drawImage(inner, tile.image)
    if tile.mask is not None:
        painter.setRenderHint(smooth, False)  # a class has no neighbours
        painter.drawImage(inner, tile.mask)


class SamplesGrid(QWidget):
    """The samples side by side. The pointer, or the arrow keys, choose one, which is told in words."""

    pointed = Signal(str)
    """A sample in words; "" for none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.samples: tuple[Shown, ...] = ()
        self.readings: tuple[tuple[Reading, ...], ...] = ()
        self._columns: tuple[str, ...] = ()
        self._tiles: list[list[Tile]] = []
        self._lines: list[list[Line]] = []
        self.at: int | None = None
        """The sample that is pointed at."""
        self.setObjectName("content")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Samples and what the network says of them")
        theme.changed.connect(self.update)

    def show_readings(
        self, samples: tuple[Shown, ...], readings: tuple[tuple[Reading, ...], ...], columns: tuple[str, ...] = ()
    ) -> None:
        """Show what was said of each sample."""
        self.samples, self.readings, self._columns = samples, readings, columns
        both = list(zip(samples, readings, strict=False))
        self._tiles = [tiles_of(shown, each) for shown, each in both]
        self._lines = [lines_of(shown, each, columns) for shown, each in both]
        if self.at is not None and self.at >= len(self._tiles):
            self.at = None
        self._fit()
        self._say()
        self.update()

    # places -----------------------------------------------------------------------------------------------------------

    @property
    def _foot(self) -> int:
        return max((len(lines) for lines in self._lines), default=0) * LINE

    def _cells(self) -> tuple[int, int, int]:
        """The side of a picture, how wide a cell is, and how many stand side by side."""
        view = self.parentWidget()
        room = view.height() if view is not None else self.height()
        across = max((len(tiles) for tiles in self._tiles), default=0)
        if not across:
            wide = min(max(self._widest(WORDS), LEAST), WORDS, max(self.width(), 1))
            return 0, wide, max((self.width() + GAP) // (wide + GAP), 1)
        side = wide = columns = 1
        for side in SIDES:
            wide = max(across * (side + BETWEEN) - BETWEEN + 2 * INSET, self._widest())
            columns = max((self.width() + GAP) // (wide + GAP), 1)
            if math.ceil(len(self._tiles) / columns) * self._high(side) - GAP <= room:
                break
        return side, wide, columns

    def _widest(self, most: int = 2 * LEAST) -> int:
        plain, mono = (QFontMetrics(look.font(look.SECONDARY, mono=mono)) for mono in (False, True))
        every = [line for lines in self._lines for line in lines]
        words = [(mono if line.mono else plain).horizontalAdvance(line.text) + MARK for line in every]
        return min(max([0, *words]) + 4, most) + 2 * INSET

    def _high(self, side: int) -> int:
        return side + self._foot + 2 * INSET + GAP

    def place(self, index: int) -> QRectF:
        """Where a sample is."""
        side, wide, columns = self._cells()
        row, column = divmod(index, columns)
        return QRectF(column * (wide + GAP), row * self._high(side), wide, self._high(side) - GAP)

    def index_at(self, at: QPoint) -> int | None:
        """The sample at a place; None beside them."""
        return next((i for i in range(len(self._tiles)) if self.place(i).contains(at)), None)

    def _fit(self) -> None:
        side, _, columns = self._cells()
        high = max(math.ceil(len(self._tiles) / columns) * self._high(side) - GAP, 0)
        if high != self.minimumHeight():
            self.setMinimumHeight(high)

    def resizeEvent(self, event: Resized) -> None:
        super().resizeEvent(event)
        self._fit()

    # hands ------------------------------------------------------------------------------------------------------------

    def words(self, index: int) -> str:
        """A sample and what is said of it."""
        shown, readings = self.samples[index], self.readings[index]
        parts = [f"Sample {shown.sample.number + 1:,}"]
        for line in self._lines[index]:
            mark = "" if line.right is None else "right: " if line.right else "wrong: "
            parts.append(f"{mark}{line.text}")
        others = [
            f"{reading.output}: " + ", ".join(f"{visible(a.label)} {a.probability:.1%}" for a in reading.answers[:3])
            for reading in readings if reading.answers
        ]  # fmt: skip
        tiles = [tile.what for tile in self._tiles[index]]
        if len(tiles) > 1:
            named = {"truth": "the truth", "found": "what is found", "made": "what is made", "sample": "the sample"}
            beside = " beside ".join(named[tile] for tile in tiles)
            parts.append(beside[:1].upper() + beside[1:])
        return re.sub(" +", " ", ". ".join([*parts, *others]).replace("%", " %"))

    def _point(self, index: int | None) -> None:
        if index != self.at:
            self.at = index
            self._say()
            self.update()

    def _say(self) -> None:
        said = self.words(self.at) if self.at is not None else ""
        right = [r for readings in self.readings for r in readings if r.right is not None]
        self.setAccessibleDescription(said or f"{len(self._tiles)} samples, {len(right)} judged")
        self.pointed.emit(said)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(self.index_at(event.position().toPoint()))

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        columns = self._cells()[2]
        steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: -columns, Qt.Key.Key_Down: columns}
        step = steps.get(Qt.Key(event.key()))
        if step is None or not self._tiles:
            super().keyPressEvent(event)
            return
        moved = 0 if self.at is None else self.at + step
        if 0 <= moved < len(self._tiles):
            self._point(moved)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self.index_at(event.pos())
            QToolTip.showText(event.globalPos(), self.words(at) if at is not None else "", self)
            return True
        return super().event(event)

    # the picture ------------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        side = self._cells()[0]
        for index in range(len(self._tiles)):
            place = self.place(index)
            if place.intersects(QRectF(event.rect())):
                self._draw(painter, place, side, index)
        painter.end()

    def _draw(self, painter: QPainter, place: QRectF, side: int, index: int) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index == self.at:
            painter.setPen(QPen(theme.color("accent" if self.hasFocus() else "line"), 1.5))
            painter.setBrush(theme.color("raised"))
            painter.drawRoundedRect(place.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        for at, tile in enumerate(self._tiles[index]):
            x = place.x() + INSET + at * (side + BETWEEN)
            draw_tile(painter, QRectF(x, place.y() + INSET, side, side), tile)
        top = place.y() + INSET + side + (2 if side else 0)
        for row, line in enumerate(self._lines[index]):
            here = QRect(round(place.x()) + INSET, round(top) + row * LINE, round(place.width()) - 2 * INSET, LINE)
            if line.right is not None:
                token = "ok" if line.right else "error"
                icon = look.icon("check" if line.right else "x", theme.color(token).name()).pixmap(13, 13)
                painter.drawPixmap(here.x(), here.y() + 2, icon)
                here.adjust(MARK, 0, 0, 0)
            painter.setFont(look.font(look.SECONDARY, mono=line.mono))
            painter.setPen(theme.color("soft" if line.soft else "text"))
            elide = Qt.TextElideMode.ElideLeft if line.mono else Qt.TextElideMode.ElideRight
            text = painter.fontMetrics().elidedText(line.text, elide, here.width())
            painter.drawText(here, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
