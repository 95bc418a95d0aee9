"""Curves of runs: a chart for each loss and metric, and for the machine, with the tools over them."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QImage, QResizeEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.design.file import FileError, write_atomically
from app.window import parts
from app.window.chart import Chart
from app.window.chart_view import SPLITS, Shown, View
from app.window.curve_tools import CurveTools
from app.window.run_folder import read_metrics
from app.window.series import MACHINE, Points
from app.window.theme import DARK, LIGHT, Tokens, theme
from app.window.ticks import in_words, nice_ticks, reach

__all__ = ["Chart", "Curves", "Shown", "in_words", "nice_ticks", "picture", "reach", "read_metrics", "values_of"]

WIDE, HIGH = 182, 108
"""Pixels that a chart needs; where there is no room for all of them, they are scrolled."""
GAP = 12
LAST = ("lr", "grad_norm")
"""Values that stand behind the losses and metrics."""
FILTERS = {"png": "Picture (*.png)", "svg": "Vector picture (*.svg)", "csv": "CSV (*.csv)"}


def values_of(runs: Iterable[Shown]) -> tuple[list[str], list[str]]:
    """The values that runs measured, in the order of their charts: of the network, and of the machine."""
    keys = [key for run in runs for key, line in run.points.items() if len(line)]
    names = dict.fromkeys(name for split, name in keys if split in SPLITS)
    order = sorted(names, key=lambda name: (name in LAST, name != "loss"))
    return order, list(dict.fromkeys(name for split, name in keys if split == MACHINE))


class Curves(QWidget):
    """The charts of runs, the loss first. With `tokens` it keeps those colours and has no tools, else it is the
    theme's."""

    def __init__(self, parent: QWidget | None = None, tokens: Tokens | None = None) -> None:
        super().__init__(parent)
        self._fixed = tokens
        self.view = View()
        self.charts: dict[str, Chart] = {}
        """By the name of the value that a run measures."""
        self.gauges: dict[str, Chart] = {}
        """Samples a second, and memory."""
        self.hidden: set[str] = set()
        self.runs: list[Shown] = []
        self._main: Shown | None = None
        self._over: list[Shown] = []
        self._before: list[tuple[tuple[float, float] | None, dict[str, tuple[float, float]]]] = []
        self.tools = CurveTools(self)
        self.names = parts.label("", "soft")
        self.names.setTextFormat(Qt.TextFormat.RichText)
        self.names.setSizePolicy(self.names.sizePolicy().Policy.Ignored, self.names.sizePolicy().Policy.Preferred)
        self.names.hide()
        self._cards = QWidget(self)
        self._cards.setObjectName("content")
        self._grid = QGridLayout(self._cards)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)
        self._scroll = QScrollArea(self)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(self._cards)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(6)
        box.addWidget(self.tools)
        box.addWidget(self.names)
        box.addWidget(self._scroll, 1)
        if tokens is None:
            theme.changed.connect(self._follow)
        else:
            self.tools.hide()
            self._scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        tools = self.tools
        tools.axis_chosen.connect(self.set_axis)
        tools.log_chosen.connect(self.set_log)
        tools.smoothing_chosen.connect(self.set_smoothing)
        tools.chart_chosen.connect(self._choose)
        tools.back_wanted.connect(self.back)
        tools.export_wanted.connect(self.export)
        tools.offer_charts(lambda: {name: name not in self.hidden for name in (*self.charts, *self.gauges)})

    @property
    def _tokens(self) -> Tokens:
        return self._fixed or theme.tokens

    @property
    def ground(self) -> str:
        """The colour behind the charts of a picture."""
        return self._tokens.window

    def _follow(self) -> None:
        for chart in self._all():
            chart.set_tokens(theme.tokens)
        self._say_names()

    def _all(self) -> list[Chart]:
        return [*self.charts.values(), *self.gauges.values()]

    # what is shown ----------------------------------------------------------------------------------------------------

    def show_points(self, points: Points, epochs: float, name: str = "this run") -> None:
        """Draw a run; charts come and go with the names of its values."""
        self._main = Shown(name, points, epochs, main=True)
        self._show()

    def lay_over(self, runs: list[Shown]) -> None:
        """Draw these runs too."""
        self._over = runs
        self._show()

    def show_runs(self, runs: list[Shown]) -> None:
        """Draw runs of which none is the one that is shown."""
        self._main, self._over = None, runs
        self._show()

    def _show(self) -> None:
        self.runs = [*([self._main] if self._main is not None else []), *self._over]
        values, machine = values_of(self.runs)
        self._make(self.charts, values or ["loss"])
        self._make(self.gauges, machine)
        for chart in self._all():
            chart.show_runs(self.runs)
        self._say_names()
        self._lay_out()

    def _make(self, charts: dict[str, Chart], names: list[str]) -> None:
        for name in [name for name in charts if name not in names]:
            gone = charts.pop(name)
            gone.hide()
            gone.deleteLater()
        for name in names:
            if name not in charts:
                charts[name] = chart = Chart(name, self._tokens, self._cards, self.view)
                chart.zoomed.connect(lambda span, heights, name=name: self.zoom(span, heights, name))
                chart.moved.connect(self._move)
                chart.back_wanted.connect(self.back)
                chart.whole_wanted.connect(self.whole)
                chart.pointed.connect(self._point)
        ordered = {name: charts[name] for name in names}
        charts.clear()
        charts.update(ordered)

    def _say_names(self) -> None:
        """Which colour is which run's, where several are drawn."""
        self.names.setVisible(bool(self._over))
        chart = next(iter(self.charts.values()), None)
        if not self._over or chart is None:
            return
        said = [f'<span style="color:{chart.run_colour(r.name)}">●</span> {html.escape(r.name)}' for r in self._over]
        self.names.setText("\N{NO-BREAK SPACE} ".join(said))
        self.names.setToolTip("\n".join(run.name for run in self._over))

    def _choose(self, name: str, seen: bool) -> None:
        (self.hidden.discard if seen else self.hidden.add)(name)
        self._lay_out()

    # how it is shown --------------------------------------------------------------------------------------------------

    def set_axis(self, axis: str) -> None:
        """Draw along epochs, steps or time."""
        if axis != self.view.axis:
            self.view.axis = axis
            self.view.span = None
            self.view.heights.clear()
            self._before.clear()
            self._redraw()

    def set_log(self, on: bool) -> None:
        """Draw values by their logarithm, or as they are."""
        self.view.log = on
        self.view.heights.clear()
        self._redraw()

    def set_smoothing(self, weight: float) -> None:
        """Smooth the train curves, 0 to 0.99."""
        self.view.smoothing = weight
        self._redraw()

    def zoom(self, span: tuple[float, float], heights: tuple[float, float] | None = None, name: str = "") -> None:
        """Look at a part of the axis in all charts, and of one chart at a part of its height."""
        self._before.append((self.view.span, dict(self.view.heights)))
        self.view.span = span
        if heights is not None:
            self.view.heights[name] = heights
        else:
            self.view.heights.clear()
        self._redraw()

    def _move(self, span: tuple[float, float]) -> None:
        self.view.span = span
        self._redraw()

    def back(self) -> None:
        """See what was seen before the last zoom."""
        if self._before:
            self.view.span, self.view.heights = self._before.pop()
            self._redraw()

    def whole(self) -> None:
        """See all of the curves."""
        self._before.clear()
        self.view.span = None
        self.view.heights = {}
        self._redraw()

    def _redraw(self) -> None:
        self.tools.back.setEnabled(bool(self._before))
        for chart in self._all():
            chart.redraw()

    def _point(self, place: float | None) -> None:
        for chart in self._all():
            chart.point_at(place)

    # places -----------------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        """Put the charts in rows of equal ones; where they do not fit they are scrolled."""
        seen = []
        for chart in self._all():
            self._grid.removeWidget(chart)
            chart.setVisible(chart.name not in self.hidden)
            if chart.name not in self.hidden:
                seen.append(chart)
        columns = min(max((self._scroll.width() + GAP) // (WIDE + GAP), 1), max(len(seen), 1))
        rows = -(-len(seen) // columns)
        for at, chart in enumerate(seen):
            chart.setMinimumHeight(HIGH if rows > 1 else 0)
            self._grid.addWidget(chart, at // columns, at % columns)
        for column in range(self._grid.columnCount()):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        for row in range(self._grid.rowCount()):
            self._grid.setRowStretch(row, 1 if row < rows else 0)

    # export -----------------------------------------------------------------------------------------------------------

    def ask_path(self, kind: str) -> str:
        """Ask where the curves are written; "" for nowhere."""
        name = f"{self.runs[0].name if self.runs else 'curves'}.{kind}"
        return QFileDialog.getSaveFileName(self, "Export the curves", name, FILTERS[kind])[0]

    def export(self, kind: str, path: str = "") -> str:
        """Write the curves as png, svg or csv to a file that is asked for. What went wrong is shown, and returned."""
        from app.window import curve_export

        chosen = path or self.ask_path(kind)
        if not chosen:
            return ""
        target = Path(chosen) if Path(chosen).suffix else Path(f"{chosen}.{kind}")
        try:
            data = curve_export.table(self.runs, self.view) if kind == "csv" else self._drawn(kind)
            write_atomically(target, data)
        except FileError as error:
            curve_export.report(self, str(error))
            return str(error)
        return ""

    def _drawn(self, kind: str) -> bytes:
        from app.window import curve_export

        copy = self.twin()
        data = curve_export.svg(copy) if kind == "svg" else curve_export.png(copy)
        copy.deleteLater()
        return data

    def twin(self) -> Curves:
        """The same curves on a sheet of their own, as a picture shows them: all charts, whatever the window's size."""
        made = sheet(self._tokens)
        made.view.__dict__.update(self.view.__dict__)
        made.hidden = set(self.hidden)
        made._main, made._over = self._main, self._over
        made._show()
        count = len([chart for chart in made._all() if chart.name not in made.hidden])
        columns = min(count, 3) or 1
        rows = -(-count // columns)
        made.resize(max(400 * columns, 640) + 32, 300 * rows + 48)
        made._lay_out()
        return made

    def sizeHint(self) -> QSize:
        return QSize(2 * WIDE, HIGH)


def sheet(tokens: Tokens) -> Curves:
    """Curves without tools, on a ground of their own."""
    curves = Curves(tokens=tokens)
    curves.setObjectName("curves")
    curves.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    curves.setStyleSheet(
        f"#curves {{ background: {tokens.window}; }} QScrollArea, #content {{ background: transparent; }}"
        f"#curves > QLabel {{ color: {tokens.text}; }}"
    )
    layout = curves.layout()
    assert layout is not None
    layout.setContentsMargins(16, 16, 16, 16)
    return curves


def picture(metrics_csv: Path, dark: bool = True) -> QImage:
    """The curves of a run's metrics.csv, 1200 x 480. Needs a QApplication.

    Raises FileError where the file is no such table.
    """
    points = read_metrics(metrics_csv)
    curves = sheet(DARK if dark else LIGHT)
    curves.resize(1200, 480)
    curves.show_points(points, max((line[-1][0] for line in points.values()), default=1.0))
    image = QImage(curves.size(), QImage.Format.Format_RGB32)
    image.fill(QColor(curves.ground))
    curves.render(image)
    curves.deleteLater()
    return image
