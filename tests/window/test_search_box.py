"""The search box on the canvas, by real keys and mouse events."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QCursor
from PySide6.QtTest import QTest

from app.design import edits
from app.design.values import Design, End, Group, Node, Settings
from app.messages import Analysis
from app.messages.reports import NodeReport, PortShape, Tensor
from app.window.canvas.drops import BLOCK_MIME
from app.window.canvas.search_box import SearchBox
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.theme import theme
from blocks.card import Card, Port, Preset, Setting
from tests.window.canvas_hands import CARDS, CHAIN, body, drag, drop, key, node, port, wire

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
MORE = (
    *CARDS,
    Card("Linear", "Linear", "Layer", inputs=(Port("x", "B D"),), outputs=(Port("out", "B K"),)),
    Card(
        "Embedding", "Embedding", "Layer", inputs=(Port("x", "int:B L", dtype="int"),),
        outputs=(Port("out", "B L D"),),
    ),
    Card(
        "SqueezeExcitation", "Squeeze-and-Excitation", "Attention", inputs=(Port("x", "B C H W"),),
        outputs=(Port("out", "B C H W"),), aliases=("SE",), paper="Hu et al. 2017, arXiv:1709.01507",
    ),
    Card(
        "Resize", "Resize", "Connector", inputs=(Port("x", "B C H W"),), outputs=(Port("out", "B C H W"),),
        settings=(Setting("by", "int", 2),), presets=(Preset("half", "Halve", "Half.", (("by", 1),), node="half"),),
    ),
)  # fmt: skip
VOID = QPoint(600, 560)


@pytest.fixture
def view(view: CanvasView) -> CanvasView:
    view.document.set_catalogue(MORE)
    return view


def search(view: CanvasView) -> SearchBox:
    assert view.search is not None
    return view.search


def press(view: CanvasView, *keys: Qt.Key, typed: str = "") -> None:
    """Type into the field."""
    if typed:
        QTest.keyClicks(search(view).field, typed)
    for one in keys:
        QTest.keyClick(search(view).field, one)


def double(view: CanvasView, at: QPoint) -> None:
    for send in (QTest.mouseClick, QTest.mouseDClick):
        send(view.viewport(), LEFT, NONE, at)


def told(document: Document, id: str, *sizes: int, dtype: str = "float32") -> None:
    """Let analysis know what the node gives."""
    seen = (PortShape("out", "tensor", (Tensor(sizes, dtype),)),)
    document.set_analysis(Analysis(document.revision, True, False, nodes=(NodeReport(id, id, "", id, "", (), seen),)))


def test_tab_opens_it_at_the_pointer_and_enter_places_the_block_there(view: CanvasView) -> None:
    view.setFocus()
    QCursor.setPos(view.viewport().mapToGlobal(VOID))
    key(view, Qt.Key.Key_Tab)
    assert search(view).isVisible()
    press(view, Qt.Key.Key_Return, typed="relu")
    assert view.search is None
    made = view.document.design.nodes[-1]
    assert (made.id, made.block) == ("relu_2", "ReLU")
    middle = view.mapFromScene(view.scene_.nodes["relu_2"].rect.center()) - VOID
    assert middle.manhattanLength() < 12
    assert view.selected_ids() == ["relu_2"] and view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_with_the_pointer_elsewhere_tab_opens_it_in_the_middle(view: CanvasView) -> None:
    QCursor.setPos(view.viewport().mapToGlobal(QPoint(-300, -300)))
    key(view, Qt.Key.Key_Tab)
    press(view, Qt.Key.Key_Return, typed="conv")
    item = view.scene_.nodes["conv2d"]
    assert abs(view.middle().x() - item.rect.center().x()) < 4
    assert not any(item.rect.intersects(other.rect) for other in view.scene_.nodes.values() if other is not item)


def test_a_double_click_on_the_void_opens_it_and_escape_closes_it(view: CanvasView) -> None:
    double(view, VOID)
    assert search(view).isVisible()
    press(view, Qt.Key.Key_Escape)
    assert view.search is None and view.document.design == CHAIN
    double(view, VOID)
    QTest.mouseClick(view.viewport(), LEFT, NONE, QPoint(20, 20))  # so does a press elsewhere
    assert view.search is None


def test_a_double_click_on_a_node_still_renames_it(view: CanvasView) -> None:
    double(view, body(view, "conv"))
    assert view.search is None
    assert view.findChild(object, "rename") is not None


@pytest.mark.parametrize(
    ("typed", "first"),
    [("conv", "Convolution"), ("se", "Squeeze-and-Excitation"), ("hu 2017", "Squeeze-and-Excitation"),
     ("1709.01507", "Squeeze-and-Excitation"), ("sqex", "Squeeze-and-Excitation"), ("half", "Halve"),
     ("encoder", "encoder")],
)  # fmt: skip
def test_it_finds_by_name_alias_paper_and_group(view: CanvasView, typed: str, first: str) -> None:
    group = Group(name="encoder", nodes=(node("deep", "ReLU", 0),))
    view.document.load(Design(nodes=(Node(id="encoder", group="encoder"),), groups=(group,)), None)
    double(view, VOID)
    press(view, typed=typed)
    assert search(view).titles()[0] == first
    press(view, Qt.Key.Key_Return)
    assert len(view.document.design.nodes) == 2


def test_the_arrows_choose_and_what_is_not_found_is_said(view: CanvasView) -> None:
    double(view, VOID)
    press(view, typed="nothing at all")
    assert search(view).titles() == [] and "another word" in search(view).about.text()
    search(view).field.clear()
    press(view, Qt.Key.Key_Down, typed="re")
    second = search(view).titles()[1]
    assert search(view).list.currentItem().text() == second
    press(view, Qt.Key.Key_Up, Qt.Key.Key_Return)
    assert view.document.design.nodes[-1].block == "ReLU"


def test_what_was_added_of_late_comes_first(view: CanvasView) -> None:
    drop(view, BLOCK_MIME, "FPN", QPoint(200, 560))
    drop(view, BLOCK_MIME, "Resize:half", QPoint(700, 560))
    double(view, QPoint(500, 120))
    assert search(view).titles()[:2] == ["Halve", "FPN"]
    assert len(search(view).titles()) == len(set(search(view).titles()))
    press(view, Qt.Key.Key_Return)
    assert view.document.design.nodes[-1].settings == Settings(by=1)


def test_a_wire_let_go_over_the_void_offers_what_fits_and_wires_it(view: CanvasView) -> None:
    drag(view, port(view, "conv", "out", output=True), VOID)
    titles = search(view).titles()
    assert {"Convolution", "ReLU", "Output", "Add", "ResNet"} <= set(titles)
    assert not {"Input", "FPN", "Group output"} & set(titles), "no input, another kind, or not at the top"
    press(view, Qt.Key.Key_Return, typed="add")
    assert view.document.design.wires[-1] == wire("conv", "add", "a")
    place = port(view, "add", "a") - VOID
    assert place.manhattanLength() < 12
    assert view.document.undo_stack.count() == 1
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_sizes_and_whole_numbers_that_are_known_narrow_it(view: CanvasView) -> None:
    told(view.document, "conv", 1, 64, 32, 32)
    drag(view, port(view, "conv", "out", output=True), VOID)
    assert "64×32×32" in search(view).field.placeholderText()
    assert not {"Linear", "Embedding"} & set(search(view).titles())
    press(view, Qt.Key.Key_Escape)
    told(view.document, "conv", 1, 64)
    drag(view, port(view, "conv", "out", output=True), VOID)
    assert "Linear" in search(view).titles() and "Convolution" not in search(view).titles()
    press(view, Qt.Key.Key_Escape)
    told(view.document, "conv", 1, 128, dtype="int64")
    drag(view, port(view, "conv", "out", output=True), VOID)
    assert set(search(view).titles()) == {"Embedding", "Output"}


def test_a_wire_from_an_input_offers_what_gives_it(view: CanvasView) -> None:
    drag(view, port(view, "relu", "x"), VOID)
    titles = search(view).titles()
    assert "Input" in titles and "Convolution" in titles
    assert not {"Output", "ResNet", "Linear"} & set(titles)
    press(view, Qt.Key.Key_Return, typed="input")
    assert view.document.design.wires[-1] == wire("input", "relu")
    assert (port(view, "input", "out", output=True) - VOID).manhattanLength() < 12


def test_a_double_click_on_a_wire_puts_what_is_chosen_into_it(view: CanvasView) -> None:
    double(view, (port(view, "relu", "out", output=True) + port(view, "output", "x")) / 2)
    assert not {"Input", "Output", "FPN"} & set(search(view).titles())
    press(view, Qt.Key.Key_Return, typed="convolution")
    assert set(view.document.design.wires) == {
        wire("image", "conv"), wire("relu", "conv2d"), wire("conv2d", "output"),
    }  # fmt: skip
    view.document.undo_stack.undo()
    assert view.document.design == CHAIN


def test_an_edit_elsewhere_closes_it(view: CanvasView) -> None:
    drag(view, port(view, "conv", "out", output=True), VOID)
    view.document.edit("Delete", lambda d: edits.remove(d, "", ["conv"]))
    assert view.search is None


def test_inside_a_group_its_own_ends_are_offered(view: CanvasView) -> None:
    group = Group(name="encoder", nodes=(node("deep", "ReLU", 0),))
    view.document.load(Design(nodes=(Node(id="encoder", group="encoder"),), groups=(group,)), None)
    view.document.enter("encoder")
    drag(view, port(view, "deep", "x"), port(view, "deep", "x") + QPoint(-120, 160))
    titles = search(view).titles()
    assert "Group input" in titles and "Input" not in titles and "encoder" not in titles
    press(view, Qt.Key.Key_Return, typed="group input")
    assert view.document.graph.wires[-1].target == End("deep", "x")


def test_the_wire_that_waits_is_drawn_to_the_box_until_it_closes(view: CanvasView) -> None:
    start, end = port(view, "conv", "out", output=True), VOID
    drag(view, start, end)

    def lit() -> bool:
        picture = view.viewport().grab().toImage()
        accent = theme.color("accent")
        seen = [picture.pixelColor(VOID - QPoint(x, y)) for x in range(2, 60) for y in range(40)]
        return any(abs(c.red() - accent.red()) + abs(c.blue() - accent.blue()) < 60 for c in seen)

    assert search(view).isVisible() and lit()
    press(view, Qt.Key.Key_Escape)
    assert view.search is None and not lit()
