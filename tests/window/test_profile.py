"""Measuring in the real window: the bar, the warmth on the canvas, the columns of the table, and what an edit does."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app.design import edits
from app.design.values import Design, Group
from app.messages import Analysis, Device
from app.messages.profile import GetProfile, NodeTime, Profile
from app.messages.reports import NodeReport, PortShape, Tensor
from app.window import figures
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.inspector_node import NodePage
from app.window.layer_rows import COLUMNS
from app.window.layers import LayersPanel
from app.window.main_window import MainWindow
from app.window.profile_bar import ProfileBar, summary
from tests.drawing import OUTPUT, chain, node, wire
from tests.window.canvas_hands import CHAIN, body
from tests.window.conftest import ENGINE
from tests.window.fake_engines import DEVICES, FakeEngines

STAGE = Group(
    name="stage",
    nodes=(node("in", "GroupInput", name="x"), node("conv", "Conv2d", out_channels=16, at=(260, 0)),
           node("act", "ReLU", at=(520, 0)), node("out", "GroupOutput", name="y", at=(780, 0))),
    wires=(wire("in", "conv"), wire("conv", "act"), wire("act", "out")),
)  # fmt: skip
DESIGN = chain(
    node("image", "Input", size=(3, 32, 32)), node("first", "Conv2d", out_channels=16), groups=(STAGE,),
    more=(node("stage", group="stage", repeat=2, at=(520, 0)), node("last", "Conv2d", out_channels=4, at=(780, 0)),
          node("output", "Output", at=(1040, 0))),
    wires=(wire("first", "stage.x"), wire("stage.y", "last"), wire("last", "output")),
)  # fmt: skip
AT = {column.heading: i for i, column in enumerate(COLUMNS) if column.heading}


def click(widget: Any, at: QPoint | None = None) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton, pos=at if at is not None else widget.rect().center())


def picture(view: CanvasView) -> QImage:
    QApplication.processEvents()
    return view.viewport().grab().toImage()


def shade(view: CanvasView, id: str) -> tuple[int, int, int]:
    """The colour of a node's body, clear of its texts."""
    item = view.scene_.nodes[id]
    at = view.mapFromScene(item.rect.left() + 6, item.rect.top() + 36)
    colour = picture(view).pixelColor(at)
    return colour.red(), colour.green(), colour.blue()


def redder(one: tuple[int, int, int], other: tuple[int, int, int]) -> bool:
    return one[0] - one[2] > other[0] - other[2]


