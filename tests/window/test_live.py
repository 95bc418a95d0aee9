"""A run in the real window with the real engine: data, pause, stop, resume, continue with a changed design, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTreeWidget

import examples
from app.window.carried_dialog import CarriedDialog
from app.window.main_window import MainWindow
from app.window.run_compare import RunCompare
from app.window.runs import STOPPED
from tests.window.conftest import ENGINE
from tests.window.test_whole import analysed, click_button, click_tab, type_setting

CTRL = Qt.KeyboardModifier.ControlModifier


def test_choose_data_train_pause_stop_resume_continue_with_the_changed_drawing_and_compare(
    real_window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    window = real_window
    window.files.open(Path(examples.path("digits")))
    window.document.edit("Take the data out", lambda d: replace(d, recipe=replace(d.recipe, data="")))
    chosen = click_tab(window, "Data")
    click_button(chosen.empty, "Use handwritten digits")
    qtbot.waitUntil(lambda: chosen.grid.isVisible() and sum(chosen.classes.counts) == 1257, timeout=ENGINE)
    assert window.document.design.recipe.data == "digits" and not chosen.rows

    panel = click_tab(window, "Training")
    panel.form.epochs.setValue(400)
    panel.form.learning_rate.selectAll()
    QTest.keyClicks(panel.form.learning_rate, "0.01")
    QTest.keyClick(panel.form.learning_rate, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)
    click_button(panel, "Start")
    qtbot.waitUntil(lambda: "left" in panel.status.text() and "samples/s" in panel.status.text(), timeout=ENGINE)
    first = panel.runs.last

    click_button(panel, "Pause")
    qtbot.waitUntil(lambda: panel.status.text().startswith("Paused · epoch"), timeout=5000)
    held = first.progress.step
    assert (tmp_path / first.folder / "checkpoints" / "last" / "weights.safetensors").is_file()
    qtbot.wait(300)
    assert first.progress.step == held, "nothing is computed while it is paused"
    click_button(panel, "Go on")
    qtbot.waitUntil(lambda: first.progress.step > held, timeout=5000)
    qtbot.waitUntil(lambda: panel.curves is not None and ("validation", "loss") in first.points, timeout=ENGINE)
    assert list(panel.curves.gauges)[:2] == ["samples/s", "memory (MB)"]

    click_button(panel, "Stop")
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)
    assert first.state == STOPPED and "Stopped after" in panel.notice.text
    before = [x for x, _ in first.points["train", "loss"]][-1]
    click_button(panel.notice, "Resume")
    qtbot.waitUntil(lambda: panel.runs.last.progress is not None, timeout=ENGINE)
    again = panel.runs.last
    qtbot.waitUntil(lambda: again.points["train", "loss"][-1][0] > before, timeout=ENGINE)
    assert again.folder == first.folder and again.points["train", "loss"][0] == first.points["train", "loss"][0]
    click_button(panel, "Stop")
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)

    head = next(n.id for n in window.document.design.nodes if n.block == "ClassificationHead")
    type_setting(window, qtbot, head, "classes", "12")
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)
    click_button(panel.notice, "Continue with the changed design")
    qtbot.waitUntil(lambda: panel.runs.last.carried is not None, timeout=ENGINE)
    second = panel.runs.last
    assert second.folder != first.folder and "kept in part" in panel.notice.text and first.name in panel.notice.text
    click_button(panel.notice, "Show weights")
    dialog = panel.findChild(CarriedDialog)
    rows = dialog.findChild(QTreeWidget)
    heads = [rows.topLevelItem(i).text(0) for i in range(rows.topLevelItemCount())]
    assert any(text.startswith("Kept as they are: ") for text in heads)
    sliced = next(rows.topLevelItem(i) for i, text in enumerate(heads) if text.startswith("Kept in part"))
    assert any("10" in sliced.child(i).text(0) and "12" in sliced.child(i).text(0) for i in range(sliced.childCount()))
    click_button(dialog, "Close")
    qtbot.waitUntil(lambda: ("validation", "loss") in second.points, timeout=ENGINE)
    began = second.points["train", "loss"][0][1]
    assert began < first.points["train", "loss"][0][1], "it begins where the weights are, not anew"
    click_button(panel, "Stop")
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)

    runs = click_tab(window, "Runs")
    qtbot.waitUntil(lambda: len(window.shelf.runs) == 2 and all(r.points for r in window.shelf.runs.values()))
    runs.table.setFocus()
    QTest.keyClick(runs.table, Qt.Key.Key_A, CTRL)
    click_button(runs, "Compare")
    qtbot.waitUntil(lambda: bool(window.findChildren(RunCompare)))
    (compare,) = window.findChildren(RunCompare)
    assert {run.name for run in compare.curves.runs} == {first.name, second.name}
    click_button(compare, "Close")
