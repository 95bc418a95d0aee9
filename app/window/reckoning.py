"""How a node's numbers come about: a fold of the inspector with the formulas, an activation's curve, and the parts."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from app.design.values import Design
from app.messages.reckoning import Curve, Line, Part, Reckon, Reckoning
from app.window import figures
from app.window.document import Document
from app.window.engines import Engines
from app.window.fold import Fold
from app.window.parts import label
from app.window.questions import Questions
from app.window.sentences import Elided
from app.window.theme import font, theme

MOST_PARTS = 12


class ReckoningBox(Fold):
    """The reckoning of one node, asked for while it is open."""

    def __init__(self, document: Document, engines: Engines, where: str, id: str) -> None:
        super().__init__("How these numbers come about", "Show the formulas, with the numbers put in")
        self._document, self._where, self._id = document, where, id
        self._questions = Questions(document, engines, self)
        self._shown_for: Design | None = None
        self._sentence = label("", "soft", wrap=True)
        self._lines = QVBoxLayout()
        self._lines.setSpacing(7)
        self.curve = CurvePicture()
        self._parts_title = label("Its parts, with parameters and MACs each", "soft", wrap=True)
        self._parts = QVBoxLayout()
        self._parts.setSpacing(4)
        for widget in (self._sentence, self.curve, self._parts_title):
            self.body.addWidget(widget)
        self.body.addLayout(self._parts)
        self.body.insertLayout(1, self._lines)
        self.show_reckoning(Reckoning(""))
        self.turned.connect(self.refresh)

    def refresh(self, _open: bool = True) -> None:
        """Ask again where the drawing is another one now."""
        design = self._document.design
        if self.is_open and self._shown_for is not design:
            self._shown_for = design
            self._questions.ask(
                lambda: Reckon("", self._document.design, self._where, self._id), self.show_reckoning, self._failed
            )

    def _failed(self, sentence: str) -> None:
        self.show_reckoning(Reckoning("", sentence=sentence))

    def show_reckoning(self, told: Reckoning) -> None:
        """Show the answer; what says the same twice is shown once."""
        self._sentence.setText(told.sentence)
        self._sentence.setVisible(bool(told.sentence))
        for column in (self._lines, self._parts):
            while (held := column.takeAt(0)) is not None:
                if (widget := held.widget()) is not None:
                    widget.hide()
                    widget.deleteLater()
        for about, line in merged(told.lines):
            self._lines.addWidget(_row(about, line))
        self.curve.show_curve(told.curve)
        for part in told.parts[:MOST_PARTS]:
            self._parts.addWidget(_part(part))
        if len(told.parts) > MOST_PARTS:
            self._parts.addWidget(label(f"and {len(told.parts) - MOST_PARTS} more kinds", "soft"))
        self._parts_title.setVisible(bool(told.parts))


def merged(lines: tuple[Line, ...]) -> list[tuple[str, Line]]:
    """What each line is about, and the line: height and width that come about alike are one, and a step that several
    levels share is told once."""
    found: dict[tuple[str, str, str], tuple[list[str], Line]] = {}
    for line in lines:
        kind = "size" if line.about in ("height", "width") else line.about
        abouts, _ = found.setdefault((kind, line.part, line.text), ([], line))
        if line.about not in abouts:
            abouts.append(line.about)
    return [(" and ".join(abouts) + (f" of {line.of}" if line.of else ""), line) for abouts, line in found.values()]


def _part(part: Part) -> QWidget:
    """A part that stands once or several times: its path, its kind, and what each of them costs."""
    row = QWidget()
    box = QHBoxLayout(row)
    box.setContentsMargins(0, 0, 0, 0)
    box.addWidget(Elided("soft", part.name + (f"  ×{part.times}" if part.times > 1 else "")), 1)
    box.addWidget(label(f"{figures.short(part.parameters):>7} {figures.short(part.macs):>7}", "mono"))
    row.setToolTip(f"{part.kind}: {part.parameters:,} parameters and {part.macs:,} MACs each")
    return row


def readable(formula: str) -> str:
    """`7*7*3` as `7 × 7 × 3`."""
    return formula.replace("*", " × ").replace(" - ", " − ")


def _row(about: str, line: Line) -> QWidget:
    row = QWidget()
    box = QVBoxLayout(row)
    box.setContentsMargins(0, 0, 0, 0)
    box.setSpacing(1)
    top = QHBoxLayout()
    name = label(about, "soft")
    name.setToolTip(line.part)
    result = label(f"{line.result:,}", "mono")
    result.setObjectName("result")
    result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    top.addWidget(name, 1)
    top.addWidget(result)
    box.addLayout(top)
    if line.numbers and line.numbers != str(line.result):
        formula = label(f"`{readable(line.text)}`", wrap=True)
        formula.setObjectName("formula")
        formula.setFont(font(11, mono=True))
        formula.setToolTip(readable(line.symbols))
        formula.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(formula)
    if line.note:
        box.addWidget(label(line.note, "soft" if line.agrees else "error", wrap=True))
    return row


class CurvePicture(QWidget):
    """An activation and, thinner, its derivative."""

    def __init__(self) -> None:
        super().__init__()
        self._curve: Curve | None = None
        self.setFixedHeight(150)
        self.hide()

    def show_curve(self, curve: Curve | None) -> None:
        self._curve = curve
        self.setVisible(curve is not None)
        self.setToolTip("The activation (bright) and its derivative (thin), from the module itself")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        curve = self._curve
        if curve is None or not curve.x:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = QRectF(self.rect()).adjusted(1, 8, -1, -8)
        values = (*curve.y, *curve.slope)
        low, high = max(min(values), -6.0), min(max(values), 6.0)
        low, high = min(low, 0.0), max(high, low + 1e-3, 1.0)

        def at(x: float, y: float) -> QPointF:
            across = (x - curve.x[0]) / (curve.x[-1] - curve.x[0])
            up = (min(max(y, low), high) - low) / (high - low)
            return QPointF(place.left() + across * place.width(), place.bottom() - up * place.height())

        painter.setPen(QPen(theme.color("line"), 1))
        painter.drawLine(at(curve.x[0], 0), at(curve.x[-1], 0))
        painter.drawLine(at(0, low), at(0, high))
        painter.setFont(font(10, mono=True))
        painter.setPen(theme.color("soft"))
        painter.drawText(at(0, high) + QPointF(5, 8), f"{high:.3g}")
        painter.drawText(at(curve.x[-1], 0) + QPointF(-16, -4), f"{curve.x[-1]:.3g}")
        for ys, token, wide in ((curve.slope, "warn", 1.2), (curve.y, "accent", 2.2)):
            painter.setPen(QPen(theme.color(token), wide))
            painter.drawPolyline(QPolygonF([at(x, y) for x, y in zip(curve.x, ys, strict=True)]))
        painter.end()
