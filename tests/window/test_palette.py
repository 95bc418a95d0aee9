"""The palette and the breadcrumbs, driven by keys and clicks."""

from __future__ import annotations

import msgspec
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QToolButton

from app.design.values import Design, Group, Node
from app.window.breadcrumbs import Breadcrumbs
from app.window.canvas.drops import BLOCK_MIME, GROUP_MIME
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.finding import score
from app.window.palette import Palette
from blocks.card import SECTIONS, Card, Port, Preset
from tests.window.canvas_hands import CARDS as CANVAS
from tests.window.canvas_hands import drop

IMAGE = Port("x", "B C H W")
CARDS = (
    Card("CrossEntropy", "Cross-entropy", "Loss", inputs=(IMAGE,)),
    Card("Conv2d", "Convolution", "Layer", inputs=(IMAGE,), outputs=(IMAGE,), summary="Slide a kernel.", paper="torch"),
    Card("ConvStem", "Conv stem", "Stem", inputs=(IMAGE,), outputs=(IMAGE,)),
    Card("SqueezeExcitation", "Squeeze-and-Excitation", "Attention", aliases=("SE", "channel gate")),
    Card("Input", "Input", "Ends", outputs=(IMAGE,)),
    Card("GroupInput", "Group input", "Ends", outputs=(IMAGE,)),
)
INSIDE = Group(name="encoder", nodes=(Node("deep", group="inner"),))
DESIGN = Design(nodes=(Node("first", group="encoder"),), groups=(INSIDE, Group(name="inner")))


@pytest.fixture
def document(qapp: object) -> Document:
    document = Document()
    document.set_catalogue(CARDS)
    return document


@pytest.fixture
def palette(qtbot, document: Document) -> Palette:  # type: ignore[no-untyped-def]
    palette = Palette(document)
    qtbot.addWidget(palette)
    palette.resize(240, 600)
    palette.show()
    return palette


PRESETS = (
    Preset("image", "Input: image", "Images.", node="image"),
    Preset("tokens", "Input: tokens", "Whole numbers.", (("size", (128,)), ("dtype", "int64")), node="tokens"),
)
MANY = (
    Card("Input", "Input", "Ends", outputs=(IMAGE,), presets=PRESETS, aliases=("source",)),
    Card("ReLU", "ReLU", "Layer", inputs=(IMAGE,), section="Activation"),
    Card("MaxPool2d", "Max pool 2d", "Layer", inputs=(IMAGE,), section="Pooling"),
    Card("AvgPool2d", "average pool 2d", "Layer", inputs=(IMAGE,), section="Pooling"),
    Card("CutToSize", "Cut to size", "Layer", inputs=(IMAGE,), section="Parts"),
    Card("Old", "Of an older catalogue", "Layer", inputs=(IMAGE,)),
)


def titles(palette: Palette) -> list[str]:
    return [row.text(0) for row in palette.rows()]


def heads(palette: Palette) -> list[str]:
    return [palette.list.topLevelItem(i).text(0) for i in range(palette.list.topLevelItemCount())]


def test_blocks_stand_by_category_in_the_order_of_the_house(palette: Palette) -> None:
    assert heads(palette) == ["Ends", "Stem", "Attention", "Layer", "Loss"]
    assert "Group input" not in titles(palette)


def test_inside_a_group_other_ends_are_offered_and_groups_are_listed(palette: Palette, document: Document) -> None:
    document.load(DESIGN, None)
    assert heads(palette)[-1] == "Groups"
    assert "Input" in titles(palette)
    document.enter("first")
    assert "Group input" in titles(palette)
    assert "Input" not in titles(palette)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("conv", "Conv stem"), ("CONVO", "Convolution"), ("conv2d", "Convolution"), ("se", "Squeeze-and-Excitation"),
        ("excit", "Squeeze-and-Excitation"), ("gate", "Squeeze-and-Excitation"), ("sqex", "Squeeze-and-Excitation"),
        ("cross entropy", "Cross-entropy"), ("crossent", "Cross-entropy"),
    ],
)  # fmt: skip
def test_search_finds_by_title_id_and_alias(palette: Palette, typed: str, first: str) -> None:
    QTest.keyClicks(palette.search, typed)
    assert titles(palette)[0] == first


