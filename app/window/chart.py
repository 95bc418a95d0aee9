"""One value's curves: of the run that is shown, and of those laid over it; zoom, values under the pointer.

pyqtgraph is imported when the first chart is made, not before: a window that trains nothing does not pay for it.
"""

from __future__ import annotations

import html
import math
from typing import Any

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from app.window import theme as look
from app.window.chart_hand import ChartHand
from app.window.chart_view import COLOURS, DRAWN, RUN_COLOURS, UNITS, Shown, View, title_of
from app.window.series import MACHINE, Line, Points, thin
from app.window.theme import Tokens
from app.window.ticks import duration, in_words, log_ticks, nice_ticks, reach, time_ticks


class Chart(QFrame):
    """One value's curves, with the last values, or those under the pointer, above them."""

    zoomed = Signal(object, object)
    """The span (left, right) that the user wants to see, and the heights (low, high) or None."""
    moved = Signal(object)
    """Another part of the axis, as long as the one that is seen; it is no step to go back."""
    back_wanted = Signal()
    whole_wanted = Signal()
    pointed = Signal(object)
    """The place on the axis under the pointer; None where it has left."""

    def __init__(self, name: str, tokens: Tokens, parent: QWidget | None = None, view: View | None = None) -> None:
        super().__init__(parent)
        import pyqtgraph  # late: see above

        self.setObjectName("chart")
        self.name = name
        self.runs: list[Shown] = []
        self.view = view or View()
        self.range = (0.0, 1.0, 0.0, 1.0)
        """What is seen: left, right, bottom, top; the heights as drawn, logarithms where the axis is of them."""
        self._said = ""
        self.place: float | None = None
        """Where on the axis values are pointed at."""
        self._title = QLabel(title_of(name), self)
        self._title.setFont(look.font(look.SECONDARY + 1, weight=QFont.Weight.DemiBold))
        self._legend = QLabel(self)
        self._legend.setFont(look.font(look.SECONDARY))
        self._legend.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._legend.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.plot = pyqtgraph.PlotWidget(self)
        self.plot.setMenuEnabled(False)
        self.plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the card takes the keys
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        self.plot.setFrameShape(QFrame.Shape.NoFrame)
        self.plot.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.plot.setMinimumSize(QSize(120, 60))
        self.plot.setMouseTracking(True)
        self._axes = [self.plot.getAxis("left"), self.plot.getAxis("bottom")]
        for axis in self._axes:
            face = look.font(10, mono=True)
            axis.setStyle(tickFont=face, tickLength=0, tickTextOffset=6, hideOverlappingLabels=False)
            axis.enableAutoSIPrefix(False)
        self._axes[0].setWidth(50)
        self._axes[1].setHeight(20)
        self.raw: dict[str, Any] = {}
        """The lines as they are, faint, where they are smoothed."""
        self.lines: dict[str, Any] = {}
        """Of the run that is shown, by split."""
        self.others: dict[tuple[str, str], Any] = {}
        """Of the runs laid over it, by their name and split."""
        for split in DRAWN:
            self.raw[split] = self._new_line()
            self.lines[split] = self._new_line()
        self._cursor = pyqtgraph.InfiniteLine(angle=90)
        self._cursor.hide()
        self.plot.addItem(self._cursor, ignoreBounds=True)
        self.box = QLabel(self.plot.viewport())
        self.box.setObjectName("values")
        self.box.setTextFormat(Qt.TextFormat.RichText)
        self.box.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.box.hide()
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(f"Chart of {title_of(name)}")
        self.setToolTip(
            "Drag to see a part larger; a double-click or Escape goes back.\n"
            "Ctrl and the wheel, or + and -, zoom; Shift and a drag, or Shift and the arrow keys, move."
        )
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addWidget(self._legend, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 8, 12, 6)
        layout.setSpacing(4)
        layout.addLayout(head)
        layout.addWidget(self.plot, 1)
        self._hand = ChartHand(self)
        self.set_tokens(tokens)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._hand.key(event):
            super().keyPressEvent(event)

    def _new_line(self) -> Any:
        return self.plot.plot([], [], antialias=True, skipFiniteCheck=True, connect="all")

    # how it looks -----------------------------------------------------------------------------------------------------

    def set_tokens(self, tokens: Tokens) -> None:
        """Take the colours of a theme."""
        import pyqtgraph

        self._tokens = tokens
        self.plot.setBackground(QColor(tokens.canvas))
        self.setStyleSheet(
            f"#chart {{ background: {tokens.canvas}; border: 1px solid {tokens.line}; border-radius: 8px; }}"
            f"#chart:focus {{ border-color: {tokens.accent}; }}"
            f"#chart QLabel {{ background: transparent; color: {tokens.text}; }}"
            f"#chart #values {{ background: {tokens.panel}; border: 1px solid {tokens.line}; border-radius: 6px;"
            " padding: 4px 8px; }"
        )
        pen = pyqtgraph.mkPen(QColor(tokens.line), width=1)
        for axis in self._axes:
            axis.setPen(pen)
            axis.setTextPen(pyqtgraph.mkPen(QColor(tokens.soft)))
        self._axes[0].setGrid(150)
        self._axes[0].setPen(pyqtgraph.mkPen(QColor(tokens.dots if tokens.dark else tokens.line), width=1))
        self._cursor.setPen(pyqtgraph.mkPen(QColor(tokens.faint), width=1, style=Qt.PenStyle.DashLine))
        for split in DRAWN:
            self._dress(self.lines[split], self.split_colour(split), split)
            faint = QColor(self.split_colour(split))
            faint.setAlpha(70)
            self.raw[split].setPen(pyqtgraph.mkPen(faint, width=1))
        for (name, split), item in self.others.items():
            self._dress(item, self.run_colour(name), split)
        self._show_legend()

    def _dress(self, item: Any, colour: str, split: str) -> None:
        """Validation is bold with points, training thin: colour alone does not say which is which."""
        import pyqtgraph

        item.setPen(pyqtgraph.mkPen(QColor(colour), width=1.8 if split == "validation" else 1.3))
        item.setSymbolSize(5)
        item.setSymbolBrush(QColor(colour))
        item.setSymbolPen(None)

    def split_colour(self, split: str) -> str:
        return COLOURS[self._tokens.dark].get(split, self._tokens.accent if split == MACHINE else self._tokens.soft)

    def run_colour(self, name: str) -> str:
        """The colour of a run that is laid over."""
        run = next((run for run in self.runs if run.name == name and not run.main), None)
        colours = RUN_COLOURS[self._tokens.dark]
        return colours[(run.colour if run is not None else 0) % len(colours)]

    # what it shows ----------------------------------------------------------------------------------------------------

    @property
    def points(self) -> Points:
        """This value's points of the run that is shown."""
        main = next((run for run in self.runs if run.main), None)
        return {} if main is None else {key: line for key, line in main.points.items() if key[1] == self.name}

    def show_points(self, points: Points, epochs: float) -> None:
        """Draw one run's points on an axis of `epochs`."""
        self.show_runs([Shown("", points, epochs, main=True)])

    def show_runs(self, runs: list[Shown]) -> None:
        """Draw these runs, each with its curves of this value."""
        self.runs = runs
        others = [run for run in runs if not run.main]
        wanted = [(run.name, split) for run in others for split in DRAWN if self._line(run, split) is not None]
        for key in [key for key in self.others if key not in wanted]:
            self.plot.removeItem(self.others.pop(key))
        for key in wanted:
            if key not in self.others:
                self.others[key] = self._new_line()
            self._dress(self.others[key], self.run_colour(key[0]), key[1])
        self.redraw()

    def _line(self, run: Shown, split: str) -> Line | None:
        line = run.points.get((split, self.name))
        return line if line is not None and len(line) else None

    def redraw(self) -> None:
        """Draw what can be seen, as the view says: at most two points a column of pixels."""
        left, right = self.view.span or (0.0, self.end())
        beside = right * 12 / max(self.plot.width() - 74, 60) if self.view.span is None else 0.0
        low, high = math.inf, -math.inf
        for run in self.runs:
            for split in DRAWN:
                line = self._line(run, split)
                item = self.lines[split] if run.main else self.others.get((run.name, split))
                if item is None:
                    continue
                smoothing = self.view.smoothing if split == "train" else 0.0  # one point an epoch is smooth enough
                bounds = self._put(item, line, split, smoothing, left, right + beside)
                if run.main:
                    faint = self._put(self.raw[split], line if smoothing else None, "", 0.0, left, right + beside)
                    bounds = (min(bounds[0], faint[0]), max(bounds[1], faint[1])) if smoothing else bounds
                low, high = min(low, bounds[0]), max(high, bounds[1])
        if not any(run.main for run in self.runs):
            for split in DRAWN:
                self._put(self.lines[split], None, split, 0.0, left, right)
                self._put(self.raw[split], None, split, 0.0, left, right)
        bottom, top = self.view.heights.get(self.name) or self._heights(low, high)
        self.range = (left, right + beside, bottom, top)
        self._set_range()
        self._show_legend()

    def _put(
        self, item: Any, line: Line | None, split: str, smoothing: float, left: float, right: float
    ) -> tuple[float, float]:
        """Give an item what can be seen of a line; its lowest and highest value."""
        import numpy

        if line is None or not len(line):
            return _cleared(item)
        x, y = line.along(self.view.axis), line.smoothed(smoothing)
        if self.view.axis == "time" and len(x) and math.isnan(x[-1]):  # an older run, which kept no time
            return _cleared(item)
        columns = max(self.plot.width(), 200)
        x, y, strokes = thin(x, y, left, right, columns)
        if self.view.log:
            if strokes:
                y[0::2] = numpy.where(y[0::2] > 0, y[0::2], y[1::2])  # a stroke stays one: no end of it goes alone
            good = y > 0
            x, y = x[good], numpy.log10(y[good])
        if not len(y):
            return _cleared(item)
        item.show()
        few = len(x) <= 200
        item.setSymbol("o" if (split == "validation" and few) or len(line) == 1 else None)  # one point is no line
        # smooth edges of a dense band cost a second and show nothing
        item.setData(x, y, antialias=len(x) <= columns, connect="pairs" if strokes else "all")
        return float(y.min()), float(y.max())

    def end(self) -> float:
        """Where the whole axis ends."""
        ends = [1.0 if self.view.axis == "epochs" else 0.0]
        for run in self.runs:
            lines = [line for split in DRAWN if (line := self._line(run, split)) is not None]
            if not lines:
                continue
            done = max(float(line.along(self.view.axis)[-1]) for line in lines)
            if math.isnan(done):
                continue
            scale = max((float(line.steps[-1]) / (line[-1][0] or 1.0) for line in lines), default=1.0)
            limit = {"epochs": max(run.epochs, 1.0), "steps": run.epochs * scale}.get(self.view.axis, done)
            ends.append(reach(done, limit if math.isfinite(limit) else done) if run.main else done)
        return max(ends) or 1.0

    def _heights(self, low: float, high: float) -> tuple[float, float]:
        """The heights that show low..high with some room around."""
        if low > high:
            low, high = (-1.0, 0.0) if self.view.log else (0.0, 1.0)
        if self.view.log:
            room = (high - low) * 0.08 or 0.2
            return low - room, high + room
        room = (high - low) * 0.08 or max(abs(high) * 0.1, 0.05)
        return max(low - room, 0.0) if low >= 0 else low - room, high + room

    def _set_range(self) -> None:
        """Show the range, with as many ticks as the card has room for."""
        left, right, bottom, top = self.range
        self.plot.setRange(xRange=(left, right), yRange=(bottom, top), padding=0)
        rows, columns = max(self.plot.height() // 32, 2), max(self.plot.width() // 56, 2)
        rows, columns = min(rows, 6), min(columns, 10)
        wide = (right - left) or 1.0
        if self.view.axis == "time":
            marks = time_ticks(left, right - wide * 0.02, max(columns * 2 // 3, 2))
        else:
            marks = [(v, f"{v:g}") for v in nice_ticks(left, right, columns, whole=wide >= columns)]
            marks = [(v, f"{v:,.0f}" if v >= 10_000 and v == round(v) else text) for v, text in marks]
            if columns > 3 and max((len(text) for _, text in marks), default=0) > 6:
                marks = marks[::2]
            if self.view.span is None:
                marks = [mark for mark in marks if mark[0] <= right - wide * 0.01]
        if self.view.log:
            heights = [(math.log10(v), f"{v:.4g}") for v in log_ticks(bottom, top, rows) if v > 0]
        else:
            heights = [(v, f"{v:g}") for v in nice_ticks(bottom, top, rows)]
        self._axes[0].setTicks([heights, []])
        apart = (marks[1][0] - marks[0][0]) / wide * (self.plot.width() - 56) if len(marks) > 2 else 0
        if apart >= 72 and UNITS[self.view.axis]:  # one of them says what the axis is; those at the ends would be cut
            marks[1] = (marks[1][0], f"{UNITS[self.view.axis]} {marks[1][1]}")
        self._axes[1].setTicks([marks, []])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.redraw()

    # values -----------------------------------------------------------------------------------------------------------

    def value_at(self, split: str, x: float | None, run: Shown | None = None) -> float | None:
        """The value of `split` nearest to `x` on the axis, of the run that is shown or of another; the last with
        None."""
        points = self.points if run is None else run.points
        line = points.get((split, self.name))
        at = line.at(self.view.axis, x) if line is not None else None
        return None if line is None or at is None else float(line.values[at])

    def point_at(self, x: float | None) -> None:
        """Show the values at a place on the axis; with None the last ones."""
        lines = [line for run in self.runs for split in DRAWN if (line := self._line(run, split)) is not None]
        ends = [end for line in lines if not math.isnan(end := float(line.along(self.view.axis)[-1]))]
        if x is None or not ends:
            self.place = None
            self._cursor.hide()
        else:
            self.place = min(max(x, 0.0), max(ends))
            self._cursor.setValue(self.place)
            self._cursor.show()
        self._show_legend()

    def _said_place(self) -> str:
        """The place under the pointer in words."""
        if self.place is None:
            return ""
        if self.view.axis == "time":
            return duration(self.place)
        return f"step {self.place:,.0f}" if self.view.axis == "steps" else f"epoch {self.place:.1f}"

    def _show_legend(self) -> None:
        """Names and values; where there is no room for both the names, or the values that are pointed at."""
        shown: list[tuple[str, str]] = []
        for split in (*DRAWN, "test"):
            value = self.value_at(split, self.place)
            if value is not None and not (split == "test" and self.place is not None):
                shown.append((split, in_words(value)))
        at = self._said_place()
        words = [f"{split} {value}" if split != MACHINE else value for split, value in shown]
        others = self._other_values()
        self._said = "  ".join([*filter(None, [at]), *words, *(f"{n} {s} {v}" for n, s, v in others)])
        metrics, numbers = QFontMetrics(look.font(look.SECONDARY)), QFontMetrics(look.font(look.SECONDARY, mono=True))
        wide = sum(metrics.horizontalAdvance(split + "  ") + numbers.horizontalAdvance("0" * 9) for split, _ in shown)
        wide += metrics.horizontalAdvance(at + "  ")
        room = self.width() - 24 - self._title.sizeHint().width() - 12
        names = wide <= room or self.place is None
        values = wide <= room or self.place is not None
        parts = [f'<span style="color:{self._tokens.soft}">{at}</span>'] if at and wide <= room else []
        kept = [entry for entry in shown if values or entry[0] != "test"]  # the test split has no curve to name
        parts += [self._entry(split, names, value if values else "") for split, value in kept]
        self._legend.setText("\N{NO-BREAK SPACE}\N{NO-BREAK SPACE} ".join(parts))
        self._show_box(others)

    def _other_values(self) -> list[tuple[str, str, str]]:
        """Run, split and value of each line that is laid over."""
        found = []
        for run in self.runs:
            for split in DRAWN:
                if not run.main and (value := self.value_at(split, self.place, run)) is not None:
                    found.append((run.name, "" if split == MACHINE else split, in_words(value)))
        return found

    def _show_box(self, others: list[tuple[str, str, str]]) -> None:
        """At the pointer the values of all runs, where several are drawn."""
        if self.place is None or not others or not self.underMouse():
            self.box.hide()
            return
        mine = [("", "" if split == MACHINE else split, value) for split in DRAWN
                if (value := self._worded(split))]  # fmt: skip
        lines = [f'<span style="color:{self._tokens.soft}">{self._said_place()}</span>']
        for name, split, value in (*mine, *others):
            colour = self.run_colour(name) if name else self.split_colour(split or MACHINE)
            number = f"<span style=\"font-family:'JetBrains Mono'\">{html.escape(value)}</span>"
            lines.append(f'<span style="color:{colour}">●</span> {number} {html.escape(f"{name} {split}".strip())}')
        self.box.setText("<br>".join(lines))
        self.box.adjustSize()
        view = self.plot.getPlotItem().vb
        x = self.plot.mapFromScene(view.mapViewToScene(QPointF(self.place, 0))).x()
        beside = x + 12 if x + 12 + self.box.width() < self.plot.width() else x - 12 - self.box.width()
        self.box.move(max(beside, 0), 4)
        self.box.show()
        self.box.raise_()

    def _worded(self, split: str) -> str:
        value = self.value_at(split, self.place)
        return "" if value is None else in_words(value)

    def _entry(self, split: str, named: bool, value: str) -> str:
        colour = self.split_colour(split)
        name = f'<span style="color:{colour}">{split}</span>' if named and split != MACHINE else ""
        if not value:
            return name
        number = html.escape(value).rjust(7).replace(" ", "\N{NO-BREAK SPACE}")
        ink = self._tokens.text if named else colour
        return f"{name} <span style=\"font-family:'JetBrains Mono'; color:{ink}\">{number}</span>".strip()

    def legend(self) -> str:
        """The values above the curves in words, those that there is no room for too."""
        return self._said


def _cleared(item: Any) -> tuple[float, float]:
    """Let an item show nothing. Hidden ones cost a frame nothing, and one that is told the same again costs as much as
    one that draws."""
    if item.isVisible():
        item.hide()
        item.setData([], [])
    return math.inf, -math.inf
