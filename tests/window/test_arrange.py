"""Arranging: the layout in its thread, lining up, straightening, the lasso, all by the window's menus and mouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt, QTimer
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from app.design import file
from app.design.grouping import collapse
from app.design.values import Design
from app.window import theme as themes
from app.window.canvas import glide
from app.window.canvas.lining import HOW
from app.window.canvas.view import CanvasView
from app.window.main_window import MainWindow
from tests.readable import covered, crossed
from tests.window.canvas_hands import CARDS, body, drag, key, node, wire

ALT, SHIFT = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ShiftModifier
SKIP = Design(
    nodes=(
        node("image", "Input", 0), node("conv", "Conv2d", 0), node("relu", "ReLU", 0), node("add", "Add", 0),
        node("output", "Output", 0),
    ),
    wires=(
        wire("image", "conv"), wire("conv", "relu"), wire("relu", "add", "a"), wire("image", "add", "b"),
        wire("add", "output"),
    ),
)  # fmt: skip
"""A block with a skip; every node lies over every other."""


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The real window without its engines: what is arranged needs none."""
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    made = MainWindow()
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.resize(1366, 768)
    made.document.set_catalogue(CARDS)
    made.document.load(SKIP, None)
    made.show()
    qtbot.waitExposed(made)
    made.canvas.setFocus()
    yield made
    made.close()
    made.deleteLater()


def laid_out(qtbot: Any, window: MainWindow, name: str = "lay out") -> None:
    window.actions_[name].trigger()
    qtbot.waitUntil(lambda: not window.canvas.arranger.busy)
    qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)


def places(window: MainWindow) -> dict[str, tuple[float, float]]:
    return {n.id: (n.x, n.y) for n in window.document.graph.nodes}


def test_a_heap_of_nodes_is_laid_out_in_one_step_and_comes_back(qtbot: Any, window: MainWindow) -> None:
    before = places(window)
    assert covered(window.canvas.scene_)
    QTest.keyClick(window.canvas, Qt.Key.Key_L)
    qtbot.waitUntil(lambda: not window.canvas.arranger.busy)
    qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)
    after, scene = places(window), window.canvas.scene_
    assert not covered(scene) and not crossed(scene)
    assert after["image"][0] < after["conv"][0] < after["relu"][0] < after["add"][0] < after["output"][0]
    assert all(x % 4 == 0 and y % 4 == 0 for x, y in after.values())
    assert all((item.pos().x(), item.pos().y()) == after[id] for id, item in scene.nodes.items())
    assert window.document.undo_stack.count() == 1
    window.actions_["undo"].trigger()
    assert places(window) == before