@pytest.mark.parametrize("typed", ["hu et al", "hu 2017", "1709.01507", "arxiv:1709"])
def test_search_finds_by_paper(palette: Palette, document: Document, typed: str) -> None:
    paper = "Hu et al. 2017, arXiv:1709.01507"
    document.set_catalogue(tuple(msgspec.structs.replace(c, paper=paper if "Squ" in c.id else c.paper) for c in CARDS))
    QTest.keyClicks(palette.search, typed)
    assert titles(palette) == ["Squeeze-and-Excitation"]


def test_parts_of_other_blocks_come_behind_what_is_named_less_well(palette: Palette, document: Document) -> None:
    part = Card("Attend", "Attend", "Attention", aliases=("attention",), section="Parts")
    whole = Card("WindowAttention", "Window attention", "Attention", section="Self-attention on maps")
    document.set_catalogue((part, whole))
    QTest.keyClicks(palette.search, "attention")
    assert titles(palette) == ["Window attention", "Attend"]


def test_a_search_without_a_find_says_so(palette: Palette) -> None:
    QTest.keyClicks(palette.search, "zzz")
    assert titles(palette) == []
    assert "zzz" in palette.nothing.text() and palette.nothing.isVisible()
    QTest.keyClick(palette.search, Qt.Key.Key_Escape)
    assert len(titles(palette)) == 5 and not palette.nothing.isVisible()


def test_no_catalogue_yet_says_so(qtbot) -> None:  # type: ignore[no-untyped-def]
    palette = Palette(Document())
    qtbot.addWidget(palette)
    assert "engine" in palette.nothing.text()


def test_letters_far_apart_do_not_find(qapp: object) -> None:
    assert score("sx", CARDS[3]) is None
    assert score("conv", CARDS[1]) is not None


def test_enter_takes_the_first_find_and_the_arrows_the_next(palette: Palette, qtbot) -> None:  # type: ignore[no-untyped-def]
    QTest.keyClicks(palette.search, "conv")
    with qtbot.waitSignal(palette.chosen) as chosen:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert chosen.args == ["ConvStem"]
    QTest.keyClick(palette.search, Qt.Key.Key_Down)
    with qtbot.waitSignal(palette.chosen) as chosen:
        QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert chosen.args == ["Conv2d"]


def test_a_double_click_chooses_and_a_heading_folds(palette: Palette, document: Document, qtbot) -> None:  # type: ignore[no-untyped-def]
    document.load(DESIGN, None)

    def middle(row) -> QPoint:  # type: ignore[no-untyped-def]
        palette.list.scrollToItem(row)
        return palette.list.visualItemRect(row).center()

    block, group = palette.rows()[0], palette.rows()[-1]
    with qtbot.waitSignal(palette.chosen) as chosen:
        at = (palette.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle(block))
        QTest.mouseClick(*at)
        QTest.mouseDClick(*at)
    assert chosen.args == ["Input"]
    with qtbot.waitSignal(palette.group_chosen) as chosen:
        palette.list.setCurrentItem(group)
        QTest.keyClick(palette.list, Qt.Key.Key_Return)
    assert chosen.args == ["inner"]
    head = palette.list.topLevelItem(0)
    QTest.mouseClick(palette.list.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle(head))
    assert not head.isExpanded()
    palette.refresh()
    assert not palette.list.topLevelItem(0).isExpanded()


def test_a_row_carries_its_block_or_group(palette: Palette, document: Document) -> None:
    document.load(DESIGN, None)
    rows = palette.rows()
    assert bytes(palette.list.mimeData([rows[0]]).data(BLOCK_MIME).data()) == b"Input"
    assert bytes(palette.list.mimeData([rows[-1]]).data(GROUP_MIME).data()) == b"inner"
    conv = next(row for row in rows if row.text(0) == "Convolution")
    assert "Slide a kernel." in conv.toolTip(0) and "torch" in conv.toolTip(0)


