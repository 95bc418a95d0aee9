"""Wires drawn, moved and refused on the canvas, by real mouse events."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu

from app.design import edits
from app.design.values import Design, End
from app.messages import Analysis
from app.messages.reports import NodeReport, PortShape, Tensor
from app.messages.trial import TriedOut
from app.window.canvas.gestures import DrawWire
from app.window.canvas.view import CanvasView
from blocks.card import Card, Port
from tests.window.canvas_hands import CARDS, CHAIN, body, drag, key, node, port, wire
from tests.window.canvas_hands import LEVELS as FPN_IN

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


# the other end, adapters, what would come out -------------------------------------------------------------------------


def near(view: CanvasView, source: str, target: str, part: float, name: str = "x") -> QPoint:
    """A place on a wire, that part of the way along."""
    start, end = port(view, source, "out", output=True), port(view, target, name)
    return start + (end - start) * part


def test_a_wire_drawn_away_near_its_start_moves_to_another_output(view: CanvasView) -> None:
    drag(view, near(view, "relu", "output", 0.35), port(view, "conv", "out", output=True))
    assert set(view.document.design.wires) == {wire("image", "conv"), wire("conv", "output")}
    assert view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_a_wire_drawn_away_near_its_end_moves_to_another_input(view: CanvasView) -> None:
    drag(view, near(view, "image", "conv", 0.65), port(view, "relu", "x"))
    assert set(view.document.design.wires) == {wire("image", "relu"), wire("relu", "output")}


def test_a_wire_drawn_away_into_the_void_is_gone_and_escape_brings_it_back(view: CanvasView) -> None:
    drag(view, near(view, "relu", "output", 0.35), QPoint(600, 600), release=False)
    assert not view.scene_.wires[wire("relu", "output")].isVisible()
    key(view, Qt.Key.Key_Escape)
    assert view.scene_.wires[wire("relu", "output")].isVisible() and view.document.design == CHAIN
    drag(view, near(view, "relu", "output", 0.35), QPoint(600, 600))
    assert view.document.design.wires == (wire("image", "conv"),)


LEVELS = (
    *CARDS,
    Card("PickLevel", "Pick level", "Connector", inputs=(FPN_IN,), outputs=(Port("out", "B C H W"),)),
    Card(
        "BundleLevels", "Bundle levels", "Connector", inputs=(Port("xs", "number:B c h w", many="*"),),
        outputs=(Port("out", "[B c h w]", "pyramid"),),
    ),
    Card(
        "AddLevel", "Add a level", "Connector", inputs=(FPN_IN, Port("level", "B k h w")),
        outputs=(Port("out", "[B c h w]", "pyramid"),),
    ),
)  # fmt: skip


def ends(source: str, target: str) -> tuple[End, End]:
    made = wire(source, target)
    return made.source, made.target


def bridged(view: CanvasView, source: str, target: str) -> list[QAction]:
    """Let a wire go on a port of another kind; what the menu offers then."""
    hints: list[str] = []
    view.hint.connect(hints.append)
    start, end = port(view, source, "out", output=True), port(view, target, "x")
    drag(view, start, end, release=False)
    assert hints[-1].endswith("Release to choose what leads from one to the other")
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
    menu = view.findChild(QMenu, "adapters")
    assert isinstance(menu, QMenu)
    return [action for action in menu.actions() if action.isEnabled() and action.text()]


@pytest.mark.qt_log_ignore("does not support")  # how the offscreen display takes any menu
def test_a_tensor_on_a_pyramids_port_and_the_reverse_offer_an_adapter(view: CanvasView) -> None:
    view.document.set_catalogue(LEVELS)
    nodes = (*CHAIN.nodes, node("net", "ResNet", 260, 200), node("fpn", "FPN", 520, 200))
    view.document.load(Design(nodes=nodes, wires=CHAIN.wires), None)
    before = view.document.design
    offered = bridged(view, "conv", "fpn")
    assert [action.text() for action in offered] == ["Bundle levels", "Search others…"]
    offered[0].trigger()
    made = view.document.design.nodes[-1]
    assert {wire("conv", made.id, "a"), wire(made.id, "fpn")} <= set(view.document.design.wires)
    assert 260 < made.x < 520 and view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == before
    view.findChild(QMenu, "adapters").close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    offered = bridged(view, "net", "relu")
    assert [action.text() for action in offered] == ["Pick level", "Search others…"]
    offered[1].trigger()
    assert view.search is not None and view.search.titles() == ["Pick level"]
    QTest.keyClick(view.search.field, Qt.Key.Key_Escape)
    view.document.edit("Wire", lambda d: edits.connect(d, "", *ends("net", "fpn"), view.document.catalogue))
    view.findChild(QMenu, "adapters").close()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    drag(view, port(view, "fpn", "x"), port(view, "relu", "x"))  # the wire is taken off there
    next(a for a in view.findChild(QMenu, "adapters").actions() if a.text() == "Search others…").trigger()
    assert wire("net", "fpn") in view.document.design.wires
    QTest.keyClick(view.search.field, Qt.Key.Key_Return)
    made = view.document.design.nodes[-1]
    assert {wire("net", made.id), wire(made.id, "relu")} <= set(view.document.design.wires)
    assert wire("net", "fpn") not in view.document.design.wires


class Trials:
    """The engine's part: what it was asked, and how it answers."""

    def __init__(self, told: TriedOut) -> None:
        self.asked: list[tuple[Design, str]] = []
        self._told = told

    def ask(self, design: Design, id: str, answered) -> None:  # type: ignore[no-untyped-def]
        self.asked.append((design, id))
        answered(self._told)

    def drop(self) -> None:
        pass


