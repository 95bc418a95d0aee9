"""The page of weights: what of a file fits which node, by mouse and keys; what is taken is one step to undo."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QCheckBox, QFileDialog

from app.design import edits
from app.messages.weights import CompareWeights, NodeFit, TensorFit, WeightsCompared
from app.window import theme as themes
from app.window.document import Document
from app.window.main_window import MainWindow
from app.window.weights_dialog import WeightsDialog
from app.window.weights_row import WeightsRow
from app.window.weights_tree import BY, COUNT, HERE, NAME, THERE
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.fake_engines import FakeEngines

LEFT = Qt.MouseButton.LeftButton


class Engines(FakeEngines):
    stopped = ""


def told(request: CompareWeights, unfit: str = "") -> WeightsCompared:
    """Everything of `conv` fits, `norm` by a guess, and of `head` nothing but its sizes differ."""
    guess = request.by == "order"
    nodes = (
        NodeFit("conv", "conv", "", "conv", "Conv2d", (
            TensorFit("c1.weight", "conv.weight", (64, 3, 3, 3), (64, 3, 3, 3), "map", True),
            TensorFit("c1.bias", "conv.bias", (64,), (64,), "map", True))),
        NodeFit("norm", "norm", "", "norm", "BatchNorm2d", (
            TensorFit("b.weight", "norm.weight", (64,), (64,), "order", guess),
            TensorFit("", "norm.num_batches_tracked", None, (), "missing", False))),
        NodeFit("head", "head", "", "head", "Linear", (
            TensorFit("fc.weight", "head.weight", (1000, 64), (10, 64), "size", False),
            TensorFit("", "head.bias", None, (10,), "missing", False))),
    )  # fmt: skip
    unused = (TensorFit("extra.w", "", (7,), None, "unused", False),)
    said = "2 of 5 tensors fit."
    return WeightsCompared(request.job, request.file, request.by, "torchvision", said, unfit, nodes, unused)


@pytest.fixture
def made(qtbot: Any, document: Document) -> Iterator[tuple[Document, Engines, WeightsDialog]]:
    document.load(CHAIN, None)
    engines = Engines()
    dialog = WeightsDialog(document, engines)  # type: ignore[arg-type]
    qtbot.addWidget(dialog)
    dialog.show()
    yield document, engines, dialog


def answer(qtbot: Any, engines: Engines, count: int, unfit: str = "") -> CompareWeights:
    """Play the engine: the request number `count` is answered."""
    qtbot.waitUntil(lambda: len(engines.started) >= count)
    job = engines.started[-1]
    request: CompareWeights = job.request
    job.finished.emit(told(request, unfit))
    return request


def choose(qtbot: Any, engines: Engines, dialog: WeightsDialog, unfit: str = "") -> CompareWeights:
    dialog.path.setFocus()
    QTest.keyClicks(dialog.path, "/w/r.pth")
    QTest.keyClick(dialog.path, Qt.Key.Key_Return)
    return answer(qtbot, engines, len(engines.started) + 1, unfit)


def click_row(dialog: WeightsDialog, at: int) -> None:
    top = dialog.tree.rows[at][0]
    QTest.mouseClick(dialog.tree.viewport(), LEFT, pos=dialog.tree.visualItemRect(top).center())


def click_box(box: QCheckBox) -> None:
    QTest.mouseClick(box, LEFT, pos=QPoint(8, box.height() // 2))


def test_a_row_a_node_folds_out_to_its_tensors(qtbot: Any, made: Any) -> None:
    document, engines, dialog = made
    assert not dialog.take.isEnabled() and "Choose a file" in dialog.words.text()
    request = choose(qtbot, engines, dialog)
    assert (request.file, request.by, request.design) == ("/w/r.pth", "name", document.design)
    rows = [(top.text(NAME), top.text(COUNT), top.text(BY)) for top, _ in dialog.tree.rows]
    assert rows == [
        ("conv", "2 of 2", "key map"), ("norm", "0 of 1", "order?"), ("head", "0 of 2", "another size, not there"),
        ("Not needed here", "1", ""),
    ]  # fmt: skip
    weight = dialog.tree.rows[2][1][0]
    assert (weight.text(THERE), weight.text(HERE)) == ("1000×64", "10×64")
    assert dialog.tree.rows[1][1][0].text(BY) == "order?", "a guess is offered, not taken"
    assert "2 of 5 tensors fit. Names as in torchvision." in dialog.words.text()
    assert (dialog.share.value(), dialog.share.maximum()) == (2, 5)
    click_row(dialog, 2)
    QTest.keyClick(dialog.tree, Qt.Key.Key_Right)
    assert dialog.tree.rows[2][0].isExpanded()
    themes.theme.set_mode("dark" if not themes.theme.dark else "light")
    assert dialog.tree.rows[2][0].isExpanded(), "what was folded out stays so"
    themes.theme.set_mode("system")
    QTest.keyClick(dialog.tree, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(dialog.tree, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert "10×64\t1000×64\tfc.weight" in QGuiApplication.clipboard().text()


def test_only_what_does_not_fit(qtbot: Any, made: Any) -> None:
    _document, engines, dialog = made
    choose(qtbot, engines, dialog)
    click_box(dialog.wrong)
    assert [top.isHidden() for top, _ in dialog.tree.rows] == [True, False, False, False]
    assert [item.isHidden() for item in dialog.tree.rows[1][1]] == [False, True], "a counter of steps does not count"
    click_box(dialog.wrong)
    assert not any(top.isHidden() for top, _ in dialog.tree.rows)


def test_what_fits_becomes_the_recipes_with_undo(qtbot: Any, made: Any) -> None:
    document, engines, dialog = made
    choose(qtbot, engines, dialog)
    dialog.way.setFocus()
    QTest.keyClick(dialog.way, Qt.Key.Key_End)
    dialog.way.activated.emit(dialog.way.currentIndex())
    assert answer(qtbot, engines, 2).by == "order"
    assert dialog.tree.rows[1][0].text(COUNT) == "1 of 1"
    QTest.mouseClick(dialog.take, LEFT)
    assert (document.design.recipe.weights, document.design.recipe.weights_by) == ("/w/r.pth", "order")
    assert dialog.take.text() == "Taken" and not dialog.take.isEnabled() and dialog.leave.isVisible()
    assert document.undo_stack.undoText() == "Take weights of r.pth"
    document.undo_stack.undo()
    assert document.design.recipe.weights == "" and dialog.take.isEnabled() and not dialog.leave.isVisible()
    document.undo_stack.redo()
    QTest.mouseClick(dialog.leave, LEFT)
    assert (document.design.recipe.weights, document.design.recipe.weights_by) == ("", "name")


def test_what_cannot_be_taken_says_why(qtbot: Any, made: Any) -> None:
    _document, engines, dialog = made
    choose(qtbot, engines, dialog, unfit="they are of another network: they lack x")
    assert dialog.why.text().startswith("They are of another network: they lack x. Match by single shapes too")
    assert not dialog.take.isEnabled()
    dialog.path.selectAll()
    QTest.keyClicks(dialog.path, "/w/evil.pth\r")
    qtbot.waitUntil(lambda: len(engines.started) == 2)
    engines.started[-1].failed.emit("/w/evil.pth asks for Python's os.system.")
    assert "os.system" in dialog.why.text() and not dialog.tree.rows and not dialog.take.isEnabled()


def test_the_recipes_row_opens_it_on_its_file(qtbot: Any, document: Document) -> None:
    document.load(replace(CHAIN, recipe=replace(CHAIN.recipe, weights="/w/r.pth", weights_by="order")), None)
    engines = Engines()
    row = WeightsRow(document, engines, print, lambda: (None, 0))
    qtbot.addWidget(row)
    row.show()
    QTest.mouseClick(row.fits, LEFT)
    (dialog,) = row.findChildren(WeightsDialog)
    request = answer(qtbot, engines, 1)
    assert (request.file, request.by, dialog.take.text()) == ("/w/r.pth", "order", "Taken")
    dialog.close()


def test_an_edit_asks_again(qtbot: Any, made: Any) -> None:
    document, engines, dialog = made
    choose(qtbot, engines, dialog)
    document.edit("Rename", lambda d: edits.rename(d, "", "conv", "first"))
    assert answer(qtbot, engines, 2).design.by_id["conv"].name == "first"
    document.edit("Recipe", lambda d: edits.set_recipe(d, replace(d.recipe, epochs=3)))
    assert not dialog._questions.waiting, "the recipe changes nothing of it"


@pytest.mark.qt_log_ignore("does not support raise", "grabbing the keyboard", extend=True)
def test_the_menu_opens_it_and_a_row_leads_to_the_node(
    qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    themes.load_fonts()
    window = MainWindow()
    qtbot.addWidget(window)
    monkeypatch.setattr(window.files, "ask_save", lambda: "discard")
    window.document.set_catalogue(CARDS)
    window.document.load(CHAIN, None)
    window.resize(1366, 768)
    window.show()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_a, **_k: ("/w/r.pth", ""))
    engines = Engines()
    with monkeypatch.context() as patch:
        patch.setattr(window, "engines", engines)
        window.actions_["weights"].trigger()
    (dialog,) = window.findChildren(WeightsDialog)
    QTest.mouseClick(dialog.browse, LEFT)
    answer(qtbot, engines, 1)
    click_row(dialog, 0)
    assert window.canvas.selected_ids() == ["conv"]
    dialog.close()
