"""The inspector's reckoning and its solver, in the real window with the real engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit

from app.design import edits
from app.window.explanation import Explanation
from app.window.fold import Fold
from app.window.inspector_node import NodePage
from app.window.inspector_pages import OverviewPage
from app.window.letters import SizesDialog, short
from app.window.main_window import MainWindow
from tests.drawing import OUTPUT, chain, node
from tests.window.conftest import ENGINE

DESIGN = chain(
    node("image", "Input", size=(3, 224, 224)),
    node("conv", "Conv2d", kernel_size=(7, 7), stride=(2, 2), padding=(3, 3)),
    node("act", "ReLU"), OUTPUT,
)  # fmt: skip

pytestmark = pytest.mark.xdist_group("insight")


@pytest.fixture
def window(qtbot: Any, one_window: MainWindow) -> Iterator[MainWindow]:
    one_window.document.load(DESIGN, None)
    qtbot.waitUntil(lambda: checked(one_window), timeout=ENGINE)
    yield one_window
    Fold._open.clear()


def checked(window: MainWindow) -> bool:
    analysis = window.document.analysis
    return analysis is not None and analysis.revision == window.document.revision


def page_of(qtbot: Any, window: MainWindow, id: str) -> NodePage:
    window.canvas.reveal(id)
    qtbot.waitUntil(lambda: isinstance(window.inspector.page, NodePage) and window.inspector.page.id == id)
    return window.inspector.page  # type: ignore[no-any-return]


def test_the_reckoning_puts_the_numbers_in_and_follows_the_drawing(qtbot: Any, window: MainWindow) -> None:
    page = page_of(qtbot, window, "conv")
    box = page.reckoning

    def told() -> list[str]:
        return [label.text().strip("`") for label in box.findChildren(QLabel, "formula") if not label.isHidden()]

    assert not told(), "nothing is asked while it is folded away"
    QTest.mouseClick(box.toggle, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(told()), timeout=ENGINE)
    assert "floor((224 + 2 × 3 − 7)/2) + 1 = 112" in told()
    assert "7 × 7 × 3 × 64 + 64 = 9,472" in told() and "7 × 7 × 3 × 64 = 9,408" in told()
    assert all(label.width() <= box.width() for label in box.findChildren(QLabel) if label.isVisible())
    field = page._fields["stride"].findChildren(type(page.name))[0]
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "4")
    QTest.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: any("/4) + 1 = 56" in line for line in told()), timeout=ENGINE)
    activation = page_of(qtbot, window, "act").reckoning
    qtbot.waitUntil(activation.curve.isVisible, timeout=ENGINE)
    assert activation.is_open, "what was opened once stays open"
    QTest.keyClick(window.canvas, Qt.Key.Key_F1)
    (dialog,) = window.findChildren(Explanation)
    assert dialog.topic is not None and dialog.topic.key == "block:ReLU"
    qtbot.waitUntil(dialog.curve.isVisible, timeout=ENGINE)
    QTest.keyClick(dialog.list, Qt.Key.Key_Escape)


def test_a_size_that_is_typed_is_reached_in_one_step(qtbot: Any, window: MainWindow) -> None:
    box = page_of(qtbot, window, "conv").solve
    QTest.mouseClick(box.toggle, Qt.MouseButton.LeftButton)
    assert [field.text() for field in box.fields] == ["64", "112", "112"]
    for field in box.fields[1:]:
        field.selectAll()
        QTest.keyClicks(field, "56")
    QTest.keyClick(box.fields[2], Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(box.offers), timeout=ENGINE)
    first = box.offers[0]
    assert first.words == "Stride 4" and "64 × 56 × 56" in first.toolTip()
    QTest.mouseClick(first, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: checked(window), timeout=ENGINE)
    assert window.document.report("conv").outputs[0].tensors[0].shape == (1, 64, 56, 56)
    window.document.undo_stack.undo()
    assert window.document.design == DESIGN


def test_wires_speak_in_letters_and_follow_an_edit(qtbot: Any, window: MainWindow) -> None:
    def labels() -> list[str]:
        said = {wire.source.node: item.look.label for wire, item in window.canvas.scene_.wires.items()}
        return [said[id] for id in ("image", "conv", "act")]

    assert labels() == ["3×224×224", "64×112×112", "64×112×112"]
    window.actions_["letters"].trigger()
    qtbot.waitUntil(lambda: labels() == ["3×H×W", "64×H/2×W/2", "64×H/2×W/2"], timeout=ENGINE)
    catalogue = window.document.catalogue
    window.document.edit("Set", lambda d: edits.set_setting(d, "", "conv", "stride", (4, 4), catalogue))
    qtbot.waitUntil(lambda: labels()[1:] == ["64×H/4×W/4", "64×H/4×W/4"], timeout=ENGINE)
    window.actions_["letters"].trigger()
    assert labels()[1] == "64×56×56"
    window.canvas.scene_.select(["image"])
    qtbot.waitUntil(lambda: getattr(window.inspector.page, "id", "") == "image", timeout=ENGINE)
    line = window.inspector.page.findChild(QLineEdit, "setting-size")
    assert line is not None
    line.selectAll()
    QTest.keyClicks(line, "3 x Y x 96")
    QTest.keyClick(line, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: labels() == ["3×Y×96", "64×Y/4×24", "64×Y/4×24"], timeout=ENGINE)
    assert window.actions_["letters"].isChecked()
    window.actions_["letters"].trigger()


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("B × 64 × H/4 × W/4", "64×H/4×W/4"),
        ("B × 64 × H/4 - 1 × W/4 - 1", "64×(H/4−1)×(W/4−1)"),
        ("B × HW/256 + 1 × 192", "(HW/256+1)×192"),
    ],
)
def test_sums_stand_in_brackets_on_wires(told: str, shown: str) -> None:
    assert short(told) == shown


def test_it_says_which_sizes_work(qtbot: Any, window: MainWindow) -> None:
    fixed = chain(node("image", "Input", size=(3, 8, 8)), node("bad", "Reshape", size=(3, 64)), OUTPUT)
    window.document.load(fixed, None)
    qtbot.waitUntil(lambda: checked(window), timeout=ENGINE)
    window.actions_["sizes"].trigger()
    (dialog,) = window.findChildren(SizesDialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() > 2, timeout=ENGINE)
    rows = [[dialog.table.item(r, c).text() for c in range(3)] for r in range(dialog.table.rowCount())]
    assert "Works at 8 × 8 only" in dialog.summary.text() and {state for _, state, _ in rows} == {"no"}
    failing = next(r for r, row in enumerate(rows) if row[0] == "16 × 16")
    assert "bad" in rows[failing][2]
    dialog.table.cellActivated.emit(failing, 0)
    assert window.canvas.selected_ids() == ["bad"]
    dialog.close()


def test_the_memory_of_a_step_is_forecast(qtbot: Any, window: MainWindow) -> None:
    window.canvas.scene_.clearSelection()
    qtbot.waitUntil(lambda: isinstance(window.inspector.page, OverviewPage))
    box = window.inspector.page.forecast
    QTest.mouseClick(box.toggle, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(box.facts.isVisible, timeout=ENGINE)
    lines = dict(box.facts.texts())
    assert lines["parameters"] == "37 kB"
    assert lines["activations"] == "196 MB", "64 samples of 64 x 112 x 112 numbers"
    box.limit.setValue(1.0)
    QTest.mouseClick(box.search, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "fits into 1.0 GB" in box.largest.text(), timeout=ENGINE)


def test_what_cannot_be_solved_is_said(qtbot: Any, window: MainWindow) -> None:
    box = page_of(qtbot, window, "conv").solve
    box.set_open(True)
    box.fields[0].setText("many")
    box.ask()
    assert "whole number" in box.said.text()
    for field, text in zip(box.fields, ("64", "500", "500"), strict=False):
        field.setText(text)
    box.ask()
    qtbot.waitUntil(lambda: "enlarge" in box.said.text(), timeout=ENGINE)
    assert window.document.design == DESIGN
