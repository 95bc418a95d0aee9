"""Wires cut by a stroke, nodes put into wires and taken out of them, by real mouse and key events."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest

from app.design import edits
from app.design.values import Design
from app.window.canvas.view import CanvasView
from tests.window.canvas_hands import CHAIN, body, drag, key, node, port, wire

CONTROL, RIGHT = Qt.KeyboardModifier.ControlModifier, Qt.MouseButton.RightButton
ROW = Design(
    nodes=CHAIN.nodes,
    wires=(wire("image", "conv"), wire("conv", "relu"), wire("relu", "output")),
)


def middle(view: CanvasView, source: str, target: str) -> QPoint:
    return (port(view, source, "out", output=True) + port(view, target, "x")) / 2


def stroke(view: CanvasView, *, release: bool = True) -> None:
    """Across the first two wires of the row."""
    first, second = middle(view, "image", "conv"), middle(view, "conv", "relu")
    points = [first + QPoint(0, -70), first + QPoint(0, 70), second + QPoint(0, 70), second + QPoint(0, -70)]
    where = view.viewport()
    QTest.mousePress(where, RIGHT, CONTROL, points[0])
    # Where the system asks for the menu on the press, the stroke must go on.
    asked = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, points[0], where.mapToGlobal(points[0]), CONTROL)
    QGuiApplication.sendEvent(where, asked)
    for point in points:
        QTest.mouseMove(where, point)
    if release:
        QTest.mouseRelease(where, RIGHT, CONTROL, points[-1])


# slicing --------------------------------------------------------------------------------------------------------------


def test_a_stroke_cuts_the_wires_that_it_crosses_in_one_step(view: CanvasView) -> None:
    view.document.load(ROW, None)
    stroke(view)
    assert view.document.design.wires == (wire("relu", "output"),)
    assert view.document.undo_stack.count() == 1 and view.document.undo_stack.undoText() == "Cut 2 wires"
    view.document.undo_stack.undo()
    assert view.document.design == ROW


def test_a_stroke_is_painted_says_what_it_would_cut_and_can_be_dropped(view: CanvasView) -> None:
    view.document.load(ROW, None)
    hints: list[str] = []
    view.hint.connect(hints.append)
    stroke(view, release=False)
    assert hints[-1] == "Release to cut 2 wires"
    picture, at = view.viewport().grab().toImage(), middle(view, "image", "conv") + QPoint(0, 40)
    assert max(picture.pixelColor(at + QPoint(x, 0)).red() for x in range(-2, 3)) > 150, "the stroke is red"
    key(view, Qt.Key.Key_Escape)
    assert view.gesture is None and view.document.design == ROW and hints[-1] == ""


def test_a_stroke_beside_all_wires_changes_nothing(view: CanvasView) -> None:
    drag(view, QPoint(40, 560), QPoint(900, 620), CONTROL, RIGHT)
    assert view.document.design == CHAIN and not view.document.undo_stack.count()


# into a wire ----------------------------------------------------------------------------------------------------------


def loose(view: CanvasView) -> None:
    nodes = (*ROW.nodes, node("norm", "ReLU", 200, 240), node("act", "ReLU", 460, 240), node("fpn", "FPN", 720, 240))
    view.document.load(Design(nodes=nodes, wires=ROW.wires), None)


def test_a_node_without_wires_dropped_on_a_wire_goes_into_it(view: CanvasView) -> None:
    loose(view)
    before, target = view.document.design, wire("conv", "relu")
    start, end = body(view, "norm"), middle(view, "conv", "relu")
    drag(view, start, end, release=False)
    assert view.scene_.wires[target].offered
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert set(view.document.design.wires) == {*ROW.wires} - {target} | {wire("conv", "norm"), wire("norm", "relu")}
    assert view.document.design.by_id["norm"].y < 240
    assert view.document.undo_stack.undoText() == "Insert norm"
    view.document.undo_stack.undo()
    assert view.document.design == before


def test_nodes_that_are_wired_among_themselves_go_in_together(view: CanvasView) -> None:
    loose(view)
    view.document.edit("Wire", lambda d: edits.connect(d, "", *ends("norm", "act"), view.document.catalogue))
    view.scene_.select(["norm", "act"])
    drag(view, body(view, "norm"), middle(view, "conv", "relu"))
    wanted = {wire("conv", "norm"), wire("norm", "act"), wire("act", "relu")}
    assert wanted <= set(view.document.design.wires) and wire("conv", "relu") not in view.document.design.wires


def ends(source: str, target: str):  # type: ignore[no-untyped-def]
    made = wire(source, target)
    return made.source, made.target


def test_a_node_of_another_kind_or_with_wires_is_only_moved(view: CanvasView) -> None:
    loose(view)
    for id in ("fpn", "relu"):
        drag(view, body(view, id), middle(view, "image", "conv"))
        assert view.document.design.wires == ROW.wires
        assert view.document.undo_stack.undoText() == f"Move {id}"
        view.document.undo_stack.undo()
    drag(view, body(view, "norm"), middle(view, "conv", "relu"), release=False)
    key(view, Qt.Key.Key_Escape)
    assert not any(item.offered for item in view.scene_.wires.values())
    assert view.scene_.nodes["norm"].pos().y() == 240


# out of a chain -------------------------------------------------------------------------------------------------------


def test_a_deleted_node_leaves_its_wire_whole(view: CanvasView) -> None:
    view.document.load(ROW, None)
    hints: list[str] = []
    view.hint.connect(hints.append)
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_Delete)
    assert set(view.document.design.wires) == {wire("image", "relu"), wire("relu", "output")}
    assert hints[-1].startswith("image now feeds relu")
    view.document.undo_stack.undo()
    assert view.document.design == ROW
    view.scene_.select(["conv", "relu"])  # several in a row
    key(view, Qt.Key.Key_Delete)
    assert view.document.design.wires == (wire("image", "output"),)
    view.document.undo_stack.undo()
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_Delete, CONTROL)
    assert view.document.design.wires == (wire("relu", "output"),)


def test_all_that_a_node_fed_is_fed_by_what_fed_it(view: CanvasView) -> None:
    nodes = (*ROW.nodes, node("add", "Add", 780, 240))
    wires = (*ROW.wires, wire("conv", "add", "a"), wire("relu", "add", "b"))
    view.document.load(Design(nodes=nodes, wires=wires), None)
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_Delete)
    assert set(view.document.design.wires) == {
        wire("image", "relu"), wire("relu", "output"), wire("image", "add", "a"), wire("relu", "add", "b"),
    }  # fmt: skip


def test_no_wire_comes_where_kinds_differ_or_two_wires_meet(view: CanvasView) -> None:
    nodes = (
        node("image", "Input", 0), node("net", "ResNet", 260), node("fpn", "FPN", 520),
        node("add", "Add", 260, 240), node("output", "Output", 520, 240),
    )  # fmt: skip
    wires = (
        wire("image", "net"), wire("net", "fpn"),
        wire("image", "add", "a"), wire("image", "add", "b"), wire("add", "output"),
    )  # fmt: skip
    view.document.load(Design(nodes=nodes, wires=wires), None)
    for id in ("net", "add"):
        view.scene_.select([id])
        key(view, Qt.Key.Key_Delete)
    assert view.document.design.wires == ()
