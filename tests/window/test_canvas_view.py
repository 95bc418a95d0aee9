"""What the canvas shows of an analysis, and how one looks about on it."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent, QInputDevice, QNativeGestureEvent, QPointingDevice, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QToolTip

from app.design import edits
from app.design.values import Design, End, Expression, Group, Node
from app.messages import Analysis
from app.messages.reports import Fix, NodeReport, PortShape, Problem, Tensor
from app.window import figures
from app.window.canvas import texts
from app.window.canvas.drops import BLOCK_MIME
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.theme import theme
from blocks.card import Setting
from tests.window.canvas_hands import CHAIN, body, drag, drop, key, node, port, shown, wire

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
    return Analysis(document.revision, False, True, 1802, nodes=(image, report), problems=(problem,))


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
    assert button.text() == "Set out_channels to 3  1.79 k parameters", "most of a partial total is not counted yet"
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.document.design.by_id["conv"].settings["out_channels"] == 3
    assert view.document.undo_stack.undoText() == "Set out_channels to 3"


def test_what_began_a_problem_is_lit_with_the_wires_between(view: CanvasView) -> None:
    document = view.document
    document.edit("Wire", lambda d: edits.connect(d, "", End("conv", "out"), End("relu", "x"), document.catalogue))
    problem = Problem("error", "output", "output", "", "output", "x", "differs", "output: no", blame="conv")
    document.set_analysis(Analysis(document.revision, False, True, problems=(problem,)))

    def lit() -> set[str]:
        return {id for id, item in view.scene_.nodes.items() if item.blamed}

    def bright() -> set[object]:
        return {wire for wire, item in view.scene_.wires.items() if item.on_path}

    assert not lit() and not bright()
    view.reveal("output")
    assert lit() == {"conv"} and bright() == {wire("conv", "relu"), wire("relu", "output")}
    picture, corner = view.viewport().grab().toImage(), view.mapFromScene(view.scene_.nodes["conv"].rect.topLeft())
    edge = {picture.pixelColor(corner + QPoint(x, y)).name() for x in range(12, 80) for y in (-1, 0, 1)}
    assert theme.color("warn").name() in edge
    view.scene_.select(["image"])
    assert not lit() and not bright()


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
    assert figures.short(number) == text


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
    view = shown(qtbot, document)
    assert view.invitation.isVisible() and not view.minimap.isVisible()
    with qtbot.waitSignal(view.open_example) as opened:
        QTest.mouseClick(view.invitation.findChild(QPushButton, "example-digits"), Qt.MouseButton.LeftButton)
    assert opened.args == ["digits"]
    drop(view, BLOCK_MIME, "Conv2d", QPoint(600, 200))
    assert not view.invitation.isVisible()


def test_a_missing_block_is_kept_and_says_so(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    document.load(
        Design(nodes=(node("conv", "Conv2d", 0), node("odd", "Odd", 260)), wires=(wire("conv", "odd", "q"),)), None
    )
    view = shown(qtbot, document)
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
    view = shown(qtbot, document)
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
    view = shown(qtbot, document)
    view.scene_.refreshed = 0
    document.edit("Add", lambda d: edits.add_node(d, "g", node("y", "GroupOutput", 480)))
    assert view.scene_.refreshed == 2
    assert [p.name for p in view.scene_.nodes["b"].face.outputs] == ["y"]


def test_two_fingers_on_a_trackpad_pan_and_a_pinch_zooms_at_them(view: CanvasView) -> None:
    pad = QPointingDevice(
        "pad", 7, QInputDevice.DeviceType.TouchPad, QPointingDevice.PointerType.Finger,
        QInputDevice.Capability.Position | QInputDevice.Capability.PixelScroll, 2, 1,
    )  # fmt: skip
    view.set_zoom(0.8)
    at = QPoint(400, 300)
    local, where = QPointF(at), QPointF(view.viewport().mapToGlobal(at))
    before = view.mapToScene(at)

    def fingers(by: QPoint, held: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        event = QWheelEvent(
            local, where, by, by * 8, Qt.MouseButton.NoButton, held, Qt.ScrollPhase.ScrollUpdate, False,
            Qt.MouseEventSource.MouseEventNotSynthesized, pad,
        )  # fmt: skip
        QApplication.sendEvent(view.viewport(), event)

    fingers(QPoint(40, -24))
    assert view.zoom == pytest.approx(0.8)
    moved = view.mapToScene(at) - before
    assert (moved.x(), moved.y()) == pytest.approx((-40 / 0.8, 24 / 0.8), abs=2)
    under = view.mapToScene(at)
    kind = Qt.NativeGestureType.ZoomNativeGesture
    steps = [0.2, 0.1, -0.05, *[0.013, -0.012] * 40]
    for value in steps:
        event = QNativeGestureEvent(kind, pad, 2, local, local, where, value, QPointF())
        QApplication.sendEvent(view.viewport(), event)
    assert view.zoom == pytest.approx(0.8 * math.prod(1 + value for value in steps))
    slip = view.mapToScene(at) - under
    assert abs(slip.x()) < 2 and abs(slip.y()) < 2, "what lies under the fingers stays there"
    zoomed = view.zoom
    fingers(QPoint(0, 30), Qt.KeyboardModifier.ControlModifier)
    assert view.zoom > zoomed, "with Ctrl two fingers zoom"
