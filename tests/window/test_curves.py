"""The curves in the real window, by mouse and keys: smoothing, axes, zoom, values, runs over each other, export."""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QWidget

from app.window import kept
from app.window import theme as themes
from app.window.chart import Chart
from app.window.curves import Curves
from app.window.engines import Engines
from app.window.main_window import MainWindow
from app.window.series import Line, recur, thin
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.run_folders import STEPS, run_folder

LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
MENUS = pytest.mark.qt_log_ignore("does not support raise", "grabbing the keyboard", extend=True)
"""How the offscreen display takes any menu."""
NONE, SHIFT, CTRL = (
    Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier,
)  # fmt: skip
FAKE = [sys.executable, "-P", str(Path(__file__).with_name("fake_engine.py"))]


@pytest.fixture(scope="module")
def shown(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainWindow]:
    """The window with two runs in its folder, their list shown: one for all tests, each of which sees it as new."""
    place = tmp_path_factory.mktemp("curves")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETLOOM_SETTINGS", str(place / "settings"))
        patch.setattr(kept, "catalogue_file", lambda: place / "cache" / "catalogue.json")
        patch.chdir(place)
        run_folder(place / "runs" / "one", CHAIN, scale=10.0, began="2026-01-02 10:00:00")
        run_folder(place / "runs" / "two", CHAIN, scale=20.0, began="2026-01-02 11:00:00", learning_rate=0.01)
        themes.load_fonts()
        made = MainWindow(engines=Engines(command=FAKE))
        patch.setattr(made.files, "ask_save", lambda: "discard")
        made.document.set_catalogue(CARDS)
        made.resize(1366, 900)
        made.show()
        made.bottom.show_tab("Runs")
        yield made
        made.close()
        made.deleteLater()


@pytest.fixture
def window(shown: MainWindow, qtbot: Any) -> MainWindow:
    shown.activateWindow()
    qtbot.waitUntil(lambda: shown.isActiveWindow() and len(shown.shelf.runs) == 2)
    for path in list(shown.shelf.over):
        shown.shelf.lay_over(path, False)
    panel: Any = shown.bottom.panel("Runs")
    panel.table.setCurrentIndex(panel.table.sorted.index(0, 0))
    tools = panel.curves.tools
    tools.smoothing.setValue(0)
    tools.log.setChecked(False)
    tools.axis.setCurrentIndex(0)
    panel.curves.set_axis("epochs")
    panel.curves.whole()
    panel.curves._point(None)
    return shown


@pytest.fixture
def curves(window: MainWindow, qtbot: Any) -> Curves:
    """The curves of the newest run."""
    panel: Any = window.bottom.panel("Runs")
    qtbot.waitUntil(lambda: panel.curves.charts["loss"].plot.width() > 100 and panel.curves.isVisible())
    assert [run.name for run in panel.curves.runs] == ["two"]
    return panel.curves  # type: ignore[no-any-return]


# hands ----------------------------------------------------------------------------------------------------------------


def at(chart: Chart, x: float, height: float = 0.5) -> QPoint:
    """Where a place of the axis is on the plot, at a share of its height from the top."""
    view = chart.plot.getPlotItem().vb
    place = chart.plot.mapFromScene(view.mapViewToScene(QPointF(x, 0)))
    return QPoint(place.x(), round(chart.plot.height() * height * 0.8))


def mouse(chart: Chart, kind: QEvent.Type, place: QPoint, button: Any, held: Any, keys: Any = NONE) -> None:
    to = chart.plot.viewport()
    QApplication.sendEvent(
        to, QMouseEvent(kind, QPointF(place), QPointF(to.mapToGlobal(place)), button, held, keys)
    )


def drag(chart: Chart, start: QPoint, end: QPoint, keys: Any = NONE) -> None:
    mouse(chart, QEvent.Type.MouseButtonPress, start, LEFT, LEFT, keys)
    mouse(chart, QEvent.Type.MouseMove, (start + end) / 2, NO_BUTTON, LEFT, keys)
    mouse(chart, QEvent.Type.MouseMove, end, NO_BUTTON, LEFT, keys)
    mouse(chart, QEvent.Type.MouseButtonRelease, end, LEFT, NO_BUTTON, keys)


