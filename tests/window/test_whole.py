"""The whole job in the real window with real engines, by mouse and keys: draw, break, undo, train, export, reopen."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QDrag, QDragEnterEvent, QDragMoveEvent, QDropEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

import examples
from app.design import file
from app.window.export_dialog import ExportDialog
from app.window.main_window import MainWindow
from app.window.runs import FINISHED, STOPPED
from tests.window.conftest import ENGINE, let_a_spare_start, lives

LEFT, NO_BUTTON = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NONE, CTRL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier




@pytest.fixture
def window(real_window: MainWindow) -> MainWindow:
    let_a_spare_start(real_window)
    return real_window


# hands ----------------------------------------------------------------------------------------------------------------


def mouse(widget: QWidget, kind: QEvent.Type, at: QPoint, button: Qt.MouseButton, held: Qt.MouseButton) -> None:
    place = QPointF(at)
    QApplication.sendEvent(widget, QMouseEvent(kind, place, QPointF(widget.mapToGlobal(at)), button, held, NONE))


def drag(widget: QWidget, start: QPoint, *way: QPoint) -> None:
    """Press, move with the button held, release."""
    mouse(widget, QEvent.Type.MouseMove, start, NO_BUTTON, NO_BUTTON)
    mouse(widget, QEvent.Type.MouseButtonPress, start, LEFT, LEFT)
    for point in way:
        mouse(widget, QEvent.Type.MouseMove, point, NO_BUTTON, LEFT)
    mouse(widget, QEvent.Type.MouseButtonRelease, way[-1], LEFT, NO_BUTTON)


def drag_from_palette(window: MainWindow, monkeypatch: pytest.MonkeyPatch, block: str, to: QPoint) -> str:
    """Drag a block's row onto the canvas; returns the new node's id.

    The offscreen platform has no drag loop: the events of one are sent in its place, with the drag's own data.
    """
    canvas = window.canvas.viewport()
    before = set(window.document.design.by_id)

    def exec_drag(drag: QDrag, *_: Any) -> Qt.DropAction:
        data, copy = drag.mimeData(), Qt.DropAction.CopyAction
        QApplication.sendEvent(canvas, QDragEnterEvent(to, copy, data, LEFT, NONE))
        QApplication.sendEvent(canvas, QDragMoveEvent(to, copy, data, LEFT, NONE))
        QApplication.sendEvent(canvas, QDropEvent(QPointF(to), copy, data, LEFT, NONE))
        return copy

    monkeypatch.setattr(QDrag, "exec", exec_drag)
    rows = window.palette_panel.list
    row = next(r for r in window.palette_panel.rows() if r.data(0, int(Qt.ItemDataRole.UserRole)) == f"block:{block}")
    rows.scrollToItem(row)
    start = rows.visualItemRect(row).center()
    drag(rows.viewport(), start, start + QPoint(15, 5), start + QPoint(60, 10))
    (new,) = set(window.document.design.by_id) - before
    return new


def port(window: MainWindow, node: str, name: str, *, output: bool) -> QPoint:
    item = window.canvas.scene_.nodes[node]
    return window.canvas.mapFromScene(item.port_place(name, output=output))


def wire(window: MainWindow, source: str, target: str) -> None:
    start, end = port(window, source, "out", output=True), port(window, target, "x", output=False)
    drag(window.canvas.viewport(), start, (start + end) / 2, end)


def click_node(window: MainWindow, node: str) -> None:
    rect = window.canvas.scene_.nodes[node].rect
    at = window.canvas.mapFromScene(QPointF(rect.center().x(), rect.top() + 12))
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=at)
    assert window.canvas.selected_ids() == [node]


def type_setting(window: MainWindow, qtbot: Any, node: str, setting: str, text: str) -> None:
    """Click a node and type one of its settings in the inspector."""
    click_node(window, node)
    qtbot.waitUntil(lambda: window.inspector.findChild(QWidget, f"setting-{setting}") is not None)
    field = window.inspector.findChild(QWidget, f"setting-{setting}")
    QTest.mouseClick(field, LEFT)
    field.selectAll()  # type: ignore[attr-defined]
    QTest.keyClicks(field, text)
    QTest.keyClick(field, Qt.Key.Key_Return)


def click_tab(window: MainWindow, name: str) -> Any:
    tabs = window.bottom.tabs
    index = next(i for i in range(tabs.count()) if tabs.tabText(i).startswith(name))
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(index).center())
    return window.bottom.panel(name)


def click_button(place: QWidget, text: str) -> None:
    found = next(b for b in place.findChildren(QPushButton) if b.text() == text and b.isVisible())
    QTest.mouseClick(found, LEFT)


def analysed(window: MainWindow) -> bool:
    analysis = window.document.analysis
    return analysis is not None and analysis.revision == window.document.revision


def validation_points(panel: Any, name: str) -> int:
    x, _ = panel.curves.charts[name].lines["validation"].getData()
    return 0 if x is None else len(x)


# the job --------------------------------------------------------------------------------------------------------------


def test_draw_break_undo_train_export_and_reopen(
    window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = window.document
    blocks = ("Input", "ConvStem", "ClassificationHead", "Output")
    places = (QPoint(90, 120), QPoint(340, 120), QPoint(480, 300), QPoint(800, 300))
    nodes = [drag_from_palette(window, monkeypatch, b, at) for b, at in zip(blocks, places, strict=True)]
    for source, target in pairwise(nodes):
        wire(window, source, target)
    assert len(document.design.wires) == 3, window.status.hint.text()
    image, stem, *_ = nodes
    type_setting(window, qtbot, image, "size", "1, 8, 8")
    qtbot.waitUntil(lambda: analysed(window) and document.analysis.valid, timeout=5000)
    assert document.analysis.outputs[0].tensors[0].shape == (1, 10)
    good = document.design

    held = window.canvas.viewport()  # while a wire is held over a port, the engine says what would come out
    mouse(held, QEvent.Type.MouseButtonPress, port(window, image, "out", output=True), LEFT, LEFT)
    mouse(held, QEvent.Type.MouseMove, port(window, stem, "x", output=False), NO_BUTTON, LEFT)
    qtbot.waitUntil(lambda: window.status.hint.text().endswith("64×2×2 comes out"), timeout=5000)
    QTest.keyClick(window.canvas, Qt.Key.Key_Escape)
    assert document.design == good

    type_setting(window, qtbot, image, "size", "8")
    qtbot.waitUntil(lambda: analysed(window) and not document.analysis.valid, timeout=5000)
    problems = click_tab(window, "Problems")
    row = problems.rows[0]
    qtbot.waitUntil(row.isVisible)
    assert row.problem.node == stem
    assert any(row.problem.message in label.text() for label in row.findChildren(type(problems.state)))
    QTest.mouseClick(row, LEFT)
    assert window.canvas.selected_ids() == [stem], "the problem leads to its node"
    QTest.keyClick(window.canvas, Qt.Key.Key_Z, CTRL)
    assert document.design == good
    qtbot.waitUntil(lambda: analysed(window) and document.analysis.valid, timeout=5000)

    panel = click_tab(window, "Training")
    steps = document.undo_stack.count()
    click_button(panel, "Add the usual one (CrossEntropy on label)")
    assert {n.block for n in document.design.nodes} >= {"Target", "CrossEntropy", "Accuracy"}
    assert document.undo_stack.index() <= steps and document.undo_stack.undoText() == "Add the usual loss"
    panel.form.data.setFocus()
    QTest.keyClick(panel.form.data, Qt.Key.Key_Down)
    assert document.design.recipe.data == "digits"
    QTest.mouseClick(panel.form.epochs, LEFT)
    panel.form.epochs.selectAll()
    QTest.keyClicks(panel.form.epochs, "3")
    QTest.keyClick(panel.form.epochs, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: analysed(window) and document.analysis.valid, timeout=5000)
    click_button(window.topbar, "Train")
    assert panel.running, panel.empty.text
    qtbot.waitUntil(lambda: not panel.running, timeout=ENGINE)
    assert panel.runs.last.state == FINISHED, panel.runs.last.message
    assert validation_points(panel, "loss") >= 3 and panel.curves.isVisible()
    assert panel.runs.last.values["loss"] > 0

    target = tmp_path / "drawn.onnx"
    export(window, qtbot, target)
    check = "import onnx, sys; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)"
    subprocess.run([sys.executable, "-c", check, str(target)], check=True, timeout=120)

    saved = tmp_path / "drawn.netloom"
    monkeypatch.setattr(window.files, "ask_save_path", lambda: str(saved))
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClick(window.canvas, Qt.Key.Key_S, CTRL)
    assert saved.exists() and not document.modified
    drawn = document.design
    assert file.load(saved, document.catalogue) == drawn
    QTest.keyClick(window.canvas, Qt.Key.Key_N, CTRL)
    assert not document.design.nodes
    assert window.files.open(saved) and document.design == drawn
    assert "torch" not in sys.modules or "app.engine" in sys.modules, "the window itself never loads torch"


def export(window: MainWindow, qtbot: Any, target: Path) -> None:
    """Through the dialog, which is modal: a timer is the hand."""
    said: list[str] = []
    timer = QTimer()

    def drive() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, ExportDialog) or dialog.busy:
            return
        if not said:
            dialog.path.selectAll()
            QTest.keyClicks(dialog.path, str(target))
            said.append(dialog.weights.currentText())
            QTest.mouseClick(dialog.export_button, LEFT)
            return
        timer.stop()
        said.append(dialog.notice.text)
        said.extend(dialog.report_lines())
        QTest.mouseClick(dialog.close_button, LEFT)

    timer.timeout.connect(drive)
    timer.start(50)
    QTimer.singleShot(ENGINE, timer, lambda: [w.close() for w in QApplication.topLevelWidgets() if w.isModal()])
    click_button(window.topbar, "Export")
    assert said[0].startswith("Trained") and said[1].startswith(f"{target.name} is written"), said
    assert any("checker" in line for line in said) and any("1, 3, 64" in line for line in said), said


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is POSIX")
def test_engines_that_are_killed_cost_only_what_they_did(window: MainWindow, qtbot: Any) -> None:
    window.files.open(Path(examples.path("digits")))
    panel = click_tab(window, "Training")
    panel.form.epochs.setValue(400)
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)
    click_button(panel, "Start")
    qtbot.waitUntil(lambda: panel.curves is not None and validation_points(panel, "loss") >= 2, timeout=ENGINE)
    first = panel.runs.last
    os.kill(window.engines.jobs[0].engine.pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: not panel.running, timeout=5000)
    assert "was killed (signal 9)" in panel.notice.text and panel.notice.isVisible()
    assert validation_points(panel, "loss") >= 2 and panel.curves.isVisible(), "the curves stay"

    qtbot.waitUntil(lambda: window.engines.spare_ready)
    spare = next(pid for pid in window.engines.pids if pid != window.engines.analysis_pid)
    os.kill(window.engines.analysis_pid, signal.SIGKILL)
    qtbot.waitUntil(lambda: "signal 9" in window.status.hint.text(), timeout=5000)
    design = window.document.design
    click_node(window, design.nodes[0].id)
    QTest.keyClick(window.canvas, Qt.Key.Key_Delete)
    assert len(window.document.design.nodes) == len(design.nodes) - 1
    qtbot.waitUntil(lambda: analysed(window), timeout=ENGINE)
    assert window.engines.analysis_pid == spare, "the one that was warm took over"
    QTest.keyClick(window.canvas, Qt.Key.Key_Z, CTRL)
    qtbot.waitUntil(lambda: analysed(window) and window.document.analysis.valid, timeout=5000)

    click_button(panel, "Start again")
    second = panel.runs.last
    assert second is not first and second.folder != first.folder
    qtbot.waitUntil(lambda: second.progress is not None, timeout=ENGINE)
    click_button(panel, "Stop")
    qtbot.waitUntil(lambda: not panel.running, timeout=15_000)
    assert second.state == STOPPED, second.message


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="children are looked up in /proc")
def test_a_window_that_is_killed_takes_its_engines_along(tmp_path: Path) -> None:
    start = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
    home = str(Path(__file__).resolve().parents[2])
    window = subprocess.Popen(
        [sys.executable, "-c", start, str(examples.path("digits"))],
        env=os.environ | {"NETLOOM_SETTINGS": str(tmp_path), "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": home},
        cwd=tmp_path,
    )
    try:
        engines = wait_for(lambda: children(window.pid), 120)
        wait_for(lambda: len(children(window.pid)) >= 2, 120)  # the spare: the first is warm then
        engines = children(window.pid)
        assert window.poll() is None
    finally:
        window.kill()
        window.wait()
    wait_for(lambda: not any(map(lives, engines)), 60)


def children(pid: int) -> list[int]:
    """The processes that `pid` has started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(after[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def wait_for(what: Any, seconds: float) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return found