@pytest.mark.xdist_group("insight")
def test_from_the_menu_to_the_figures_and_back(qtbot: Any, real_window: MainWindow) -> None:
    window, document, view = real_window, real_window.document, real_window.canvas

    def checked() -> bool:
        return document.analysis is not None and document.analysis.revision == document.revision

    def said(id: str) -> str:
        heat = view.scene_.nodes[id].face.heat
        return heat.text if heat is not None else ""

    document.load(DESIGN, None)
    qtbot.waitUntil(checked, timeout=ENGINE)
    QTest.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    bar = window.overlays.profile()
    assert bar.isVisible() and bar.go.hasFocus() and not bar.device.isVisible()
    view.fit_all()
    plain, cool = picture(view), shade(view, "stage")
    click(bar.go)
    assert bar.text == "Measuring…" and bar.go.text() == "Cancel"
    click(bar.go)
    assert "stopped" in bar.text and document.timings.profile is None

    # measured: the bar, the canvas, the inspector
    bar.passes.setCurrentIndex(1)
    bar.batch.setValue(4)
    click(bar.go)
    qtbot.waitUntil(lambda: not bar.busy, timeout=ENGINE)
    told = document.timings.profile
    assert told is not None and told.training and told.batch == 4 and told.backward > 0, bar.text
    assert "batch 4" in bar.text and "1 thread" in bar.text and figures.duration(told.time) in bar.text
    figure = {one.id: one for one in (*told.nodes, *told.groups)}
    inside = [figure[f"stage/{i}/{id}"] for i in range(2) for id in ("conv", "act")]
    assert figure["stage"].time == pytest.approx(sum(one.time for one in inside))
    assert said("stage") == f"{figures.duration(figure['stage'].time)}, {figures.percent(figure['stage'].share)}"
    assert said("image") == "" and said("first") and said("last")
    assert picture(view) != plain and redder(shade(view, "stage"), cool)
    page = select(qtbot, window, "first")
    assert page.measured.texts() == [("measured time", said("first"))]

    # the table
    window.bottom.set_folded(False)
    window.bottom.show_tab("Layers")
    (panel,) = window.findChildren(LayersPanel)
    qtbot.waitUntil(lambda: panel.sorted.rowCount() == 8)
    assert not panel.table.isColumnHidden(AT["Time"]) and not panel.table.isColumnHidden(AT["Measured memory"])
    memory = [panel.model.index(i, AT["Measured memory"]).data() for i in range(8)]
    assert memory[0] == "–" and memory[1] == "256 kB", "4 samples of 16 x 32 x 32 floats; an Input does nothing"
    header = panel.table.header()
    click(header.viewport(), QPoint(header.sectionViewportPosition(AT["Time"]) + 6, 8))
    shown = [panel.sorted.index(i, AT["Layer"]).data() for i in range(8)]
    times = {one.id.replace("/", " / "): one.time for one in told.nodes}
    assert shown[:6] == sorted(times, key=lambda name: -times[name])
    assert "Time,Measured memory" in panel.as_csv() and "| Time | Measured memory |" in panel.as_markdown()

    # inside the Group its nodes show theirs
    view.setFocus()
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=body(view, "stage"))
    assert document.path == ("stage",)
    assert said("conv").startswith(figures.duration(figure["stage/0/conv"].time)) and said("act")
    assert "the first time is shown" in bar.text
    QTest.keyClick(view, Qt.Key.Key_U)

    # an edit makes old what it changes, and only that
    catalogue = document.catalogue
    document.edit("Set", lambda d: edits.set_setting(d, "", "last", "out_channels", 8, catalogue))
    qtbot.waitUntil(lambda: said("last").startswith("was "), timeout=ENGINE)
    assert not said("stage").startswith("was") and "has changed since" in bar.text
    rows = {row.name: row for row in panel.model.rows}
    assert rows["last"].timing.old and not rows["first"].timing.old
    document.undo_stack.undo()
    qtbot.waitUntil(lambda: checked() and not said("last").startswith("was"), timeout=ENGINE)
    assert "has changed since" not in bar.text
    document.edit("Set", lambda d: edits.set_setting(d, "", "last", "groups", 3, catalogue))
    qtbot.waitUntil(checked, timeout=ENGINE)
    click(bar.go)
    qtbot.waitUntil(lambda: "Mend that, then measure" in bar.text, timeout=ENGINE)
    assert "groups = 3" in bar.text and document.timings.profile is told, "what was measured before stays"
    document.undo_stack.undo()
    qtbot.waitUntil(lambda: checked() and document.design == DESIGN, timeout=ENGINE)

    # closed, the canvas is as it was; a drawing that is loaded has no figures
    view.scene_.clearSelection()
    click(bar.close_button)
    assert not bar.isVisible() and said("stage") == "" and shade(view, "stage") == cool
    assert document.timings.of("first") is not None, "the table keeps them"
    document.load(chain(node("image", "Input", size=(3, 32, 32)), OUTPUT), None)
    assert document.timings.profile is None


def select(qtbot: Any, window: MainWindow, id: str) -> NodePage:
    window.canvas.scene_.select([id])
    qtbot.waitUntil(lambda: isinstance(window.inspector.page, NodePage) and window.inspector.page.id == id)
    qtbot.waitUntil(window.inspector.page.measured.isVisible)  # type: ignore[attr-defined]
    return window.inspector.page  # type: ignore[no-any-return]


# without an engine ----------------------------------------------------------------------------------------------------


class Engines(FakeEngines):
    stopped = ""

    @property
    def jobs(self) -> list[Any]:
        return []


def analysed(document: Document, channels: int = 64) -> Analysis:
    """An analysis of the canvas' small drawing."""
    out = PortShape("out", "tensor", (Tensor((1, channels, 32, 32)),))
    nodes = tuple(NodeReport(n.id, n.id, "", n.id, n.block, outputs=(out,)) for n in document.design.nodes)
    return Analysis(document.revision, True, False, nodes=nodes)


def told(**shares: float) -> Profile:
    nodes = tuple(NodeTime(id, forward=share / 1000, share=share) for id, share in shares.items())
    return Profile("j", "cpu", "CPU, 2 cores", 1, 5, 0.001, 0.0001, threads=2, nodes=nodes)


@pytest.fixture
def measured(view: CanvasView, document: Document) -> Document:
    analysis = analysed(document)
    document.set_analysis(analysis)
    document.overlay.show("time")
    document.timings.take(told(conv=0.75, relu=0.25), document.design, analysis)
    return document


def test_warmth_goes_with_the_share_of_the_time(view: CanvasView, measured: Document) -> None:
    shades = {id: shade(view, id) for id in ("image", "relu", "conv")}
    assert redder(shades["conv"], shades["relu"]) and redder(shades["relu"], shades["image"])
    texts = {id: item.face.heat.text for id, item in view.scene_.nodes.items() if item.face.heat is not None}
    assert texts == {"image": "", "conv": "750 µs, 75 %", "relu": "250 µs, 25 %", "output": ""}
    view.set_zoom(0.1)
    far = view.mapFromScene(view.scene_.nodes["conv"].rect.center())
    warm = picture(view).pixelColor(far)
    measured.overlay.show("")
    assert picture(view).pixelColor(far) != warm and view.scene_.nodes["conv"].face.heat is None


