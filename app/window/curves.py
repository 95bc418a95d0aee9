"""Curves of a run: a card for the loss and one for each metric, train and validation in it, values under the pointer.

pyqtgraph is imported when the first card is made, not before: a window that trains nothing does not pay for it.
"""

from __future__ import annotations

import csv
import html
import math
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QPointF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.design.file import FileError
from app.window import theme as look
from app.window.runs import Points
from app.window.theme import DARK, LIGHT, Tokens, theme

COLOURS = {True: {"train": "#5b9cf6", "validation": "#f0a13c"}, False: {"train": "#2563eb", "validation": "#b45f06"}}
"""The colours of the splits, dark and light; validation has points as well, so colour does not say it alone."""
SPLITS = ("train", "validation")
MOST = 4
"""Cards side by side; further metrics are left to the run's metrics.csv."""
NARROW = 200
"""Pixels that a card needs."""


def nice_ticks(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """At most count + 1 round values within low..high."""
    if not high > low:
        return [low]
    rough = (high - low) / max(count, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * m for m in (1, 2, 2.5, 5, 10) if size * m >= rough * 0.999)
    step = max(math.ceil(step), 1) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def reach(done: float, epochs: float) -> float:
    """Where the axis of a run of `epochs` ends while `done` are over: a long run's first epochs are not squeezed into
    its first pixels; the axis grows in steps, so that it seldom moves."""
    steps = (size * 10**power for power in range(1, 7) for size in (1, 2, 5))
    return max(min(next((step for step in steps if done <= step), done), epochs), done)


def in_words(value: float) -> str:
    """A value of a curve in seven characters at most: 0.0312, 12.30, 1.2e+05."""
    if not math.isfinite(value):
        return str(value)
    if value and not 1e-4 <= abs(value) < 1e4:
        return f"{value:.1e}"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def read_metrics(path: Path) -> Points:
    """The points in a run's metrics.csv. Raises FileError where the file is no such table."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            table = list(csv.DictReader(file))
        rows = [(r["split"], r["name"], int(r["epoch"]), int(r["step"]), float(r["value"])) for r in table]
    except OSError as error:
        raise FileError(f"{path} cannot be opened: {error.strerror or error}") from None
    except (KeyError, TypeError, ValueError, csv.Error):
        raise FileError(
            f"{path} is not a run's metrics.csv: it needs the columns epoch, step, split, name and value"
        ) from None
    ends = [(epoch, step) for split, _name, epoch, step, _value in rows if split == "validation" and epoch > 0]
    a_epoch = max((step / epoch for epoch, step in ends), default=0.0)
    points: Points = {}
    for split, name, epoch, step, value in rows:
        points.setdefault((split, name), []).append((step / a_epoch if a_epoch else float(epoch), value))
    return points


class Chart(QFrame):
    """One value's curves over the epochs, with the last values, or those under the pointer, above them."""

    def __init__(self, name: str, tokens: Tokens, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph  # late: see above

        self.setObjectName("chart")
        self.name = name
        self.points: Points = {}
        self._span = (0.0, 1.0, 1.0)
        self._said = ""
        self._pointed: float | None = None
        self._title = QLabel(name, self)
        self._title.setFont(look.font(look.SECONDARY + 1, weight=QFont.Weight.DemiBold))
        self._legend = QLabel(self)
        self._legend.setFont(look.font(look.SECONDARY))
        self._legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.plot = pyqtgraph.PlotWidget(self)
        self.plot.setMenuEnabled(False)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # keys have nothing to do here: Tab goes past
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.setFrameShape(QFrame.Shape.NoFrame)
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.plot.setMinimumSize(QSize(120, 60))
        self.plot.viewport().installEventFilter(self)
        self.plot.setMouseTracking(True)
        self._axes = [self.plot.getAxis("left"), self.plot.getAxis("bottom")]
        for axis in self._axes:
            face = look.font(10, mono=True)
            axis.setStyle(tickFont=face, tickLength=0, tickTextOffset=6, hideOverlappingLabels=False)
            axis.enableAutoSIPrefix(False)
        self._axes[0].setWidth(50)
        self._axes[1].setHeight(20)
        self.lines: dict[str, Any] = {
            split: self.plot.plot([], [], antialias=True, name=split) for split in SPLITS
        }
        self._cursor = pyqtgraph.InfiniteLine(angle=90)
        self._cursor.hide()
        self.plot.addItem(self._cursor, ignoreBounds=True)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._legend, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 6)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self.set_tokens(tokens)

    def set_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        self._tokens = tokens
        colours = COLOURS[tokens.dark]
        self.plot.setBackground(QColor(tokens.canvas))
        self.setStyleSheet(
            f"#chart {{ background: {tokens.canvas}; border: 1px solid {tokens.line}; border-radius: 8px; }}"
            f"#chart QLabel {{ background: transparent; color: {tokens.text}; }}"
        )
        pen = pyqtgraph.mkPen(QColor(tokens.line), width=1)
        for axis in self._axes:
            axis.setPen(pen)
            axis.setTextPen(pyqtgraph.mkPen(QColor(tokens.soft)))
        self._axes[0].setGrid(150)
        self._axes[0].setPen(pyqtgraph.mkPen(QColor(tokens.dots if tokens.dark else tokens.line), width=1))
        self._cursor.setPen(pyqtgraph.mkPen(QColor(tokens.faint), width=1, style=Qt.PenStyle.DashLine))
        self.lines["train"].setPen(pyqtgraph.mkPen(QColor(colours["train"]), width=1.6))
        self.lines["validation"].setPen(pyqtgraph.mkPen(QColor(colours["validation"]), width=1.8))
        for split, item in self.lines.items():
            item.setSymbolSize(5)
            item.setSymbolBrush(QColor(colours[split]))
            item.setSymbolPen(None)
        self._show_legend()

    def show_points(self, points: Points, epochs: float) -> None:
        """Draw this value's points on an axis of `epochs`."""
        self.points = {key: line for key, line in points.items() if key[1] == self.name}
        finite = [
            (x, y) for split in SPLITS for x, y in self.points.get((split, self.name), ()) if math.isfinite(y)
        ]
        for split, item in self.lines.items():
            line = [(x, y) for x, y in self.points.get((split, self.name), ()) if math.isfinite(y)]
            item.setData([x for x, _ in line], [y for _, y in line])
            item.setSymbol("o" if split == "validation" or len(line) == 1 else None)  # one point is no line
        low, high = min((y for _, y in finite), default=0.0), max((y for _, y in finite), default=1.0)
        room = (high - low) * 0.08 or max(abs(high) * 0.1, 0.05)
        bottom = max(low - room, 0.0) if low >= 0 else low - room
        right = reach(max((x for x, _ in finite), default=0.0), max(epochs, 1.0))
        self._span = (bottom, high + room, right)
        self._set_range()
        self._show_legend()

    def _set_range(self) -> None:
        """Show the whole span, with as many ticks as the card has room for."""
        bottom, top, right = self._span
        beside = right * 12 / max(self.plot.width() - 74, 60)  # the last tick's words stand half to its right
        self.plot.setRange(xRange=(0, right + beside), yRange=(bottom, top), padding=0)
        rows, columns = max(self.plot.height() // 32, 2), max(self.plot.width() // 56, 2)
        marks = [(v, f"{v:g}") for v in nice_ticks(0, right, min(columns, 10), whole=True)]
        self._axes[0].setTicks([[(v, f"{v:g}") for v in nice_ticks(bottom, top, min(rows, 6))], []])
        apart = (marks[1][0] - marks[0][0]) / (right + beside) * (self.plot.width() - 56) if len(marks) > 2 else 0
        if apart >= 72:  # one of them says what the axis is; those at the ends would be cut
            marks[1] = (marks[1][0], f"epoch {marks[1][1]}")
        self._axes[1].setTicks([marks, []])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_range()
        self._show_legend()

    def value_at(self, split: str, x: float | None) -> float | None:
        """The value of `split` nearest to `x` epochs; the last with None."""
        line = self.points.get((split, self.name), ())
        if not line:
            return None
        return line[-1][1] if x is None else min(line, key=lambda point: abs(point[0] - x))[1]

    def _show_legend(self) -> None:
        """Names and values; where there is no room for both the names, or the values that are pointed at."""
        shown: list[tuple[str, str]] = []
        for split in (*SPLITS, "test"):
            value = self.value_at(split, self._pointed)
            if value is not None and not (split == "test" and self._pointed is not None):
                shown.append((split, in_words(value)))
        at = "" if self._pointed is None else f"epoch {self._pointed:.1f}"
        self._said = "  ".join([*filter(None, [at]), *(f"{split} {value}" for split, value in shown)])
        metrics, numbers = QFontMetrics(look.font(look.SECONDARY)), QFontMetrics(look.font(look.SECONDARY, mono=True))
        wide = sum(metrics.horizontalAdvance(split + "  ") + numbers.horizontalAdvance("0" * 9) for split, _ in shown)
        wide += metrics.horizontalAdvance(at + "  ")
        room = self.width() - 24 - self._title.sizeHint().width() - 12
        names = wide <= room or self._pointed is None
        values = wide <= room or self._pointed is not None
        parts = [f'<span style="color:{self._tokens.soft}">{at}</span>'] if at and wide <= room else []
        kept = [entry for entry in shown if values or entry[0] != "test"]  # the test split has no curve to name
        parts += [self._entry(split, names, value if values else "") for split, value in kept]
        self._legend.setText("\N{NO-BREAK SPACE}\N{NO-BREAK SPACE} ".join(parts))

    def _entry(self, split: str, named: bool, value: str) -> str:
        colour = COLOURS[self._tokens.dark].get(split, self._tokens.soft)
        name = f'<span style="color:{colour}">{split}</span>' if named else ""
        if not value:
            return name
        number = html.escape(value).rjust(7).replace(" ", "\N{NO-BREAK SPACE}")
        ink = self._tokens.text if named else colour
        return f"{name} <span style=\"font-family:'JetBrains Mono'; color:{ink}\">{number}</span>".strip()

    def legend(self) -> str:
        """The values above the curves in words, those that there is no room for too."""
        return self._said

    def eventFilter(self, watched: Any, event: QEvent) -> bool:
        if event.type() == QEvent.Type.MouseMove:
            self._point_at(event.position())  # type: ignore[attr-defined]
        elif event.type() == QEvent.Type.Leave:
            self._pointed = None
            self._cursor.hide()
            self._show_legend()
        return bool(super().eventFilter(watched, event))

    def _point_at(self, position: QPointF) -> None:
        view = self.plot.getPlotItem().vb
        x = view.mapSceneToView(self.plot.mapToScene(position.toPoint())).x()
        reached = max((x for line in self.points.values() for x, _ in line[-1:]), default=None)
        if reached is None:
            return
        self._pointed = min(max(x, 0.0), reached)
        self._cursor.setValue(self._pointed)
        self._cursor.show()
        self._show_legend()


class Curves(QWidget):
    """The cards of a run side by side, the loss first. With `tokens` it keeps those colours, else it is the theme's."""

    def __init__(self, parent: QWidget | None = None, tokens: Tokens | None = None) -> None:
        super().__init__(parent)
        self._fixed = tokens
        self.charts: dict[str, Chart] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(12)
        if tokens is None:
            theme.changed.connect(self._follow)

    def _follow(self) -> None:
        for chart in self.charts.values():
            chart.set_tokens(theme.tokens)

    def show_points(self, points: Points, epochs: float) -> None:
        """Draw a run; cards come and go with the names of its values."""
        names = list(dict.fromkeys(name for split, name in points if split in SPLITS))
        names = sorted(names, key=lambda name: name != "loss")[:MOST] or ["loss"]
        for name in [name for name in self.charts if name not in names]:
            gone = self.charts.pop(name)
            gone.hide()
            gone.deleteLater()
        for index, name in enumerate(names):  # the order of `charts` is that of the cards
            if name not in self.charts:
                self.charts[name] = Chart(name, self._fixed or theme.tokens, self)
                self._row.insertWidget(index, self.charts[name], 1)
            self.charts[name].show_points(points, epochs)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Show as many cards as there is room for."""
        room = max(self.width() // NARROW, 1)
        for index, chart in enumerate(self.charts.values()):
            chart.setVisible(index < room)


def picture(metrics_csv: Path, dark: bool = True) -> QImage:
    """The curves of a run's metrics.csv, 1200 x 480. Needs a QApplication.

    Raises FileError where the file is no such table.
    """
    points = read_metrics(metrics_csv)
    tokens = DARK if dark else LIGHT
    curves = Curves(tokens=tokens)
    curves.setObjectName("curves")
    curves.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    curves.setStyleSheet(f"#curves {{ background: {tokens.window}; }}")
    layout = curves.layout()
    assert layout is not None
    layout.setContentsMargins(16, 16, 16, 16)
    curves.resize(1200, 480)
    curves.show_points(points, max((line[-1][0] for line in points.values()), default=1.0))
    image = QImage(curves.size(), QImage.Format.Format_RGB32)
    image.fill(QColor(tokens.window))
    curves.render(image)
    curves.deleteLater()
    return image
