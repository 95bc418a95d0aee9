"""Nodes that fare ill in training: lit on the canvas, listed, and drawn on the page of layers; real window and engine,
then a fake engine for the rest."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from app.design import edits
from app.design.changes import SetRecipe
from app.design.values import Design, End, Node, Recipe, Settings, Wire
from app.messages.reports import Fix
from app.messages.watch import NAME, Histogram, LayerWatch, Trouble, Watched, encode
from app.window.canvas import painting
from app.window.canvas.tips import tip
from app.window.main_window import MainWindow
from app.window.problems import ProblemsPanel
from app.window.runs import FINISHED
from app.window.theme import theme
from app.window.training import TrainingPanel
from app.window.watch_page import WatchPage
from app.window.watch_pictures import power
from tests.window.canvas_hands import shown
from tests.window.conftest import ENGINE
from tests.window.fake_engines import CARDS, small_design
from tests.window.test_access import faults

LEFT = Qt.MouseButton.LeftButton
BY_ID = {card.id: card for card in CARDS}
RECIPE = Recipe(
    data="digits", epochs=2, batch_size=64, learning_rate=0.01, optimizer="sgd", schedule="constant", seed=3
)  # fmt: skip

pytestmark = pytest.mark.xdist_group("insight")


def sigmoids(count: int) -> Design:
    """Digits through so many sigmoids into a cross-entropy."""
    nodes = [Node("image", "Input", settings=Settings(size=(1, 8, 8))), Node("flat", "Flatten")]
    for i in range(1, count + 1):
        nodes += [Node(f"fc{i}", "Linear", settings=Settings(out_features=24)), Node(f"act{i}", "Sigmoid")]
    nodes += [Node("head", "Linear", settings=Settings(out_features=10))]
    wires = [Wire(End(a.id, "out"), End(b.id, "x")) for a, b in pairwise(nodes)]
    nodes += [Node("label", "Target"), Node("loss", "CrossEntropy")]
    wires += [Wire(End("head", "out"), End("loss", "x")), Wire(End("label", "out"), End("loss", "target"))]
    placed = [replace(n, x=250.0 * (i % 6), y=170.0 * (i // 6)) for i, n in enumerate(nodes)]
    return Design(nodes=tuple(placed), wires=tuple(wires), recipe=RECIPE)


def click(widget: QWidget) -> None:
    assert widget.isVisible(), widget
    QTest.mouseClick(widget, LEFT)


def click_tab(window: MainWindow, name: str) -> Any:
    tabs = window.bottom.tabs
    index = next(i for i in range(tabs.count()) if tabs.tabText(i).startswith(name))
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(index).center())
    return window.bottom.panel(name)


def click_bar(page: WatchPage, id: str) -> None:
    index = next(i for i, layer in enumerate(page.flow.layers) if layer.id == id)
    QTest.mouseClick(page.flow, LEFT, pos=page.flow.bar(index).center().toPoint())


def layers_page(qtbot: Any, panel: TrainingPanel) -> WatchPage:
    """Click the tab of the layers, once there is one."""
    qtbot.waitUntil(lambda: panel.views is not None and panel.views.tabs.isVisible())
    tabs = panel.views.tabs
    qtbot.waitUntil(lambda: bool(tabs.isTabVisible(2)))
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(2).center())
    assert panel.views.layers.isVisible()
    return panel.views.layers


def train(qtbot: Any, window: MainWindow, design: Design) -> Any:
    window.document.load(design, None)
    panel = click_tab(window, "Training")
    qtbot.waitUntil(lambda: window.document.analysis is not None, timeout=ENGINE)
    click(panel.start_button)
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)
    return panel


def test_nodes_that_fare_ill_are_lit_while_training_and_after(qtbot: Any, real_window: MainWindow) -> None:
    window, document = real_window, real_window.document
    panel = train(qtbot, window, sigmoids(12))
    run = panel.runs.last
    assert run.state == FINISHED and [t.id for t in run.watched[-1].troubles] == ["fc1"]
    item = window.canvas.scene_.nodes["fc1"]
    assert item.face.trouble.startswith("`fc1`: the gradient vanishes") and not item.face.broken
    assert painting.far_colour(item.face, item.state) == theme.color("warn")
    assert window.canvas.scene_.nodes["head"].face.trouble == ""
    window.canvas.reveal("fc1")
    hit = window.canvas.scene_.hit(item.rect.center())
    assert "In training: " in tip(window.canvas.scene_, hit) and "12 sigmoids" in tip(window.canvas.scene_, hit)
    assert window.canvas.bubble.isVisible() and window.canvas.bubble._sentence.text().startswith("`fc1`: the gradient")
    badge = window.canvas.grab().toImage()
    at = window.canvas.mapFromScene(item.pos() + QPointF(item.geometry.width - 15, -6))
    drawn, wanted = QColor(badge.pixel(at)), theme.color("warn")
    assert abs(drawn.hue() - wanted.hue()) < 6 and drawn.saturation() > 120, "the badge is drawn"

    problems = click_tab(window, "Problems")
    (row,) = [row for row in problems.rows if row.problem.code == "vanishing"]
    window.canvas.scene_.clearSelection()
    click(row.sentence)
    assert window.canvas.selected_ids() == ["fc1"], "a click on the problem leads there"

    click_tab(window, "Training")
    page = layers_page(qtbot, panel)
    assert page.isVisible() and [at.id for at in page.flow.layers] == [*(f"fc{i}" for i in range(1, 13)), "head"]
    assert page.current == "fc1" and page.flow.ill["fc1"] == "warning" and "head" not in page.flow.ill
    assert page.flow.span[0] <= -8
    assert faults(panel) == [], "names, tips and keys"
    click_bar(page, "fc7")
    assert window.canvas.selected_ids() == ["fc7"], "a click on a bar selects its node"
    page.flow.setFocus()
    QTest.keyClick(page.flow, Qt.Key.Key_Right)
    assert window.canvas.selected_ids() == ["fc8"] and page.said.text().startswith("fc8 · vanishing · gradient ")

    document.edit("Wider", lambda d: edits.set_setting(d, "", "fc1", "out_features", 48, document.catalogue))
    assert window.canvas.scene_.nodes["fc1"].face.trouble == "", "it is another node now"
    document.undo_stack.undo()
    assert window.canvas.scene_.nodes["fc1"].face.trouble


# with a fake engine ---------------------------------------------------------------------------------------------------


def layer(id: str, gradient: float = 1e-3) -> LayerWatch:
    parts = tuple(50 if 10 <= i < 30 else 0 for i in range(40))
    return LayerWatch(id, id, Histogram(-1, 1, parts), Histogram(-12, 4, parts, True), 0.1, gradient, 1.0)


def told(step: int, *troubles: Trouble, count: int = 1) -> Watched:
    return Watched("", 1, step, tuple(layer("linear" if not i else f"more{i}") for i in range(count)), troubles)


DEAD = Trouble("dead", "warning", "linear", "linear", "", "linear", "`linear`: it is dead.")


def test_what_is_found_comes_and_goes_with_the_measurements(made: Any) -> None:
    document, engines, panel = made
    click(panel.start_button)
    job = engines.started[-1]
    assert job.request.watch == "lightly"
    job.tell(1, 5, "train", loss=2.0)
    job.watched.emit(told(5, DEAD))
    assert [p.message for p in document.open_problems] == ["`linear`: it is dead."]
    counted = []
    document.findings.changed.connect(lambda: counted.append(1))
    job.watched.emit(told(10, replace(DEAD, message="`linear`: it is deader.")))
    assert not counted and document.findings.at("linear").message == "`linear`: it is dead.", "it is not reworded"
    job.watched.emit(told(15))
    assert document.open_problems == () and document.findings.at("linear") is None
    job.watched.emit(told(20, DEAD))
    job.failed.emit("It broke.")
    assert document.findings.at("linear") is not None, "it stays after the run"
    click(panel.notice.button("Resume"))
    engines.started[-1].watched.emit(told(12))
    assert [w.step for w in panel.runs.last.watched] == [5, 10, 12], "what is measured anew takes its place"
    document.load(small_design(), None)
    document.number += 1
    document.opened.emit()
    assert document.open_problems == (), "another drawing has findings of its own"


def test_a_loss_that_is_no_number_lights_the_node_that_broke_it_and_offers_the_fix(made: Any, qtbot: Any) -> None:
    document, engines, panel = made
    view, problems = shown(qtbot, document), ProblemsPanel(document)
    qtbot.addWidget(problems)
    problems.show()
    click(panel.start_button)
    job = engines.started[-1]
    lower = replace(document.design.recipe, learning_rate=1e-4)
    fix = Fix("Lower the learning rate to 0.0001", 0, (SetRecipe(lower),))
    broken = Trouble("not-finite", "error", "linear", "linear", "", "linear", "`linear`: it broke.", fixes=(fix,))
    job.watched.emit(Watched("", 1, 5, (), (broken,)))
    job.failed.emit("The loss is not a number any more. `linear`: it broke.")
    item = view.scene_.nodes["linear"]
    assert item.face.broken and painting.far_colour(item.face, item.state) == theme.color("error")
    assert not view.scene_.nodes["flatten"].face.trouble
    (row,) = [row for row in problems.rows if row.problem.code == "not-finite"]
    (button,) = row.findChildren(QPushButton)
    assert button.text().startswith("Lower the learning rate to 0.0001")
    qtbot.waitUntil(button.isVisible)
    click(button)
    assert document.design.recipe.learning_rate == 1e-4 and document.undo_stack.count() == 1
    assert panel.empty.text.endswith("`linear`: it broke."), "a broken run keeps no one from the next"
    assert panel.start()


def test_closely_is_asked_for_by_a_switch(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    click(panel.start_button)
    engines.started[-1].tell(1, 5, "train", loss=2.0)
    qtbot.waitUntil(lambda: panel.curves is not None and panel.curves.isVisible())
    assert not panel.views.tabs.isVisible(), "nothing was measured yet"
    engines.started[-1].watched.emit(told(5, count=40))
    page = layers_page(qtbot, panel)
    assert len(page.flow.layers) == 40
    click(page.closely)
    engines.started[-1].failed.emit("It broke.")
    click(panel.notice.button("Start again"))
    assert engines.started[-1].request.watch == "closely"
    engines.started[-1].tell(1, 5, "train", loss=2.0)
    qtbot.waitUntil(panel.curves.isVisible)
    assert not panel.views.tabs.isVisible() and not page.isVisible(), "of the new run nothing was measured yet"
    engines.started[-1].watched.emit(told(5))
    qtbot.waitUntil(page.isVisible)
    QTest.mouseClick(panel.views.tabs, LEFT, pos=panel.views.tabs.tabRect(0).center())
    assert panel.curves.isVisible() and not page.isVisible()


def test_the_pictures_say_what_they_show(made: Any, qtbot: Any) -> None:
    _, engines, panel = made
    click(panel.start_button)
    engines.started[-1].tell(1, 5, "train", loss=2.0)
    qtbot.waitUntil(lambda: panel.curves is not None and panel.curves.isVisible())
    for step in (5, 10, 20):
        engines.started[-1].watched.emit(
            Watched("", 1, step, (layer("linear", 1e-9), layer("more"), LayerWatch("act", "act", dead=0.5)), (DEAD,))
        )
    page = layers_page(qtbot, panel)
    assert len(page.flow.layers) == 2
    assert "weakest at linear with 1e-08 of the weights" in page.flow.accessibleName()
    assert page.gradients.accessibleName() == "Gradients of linear over 3 measurements"
    assert page.gradients.reach == (-8.0, 0.0, True) and page.weights.reach == (-1.0, 1.0, False)
    picture = page.weights.grab().toImage()
    plot = page.weights.plot
    middle = QColor(picture.pixel(plot.center().toPoint()))
    edge = QColor(picture.pixel(QPoint(round(plot.center().x()), round(plot.top() + 3))))
    assert middle != edge and edge == theme.color("canvas"), "what is there is drawn, what is not is the ground"
    assert [power(e) for e in (-12, 0, 1, 4)] == ["10⁻¹²", "1", "10", "10⁴"]


def test_a_run_that_is_taken_from_its_folder_shows_its_layers(made: Any, tmp_path: Path) -> None:
    from app.design import file
    from app.window.run_folder import Kept, Reader

    document, _, panel = made
    folder = tmp_path / "runs" / "old"
    folder.mkdir(parents=True)
    file.save(document.design, folder / "design.netloom")
    (folder / "metrics.csv").write_text("epoch,step,split,name,value\n1,5,train,loss,2.0\n")
    (folder / NAME).write_bytes(encode(told(5)) + b"\n" + encode(told(10, DEAD)) + b"\n" + b'{"type":"Wat')
    kept = Kept(folder)
    news = Reader(folder).read()
    assert news is not None
    kept.take(news)
    run = panel.runs.adopt(kept)
    assert run is not None and [w.step for w in run.watched] == [5, 10], "a line that was cut short is left out"
    assert document.findings.at("linear") is not None
    shutil.rmtree(folder)