def wheel(chart: Chart, place: QPoint, by: int, keys: Any = CTRL) -> None:
    to = chart.plot.viewport()
    QApplication.sendEvent(
        to, QWheelEvent(QPointF(place), QPointF(to.mapToGlobal(place)), QPoint(), QPoint(0, by), NO_BUTTON, keys,
                        Qt.ScrollPhase.NoScrollPhase, False)
    )  # fmt: skip


def choose(button: QWidget, menu: QMenu, text: str) -> None:
    """Press a button, and click an action of the menu that opens."""
    QTest.mouseClick(button, LEFT)
    action = next(a for a in menu.actions() if a.text() == text)
    assert menu.isVisible()
    QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())


def drawn(chart: Chart, split: str) -> tuple[list[float], list[float]]:
    x, y = chart.lines[split].getData()
    return ([], []) if x is None else (list(x), list(y))


# ----------------------------------------------------------------------------------------------------------------------


def test_the_charts_are_those_of_the_values_and_of_the_machine(curves: Curves) -> None:
    assert list(curves.charts) == ["loss", "accuracy"] and list(curves.gauges) == ["samples/s", "memory (MB)"]
    x, y = drawn(curves.charts["loss"], "train")
    assert x[:2] == [5 / STEPS, 10 / STEPS] and y[:2] == [4.0, 2.0]
    assert drawn(curves.charts["loss"], "validation")[0] == [1, 2, 3]
    assert drawn(curves.gauges["samples/s"], "machine")[1] == [1000.0] * 12


def test_smoothing_is_the_corrected_moving_average_and_the_values_stay_faint(curves: Curves) -> None:
    slider = curves.tools.smoothing
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_End)
    QTest.keyClick(slider, Qt.Key.Key_PageDown)
    weight = slider.value() / 100
    assert 0 < weight < 0.99 and curves.tools._weight.text() == f"{weight:.2f}"
    values = [20 / step for step in range(5, 61, 5)]
    expected, total = [], 0.0
    for count, value in enumerate(values, 1):
        total = weight * total + (1 - weight) * value
        expected.append(total / (1 - weight**count))
    chart = curves.charts["loss"]
    assert drawn(chart, "train")[1] == pytest.approx(expected, rel=1e-9)
    assert list(chart.raw["train"].getData()[1]) == pytest.approx(values)
    assert drawn(chart, "validation")[1] == pytest.approx([22 / 20, 22 / 40, 22 / 60]), "validation is not smoothed"
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert drawn(chart, "train")[1] == pytest.approx(values) and not len(chart.raw["train"].getData()[0] or [])


def test_the_logarithmic_axis_and_the_other_axes(curves: Curves, qtbot: Any) -> None:
    chart = curves.charts["loss"]
    QTest.mouseClick(curves.tools.log, LEFT)
    assert drawn(chart, "train")[1] == pytest.approx([math.log10(20 / step) for step in range(5, 61, 5)])
    shown = [text for _, text in chart._axes[0]._tickLevels[0]]
    assert "1" in shown or "0.5" in shown, "ticks say values, not logarithms"
    assert "0.333" in chart.legend() or "0.3333" in chart.legend()
    QTest.mouseClick(curves.tools.log, LEFT)
    axis = curves.tools.axis
    axis.setFocus()
    QTest.keyClick(axis, Qt.Key.Key_Down)
    assert drawn(chart, "train")[0] == list(range(5, 61, 5)), "steps"
    QTest.keyClick(axis, Qt.Key.Key_Down)
    assert drawn(chart, "train")[0] == pytest.approx([step / 10 for step in range(5, 61, 5)]), "seconds"


