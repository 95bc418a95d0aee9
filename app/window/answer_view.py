"""What a network answers to a sample of one's own: bars of classes, a mask over the picture, a picture, numbers."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from app.messages.data import ShownSample
from app.messages.predictions import Answer, Prediction, Reading
from app.window import parts
from app.window import theme as look
from app.window.data_colours import NONE, class_colour, overlay
from app.window.drawing_pad import Bars
from app.window.preview_pictures import images, number
from app.window.samples_grid import Tile, draw_tile, visible
from app.window.theme import theme

SIDE, LEAST, GAP, ROW = 220, 90, 14, 18


class Share(NamedTuple):
    """A class of a mask, and how much of it there is."""

    name: str
    colour: QColor
    share: float


def shares(reading: Reading) -> list[Share]:
    """What a mask holds, the largest first."""
    if reading.look is None:
        return []
    pixels = reading.look.pixels
    total = max(len(pixels) - pixels.count(NONE), 1)
    found = [
        Share(name, theme.color("line") if i == 0 else class_colour(i - 1), pixels.count(i) / total)
        for i, name in enumerate(reading.names[:NONE])
    ]
    return sorted((one for one in found if one.share), key=lambda one: -one.share)


class Pictures(QWidget):
    """Masks over the sample, with what their colours are, and reconstructions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tiles: list[tuple[Tile, str, list[Share]]] = []
        self.setMinimumSize(180, LEAST)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(2 * SIDE, SIDE)

    @property
    def tiles(self) -> list[Tile]:
        """The pictures shown."""
        return [tile for tile, _, _ in self._tiles]

    def show_readings(self, sample: ShownSample | None, readings: tuple[Reading, ...]) -> None:
        """Show those of the readings that are pictures."""
        base = next(iter(images(sample.look)), None) if sample is not None and sample.look is not None else None
        self._tiles = []
        for reading in readings:
            if reading.kind == "mask":
                mask: QImage | None = overlay(ShownSample(0, mask=reading.look))
                self._tiles.append((Tile(base, mask, reading.output), "", shares(reading)))
            elif reading.kind == "picture" and reading.look is not None:
                made = next(iter(images(reading.look)), None)
                self._tiles.append((Tile(made, None, reading.output), reading.output, []))
        self.setVisible(bool(self._tiles))
        self.setAccessibleName("; ".join(self._words(at) for at in range(len(self._tiles))))
        self.update()

    def _words(self, at: int) -> str:
        tile, _, held = self._tiles[at]
        if not held:
            return f"{tile.what}: a picture"
        return f"{tile.what}: " + ", ".join(f"{one.name} {one.share:.1%}".replace("%", " %") for one in held)

    def place(self, at: int) -> QRectF:
        """Where a picture is."""
        count = max(len(self._tiles), 1)
        legend = 130 if any(held for _, _, held in self._tiles) else 0
        wide = self.width() / count
        side = max(min(wide - GAP - legend, self.height() - (0 if legend else ROW), SIDE), 32)
        return QRectF(at * (side + legend + GAP), 0, side, side)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = next((i for i in range(len(self._tiles)) if self.place(i).contains(event.pos())), None)
            QToolTip.showText(event.globalPos(), self._words(at) if at is not None else "", self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setFont(look.font(look.SECONDARY))
        for at, (tile, title, held) in enumerate(self._tiles):
            place = self.place(at)
            draw_tile(painter, place, tile)
            painter.setPen(theme.color("soft"))
            if title:
                painter.drawText(QRectF(place.x(), place.bottom(), place.width(), ROW),
                                 Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)  # fmt: skip
            for row, one in enumerate(held[: max(self.height() // ROW, 1)]):
                x, y = round(place.right()) + 10, row * ROW
                painter.fillRect(QRectF(x, y + 4, 10, 10), one.colour)
                text = f"{one.name}  {one.share * 100:.1f} %"
                painter.drawText(QRect(x + 16, y, 110, ROW), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class AnswerView(QWidget):
    """Everything that a prediction says, one below the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars = Bars(self)
        self.pictures = Pictures(self)
        self.numbers = parts.label("", "title")
        self.numbers.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.numbers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said = parts.label("", "soft", wrap=True)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.numbers)
        box.addWidget(self.bars, 2)
        box.addWidget(self.pictures, 3)
        box.addWidget(self.said)
        self.show_prediction(None)

    def show_prediction(self, prediction: Prediction | None) -> None:
        """Show an answer; None for nothing."""
        readings = prediction.readings if prediction is not None else ()
        answers = prediction.answers if prediction is not None else ()
        if not answers:
            answers = next((reading.answers for reading in readings if reading.answers), ())
        if any(reading.kind == "tokens" for reading in readings):
            answers = tuple(Answer("␣" if a.label == " " else visible(a.label), a.probability) for a in answers)
        self.bars.show_answers(answers)
        self.pictures.show_readings(prediction.sample if prediction is not None else None, readings)
        found = [reading for reading in readings if reading.kind == "numbers"]
        lines = []
        for reading in found:
            several = f"{reading.output}: " if len(readings) > 1 else ""
            lines.append(several + ", ".join(map(number, reading.numbers)))
        self.numbers.setText("\n".join(lines))
        self.numbers.setVisible(bool(lines))
        notes = [reading.said for reading in readings if reading.kind == "none" and reading.said]
        if prediction is not None and prediction.said:
            notes.insert(0, prediction.said)
        if any(reading.kind == "tokens" for reading in readings):
            notes.insert(0, "This may come next.")
        self.said.setText(" ".join(notes))
        self.said.setVisible(bool(notes))
        self.bars.setVisible(bool(answers) or not (lines or self.pictures.tiles))
