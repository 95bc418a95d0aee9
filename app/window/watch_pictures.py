"""Pictures of how the nodes of a run fare: the gradient from the first node to the last, and how the weights and the
gradients of one node are spread over time."""

from __future__ import annotations

import math
from itertools import pairwise

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.messages.watch import VANISHING, Histogram, LayerWatch, Watched
from app.window.theme import SECONDARY, font, theme

LEFT = 36.0
"""Pixels for the numbers at the left of a picture."""
FOOT = 17.0
HEAD = 17.0
_SUPERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power(exponent: int) -> str:
    """`10⁻³`; 1 and 10 as they are."""
    return {0: "1", 1: "10"}.get(exponent) or "10" + str(exponent).translate(_SUPERS)


def figure(value: float | None) -> str:
    """`0.0123`, `1.2e-09`; a dash for what is not known."""
    return "–" if value is None else f"{value:.3g}"


def words_of(layer: LayerWatch) -> str:
    """What is known of a node, in a line."""
    said = []
    if layer.gradient is not None:
        said.append(f"gradient {figure(layer.gradient)}")
    if layer.weight is not None:
        said.append(f"weights {figure(layer.weight)}")
    if layer.output is not None:
        said.append(f"output {figure(layer.output)}")
    if layer.dead is not None:
        said.append(f"{100 * layer.dead:.0f} % silent")
    if layer.saturated is not None:
        said.append(f"{100 * layer.saturated:.0f} % saturated")
    return " · ".join(said)