def test_breadcrumbs_lead_back(qtbot, document: Document) -> None:  # type: ignore[no-untyped-def]
    crumbs = Breadcrumbs(document)
    qtbot.addWidget(crumbs)
    document.load(DESIGN, None)
    assert crumbs.isHidden()
    document.enter("first")
    document.enter("deep")
    assert not crumbs.isHidden()
    assert [name for name, _ in crumbs.crumbs()] == ["untitled", "first", "deep"]
    crumbs.show()
    qtbot.waitUntil(lambda: len(_shown(crumbs)) == 3)
    buttons = _shown(crumbs)
    QTest.mouseClick(buttons[1], Qt.MouseButton.LeftButton)
    assert document.path == ("first",)
    document.go(())
    assert crumbs.isHidden()


def _shown(crumbs: Breadcrumbs) -> list[QToolButton]:
    return [button for button in crumbs.findChildren(QToolButton) if button.isVisible()]


def test_blocks_stand_in_the_sections_of_their_category(palette: Palette, document: Document) -> None:
    document.set_catalogue(MANY)
    layer = palette.list.topLevelItem(1)
    assert [layer.child(i).text(0) for i in range(layer.childCount())] == [
        "Of an older catalogue", "Pooling", "Activation", "Parts",
    ]  # fmt: skip
    assert titles(palette)[3:5] == ["average pool 2d", "Max pool 2d"], "by title, whatever the case"
    assert layer.child(1).isExpanded() and not layer.child(3).isExpanded(), "parts are folded at first"
    assert SECTIONS["Layer"].index("Pooling") < SECTIONS["Layer"].index("Activation")


def test_keys_walk_through_sections_and_unfold_them(palette: Palette, document: Document, qtbot) -> None:  # type: ignore[no-untyped-def]
    document.set_catalogue(MANY)
    palette.list.setFocus()
    palette.list.setCurrentItem(next(row for row in palette.rows() if row.text(0) == "ReLU"))
    QTest.keyClick(palette.list, Qt.Key.Key_Down)
    parts = palette.list.currentItem()
    assert parts.text(0) == "Parts"
    QTest.keyClick(palette.list, Qt.Key.Key_Return)
    assert parts.isExpanded()
    QTest.keyClick(palette.list, Qt.Key.Key_Down)
    with qtbot.waitSignal(palette.chosen) as chosen:
        QTest.keyClick(palette.list, Qt.Key.Key_Return)
    assert chosen.args == ["CutToSize"]
    palette.refresh()
    layer = palette.list.topLevelItem(1)
    assert layer.child(3).isExpanded(), "what was unfolded stays so"
    palette.list.setCurrentItem(layer.child(1))
    QTest.keyClick(palette.list, Qt.Key.Key_Left)
    assert not layer.child(1).isExpanded() and layer.child(2).isExpanded()


def test_a_search_is_flat_and_finds_presets_and_parts(palette: Palette, document: Document) -> None:
    document.set_catalogue(MANY)
    QTest.keyClicks(palette.search, "input")
    assert titles(palette) == heads(palette) == ["Input: image", "Input: tokens"]
    palette.search.clear()
    QTest.keyClicks(palette.search, "tokens")
    assert titles(palette) == ["Input: tokens"]
    assert "Whole numbers." in palette.rows()[0].toolTip(0)
    palette.search.clear()
    QTest.keyClicks(palette.search, "cut-to")
    assert titles(palette) == ["Cut to size"]


def test_a_preset_is_added_with_its_settings_and_name(view: CanvasView, document: Document, qtbot) -> None:  # type: ignore[no-untyped-def]
    document.set_catalogue((*CANVAS, *MANY[1:], msgspec.structs.replace(CANVAS[0], presets=PRESETS)))
    document.load(Design(), None)
    palette = Palette(document)
    qtbot.addWidget(palette)
    palette.chosen.connect(view.add_block)
    QTest.keyClicks(palette.search, "tokens")
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    (tokens,) = document.design.nodes
    assert (tokens.block, tokens.name, dict(tokens.settings)) == (
        "Input", "tokens", {"size": (128,), "dtype": "int64"},
    )  # fmt: skip
    palette.search.clear()
    QTest.keyClicks(palette.search, "image")
    image = bytes(palette.list.mimeData(palette.rows()[:1]).data(BLOCK_MIME).data()).decode()
    drop(view, BLOCK_MIME, image, QPoint(300, 300))
    drop(view, BLOCK_MIME, "Input:tokens", QPoint(300, 500))
    names = {node.name: dict(node.settings) for node in document.design.nodes}
    assert names["image"] == {} and names["tokens_2"] == names["tokens"]