def test_a_drag_zooms_all_charts_and_a_double_click_or_escape_goes_back(curves: Curves) -> None:
    loss, accuracy = curves.charts["loss"], curves.charts["accuracy"]
    whole = loss.range
    drag(loss, at(loss, 1.0), at(loss, 2.0))
    assert loss.range[0] == pytest.approx(1, abs=0.05) and loss.range[1] == pytest.approx(2, abs=0.05)
    assert accuracy.range[:2] == loss.range[:2] and curves.tools.back.isEnabled()
    first = loss.range
    drag(loss, at(loss, 1.2, 0.2), at(loss, 1.8, 0.9))
    assert loss.range[3] - loss.range[2] < first[3] - first[2], "a drag both ways takes a part of the height"
    mouse(loss, QEvent.Type.MouseButtonDblClick, at(loss, 1.5), LEFT, LEFT)
    assert loss.range == pytest.approx(first)
    loss.setFocus()
    QTest.keyClick(loss, Qt.Key.Key_Escape)
    assert loss.range == pytest.approx(whole) and not curves.tools.back.isEnabled()


def test_the_wheel_the_keys_and_a_drag_with_shift(curves: Curves) -> None:
    loss = curves.charts["loss"]
    whole = loss.range
    wheel(loss, at(loss, 1.0), 120)
    wheel(loss, at(loss, 1.0), 120)
    wide = loss.range[1] - loss.range[0]
    assert wide == pytest.approx((whole[1] - whole[0]) * 0.64, rel=0.01)
    left = loss.range[0]
    drag(loss, at(loss, 1.5), at(loss, 1.2), SHIFT)
    assert loss.range[0] > left and loss.range[1] - loss.range[0] == pytest.approx(wide)
    moved = loss.range[0]
    loss.setFocus()
    QTest.keyClick(loss, Qt.Key.Key_Left, SHIFT)
    assert loss.range[0] < moved
    QTest.keyClick(loss, Qt.Key.Key_Home)
    assert loss.range == pytest.approx(whole)
    QTest.keyClick(loss, Qt.Key.Key_Plus)
    assert loss.range[1] - loss.range[0] < whole[1] - whole[0]
    QTest.mouseClick(curves.tools.back, LEFT)
    assert loss.range == pytest.approx(whole)


def test_a_tick_in_the_list_lays_a_run_over_the_one_that_is_shown(window: MainWindow, curves: Curves) -> None:
    panel: Any = window.bottom.panel("Runs")
    table = panel.table
    tick = table.visualRect(table.sorted.index(table.row_of(Path("runs/one").absolute()), 0))
    QTest.mouseClick(table.viewport(), LEFT, pos=QPoint(tick.left() + 11, tick.center().y()))
    assert "one" in [run.name for run in curves.runs]
    assert window.shelf.over == [Path("runs/one").absolute()]


def test_the_keys_point_at_values_too(curves: Curves) -> None:
    loss = curves.charts["loss"]
    loss.setFocus()
    QTest.keyClick(loss, Qt.Key.Key_Left)
    assert loss.place is not None and f"epoch {loss.place:.1f}" in loss.legend()
    assert curves.charts["accuracy"].place == loss.place, "all charts say their values at that place"


@MENUS
def test_a_chart_is_hidden_and_shown_by_the_menu(curves: Curves, qtbot: Any) -> None:
    choose(curves.tools.charts, curves.tools.menu, "accuracy")
    assert not curves.charts["accuracy"].isVisible() and curves.charts["loss"].isVisible()
    choose(curves.tools.charts, curves.tools.menu, "accuracy")
    qtbot.waitUntil(curves.charts["accuracy"].isVisible)