def test_the_edges_of_a_selection_and_of_a_problem_stay(view: CanvasView, measured: Document) -> None:
    view.set_zoom(1.0)
    view.scene_.select(["conv"])
    item = view.scene_.nodes["conv"]
    edge = view.mapFromScene(item.rect.left() + 60, item.rect.top())
    assert picture(view).pixelColor(edge).blue() > picture(view).pixelColor(edge).red() + 60, "the accent"


def test_an_edit_that_changes_a_shape_makes_a_figure_old_and_undo_takes_that_back(measured: Document) -> None:
    timings, before = measured.timings, measured.design
    measured.edit("Move", lambda d: edits.move(d, "", {"relu": (600, 40)}))
    measured.set_analysis(analysed(measured))
    assert measured.design is not before and not timings.outdated, "where a node stands costs nothing"
    measured.edit("Rename", lambda d: edits.rename(d, "", "relu", "act"))
    measured.set_analysis(analysed(measured))
    assert not timings.of("relu").old  # type: ignore[union-attr]
    measured.edit("Set", lambda d: edits.set_setting(d, "", "conv", "kernel_size", (5, 5), measured.catalogue))
    measured.set_analysis(analysed(measured))
    assert timings.outdated and timings.of("conv").old and not timings.of("relu").old  # type: ignore[union-attr]
    assert timings.of("conv").text == "was 750 µs"  # type: ignore[union-attr]
    measured.undo_stack.undo()
    measured.set_analysis(analysed(measured, channels=32))
    assert timings.of("conv").old and timings.of("relu").old, "other shapes"  # type: ignore[union-attr]
    measured.set_analysis(analysed(measured))
    assert not timings.outdated


def test_it_waits_until_the_drawing_is_checked_and_tells_what_fails(qtbot: Any, document: Document) -> None:
    document.load(CHAIN, None)
    engines = Engines()
    bar = ProfileBar(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(bar)
    bar.open()
    click(bar.go)
    assert bar.busy and not engines.started
    analysis = analysed(document)
    document.set_analysis(analysis)
    (job,) = engines.started
    assert job.request == GetProfile("", document.design, device="cpu")
    job.failed.emit("The engine for this measurement was killed. Measure again.")
    assert "was killed" in bar.text and not bar.busy and bar.go.text() == "Measure"
    click(bar.go)
    second = engines.started[1]
    bar.shut()
    assert second.cancelled and not bar.busy
    second.finished.emit(told(conv=1.0))
    assert document.timings.profile is None, "nobody waits for it any more"
    bar.open()
    click(bar.go)
    document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "out_channels", 8, document.catalogue))
    document.set_analysis(analysed(document, channels=8))
    engines.started[2].finished.emit(told(conv=0.5, relu=0.5))
    assert document.timings.of("conv").old, "it was measured of the drawing before the edit"  # type: ignore[union-attr]
    click(bar.go)
    document.load(Design(), None)
    assert engines.started[3].cancelled and document.timings.profile is None
    engines.stopped = "The engine ended."
    bar.measure()
    assert "engine is off" in bar.text


def test_only_devices_that_are_there_are_offered_a_gpu_first(qtbot: Any, document: Document) -> None:
    present = (Device("cpu", "CPU, 2 cores"), Device("cuda:0", "A card"), Device("mps", "Apple GPU", "no Mac"))
    document.load(CHAIN, None)
    document.set_analysis(analysed(document))
    engines = Engines(replace(DEVICES, devices=present))
    bar = ProfileBar(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(bar)
    bar.open()
    assert bar.device.isVisible() and [bar.device.itemText(i) for i in range(bar.device.count())] == ["CPU", "A card"]
    click(bar.go)
    assert engines.started[0].request.device == "cuda:0"


def test_a_measurement_in_words() -> None:
    one = told(conv=0.75, relu=0.25)
    assert summary(one) == "1.00 ms a pass (± 100 µs). CPU, 2 cores, 2 threads, batch 1, 5 repeats; " + (
        "the nodes add up to 1.00 ms."
    )
    assert [figures.duration(s) for s in (0, 4.32e-8, 9.996e-6, 0.99951e-3, 0.0124, 2.314, 75.2)] == [
        "0 µs", "0.04 µs", "10.0 µs", "1.00 ms", "12.4 ms", "2.31 s", "75.2 s",
    ]  # fmt: skip
    assert [figures.percent(s) for s in (0, 0.0001, 0.004, 0.0996, 0.18, 1)] == [
        "0 %", "< 0.1 %", "0.4 %", "10 %", "18 %", "100 %",
    ]  # fmt: skip