def test_it_glides_there_unless_less_motion_is_wanted(
    qtbot: Any, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    glided: list[int] = []
    window.canvas.arranger.glide._clock.valueChanged.connect(lambda _part: glided.append(1))
    monkeypatch.setenv("NETLOOM_CALM", "1")
    laid_out(qtbot, window)
    assert glide.calm() and not glided
    monkeypatch.setenv("NETLOOM_CALM", "0")
    window.actions_["undo"].trigger()
    laid_out(qtbot, window)
    assert glided


def test_top_to_bottom_is_chosen_in_the_menu(qtbot: Any, window: MainWindow) -> None:
    ways = next(a.menu() for a in window.actions_.arrange.actions() if a.text() == "Direction")
    next(a for a in ways.actions() if a.text() == "From top to bottom").trigger()
    laid_out(qtbot, window)
    after = places(window)
    assert after["image"][1] < after["conv"][1] < after["relu"][1] < after["add"][1] < after["output"][1]
    assert not covered(window.canvas.scene_)


def test_only_the_selection_moves(qtbot: Any, window: MainWindow) -> None:
    window.canvas.scene_.select(["conv", "relu"])
    laid_out(qtbot, window, "lay out selection")
    after = places(window)
    assert after["conv"] == (0, 0) and after["relu"][0] > 144
    assert {after[id] for id in ("image", "add", "output")} == {(0, 0)}


def test_a_groups_inside_is_laid_out_alone(qtbot: Any, window: MainWindow) -> None:
    document = window.document
    document.edit("Group", lambda d: collapse(d, "", ["conv", "relu"], "inside", document.catalogue)[0])
    top = places(window)
    document.enter("inside")
    laid_out(qtbot, window)
    assert not covered(window.canvas.scene_)
    document.leave()
    assert places(window) == top


def test_a_long_layout_is_announced_and_can_be_stopped(
    qtbot: Any, window: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes enough that the clock of the notice runs out; it is set to none, so that no machine is too fast."""
    many = 1500
    nodes = [node(f"n{i}", "Add", 0) for i in range(many)]
    wires = [wire(f"n{i - step}", f"n{i}", "ab"[step > 1]) for i in range(40, many) for step in (1, 7 + i % 31)]
    window.document.load(Design(nodes=tuple(nodes), wires=tuple(wires)), None)
    arranger, before = window.canvas.arranger, places(window)
    arranger._late.setInterval(0)
    window.actions_["lay out"].trigger()
    waiting = window.canvas.waiting
    qtbot.waitUntil(waiting.isVisible)
    assert waiting.notice.text == "Laying out 1,500 nodes…"
    QTest.mouseClick(waiting.notice.button("Cancel"), Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not arranger.busy)
    assert waiting.isHidden() and places(window) == before and not window.document.undo_stack.count()


SPREAD = Design(nodes=(node("a", "Conv2d", 0, 0), node("b", "ReLU", 412, 92), node("c", "Input", 900, 300)))
EDGES = {
    "align left": lambda r: r.left(), "align centre": lambda r: r.center().x(), "align right": lambda r: r.right(),
    "align top": lambda r: r.top(), "align middle": lambda r: r.center().y(), "align bottom": lambda r: r.bottom(),
}  # fmt: skip


def test_selected_nodes_align_by_their_keys(qtbot: Any, window: MainWindow) -> None:
    for name, edge in EDGES.items():
        window.document.load(SPREAD, None)
        window.canvas.select_all()
        QTest.keySequence(window.canvas, window.actions_[name].shortcut())
        qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)
        at = [edge(item.rect) for item in window.canvas.scene_.nodes.values()]
        assert max(at) - min(at) <= 4, name  # the grid
        assert window.document.undo_stack.undoText() == HOW[name][0]


def test_selected_nodes_are_spread_evenly(qtbot: Any, window: MainWindow) -> None:
    window.document.load(SPREAD, None)
    window.canvas.select_all()
    for name in ("distribute across", "distribute down"):
        window.actions_[name].trigger()
        qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)
    a, b, c = (window.canvas.scene_.nodes[id].rect for id in "abc")
    assert abs((b.left() - a.right()) - (c.left() - b.right())) <= 4
    assert abs((b.top() - a.bottom()) - (c.top() - b.bottom())) <= 4
    assert (a.left(), a.top(), c.left(), c.top()) == (0, 0, 900, 300)


def test_a_chain_is_straightened_by_its_ports(qtbot: Any, window: MainWindow) -> None:
    crooked = [node(id, block, 300 * i, 37 * i) for i, (id, block) in enumerate(
        (("image", "Input"), ("conv", "Conv2d"), ("relu", "ReLU"), ("output", "Output"))
    )]  # fmt: skip
    chain = (wire("image", "conv"), wire("conv", "relu"), wire("relu", "output"))
    window.document.load(Design(nodes=tuple(crooked), wires=chain), None)
    window.canvas.select_all()
    window.actions_["straighten"].trigger()
    qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)
    for item in window.canvas.scene_.wires.values():
        assert abs(item.curve.start.y() - item.curve.end.y()) <= 4
    assert [x for x, _ in places(window).values()] == [0, 300, 600, 900]


def around(view: CanvasView, ids: list[str], modifier: Qt.KeyboardModifier) -> None:
    """Draw a line by hand around nodes, from the void."""
    rects = [view.mapFromScene(view.scene_.nodes[id].rect).boundingRect() for id in ids]
    left, top = min(r.left() for r in rects) - 14, min(r.top() for r in rects) - 14
    right, bottom = max(r.right() for r in rects) + 14, max(r.bottom() for r in rects) + 14
    corners = [QPoint(left, top), QPoint(right, top), QPoint(right, bottom), QPoint(left, bottom)]
    where = view.viewport()
    QTest.mousePress(where, Qt.MouseButton.LeftButton, modifier, corners[0])
    for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
        for part in (0.25, 0.5, 0.75, 1.0):
            QTest.mouseMove(where, start + (end - start) * part)


def test_the_lasso_chooses_what_it_goes_around_and_adds_with_shift(view: CanvasView) -> None:
    around(view, ["conv"], ALT)
    drawn = view.grab().toImage()
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, ALT)
    assert view.selected_ids() == ["conv"]
    assert view.grab().toImage() != drawn  # the line was seen, and is gone
    around(view, ["output"], ALT | SHIFT)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, ALT | SHIFT)
    assert set(view.selected_ids()) == {"conv", "output"}
    around(view, ["image"], ALT)
    key(view, Qt.Key.Key_Escape)
    assert set(view.selected_ids()) == {"conv", "output"}
    assert view.gesture is None


def test_alt_on_a_node_still_copies_it(view: CanvasView) -> None:
    count = len(view.scene_.nodes)
    drag(view, body(view, "conv"), body(view, "conv") + QPoint(0, 120), ALT)
    assert len(view.scene_.nodes) == count + 1


def test_a_file_without_places_is_laid_out_when_it_is_opened(qtbot: Any, window: MainWindow, tmp_path: Path) -> None:
    file.save(SKIP, tmp_path / "heap.netloom")
    window.files.open(tmp_path / "heap.netloom")
    qtbot.waitUntil(lambda: window.document.undo_stack.count() == 1)
    assert window.document.file is not None and window.document.file.name == "heap.netloom"
    qtbot.waitUntil(lambda: not window.canvas.arranger.glide.running)
    assert not covered(window.canvas.scene_)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_the_arrange_menu_outlives_the_context_menu_that_shows_it(qtbot: Any, window: MainWindow) -> None:
    def look() -> None:
        shown = QApplication.activePopupWidget()
        assert isinstance(shown, QMenu)
        seen.append([action.text() for action in shown.actions()])
        shown.close()

    seen: list[list[str]] = []
    centre = window.canvas.viewport().rect().center()
    for _ in range(2):
        QTimer.singleShot(0, look)
        event = QContextMenuEvent(QContextMenuEvent.Reason.Keyboard, centre, window.canvas.mapToGlobal(centre))
        QApplication.sendEvent(window.canvas.viewport(), event)
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert len(seen) == 2 and all("Arrange" in [text.replace("&", "") for text in texts] for texts in seen)
    assert window.canvas.arrange_menu is not None and window.canvas.arrange_menu.actions()