@MENUS
@pytest.mark.parametrize(
    ("kind", "title"), [("png", "Picture (PNG)…"), ("svg", "Vector picture (SVG)…"), ("csv", "Table of points (CSV)…")]
)
def test_curves_are_exported(
    curves: Curves, tmp_path: Path, kind: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / f"curves.{kind}"
    monkeypatch.setattr(curves, "ask_path", lambda kind: str(target))
    curves.tools.smoothing.setValue(50)
    choose(curves.tools.export, curves.tools.menu, title)
    if kind == "csv":
        with target.open(encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        train = [row for row in rows if row["split"] == "train" and row["name"] == "loss"]
        assert [int(row["step"]) for row in train] == list(range(5, 61, 5))
        assert [float(row["value"]) for row in train] == [20 / step for step in range(5, 61, 5)]
        assert float(train[1]["smoothed"]) == pytest.approx((0.25 * 4 + 0.5 * 2) / 0.75)
        assert float(train[0]["seconds"]) == 0.5 and {row["run"] for row in rows} == {"two"}
    elif kind == "png":
        image = QImage(str(target))
        assert image.width() >= 1600
        colours = {image.pixelColor(x, y).name() for x in range(0, image.width(), 3) for y in range(0, 600, 3)}
        assert len(colours) > 20
    else:
        text = target.read_text(encoding="utf-8")
        assert text.count("<path") + text.count("<polyline") > 8 and ">loss<" in text


def test_a_file_that_cannot_be_written_is_said(curves: Curves, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.window import curve_export

    said: list[str] = []
    monkeypatch.setattr(curve_export, "report", lambda parent, sentence: said.append(sentence))
    assert curves.export("csv", str(tmp_path / "absent" / "x.csv")) == said[0] and "x.csv" in said[0]


def test_runs_that_are_compared_lie_over_each_other(window: MainWindow, qtbot: Any) -> None:
    panel: Any = window.bottom.panel("Runs")
    panel.table.setFocus()
    QTest.keyClick(panel.table, Qt.Key.Key_A, CTRL)
    assert {run.name for run in panel.curves.runs} == {"one", "two"}
    chart = panel.curves.charts["loss"]
    assert {key for key in chart.others} == {(n, s) for n in ("one", "two") for s in ("train", "validation")}
    assert chart.run_colour("one") != chart.run_colour("two")
    qtbot.waitUntil(lambda: chart.plot.width() > 100)
    view: QWidget = chart.plot.viewport()

    def said() -> bool:
        QTest.mouseMove(view, at(chart, 1.0) - QPoint(12, 0))
        QTest.mouseMove(view, at(chart, 1.0))
        return "one validation 0.5500" in chart.legend() and "two validation 1.1000" in chart.legend()

    qtbot.waitUntil(said)


# the arithmetic of long curves ----------------------------------------------------------------------------------------


def test_smoothing_in_blocks_equals_one_by_one() -> None:
    values = numpy.random.default_rng(0).normal(size=1000)
    for weight in (0.3, 0.9, 0.99):
        expected, last = [], 0.5
        for value in values:
            last = weight * last + value
            expected.append(last)
        assert numpy.allclose(recur(values, weight, 0.5), expected, rtol=1e-12, atol=1e-12)


def test_a_line_that_grows_is_smoothed_as_one_that_is_whole() -> None:
    values = numpy.random.default_rng(1).normal(size=700)
    grown, whole = Line(), Line()
    for step, value in enumerate(values):
        grown.append(float(step), float(value), step)
        if step % 97 == 0:
            grown.smoothed(0.9)
    whole.extend(range(len(values)), values)
    assert numpy.allclose(grown.smoothed(0.9), whole.smoothed(0.9))
    grown.append(500.0, 3.0, 500)  # taken back to a checkpoint
    again = Line()
    again.extend(range(501), [*values[:500], 3.0])
    assert numpy.allclose(grown.smoothed(0.9), again.smoothed(0.9))


def test_no_peak_is_lost_where_points_are_many() -> None:
    x, y = numpy.arange(1e6), numpy.zeros(1_000_000)
    y[123_456], y[777_777] = 5.0, -3.0
    thin_x, thin_y, strokes = thin(x, y, 0.0, 1e6, 600)
    assert strokes and len(thin_x) <= 1202 and thin_y.max() == 5.0 and thin_y.min() == -3.0
    assert (numpy.diff(thin_x) >= 0).all()
    close_x, close_y, strokes = thin(x, y, 123_450.0, 123_460.0, 600)
    assert not strokes and len(close_x) < 20 and close_y.max() == 5.0


def test_a_dense_band_has_no_gaps_in_it() -> None:
    x, y = numpy.arange(60_000.0), numpy.sin(numpy.arange(60_000) / 3000) * 100  # each column far from its neighbours
    thin_x, thin_y, strokes = thin(x, y, 0.0, 60_000.0, 300)
    low, high = thin_y[0::2], thin_y[1::2]
    assert strokes and (thin_x[0::2] == thin_x[1::2]).all()
    assert (low[1:] <= high[:-1]).all() and (high[1:] >= low[:-1]).all()
