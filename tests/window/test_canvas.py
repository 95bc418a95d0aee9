"""The canvas, driven by real mouse and key events; what counts is the design that comes of them."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest

from app.design.values import Design, End
from app.window.canvas.drops import BLOCK_MIME, GROUP_MIME
from app.window.canvas.rename import Rename
from app.window.canvas.view import CanvasView
from tests.window.canvas_hands import CHAIN, body, drag, drop, key, port, wire

# palette drops --------------------------------------------------------------------------------------------------------


def test_dropping_a_block_adds_it_on_the_grid_and_selects_it(view: CanvasView) -> None:
    drop(view, BLOCK_MIME, "ReLU", QPoint(301, 503))
    added = view.document.design.by_id["relu_2"]
    assert (added.block, added.x % 4, added.y % 4) == ("ReLU", 0, 0)
    assert view.selected_ids() == ["relu_2"]
    centre = view.mapFromScene(view.scene_.nodes["relu_2"].rect.center())
    assert (centre - QPoint(301, 503)).manhattanLength() < 8
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN
    assert "relu_2" not in view.scene_.nodes


def test_dropping_a_block_on_a_wire_inserts_it(view: CanvasView) -> None:
    middle = (port(view, "image", "out", output=True) + port(view, "conv", "x")) / 2
    drop(view, BLOCK_MIME, "ReLU", middle)
    assert set(view.document.design.wires) == {wire("image", "relu_2"), wire("relu_2", "conv"), wire("relu", "output")}
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_a_block_whose_kinds_do_not_fit_stands_beside_the_wire(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    middle = (port(view, "image", "out", output=True) + port(view, "conv", "x")) / 2
    drop(view, BLOCK_MIME, "FPN", middle)
    assert "fpn" in view.document.design.by_id
    assert set(view.document.design.wires) == set(CHAIN.wires)


def test_a_group_input_is_refused_at_the_top(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    with qtbot.waitSignal(view.document.refused) as refused:
        drop(view, BLOCK_MIME, "GroupInput", QPoint(300, 500))
    assert "inside a Group only" in refused.args[0]
    assert view.document.design == CHAIN


# nodes ----------------------------------------------------------------------------------------------------------------


def test_a_drag_moves_the_selection_in_one_step_on_the_grid(view: CanvasView) -> None:
    view.scene_.select(["conv", "relu"])
    drag(view, body(view, "conv"), body(view, "conv") + QPoint(53, 98))
    moved = view.document.design
    assert (moved.by_id["conv"].x, moved.by_id["conv"].y) == (260 + 52, 100) or moved.by_id["conv"].y == 96
    assert moved.by_id["relu"].x - moved.by_id["conv"].x == 260
    assert view.document.undo_stack.count() == 1
    assert view.scene_.wires[wire("image", "conv")].curve.end == view.scene_.place_of(End("conv", "x"), output=False)
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN
    assert view.scene_.nodes["conv"].pos() == QPointF(260, 0)


def test_escape_puts_a_dragged_node_back(view: CanvasView) -> None:
    drag(view, body(view, "conv"), body(view, "conv") + QPoint(50, 90), release=False)
    assert view.scene_.nodes["conv"].pos() != QPointF(260, 0)
    key(view, Qt.Key.Key_Escape)
    assert view.scene_.nodes["conv"].pos() == QPointF(260, 0)
    assert view.document.design == CHAIN


def test_an_alt_drag_leaves_the_node_and_makes_a_copy(view: CanvasView) -> None:
    drag(view, body(view, "conv"), body(view, "conv") + QPoint(0, 120), Qt.KeyboardModifier.AltModifier)
    design = view.document.design
    assert design.by_id["conv"] == CHAIN.by_id["conv"]
    assert design.by_id["conv_2"].y == 120
    assert view.selected_ids() == ["conv_2"]


def test_a_rubber_band_selects_and_ctrl_click_adds(view: CanvasView) -> None:
    low = view.mapFromScene(240, 300)
    drag(view, low, view.mapFromScene(600, 20))
    assert sorted(view.selected_ids()) == ["conv", "relu"]
    control = Qt.KeyboardModifier.ControlModifier
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, control, body(view, "image"))
    assert sorted(view.selected_ids()) == ["conv", "image", "relu"]
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, body(view, "relu"))
    assert view.selected_ids() == ["relu"]


def test_arrow_keys_nudge_in_one_step(view: CanvasView) -> None:
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_Right)
    key(view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert (view.document.design.by_id["conv"].x, view.document.design.by_id["conv"].y) == (264, 20)
    assert view.document.undo_stack.count() == 1


def test_delete_duplicate_and_undo(view: CanvasView) -> None:
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_ids() == ["conv_2"]
    view.select_all()
    key(view, Qt.Key.Key_Backspace)
    assert view.document.design == Design()
    assert not view.scene_.nodes and not view.scene_.wires
    view.document.undo_stack.undo()
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN
    assert set(view.scene_.wires) == set(CHAIN.wires)


def test_copy_and_paste_keep_the_wires_between(view: CanvasView) -> None:
    view.scene_.select(["image", "conv"])
    key(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    key(view, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert wire("image_2", "conv_2") in view.document.design.wires
    assert sorted(view.selected_ids()) == ["conv_2", "image_2"]
    key(view, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    places = {(n.x, n.y) for n in view.document.design.nodes}
    assert len(places) == len(view.document.design.nodes)


def test_paste_of_something_else_says_so(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    QGuiApplication.clipboard().setText("no drawing at all")
    with qtbot.waitSignal(view.hint) as hint:
        view.paste()
    assert "nothing to paste" in hint.args[0]
    assert view.document.design == CHAIN


def test_f2_renames_in_place_and_a_refused_name_keeps_the_field(view: CanvasView) -> None:
    refusals: list[str] = []
    view.document.refused.connect(refusals.append)
    view.scene_.select(["conv"])
    key(view, Qt.Key.Key_F2)
    field = view.viewport().findChild(Rename)
    assert field is not None
    QTest.keyClicks(field, "forward")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert len(refusals) == 1 and "meaning of its own" in refusals[0]
    assert field.isVisible()
    field.clear()
    QTest.keyClicks(field, "first_conv")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert view.document.design.by_id["conv"].name == "first_conv"
    assert not field.isVisible()
    assert view.scene_.nodes["conv"].face.name == "first_conv"


# Groups ---------------------------------------------------------------------------------------------------------------


def test_group_enter_leave_and_ungroup(view: CanvasView) -> None:
    drag(view, port(view, "conv", "out", output=True), port(view, "relu", "x"))
    before = view.document.design
    view.scene_.select(["conv", "relu"])
    key(view, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    (group,) = view.selected_ids()
    assert view.scene_.nodes[group].face.group
    assert {w.source.node for w in view.document.design.wires} == {"image", group}
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, body(view, group))
    assert view.document.path == (group,)
    assert {"conv", "relu", "x", "out"} == set(view.scene_.nodes)
    key(view, Qt.Key.Key_U)
    assert view.document.path == ()
    assert view.selected_ids() == [group]
    key(view, Qt.Key.Key_Return)
    assert view.document.path == (group,)
    key(view, Qt.Key.Key_Escape)
    assert view.document.path == ()
    key(view, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert set(view.document.design.wires) == set(before.wires)
    assert not view.document.design.groups


def test_an_input_is_not_grouped(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    view.scene_.select(["image", "conv"])
    with qtbot.waitSignal(view.document.refused) as refused:
        view.group_selection()
    assert "image cannot go into a Group" in refused.args[0]


def test_a_group_dropped_again_is_used_twice(view: CanvasView) -> None:
    view.scene_.select(["conv"])
    view.group_selection()
    drop(view, GROUP_MIME, "group", QPoint(300, 500))
    assert [n.group for n in view.document.design.nodes if n.group] == ["group", "group"]
    assert len(view.document.design.groups) == 1


def test_pasting_a_group_whose_name_means_something_else_here_keeps_both(view: CanvasView) -> None:
    view.scene_.select(["conv"])
    view.group_selection()
    view.copy_selection()
    view.document.load(CHAIN, None)
    view.scene_.select(["relu"])
    view.group_selection()
    view.paste()
    assert [g.name for g in view.document.design.groups] == ["group", "group_2"]
    assert {n.block for n in view.document.design.group_by_name["group_2"].nodes} >= {"Conv2d"}


def test_renaming_a_group_with_return_does_not_enter_it(view: CanvasView) -> None:
    view.scene_.select(["conv", "relu"])
    key(view, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    (id,) = view.selected_ids()
    key(view, Qt.Key.Key_F2)
    field = view.viewport().findChild(Rename)
    assert field is not None
    QTest.keyClicks(field, "trunk")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert view.document.design.by_id[id].name == "trunk" and view.document.path == ()
