"""The canvas, driven by real mouse and key events; what counts is the design that comes of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent, QGuiApplication, QHelpEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QToolTip

from app.design import edits
from app.design.values import Design, End, Expression, Group, Node, Settings, Wire
from app.messages import Analysis, Fix, NodeReport, PortShape, Problem, Tensor
from app.window import theme as themes
from app.window.canvas import texts
from app.window.canvas.drops import BLOCK_MIME, GROUP_MIME
from app.window.canvas.rename import Rename
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.theme import theme
from blocks.card import Card, Port, Setting

LEVELS = Port("x", "[B c h w]", "pyramid")
X, OUT = Port("x", "B C H W"), Port("out", "B C H W")
CARDS = (
    Card("Input", "Input", "Ends", outputs=(OUT,), settings=(Setting("size", "ints", (3, 32, 32)),), shown=("size",)),
    Card("Output", "Output", "Ends", inputs=(Port("x", "*S", "any"),)),
    Card(
        "Conv2d", "Convolution", "Layer", inputs=(X,), outputs=(OUT,), icon="grid-3x3",
        settings=(Setting("out_channels", "int", 64, min=1), Setting("kernel_size", "pair", (3, 3))),
        shown=("out_channels", "kernel_size"), summary="Slide a kernel over the image.",
    ),
    Card("ReLU", "ReLU", "Layer", inputs=(X,), outputs=(OUT,)),
    Card("Add", "Add", "Connector", inputs=(Port("xs", "B C H W", many="*", at_least=2),), outputs=(OUT,)),
    Card("ResNet", "ResNet", "Backbone", inputs=(X,), outputs=(Port("out", "[B c h w]", "pyramid"),)),
    Card("FPN", "FPN", "Neck", inputs=(LEVELS,), outputs=(msgspec.structs.replace(LEVELS, name="out"),)),
    Card("GroupInput", "Group input", "Ends", outputs=(OUT,)),
    Card("GroupOutput", "Group output", "Ends", inputs=(X,)),
)  # fmt: skip


def node(id: str, block: str, x: float, y: float = 0, **settings: object) -> Node:
    return Node(id=id, block=block, x=x, y=y, settings=Settings(settings))


def wire(source: str, target: str, port: str = "x") -> Wire:
    return Wire(End(source, "out"), End(target, port))


CHAIN = Design(
    nodes=(
        node("image", "Input", 0), node("conv", "Conv2d", 260),
        node("relu", "ReLU", 520), node("output", "Output", 780),
    ),
    wires=(wire("image", "conv"), wire("relu", "output")),
)  # fmt: skip


@pytest.fixture
def document(qapp: object) -> Iterator[Document]:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(CARDS)
    yield document


@pytest.fixture
def view(qtbot, document: Document) -> CanvasView:  # type: ignore[no-untyped-def]
    document.load(CHAIN, None)
    return _view(qtbot, document)


def _view(qtbot, document: Document) -> CanvasView:  # type: ignore[no-untyped-def]
    view = CanvasView(document)
    qtbot.addWidget(view)
    view.resize(1200, 700)
    view.show()
    qtbot.waitExposed(view)
    return view


def port(view: CanvasView, id: str, name: str, *, output: bool = False) -> QPoint:
    return view.mapFromScene(view.scene_.place_of(End(id, name), output=output))


def body(view: CanvasView, id: str) -> QPoint:
    item = view.scene_.nodes[id]
    return view.mapFromScene(item.rect.center().x(), item.rect.top() + 16)


def drag(
    view: CanvasView,
    start: QPoint,
    end: QPoint,
    modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    button: Qt.MouseButton = Qt.MouseButton.LeftButton,
    *,
    release: bool = True,
) -> None:
    where = view.viewport()
    QTest.mousePress(where, button, modifier, start)
    for part in (0.3, 0.7, 1.0):
        QTest.mouseMove(where, start + (end - start) * part)
    QTest.mouseMove(where, end)
    if release:
        QTest.mouseRelease(where, button, modifier, end)


def drop(view: CanvasView, mime: str, name: str, at: QPoint) -> None:
    data = QMimeData()
    data.setData(mime, name.encode())
    shape = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    for event in (QDragEnterEvent(at, *shape), QDragMoveEvent(at, *shape), QDropEvent(QPointF(at), *shape)):
        QGuiApplication.sendEvent(view.viewport(), event)


def key(view: CanvasView, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.keyClick(view, key, modifier)


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


# wires ----------------------------------------------------------------------------------------------------------------


def test_a_wire_is_drawn_from_output_to_input(view: CanvasView) -> None:
    drag(view, port(view, "conv", "out", output=True), port(view, "relu", "x"))
    assert view.document.design.wires[-1] == wire("conv", "relu")
    assert wire("conv", "relu") in view.scene_.wires
    assert view.document.undo_stack.undoText() == "Connect conv to relu"


def test_a_wire_is_drawn_from_input_to_output(view: CanvasView) -> None:
    drag(view, port(view, "relu", "x"), port(view, "conv", "out", output=True))
    assert wire("conv", "relu") in view.document.design.wires


def test_a_wire_released_on_a_body_takes_the_first_free_port_that_fits(view: CanvasView) -> None:
    view.document.edit("Add", lambda d: edits.add_node(d, "", node("add", "Add", 520, 200)))
    for source, wanted in (("image", "a"), ("conv", "b"), ("relu", "c")):
        drag(view, port(view, source, "out", output=True), body(view, "add"))
        assert view.document.design.wires[-1] == wire(source, "add", wanted)


def test_ports_that_fit_are_lit_while_a_wire_is_drawn(view: CanvasView) -> None:
    view.document.edit("Add", lambda d: edits.add_node(d, "", node("fpn", "FPN", 520, 200)))
    hints: list[str] = []
    view.hint.connect(hints.append)
    drag(view, port(view, "conv", "out", output=True), port(view, "fpn", "x"), release=False)
    wiring = view.scene_.nodes["relu"].wiring
    assert wiring is not None
    assert wiring.state("relu", "x", output=False) == "fits"
    assert wiring.state("fpn", "x", output=False) == "no"  # another kind
    assert wiring.state("conv", "x", output=False) == "no"  # itself
    assert wiring.state("output", "x", output=False) == "fits"  # taken, but it would be replaced
    assert wiring.state("conv", "out", output=True) == "held"
    assert "takes a pyramid" in hints[-1]
    key(view, Qt.Key.Key_Escape)
    assert view.gesture is None
    assert view.scene_.nodes["relu"].wiring is None
    assert hints[-1] == ""
    assert view.document.undo_stack.count() == 1


@pytest.mark.parametrize(
    ("source", "target", "sentence"),
    [
        ("relu", "relu", "cannot feed itself"),
        ("conv", "fpn", "takes a pyramid"),
    ],
)
def test_a_wire_that_a_rule_forbids_is_refused_with_its_sentence(
    view: CanvasView,
    qtbot,
    source: str,
    target: str,
    sentence: str,  # type: ignore[no-untyped-def]
) -> None:
    view.document.edit("Add", lambda d: edits.add_node(d, "", node("fpn", "FPN", 520, 200)))
    before = view.document.design
    with qtbot.waitSignal(view.document.refused) as refused:
        start, end = port(view, source, "out", output=True), port(view, target, "x")
        drag(view, start, start + QPoint(60, 80), release=False)
        QTest.mouseMove(view.viewport(), end)
        QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert sentence in refused.args[0]
    assert view.document.design == before


def test_a_wire_on_a_taken_input_replaces_the_one_there(view: CanvasView) -> None:
    hints: list[str] = []
    view.hint.connect(hints.append)
    start, end = port(view, "conv", "out", output=True), port(view, "output", "x")
    drag(view, start, end, release=False)
    assert hints[-1] == "Release to connect conv to output.x in place of relu"
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    assert set(view.document.design.wires) == {wire("image", "conv"), wire("conv", "output")}
    assert view.document.undo_stack.count() == 1
    drag(view, start, end)  # the same again is no edit
    assert view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_a_body_whose_inputs_are_taken_keeps_its_wires(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    with qtbot.waitSignal(view.document.refused) as refused:
        drag(view, port(view, "conv", "out", output=True), body(view, "output"))
    assert refused.args[0] == "output has no free input: release on a port to replace its wire"
    assert view.document.design == CHAIN


def test_the_whole_path_brightens_under_the_pointer(view: CanvasView) -> None:
    extra = (wire("conv", "relu"), wire("image", "add", "a"), wire("relu", "add", "b"))
    wide = Design(nodes=(*CHAIN.nodes, node("add", "Add", 520, 300)), wires=(*CHAIN.wires, *extra))
    view.document.load(wide, None)
    items = view.scene_.wires
    items[wire("conv", "relu")]._hover(True)
    lit = {w for w, item in items.items() if item.on_path}
    assert lit == {wire("image", "conv"), wire("conv", "relu"), wire("relu", "output"), wire("relu", "add", "b")}
    view.document.edit("Cut", lambda d: edits.disconnect(d, "", [wire("conv", "relu")]))
    assert not any(item.on_path for item in view.scene_.wires.values())


def test_what_failed_has_no_costs_on_its_foot(view: CanvasView) -> None:
    report = NodeReport("conv", "conv", "", "conv", "Conv2d", parameters=9, macs=0, ok=False)
    view.document.set_analysis(Analysis(view.document.revision, False, True, nodes=(report,)))
    face = view.scene_.nodes["conv"].face
    assert (face.parameters, face.macs) == ("", "")  # painted as a dash


def test_a_circle_is_refused(view: CanvasView, qtbot) -> None:  # type: ignore[no-untyped-def]
    drag(view, port(view, "conv", "out", output=True), port(view, "relu", "x"))
    view.document.edit("Free", lambda d: edits.disconnect(d, "", [wire("image", "conv")]))
    with qtbot.waitSignal(view.document.refused) as refused:
        drag(view, port(view, "relu", "out", output=True), port(view, "conv", "x"))
    assert "circle" in refused.args[0]


def test_a_wire_is_taken_off_an_input_and_put_elsewhere(view: CanvasView) -> None:
    drag(view, port(view, "conv", "x"), port(view, "relu", "x"))
    assert set(view.document.design.wires) == {wire("image", "relu"), wire("relu", "output")}
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_a_wire_taken_off_and_dropped_in_the_void_is_gone(view: CanvasView) -> None:
    drag(view, port(view, "conv", "x"), port(view, "conv", "x") + QPoint(-40, 160))
    assert view.document.design.wires == (wire("relu", "output"),)
    assert len(view.scene_.wires) == 1


def test_a_click_on_a_wired_input_changes_nothing(view: CanvasView) -> None:
    QTest.mouseClick(
        view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, port(view, "conv", "x")
    )
    assert view.document.design == CHAIN
    assert view.scene_.wires[wire("image", "conv")].isVisible()


def test_a_selected_wire_is_deleted(view: CanvasView) -> None:
    middle = (port(view, "image", "out", output=True) + port(view, "conv", "x")) / 2
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert view.scene_.selected_wires() == [wire("image", "conv")]
    key(view, Qt.Key.Key_Delete)
    assert view.document.design.wires == (wire("relu", "output"),)


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


# what analysis says ---------------------------------------------------------------------------------------------------


def _shape(port: str, *sizes: int) -> PortShape:
    return PortShape(port, "tensor", (Tensor(sizes),))


def _analysis(document: Document) -> Analysis:
    report = NodeReport(
        "conv", "conv", "", "conv", "Conv2d", parameters=1792, macs=1_769_472,
        inputs=(_shape("x", 1, 3, 32, 32),), outputs=(_shape("out", 1, 64, 32, 32),),
    )  # fmt: skip
    image = NodeReport("image", "image", "", "image", "Input", outputs=(_shape("out", 1, 3, 32, 32),))
    change = edits_change("conv", 3)
    problem = Problem(
        "error", "conv", "conv", "", "conv", "x", "shape", "conv: `x` is 1×3×32×32, but 1×4×32×32 is needed; change it",
        fixes=(Fix("Set out_channels to 3", -10, change),),
    )  # fmt: skip
    return Analysis(document.revision, False, True, nodes=(image, report), problems=(problem,))


def edits_change(id: str, channels: int):  # type: ignore[no-untyped-def]
    from app.design.changes import set_setting

    return (set_setting("", id, "out_channels", channels),)


def test_analysis_shows_on_nodes_wires_and_ports(view: CanvasView) -> None:
    assert view.scene_.nodes["conv"].face.parameters == ""
    wide = view.scene_.nodes["conv"].geometry.width
    view.document.set_analysis(_analysis(view.document))
    conv = view.scene_.nodes["conv"]
    assert (conv.face.parameters, conv.face.macs) == ("1.79 k", "1.77 M")
    assert conv.geometry.width == wide
    assert conv.face.bad_ports == {"x"}
    first = view.scene_.wires[wire("image", "conv")]
    assert (first.look.label, first.look.bad) == ("3×32×32", True)
    box = view.scene_.pills.box(wire("image", "conv"))
    assert box is not None
    for item in view.scene_.nodes.values():
        rect = item.rect
        assert not (rect.left() < box[2] and rect.right() > box[0] and rect.top() < box[3] and rect.bottom() > box[1])


def test_the_bubble_says_the_problem_and_its_button_mends_it(view: CanvasView) -> None:
    view.document.set_analysis(_analysis(view.document))
    assert not view.bubble.isVisible()
    view.reveal("conv")
    assert view.bubble.isVisible()
    button = view.bubble.findChild(QPushButton, "first")
    assert button.text() == "Set out_channels to 3  −10"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.document.design.by_id["conv"].settings["out_channels"] == 3
    assert view.document.undo_stack.undoText() == "Set out_channels to 3"


@pytest.mark.qt_log_ignore("does not support raise")  # how the offscreen display takes any tooltip
def test_tooltips_name_ports_and_problems(view: CanvasView) -> None:
    view.document.set_analysis(_analysis(view.document))
    for at, wanted in (
        (port(view, "conv", "x"), "B × 3 × 32 × 32"),
        (body(view, "conv"), "is needed; change it"),
    ):
        QGuiApplication.sendEvent(view.viewport(), QHelpEvent(QEvent.Type.ToolTip, at, view.viewport().mapToGlobal(at)))
        assert wanted in QToolTip.text()
    QToolTip.hideText()


@pytest.mark.parametrize(
    ("value", "setting", "text"),
    [
        ((3, 3), Setting("kernel_size", "pair", (3, 3)), "3×3"),
        ((2, 3, 4), Setting("levels", "ints", ()), "2 3 4"),
        ((3, 32, 32), Setting("size", "ints", ()), "3×32×32"),
        (Expression("width * 2"), None, "= width * 2"),
        (True, None, "on"),
        (None, None, "auto"),
        (0.5, None, "0.5"),
    ],
)
def test_settings_read_well(value: object, setting: Setting | None, text: str) -> None:
    assert texts.value(value, setting) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (928, "928"),
        (999, "999"),
        (1792, "1.79 k"),
        (16_384, "16.4 k"),
        (999_600, "1.00 M"),
        (2_100_000_000, "2.10 G"),
    ],
)
def test_counts_read_well(number: int, text: str) -> None:
    assert texts.count(number) == text


def test_a_pyramid_reads_as_channels_and_strides() -> None:
    def level(channels: int, size: int, stride: int) -> Tensor:
        return Tensor((1, channels, size, size), stride=stride)

    seen = PortShape("out", "pyramid", (level(128, 80, 8), level(256, 40, 16), level(512, 20, 32)))
    assert texts.port_shape(seen) == "128 256 512 /8 /16 /32"
    even = PortShape("out", "pyramid", (level(64, 80, 8), level(64, 40, 16)))
    assert texts.port_shape(even) == "64 /8 /16"


# looking about --------------------------------------------------------------------------------------------------------


def _wheel(view: CanvasView, at: QPoint, turned: int) -> None:
    event = QWheelEvent(
        QPointF(at), QPointF(view.viewport().mapToGlobal(at)), QPoint(), QPoint(0, turned), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QGuiApplication.sendEvent(view.viewport(), event)


def test_the_wheel_zooms_at_the_pointer_within_limits(view: CanvasView) -> None:
    at = QPoint(300, 200)
    before = view.mapToScene(at)
    _wheel(view, at, 120)
    assert view.zoom > 1
    assert (view.mapToScene(at) - before).manhattanLength() < 2.5
    for _ in range(60):
        _wheel(view, at, 120)
    assert view.zoom == pytest.approx(3.0)
    for _ in range(90):
        _wheel(view, at, -120)
    assert view.zoom == pytest.approx(0.05)
    key(view, Qt.Key.Key_Home)
    assert 0.9 <= view.zoom <= 1.0


def test_middle_drag_and_space_drag_pan(view: CanvasView) -> None:
    before = view.middle()
    drag(view, QPoint(600, 500), QPoint(500, 450), button=Qt.MouseButton.MiddleButton)
    assert (view.middle() - before - QPointF(100, 50)).manhattanLength() < 3
    QTest.keyPress(view, Qt.Key.Key_Space)
    drag(view, QPoint(500, 450), QPoint(600, 500))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert (view.middle() - before).manhattanLength() < 3
    assert view.document.design == CHAIN


def test_the_minimap_moves_the_view(view: CanvasView) -> None:
    view.fit_all()
    assert not view.minimap.isVisible()  # all is seen already
    view.set_zoom(3.0)
    assert view.minimap.isVisible()
    spot = view.minimap._to_map(view.scene_.nodes["output"].rect).center().toPoint()
    QTest.mouseClick(view.minimap, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, spot)
    assert view.mapToScene(view.viewport().rect()).boundingRect().contains(view.scene_.nodes["output"].rect.center())


def test_an_empty_canvas_invites(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    view = _view(qtbot, document)
    assert view.invitation.isVisible() and not view.minimap.isVisible()
    with qtbot.waitSignal(view.open_example) as opened:
        QTest.mouseClick(view.invitation.findChild(QPushButton, "example-pyramid"), Qt.MouseButton.LeftButton)
    assert opened.args == ["pyramid"]
    drop(view, BLOCK_MIME, "Conv2d", QPoint(600, 200))
    assert not view.invitation.isVisible()


def test_a_missing_block_is_kept_and_says_so(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    document.load(
        Design(nodes=(node("conv", "Conv2d", 0), node("odd", "Odd", 260)), wires=(wire("conv", "odd", "q"),)), None
    )
    view = _view(qtbot, document)
    face = view.scene_.nodes["odd"].face
    assert face.missing and [p.name for p in face.inputs] == ["q"]


@pytest.mark.parametrize("mode", ["dark", "light"])
@pytest.mark.parametrize("zoom", [1.0, 0.3, 0.08])
def test_it_paints_at_every_distance(view: CanvasView, mode: str, zoom: float) -> None:
    kept = theme.mode
    theme.set_mode(mode)
    view.document.set_analysis(_analysis(view.document))
    view.set_zoom(zoom)
    picture = view.grab().toImage()
    view.viewport().repaint()
    theme.set_mode(kept)
    colours = {picture.pixelColor(x, y).name() for x in range(0, 1200, 7) for y in range(250, 450, 3)}
    assert len(colours) > 5


# a large drawing ------------------------------------------------------------------------------------------------------


def test_an_edit_of_a_large_drawing_touches_only_what_changed(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    count = 5000
    nodes = tuple(node(f"n{i}", "Conv2d", (i % 100) * 240, (i // 100) * 160) for i in range(count))
    wires = tuple(wire(f"n{i}", f"n{i + 1}") for i in range(count - 1))
    document.load(Design(nodes=nodes, wires=wires), None)
    view = _view(qtbot, document)
    assert len(view.scene_.nodes) == count
    view.scene_.refreshed = 0
    document.edit("Set", lambda d: edits.set_setting(d, "", "n77", "out_channels", 8, document.catalogue))
    assert view.scene_.refreshed == 1
    document.edit("Move", lambda d: edits.move(d, "", {"n78": (0.0, 9000.0)}))
    assert view.scene_.refreshed == 2
    document.edit("Delete", lambda d: edits.remove(d, "", ["n4000"]))
    assert view.scene_.refreshed == 4  # its two neighbours lost a wire
    document.undo_stack.undo()
    assert view.scene_.refreshed == 4 + 2 + 3  # neighbours, and one node and two wires made again
    report = NodeReport("n5", "n5", "", "n5", "Conv2d", outputs=(_shape("out", 1, 8, 4, 4),), parameters=9)
    document.set_analysis(Analysis(document.revision, True, False, nodes=(report,)))
    assert view.scene_.refreshed == 9 + 2  # the node and the wire that starts at it


def test_a_group_used_twice_refreshes_both_nodes_when_its_ports_change(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    inside = Group(
        name="g", nodes=(node("x", "GroupInput", 0), node("conv", "Conv2d", 240)), wires=(wire("x", "conv"),)
    )
    design = Design(
        nodes=(Node("a", group="g"), Node("b", group="g", x=300.0), node("c", "ReLU", 600)), groups=(inside,)
    )
    document.load(design, None)
    view = _view(qtbot, document)
    view.scene_.refreshed = 0
    document.edit("Add", lambda d: edits.add_node(d, "g", node("y", "GroupOutput", 480)))
    assert view.scene_.refreshed == 2
    assert [p.name for p in view.scene_.nodes["b"].face.outputs] == ["y"]