def over_relu(view: CanvasView, trials: Trials | None) -> tuple[str, str, bool]:
    """Hold a wire from conv over relu's input: the hint, the words beside the pointer, and whether they warn."""
    view.trials = trials  # type: ignore[assignment]
    hints: list[str] = []
    view.hint.connect(hints.append)
    drag(view, port(view, "conv", "out", output=True), port(view, "relu", "x"), release=False)
    gesture = view.gesture
    assert isinstance(gesture, DrawWire)
    said = hints[-1], gesture.outcome.words, gesture.outcome.doubtful
    view.viewport().grab()
    key(view, Qt.Key.Key_Escape)
    return said


def test_over_a_port_a_wire_says_what_would_come_out(view: CanvasView) -> None:
    seen = (PortShape("out", "tensor", (Tensor((1, 64, 32, 32)),)),)
    report = NodeReport("conv", "conv", "", "conv", "Conv2d", outputs=seen)
    view.document.set_analysis(Analysis(view.document.revision, True, False, nodes=(report,)))
    assert over_relu(view, None)[1:] == ("64×32×32 goes in", False)
    out = TriedOut("", (PortShape("out", "tensor", (Tensor((1, 64, 16, 16)),)),))
    trials = Trials(out)
    assert over_relu(view, trials) == (
        "Release to connect conv to relu.x: 64×16×16 comes out", "64×16×16 comes out", False,
    )  # fmt: skip
    design, id = trials.asked[0]
    assert len(trials.asked) == 1 and id == "relu" and wire("conv", "relu") in design.wires
    assert view.document.design == CHAIN
    wrong = TriedOut("", sentence="relu: 64 channels were got, 3 are needed: change it")
    assert over_relu(view, Trials(wrong))[1:] == (wrong.sentence, True)


def test_over_a_port_of_another_rank_a_wire_says_so_without_an_engine(view: CanvasView) -> None:
    seen = (PortShape("out", "tensor", (Tensor((1, 64)),)),)
    report = NodeReport("conv", "conv", "", "conv", "Conv2d", outputs=seen)
    view.document.set_analysis(Analysis(view.document.revision, True, False, nodes=(report,)))
    _, words, doubtful = over_relu(view, None)
    assert doubtful and "B C H W" in words
    drag(view, port(view, "conv", "out", output=True), QPoint(600, 600), release=False)
    wiring = view.scene_.nodes["relu"].wiring
    assert wiring is not None
    assert wiring.state("relu", "x", output=False) == "no", "it is dimmed"
    assert wiring.state("output", "x", output=False) == "fits"


def test_a_body_takes_a_wire_at_the_port_that_can_use_it(view: CanvasView) -> None:
    loss = Card(
        "CrossEntropy", "Cross-entropy", "Loss", inputs=(Port("x", "B K"), Port("target", "int:B", dtype="int")),
        outputs=(Port("loss", "scalar", kind="scalar"),),
    )  # fmt: skip
    view.document.set_catalogue((*CARDS, loss))
    view.document.edit("Add", lambda d: edits.add_node(d, "", node("loss", "CrossEntropy", 520, 200)))
    seen = (PortShape("out", "tensor", (Tensor((1,), "int64"),)),)
    report = NodeReport("conv", "conv", "", "conv", "Conv2d", outputs=seen)
    view.document.set_analysis(Analysis(view.document.revision, True, False, nodes=(report,)))
    drag(view, port(view, "conv", "out", output=True), body(view, "loss"))
    assert view.document.design.wires[-1] == wire("conv", "loss", "target")