class _Picture(QWidget):
    """A card with something drawn in it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(QSize(120, 76))
        theme.changed.connect(self.update)

    @property
    def plot(self) -> QRectF:
        """Where values are drawn."""
        return QRectF(self.rect()).adjusted(LEFT + 8, HEAD + 10, -10, -FOOT - 5)

    def _ground(self, painter: QPainter, title: str, more: str = "") -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.color("accent" if self.hasFocus() else "line"), 1))
        painter.setBrush(theme.color("canvas"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        bold = font(SECONDARY, weight=font().Weight.DemiBold)
        painter.setFont(bold)
        painter.setPen(theme.color("text"))
        head = QRectF(10, 4, self.width() - 20, HEAD)
        painter.drawText(head, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        room = head.width() - QFontMetricsF(bold).horizontalAdvance(title) - 12
        face = font(SECONDARY)
        shown = QFontMetricsF(face).elidedText(more, Qt.TextElideMode.ElideRight, max(room, 0))
        painter.setFont(face)
        painter.setPen(theme.color("soft"))
        painter.drawText(head, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, shown)

    def _mark(self, painter: QPainter, y: float, text: str) -> None:
        """A number at the left: none where it would run into the title."""
        if y < HEAD + 8:
            return
        painter.setFont(font(10))
        painter.setPen(theme.color("soft"))
        place = QRectF(2, y - 7, LEFT, 14)
        painter.drawText(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, text)

    def _below(self, painter: QPainter, left: str, right: str) -> None:
        face = font(10)
        painter.setFont(face)
        painter.setPen(theme.color("soft"))
        line = QRectF(self.plot.left(), self.height() - FOOT - 2, self.plot.width(), FOOT)
        half = line.width() / 2 - 6
        for text, side in ((left, Qt.AlignmentFlag.AlignLeft), (right, Qt.AlignmentFlag.AlignRight)):
            shown = QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideMiddle, half)
            painter.drawText(line, side | Qt.AlignmentFlag.AlignVCenter, shown)


class FlowPicture(_Picture):
    """A bar a node with weights, from the first to the last: the gradient beside the weights, by powers of ten. A
    click, or the arrow keys, choose a node."""

    chosen = Signal(str)
    """The path of a node."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.layers: list[LayerWatch] = []
        self.ill: dict[str, str] = {}
        """The paths of nodes with a trouble, and its severity."""
        self.current = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_layers(self, layers: list[LayerWatch], ill: dict[str, str], current: str) -> None:
        """Draw these nodes."""
        self.layers, self.ill, self.current = layers, ill, current
        known = [at for at in layers if at.relative]
        said = f"Gradient flow through {len(layers)} nodes"
        if known:
            weak, strong = min(known, key=_relative), max(known, key=_relative)
            said += f": weakest at {weak.name} with {figure(weak.relative)} of the weights, "
            said += f"strongest at {strong.name} with {figure(strong.relative)}"
        self.setAccessibleName(said)
        self.update()

    @property
    def span(self) -> tuple[int, int]:
        """The powers of ten at the foot and at the top."""
        known = [math.log10(at.relative) for at in self.layers if at.relative]
        if not known:
            return -4, 0
        low, high = max(math.floor(min(known)), -24), math.ceil(max(known))
        return min(low, high - 3), high

    def bar(self, index: int) -> QRectF:
        """Where a node's bar stands, as high as it may get."""
        plot = self.plot
        each = plot.width() / max(len(self.layers), 1)
        gap = min(each * 0.25, 6)
        wide = min(each - gap, 64)
        middle = plot.left() + (index + 0.5) * each
        return QRectF(middle - wide / 2, plot.top(), wide, plot.height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        low, high = self.span
        plot = self.plot
        limit = math.log10(max((at.relative or 0.0 for at in self.layers), default=0.0) * VANISHING or 1e-30)
        faint = low < limit < high
        more = "; below the dashes it has vanished" if faint else ", first to last node"
        self._ground(painter, "Gradient flow", f"gradient ÷ weights{more}")

        def height(value: float) -> float:
            return plot.bottom() - plot.height() * (value - low) / (high - low)

        apart = max(math.ceil((high - low) / max(plot.height() // 18, 1)), 1)
        for exponent in range(high, low - 1, -apart):
            painter.setPen(QPen(theme.color("dots" if theme.dark else "line"), 1))
            painter.drawLine(QLineF(plot.left(), height(exponent), plot.right(), height(exponent)))
            self._mark(painter, height(exponent), power(exponent))
        if faint:
            painter.setPen(QPen(theme.color("warn"), 1, Qt.PenStyle.DashLine))
            painter.drawLine(QLineF(plot.left(), height(limit), plot.right(), height(limit)))
        painter.setPen(Qt.PenStyle.NoPen)
        for index, layer in enumerate(self.layers):
            place = self.bar(index)
            if layer.id == self.current:
                shade = QColor(theme.color("accent"))
                shade.setAlpha(46)
                painter.setBrush(shade)
                painter.drawRoundedRect(place.adjusted(-2, -2, 2, 3), 4, 4)
            state = self.ill.get(layer.id, "")
            colour = theme.color({"error": "error", "warning": "warn"}.get(state, "accent"))
            painter.setBrush(colour)
            value = layer.relative
            top = height(max(math.log10(value), low)) if value else place.bottom()
            top = min(top, place.bottom() - 2)
            painter.drawRoundedRect(QRectF(place.left(), top, place.width(), place.bottom() - top), 2, 2)
            if state and place.width() >= 5:  # colour never says it alone
                self._flag(painter, QPointF(place.center().x(), max(top - 8, plot.top() + 2)), colour)
        if self.layers:
            self._below(painter, self.layers[0].name, self.layers[-1].name if len(self.layers) > 1 else "")
        painter.end()

    def _flag(self, painter: QPainter, at: QPointF, colour: QColor) -> None:
        painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QLineF(at.x(), at.y() - 3, at.x(), at.y() + 1))
        painter.drawPoint(QPointF(at.x(), at.y() + 5))
        painter.setPen(Qt.PenStyle.NoPen)

    def index_at(self, x: float) -> int:
        """The node whose bar stands there; -1 where none does."""
        plot = self.plot
        if not self.layers or not plot.left() <= x <= plot.right():
            return -1
        return min(int((x - plot.left()) / plot.width() * len(self.layers)), len(self.layers) - 1)

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self.layers):
            self.current = self.layers[index].id
            self.update()
            self.chosen.emit(self.current)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.index_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.index_at(event.position().x())
        said = f"{self.layers[index].name}: {words_of(self.layers[index])}" if index >= 0 else ""
        QToolTip.showText(event.globalPosition().toPoint(), said, self)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        at = next((i for i, layer in enumerate(self.layers) if layer.id == self.current), 0)
        last = len(self.layers) - 1
        to = {
            Qt.Key.Key_Left: max(at - 1, 0), Qt.Key.Key_Right: min(at + 1, last), Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: last, Qt.Key.Key_Return: at, Qt.Key.Key_Space: at,
        }.get(Qt.Key(event.key()))  # fmt: skip
        if to is None:
            super().keyPressEvent(event)
        else:
            self._choose(to)

    def focusInEvent(self, event: QEvent) -> None:  # type: ignore[override]
        self.update()

    def focusOutEvent(self, event: QEvent) -> None:  # type: ignore[override]
        self.update()


class StripPicture(_Picture):
    """How the values of one node are spread: steps to the right, values upwards, the more the brighter."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._points: list[tuple[int, Histogram]] = []
        self._image: QImage | None = None
        self._made_of: object = None
        self.setAccessibleName(title)

    def show_points(self, points: list[tuple[int, Histogram]], name: str) -> None:
        """Draw these histograms, each with its step."""
        self._points = points
        self.setAccessibleName(f"{self._title} of {name} over {len(points)} measurements")
        self.setToolTip("" if not points else "Steps to the right, values upwards; the brighter, the more of them")
        self.update()

    @property
    def reach(self) -> tuple[float, float, bool]:
        """From where to where the picture goes, and whether by powers of ten."""
        log = self._points[-1][1].log
        if not log:
            return min(h.low for _, h in self._points), max(h.high for _, h in self._points), False
        filled = [i for _, h in self._points for i, part in enumerate(h.parts) if part]
        newest = self._points[-1][1]
        each = (newest.high - newest.low) / len(newest.parts)
        low = math.floor(newest.low + each * min(filled, default=0))
        high = math.ceil(newest.low + each * (max(filled, default=len(newest.parts) - 1) + 1))
        return float(low), float(max(high, low + 1)), True

    def _drawn(self) -> QImage:
        """A column a measurement, a row a bin of the picture's own reach."""
        made_of = (len(self._points), self._points[-1], theme.tokens)
        if self._image is None or made_of != self._made_of:
            low, high, _ = self.reach
            rows = 64
            image = QImage(len(self._points), rows, QImage.Format.Format_ARGB32)
            image.fill(Qt.GlobalColor.transparent)
            colour = theme.color("accent")
            for x, (_, spread) in enumerate(self._points):
                count = len(spread.parts)
                each = (spread.high - spread.low) / count
                most = max(spread.parts, default=0) or 1
                for row in range(rows):
                    value = high - (high - low) * (row + 0.5) / rows
                    at = math.floor((value - spread.low) / each)
                    if 0 <= at < count and spread.parts[at]:
                        shade = QColor(colour)
                        shade.setAlphaF(min(0.12 + 0.88 * math.sqrt(spread.parts[at] / most), 1.0))
                        image.setPixelColor(x, row, shade)
            self._image, self._made_of = image, made_of
        return self._image

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        self._ground(painter, self._title)
        plot = self.plot
        if not self._points:
            painter.setFont(font(SECONDARY))
            painter.setPen(theme.color("soft"))
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, "no weights of its own")
            return
        low, high, log = self.reach
        image = self._drawn()
        steps = [step for step, _ in self._points]
        whole = max(steps[-1], 1)
        edges = [round(plot.left()), *(round(plot.left() + plot.width() * step / whole) for step in steps)]
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        for x, (left, right) in enumerate(pairwise(edges)):  # each stands for the steps before it
            if right > left:
                painter.drawImage(QRectF(left, plot.top(), right - left, plot.height()), image,
                                  QRectF(x, 0, 1, image.height()))  # fmt: skip
        apart = max(math.ceil((high - low) / max(plot.height() // 18, 1)), 1) if log else 0
        marks = [(float(e), power(e)) for e in range(int(high), int(low) - 1, -apart)] if log else [
            (high, f"{high:g}"), (0.0, "0"), (low, f"{low:g}".replace("-", "\N{MINUS SIGN}"))]  # fmt: skip
        for value, text in marks:
            y = plot.bottom() - plot.height() * (value - low) / (high - low)
            line = QColor(theme.color("soft"))
            line.setAlpha(50)
            painter.setPen(QPen(line, 1))
            painter.drawLine(QLineF(plot.left(), y, plot.right(), y))
            self._mark(painter, y, text)
        self._below(painter, "step 0", f"{steps[-1]:,}")
        painter.end()


def columns(watched: list[Watched], id: str, kind: str) -> list[tuple[int, Histogram]]:
    """The histograms of a node's weights or gradients over a run."""
    found = []
    for told in watched:
        layer = next((at for at in told.layers if at.id == id), None)
        spread = getattr(layer, kind) if layer is not None else None
        if spread is not None:
            found.append((told.step, spread))
    return found


def _relative(layer: LayerWatch) -> float:
    return layer.relative or 0.0
