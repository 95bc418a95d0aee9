"""The bar over the canvas that says what the nodes' colours mean, and the scale that it and pictures show."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFont, QLinearGradient, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from app.messages.parts import Fields, GetFields
from app.window.canvas.geometry import text_width
from app.window.canvas.heat import warm
from app.window.document import Document
from app.window.engines import Engines
from app.window.flow import Flow
from app.window.overlays import Legend
from app.window.parts import IconButton, label
from app.window.questions import Questions
from app.window.theme import SECONDARY, font, theme

LONG, HIGH = 88.0, 18.0
"""Of the strip of shades with its figures, in px."""
WAITS = "Receptive fields are worked out…"


def paint_scale(painter: QPainter, at: QPointF, legend: Legend) -> float:
    """Draw the shades from cool to warm between their figures; returns how wide that is."""
    low, high = (text_width(text, SECONDARY, mono=True) for text in (legend.low, legend.high))
    painter.setFont(font(SECONDARY, mono=True))
    painter.setPen(theme.color("soft"))
    middle = Qt.AlignmentFlag.AlignCenter
    painter.drawText(QRectF(at.x(), at.y(), low + 1, HIGH), middle, legend.low)
    painter.drawText(QRectF(at.x() + low + LONG + 13, at.y(), high + 1, HIGH), middle, legend.high)
    place = QRectF(at.x() + low + 7, at.y() + 5, LONG, 8)
    shades = QLinearGradient(place.topLeft(), place.topRight())
    ground = theme.color("canvas")
    shades.setColorAt(0, warm(0.2, ground))
    shades.setColorAt(1, warm(1.0, ground))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(shades)
    painter.drawRoundedRect(place, 4, 4)
    return low + LONG + high + 16


def paint_legend(painter: QPainter, at: QPointF, legend: Legend) -> float:
    """Draw the whole legend in a line, for a picture; returns how wide it is."""
    left = at.x()

    def write(text: str, token: str, *, mono: bool = False, bold: bool = False) -> None:
        nonlocal left
        painter.setFont(font(SECONDARY, mono=mono, weight=QFont.Weight.DemiBold if bold else QFont.Weight.Normal))
        painter.setPen(theme.color(token))
        wide = text_width(text, SECONDARY, mono=mono, bold=bold) + 1
        painter.drawText(QRectF(left, at.y(), wide, HIGH), Qt.AlignmentFlag.AlignVCenter, text)
        left += wide + 14

    write(legend.title, "text", bold=True)
    left += paint_scale(painter, QPointF(left, at.y()), legend) + 14
    if legend.total:
        write(f"{legend.total} in all", "soft", mono=True)
    write(legend.scale, "soft")
    return left - 14 - at.x()


class Scale(QWidget):
    """What the warmth of a node means: from nothing to the figure of the warmest node."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(round(HIGH))
        self.legend = Legend("", "", "", "", "")
        theme.changed.connect(self.update)

    def show_legend(self, legend: Legend, tip: str) -> None:
        """Show the figures at both ends."""
        self.legend = legend
        self.setToolTip(tip)
        self.setAccessibleName(tip)
        texts = text_width(legend.low, SECONDARY, mono=True) + text_width(legend.high, SECONDARY, mono=True)
        self.setFixedWidth(round(texts + LONG) + 18)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        paint_scale(painter, QPointF(0, (self.height() - HIGH) / 2), self.legend)
        painter.end()


class OverlayBar(QWidget):
    """The legend of every measure but the time, which has a bar of its own. Asks for receptive fields when they are to
    be shown."""

    closed = Signal()

    def __init__(self, document: Document, engines: Engines, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self._failed = ""
        self._asked_for: object = None
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.title = label("", "heading")
        self.scale = Scale()
        self.total = label("", "mono")
        self.words = label("", "soft")
        self.close_button = IconButton("x", "Take the figures off the canvas", side=28)
        self.close_button.clicked.connect(lambda: document.overlay.show(""))
        line = Flow(16)
        for widget in (self.title, self.scale, self.total, self.words):
            widget.setFixedHeight(round(HIGH) + 8)
            line.addWidget(widget)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 5, 10, 5)
        row.setSpacing(8)
        row.addLayout(line, 1)
        row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        document.overlay.changed.connect(self.refresh)
        document.analysed.connect(self._ask)
        self.refresh()

    def refresh(self) -> None:
        """Show the legend of the measure that is shown; hide where there is none, or it is the time."""
        overlay = self._document.overlay
        shown = overlay.measure not in ("", "time")
        was = self.isVisible()
        self.setVisible(shown)
        if was and not shown:
            self.closed.emit()
        if not shown:
            self._questions.drop()
            self._asked_for = None
            return
        self._ask()
        legend = overlay.legend()
        self.title.setText(legend.title)
        self.scale.show_legend(legend, f"{legend.title}: {legend.scale}, from {legend.low} to {legend.high}")
        self.total.setText(f"{legend.total} in all" if legend.total else "")
        self.total.setVisible(bool(legend.total))
        waits = overlay.needs_fields and self._document.analysis is not None
        self.words.setText((self._failed or WAITS) if waits else legend.scale)

    def _ask(self) -> None:
        """Ask for receptive fields, once for each drawing that is analysed."""
        document = self._document
        design = document.design
        analysis = document.analysis
        known = analysis is not None and analysis.revision == document.revision
        if not (known and document.overlay.needs_fields) or self._asked_for is design:
            return
        self._asked_for, self._failed = design, ""

        def take(told: Fields) -> None:
            document.overlay.take_fields(told, design)

        def fail(sentence: str) -> None:
            self._failed = sentence
            self.refresh()

        self._questions.ask(lambda: GetFields("", design), take, fail)
