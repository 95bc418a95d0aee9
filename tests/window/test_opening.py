"""Opening blocks up in the real window with the real engine, down to torch's layers."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from app.design import edits
from app.window.canvas import menus
from app.window.main_window import MainWindow
from tests.readable import crossed
from tests.window.conftest import ENGINE, let_a_spare_start

OPEN_UP = (Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)


@pytest.fixture
def resnet(real_window: MainWindow, qtbot: Any) -> MainWindow:
    """ResNet-18, checked."""
    assert real_window.files.open_known("resnet18")
    qtbot.waitUntil(lambda: checked(real_window), timeout=ENGINE)
    return real_window


def checked(window: MainWindow) -> bool:
    analysis = window.document.analysis
    return analysis is not None and analysis.revision == window.document.revision


def totals(window: MainWindow) -> tuple[object, ...]:
    analysis = window.document.analysis
    assert analysis is not None
    return analysis.valid, analysis.parameters, analysis.macs, analysis.outputs


def header(window: MainWindow, id: str) -> QPoint:
    rect = window.canvas.scene_.nodes[id].rect
    window.canvas.reveal(id)
    return window.canvas.mapFromScene(QPointF(rect.center().x(), rect.top() + 12))


def click(window: MainWindow, id: str) -> None:
    QTest.mouseClick(window.canvas.viewport(), Qt.MouseButton.LeftButton, pos=header(window, id))
    assert window.canvas.selected_ids() == [id]


def open_up(window: MainWindow, qtbot: Any, id: str) -> None:
    """Click a node, press Ctrl+Shift+E, and wait until the drawing with its inside is checked."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    click(window, id)
    QTest.keyClick(window.canvas, *OPEN_UP)
    qtbot.waitUntil(lambda: bool(window.document.graph.by_id[id].group), timeout=ENGINE)
    qtbot.waitUntil(lambda: checked(window), timeout=ENGINE)


def enter(window: MainWindow, id: str) -> None:
    QTest.mouseDClick(window.canvas.viewport(), Qt.MouseButton.LeftButton, pos=header(window, id))
    assert window.document.path[-1] == id


def blocks(window: MainWindow) -> dict[str, str]:
    return {node.id: node.block for node in window.document.graph.nodes}


def first(window: MainWindow, block: str) -> str:
    return next(id for id, name in blocks(window).items() if name == block)


def test_resnet_opens_from_the_backbone_down_to_the_layers_of_torch(resnet: MainWindow, qtbot: Any) -> None:
    drawn, before = resnet.document.design, totals(resnet)
    assert before[:2] == (True, 11_689_512)
    for block in ("ResidualBackbone", "ResidualStage", "BasicBlock", "ConvNormAct"):
        id = first(resnet, block)
        place = resnet.document.path
        open_up(resnet, qtbot, id)
        assert totals(resnet) == before, f"{block} opened computes something else"
        assert resnet.document.path == place, "it stays as a Group until it is entered"
        assert resnet.canvas.selected_ids() == [id]
        enter(resnet, id)
        assert not crossed(resnet.canvas.scene_), f"inside {block} a wire runs over a node"
    assert "Conv2d" in blocks(resnet).values()
    click(resnet, first(resnet, "Conv2d"))
    assert not resnet.actions_["open up"].isEnabled(), "a layer of torch has no parts"
    assert "single layer" in resnet.actions_["open up"].toolTip()
    assert resnet.document.undo_stack.count() == 4, "one step each"
    for _ in range(4):
        resnet.actions_["undo"].trigger()
    assert resnet.document.design == drawn and resnet.document.path == ()
    qtbot.waitUntil(lambda: checked(resnet), timeout=ENGINE)
    assert totals(resnet) == before


def test_the_context_menu_says_what_opens_and_what_does_not(resnet: MainWindow, qtbot: Any) -> None:
    def entry(id: str) -> Any:
        menu: QMenu = menus.menu_at(resnet.canvas, resnet.canvas.mapToScene(header(resnet, id)))
        return next(a for a in menu.actions() if a.text() == "Open up")

    assert entry("head").isEnabled()
    image = entry("image")
    assert not image.isEnabled() and "single layer" in image.toolTip()
    entry("head").trigger()
    qtbot.waitUntil(lambda: bool(resnet.document.design.by_id["head"].group), timeout=ENGINE)
    assert "head is a Group now" in resnet.status.hint.text()
    menu = menus.menu_at(resnet.canvas, resnet.canvas.mapToScene(header(resnet, "head")))
    assert "Open up" not in [a.text() for a in menu.actions()], "a Group is entered"


def test_an_engine_that_dies_over_it_costs_nothing(resnet: MainWindow, qtbot: Any) -> None:
    drawn, said = resnet.document.design, []
    resnet.document.refused.connect(said.append)
    let_a_spare_start(resnet)
    qtbot.waitUntil(lambda: resnet.engines.spare_ready, timeout=ENGINE)
    click(resnet, "backbone")
    os.kill(resnet.engines.analysis_pid, signal.SIGSTOP)  # so that it cannot answer before it dies
    resnet.actions_["open up"].trigger()
    assert "Opening backbone" in resnet.status.hint.text()
    assert not resnet.actions_["open up"].isEnabled(), "one at a time"
    os.kill(resnet.engines.analysis_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: bool(said), timeout=ENGINE)
    assert "killed" in said[0] and "The drawing is untouched. Open it up again." in said[0]
    assert resnet.document.design is drawn
    open_up(resnet, qtbot, "backbone")


def test_an_answer_for_an_older_drawing_is_not_put_in(resnet: MainWindow, qtbot: Any) -> None:
    said: list[str] = []
    resnet.document.refused.connect(said.append)
    click(resnet, "backbone")
    resnet.actions_["open up"].trigger()
    catalogue = resnet.document.catalogue
    resnet.document.edit("Set", lambda d: edits.set_setting(d, "", "stem", "channels", 32, catalogue))
    qtbot.waitUntil(lambda: bool(said), timeout=ENGINE)
    assert said == ["The drawing changed while backbone was being opened: open it up again."]
    assert resnet.document.design.by_id["backbone"].block == "ResidualBackbone"
