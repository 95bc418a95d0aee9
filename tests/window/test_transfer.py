"""The guide to transfer learning, by mouse and keys; and the file of weights that a run begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from app.design.transfer import CHANGES
from app.design.values import NodeRule
from app.messages.recipe import Samples
from app.window import get_weights
from app.window.document import Document
from app.window.get_weights import GetWeightsDialog
from app.window.training import TrainingPanel
from app.window.transfer_dialog import TransferDialog
from blocks import catalogue
from tests.window.fake_engines import DEVICES, FakeEngines
from tests.window.test_access import faults
from tests.window.test_recipe_form import choose, typed

LEFT = Qt.MouseButton.LeftButton
CARDS = catalogue.load()


@pytest.fixture
def panel(qtbot: Any) -> Iterator[TrainingPanel]:
    from tests.design.test_transfer import zoo

    document = Document()
    document.set_catalogue(tuple(CARDS.values()))
    document.load(zoo("resnet"), None)
    made = TrainingPanel(document, FakeEngines(DEVICES))
    qtbot.addWidget(made)
    made.resize(1200, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    QTest.mouseClick(made.form.more, LEFT)
    yield made


def guide(panel: TrainingPanel, qtbot: Any) -> TransferDialog:
    row = panel.form.details.weights
    qtbot.waitUntil(lambda: row.guide.height() > 20)
    QTest.mouseClick(row.guide, LEFT)
    dialog = panel.findChild(TransferDialog)
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    return dialog


def pick(dialog: TransferDialog, change: str) -> None:
    button = dialog.changes[change]  # type: ignore[index]
    QTest.mouseClick(button, LEFT, pos=QPoint(10, button.height() // 2))


def test_the_guide_asks_says_why_and_makes_the_edit_as_one_step(panel: TrainingPanel, qtbot: Any) -> None:
    document = panel._document
    before = document.design
    dialog = guide(panel, qtbot)
    assert faults(dialog) == [] and dialog.plan.change == "classes"
    seen = set()
    for change, (_, _, why) in CHANGES.items():
        pick(dialog, change)
        for amount in ("few", "some", "many"):
            choose(dialog.amount, amount)
            assert dialog.reason.text() == why and dialog.apply.isEnabled()
            seen.add((dialog.freezing.text(), dialog.outcome.text()))
        assert dialog.count.isVisible() == (change != "same") and dialog.task.isVisible() == (change == "task")
    assert len(seen) == 12 and document.design is before, "each answer has an outcome of its own; none is made yet"
    pick(dialog, "same")
    QTest.keyClick(dialog.changes["same"], Qt.Key.Key_Down)
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Space)
    assert dialog.plan.change == "classes" and dialog.changes["classes"].hasFocus(), "keys choose too"
    choose(dialog.amount, "some")
    typed(dialog.count, "37")
    dialog.weights.setFocus()
    QTest.keyClicks(dialog.weights, "/data/resnet50.safetensors")
    assert "New: new_head" in dialog.outcome.text() and "Frozen until epoch 4: stem, backbone" in dialog.outcome.text()
    QTest.mouseClick(dialog.apply, LEFT)
    design = document.design
    assert design.by_name["new_head"].settings["classes"] == 37 and NodeRule("stem", 0.05, 4) in design.recipe.nodes
    assert design.recipe.weights == "/data/resnet50.safetensors" and design.recipe.optimizer == "adamw"
    assert panel.form.details.weights.path.text() == "/data/resnet50.safetensors"
    assert document.undo_stack.undoText() == "Transfer learning: replace the head"
    document.undo_stack.undo()
    assert document.design == before and not document.undo_stack.canUndo(), "one step"


def test_what_cannot_be_done_is_said_and_cancel_changes_nothing(panel: TrainingPanel, qtbot: Any) -> None:
    from tests.design.test_transfer import zoo

    document = panel._document
    document.load(zoo("vit"), None)
    before = document.design
    dialog = guide(panel, qtbot)
    pick(dialog, "task")
    assert dialog.apply.isEnabled() and not dialog.refusal.isVisible()
    choose(dialog.task, "pixels")
    assert not dialog.apply.isEnabled() and "`backbone` gives no feature maps" in dialog.refusal.text()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible() and document.design is before


def test_how_much_data_there_is_is_known(panel: TrainingPanel, qtbot: Any) -> None:
    choose(panel.form.data, "digits")
    key = panel.form._samples._key
    panel.form._samples._take(key, Samples("", (("train", 1257),)))
    dialog = guide(panel, qtbot)
    assert dialog.known.text() == "The data chosen has 1,257 samples for training, 125 a class."
    assert dialog.amount.currentData() == "some" and dialog.count.value() == 10


def test_the_file_of_weights_is_typed_or_browsed_for(panel: TrainingPanel, monkeypatch: pytest.MonkeyPatch) -> None:
    document, row = panel._document, panel.form.details.weights
    typed(row.path, "start.pt")
    assert document.design.recipe.weights == "start.pt" and document.undo_stack.undoText() == "Change weights"
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/data/other.safetensors", ""))
    QTest.mouseClick(row.browse, LEFT)
    assert row.path.text() == document.design.recipe.weights == "/data/other.safetensors"
    document.undo_stack.undo()
    assert row.path.text() == document.design.recipe.weights == ""


def test_weights_that_are_there_already_are_used_by_a_click(
    panel: TrainingPanel, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(get_weights, "usual_folder", lambda: tmp_path)
    (tmp_path / "resnet50-0676ba61.pth").write_bytes(b"here")
    document, row = panel._document, panel.form.details.weights
    qtbot.waitUntil(lambda: row.get.height() > 20)
    QTest.mouseClick(row.get, LEFT)
    dialog = panel.findChild(GetWeightsDialog)
    qtbot.waitUntil(dialog.isVisible)
    assert dialog.chosen.title == "ResNet-50" and dialog.get.text() == "Use", "it knows what is drawn"
    QTest.mouseClick(dialog.get, LEFT)
    assert document.design.recipe.weights == row.path.text() == str(tmp_path / "resnet50-0676ba61.pth")
    document.undo_stack.undo()
    assert document.design.recipe.weights == ""
