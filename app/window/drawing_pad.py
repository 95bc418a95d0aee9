"""Small pictures that one makes and looks at: a pad to draw on, a view of grey pixels, bars of answers."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QImage, QImageWriter, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.messages import Answer
from app.window import theme as look
from app.window.theme import theme

SIDE = 168
"""Pixels of the pad's own picture, and how large the squares are shown."""
PEN = 0.09
"""Width of a stroke as a share of the pad."""
ROW = 22
MOST = 10


def png(image: QImage) -> bytes:
    """The picture as the bytes of a PNG file."""
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, QByteArray(b"png")).write(image)
    return bytes(buffer.data().data())


def rounded(rect: QRectF, radius: float = 8) -> QPainterPath:
    path = QPainterPath()
    path.addRoundedRect(rect, radius, radius)
    return path


class Square(QWidget):
    """A square on the ground of the canvas with a thin edge, as large as there is room for."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(96, 96)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(SIDE, SIDE)

    def square(self) -> QRectF:
        side = min(self.width(), self.height()) - 1
        return QRectF(0.5, 0.5, side, side)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setClipPath(rounded(self.square()))
        painter.fillRect(self.rect(), theme.color("canvas"))
        self.paint(painter, self.square())
        painter.setClipping(False)
        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawPath(rounded(self.square()))
        painter.end()

    def paint(self, painter: QPainter, square: QRectF) -> None:
        """Draw what is in the square."""
        raise NotImplementedError


class Pad(Square):
    """A square in which one draws in one colour; `drawn` fires after each stroke."""

    drawn = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.setAccessibleName("Drawing pad")
        self._ink: list[list[QPointF]] = []
        """Strokes, in shares of the square."""
        self._drawing = False

    @property
    def empty(self) -> bool:
        return not self._ink

    def clear(self) -> None:
        self._ink.clear()
        self._drawing = False
        self.update()

    def picture(self) -> QImage:
        """The drawing, white on black."""
        image = QImage(SIDE, SIDE, QImage.Format.Format_Grayscale8)
        image.fill(QColor("black"))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._strokes(painter, QRectF(0, 0, SIDE, SIDE), QColor("white"))
        painter.end()
        return image

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._drawing = True
            self._ink.append([self._at(event)])
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._drawing:
            self._ink[-1].append(self._at(event))
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drawing and event.button() == Qt.MouseButton.LeftButton:
            self._drawing = False
            self.drawn.emit()

    def _at(self, event: QMouseEvent) -> QPointF:
        square = self.square()
        return (event.position() - square.topLeft()) / max(square.width(), 1)

    def paint(self, painter: QPainter, square: QRectF) -> None:
        if self.empty:
            painter.setPen(theme.color("soft"))
            painter.setFont(look.font(look.SECONDARY))
            painter.drawText(square, Qt.AlignmentFlag.AlignCenter, "Draw here")
        self._strokes(painter, square, theme.color("text"))

    def _strokes(self, painter: QPainter, square: QRectF, colour: QColor) -> None:
        pen = QPen(colour, square.width() * PEN)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for stroke in self._ink:
            points = [square.topLeft() + point * square.width() for point in stroke]
            path = QPainterPath(points[0])
            for point in points[1:] or [points[0] + QPointF(0.1, 0)]:
                path.lineTo(point)
            painter.drawPath(path)


class GreyView(Square):
    """Shows a picture pixel by pixel, as the network gets it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image: QImage | None = None

    def show_pixels(self, width: int, height: int, grey: bytes) -> None:
        """Show width x height bytes of grey; nothing where there are too few."""
        if width > 0 and height > 0 and len(grey) >= width * height:
            self.image = QImage(grey, width, height, width, QImage.Format.Format_Grayscale8).copy()
            self.setToolTip(f"{width} × {height} pixels")
        else:
            self.image = None
        self.update()

    def show_image(self, image: QImage) -> None:
        """Show a picture, in its colours."""
        self.image = image
        self.setToolTip(f"{image.width()} × {image.height()} pixels")
        self.update()

    def paint(self, painter: QPainter, square: QRectF) -> None:
        if self.image is None:
            return
        scale = min(square.width() / self.image.width(), square.height() / self.image.height())
        size = self.image.size().toSizeF() * scale
        target = QRectF(square.center() - QPointF(size.width() / 2, size.height() / 2), size)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.image.width() > 64)
        painter.drawImage(target, self.image)


class Bars(QWidget):
    """The answers as bars with their probabilities, the most probable first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.answers: tuple[Answer, ...] = ()
        self.setMinimumSize(180, 3 * ROW)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    def show_answers(self, answers: tuple[Answer, ...]) -> None:
        self.answers = tuple(sorted(answers, key=lambda answer: -answer.probability))
        self.setAccessibleDescription(", ".join(f"{a.label} {a.probability:.1%}" for a in self.answers[:3]))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = max(self.height() // ROW, 1)
        shown = self.answers[: min(room, MOST)]
        strong, plain = look.font(look.BODY, weight=QFont.Weight.DemiBold), look.font(look.BODY)
        painter.setFont(strong)
        longest = max((painter.fontMetrics().horizontalAdvance(a.label) for a in shown), default=0)
        names = min(max(longest + 4, 24), self.width() // 3)
        painter.setFont(look.font(look.SECONDARY, mono=True))
        number = painter.fontMetrics().horizontalAdvance("100.0 %") + 12
        for index, answer in enumerate(shown):
            row = QRectF(0, index * ROW, self.width(), ROW)
            painter.setFont(plain if index else strong)
            painter.setPen(theme.color("soft" if index else "text"))
            label = painter.fontMetrics().elidedText(answer.label, Qt.TextElideMode.ElideRight, names)
            place = QRectF(0, row.top(), names, ROW)
            painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, label)
            track = QRectF(names + 12, row.center().y() - 4, max(self.width() - names - 12 - number, 8), 8)
            painter.fillPath(rounded(track, 4), theme.color("raised"))
            share = QRectF(track.topLeft(), QSize(0, 0).toSizeF())
            share.setSize(track.size())
            share.setWidth(max(track.width() * min(max(answer.probability, 0.0), 1.0), 2))
            painter.setClipPath(rounded(track, 4))
            painter.fillRect(share, theme.color("wire" if index else "accent"))
            painter.setClipping(False)
            painter.setFont(look.font(look.SECONDARY, mono=True))
            painter.drawText(
                row, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, f"{answer.probability * 100:.1f} %"
            )
        painter.end()
