"""Several drawings in tabs: each keeps what was done to it and how one looked at it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEventLoop, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QTabBar, QToolButton

from app.design import edits, file, grouping
from app.design.usual import usual_loss
from app.design.values import Design, Node
from app.messages import Analysis, Trained
from app.messages.reports import Problem
from app.window import kept
from app.window import theme as themes
from app.window.document import Document
from app.window.engines import Engines
from app.window.main_window import MainWindow
from app.window.tabs import Tabs
from app.window.training import TrainingPanel
from tests.window import fake_engines
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.fake_engines import FakeEngines, small_design

LEFT, CTRL, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
WITHOUT_ANSWERS = QEventLoop.ProcessEventsFlag.ExcludeSocketNotifiers
FAKE = [sys.executable, "-P", str(Path(__file__).with_name("fake_engine.py"))]


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window with an engine that answers at once, not started yet."""
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr(kept, "catalogue_file", lambda: tmp_path / "cache" / "catalogue.json")
    monkeypatch.chdir(tmp_path)
    themes.load_fonts()
    made = MainWindow(engines=Engines(command=FAKE))
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.resize(1366, 768)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.canvas.setFocus()
    yield made
    made.close()
    made.deleteLater()


def press(window: MainWindow, key: Qt.Key, held: Qt.KeyboardModifier = CTRL) -> None:
    QTest.keyClick(window.canvas, key, held)


def add(window: MainWindow, id: str, block: str = "Conv2d", **fields: Any) -> None:
    window.document.edit(f"Add {id}", lambda d: edits.add_node(d, "", Node(id, block=block, **fields)))


def close_button(bar: QTabBar, index: int) -> QToolButton:
    found = bar.tabButton(index, QTabBar.ButtonPosition.RightSide)
    assert isinstance(found, QToolButton)
    return found


def test_each_tab_keeps_its_undo_selection_place_and_group(window: MainWindow) -> None:
    document, canvas, bar = window.document, window.canvas, window.tab_bar
    assert not bar.isVisible(), "one drawing needs no tabs"
    document.load(CHAIN, None, "chain")
    document.edit("Group", lambda d: grouping.collapse(d, "", ["conv", "relu"], "stage", {c.id: c for c in CARDS})[0])
    (group,) = (node.id for node in document.design.nodes if node.group)
    canvas.set_zoom(1.5)
    document.enter(group)
    canvas.set_zoom(0.7)
    canvas.scroll(QPoint(37, -21))
    canvas.scene_.select(["relu"])
    left, stack = canvas.leave(), document.undo_stack
    heard: list[object] = []
    document.stack_changed.connect(heard.append)

    press(window, Qt.Key.Key_N)
    assert bar.isVisible() and bar.count() == 2 and bar.currentIndex() == 1
    assert not document.design.nodes and document.undo_stack is not stack and heard == [document.undo_stack]
    assert not window.actions_["undo"].isEnabled() and document.path == () and canvas.selected_ids() == []
    add(window, "other")
    canvas.scene_.select(["other"])
    assert window.actions_["undo"].isEnabled() and "other" in window.actions_["undo"].text()

    press(window, Qt.Key.Key_Tab)
    assert document.title == "chain" and document.path == (group,) and document.undo_stack is stack
    again = canvas.leave()
    assert again.selected == left.selected == ("relu",) and again.places.keys() == left.places.keys()
    for place, (zoom, middle) in left.places.items():
        assert again.places[place][0] == zoom
        assert (again.places[place][1] - middle).manhattanLength() * zoom <= 1, "the bar took an odd number of lines"
    press(window, Qt.Key.Key_Z)
    assert document.design == CHAIN and document.where == ""
    press(window, Qt.Key.Key_PageUp)
    assert bar.currentIndex() == 1 and canvas.selected_ids() == ["other"]
    press(window, Qt.Key.Key_Z)
    assert not document.design.nodes and not document.modified
    press(window, Qt.Key.Key_Tab, CTRL | SHIFT)
    press(window, Qt.Key.Key_Y)
    assert group in document.design.by_id, "redo is the tab's own too"


def test_files_open_in_tabs_and_one_that_is_open_is_shown(
    window: MainWindow, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first.netloom", tmp_path / "second.netloom"
    for path in (first, second):
        file.save(Design(nodes=(Node(path.stem, block="Input"),)), path)
    monkeypatch.setattr(window.files, "ask_open_path", lambda: str(first))
    press(window, Qt.Key.Key_O)
    assert len(window.tabs) == 1, "the empty drawing gives way"
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(second))])
    at = window.rect().center()
    shape = (Qt.DropAction.CopyAction, data, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, QDragEnterEvent(at, *shape))
    QApplication.sendEvent(window, QDropEvent(QPointF(at), *shape))
    qtbot.waitUntil(lambda: window.document.file == second)
    add(window, "more")
    assert len(window.tabs) == 2 and window.tab_bar.tabToolTip(0).startswith(str(first))
    assert "not saved" in window.tab_bar.tabToolTip(1)
    press(window, Qt.Key.Key_O)
    assert len(window.tabs) == 2 and window.document.file == first and window.windowTitle().startswith("first")
    assert not window.isWindowModified()
    assert window.files.open_known("digits") and len(window.tabs) == 3
    assert window.files.open(second) and "more" in window.document.design.by_id


def test_closing_asks_and_the_last_tab_is_left_empty(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    bar, answers = window.tab_bar, ["cancel"]
    asked: list[str] = []
    monkeypatch.setattr(window.files, "ask_save", lambda: asked.append(window.document.title) or answers[-1])
    add(window, "first")
    for _ in range(2):
        press(window, Qt.Key.Key_N)
    add(window, "third")
    middle = bar.tabRect(0).center()
    QTest.mouseClick(bar, Qt.MouseButton.MiddleButton, pos=middle)
    assert asked and bar.count() == 3 and bar.currentIndex() == 0, "what is asked about is shown"
    answers.append("discard")
    press(window, Qt.Key.Key_Tab)
    QTest.mouseClick(bar, Qt.MouseButton.MiddleButton, pos=bar.tabRect(0).center())
    assert bar.count() == 2 and bar.currentIndex() == 0 and not window.document.design.nodes
    assert bar.tabText(0) == "untitled" and len(asked) == 2
    QTest.mouseClick(close_button(bar, 0), LEFT)
    assert len(asked) == 2 and bar.count() == 1 and not bar.isVisible(), "nothing was drawn there: nothing is asked"
    assert "third" in window.document.design.by_id
    press(window, Qt.Key.Key_W)
    assert len(asked) == 3 and len(window.tabs) == 1 and window.tabs.untouched
    assert not window.actions_["undo"].isEnabled()


def test_tabs_are_dragged_to_other_places(window: MainWindow) -> None:
    bar = window.tab_bar
    for name in ("a", "b", "c"):
        window.tabs.open(Design(nodes=(Node(name, block="Input"),)), None, name)
    QApplication.processEvents()
    start, end = bar.tabRect(2).center(), bar.tabRect(0).center() - QPoint(20, 0)
    QTest.mousePress(bar, LEFT, pos=start)
    for part in (0.2, 0.5, 0.8, 1.0):
        QTest.mouseMove(bar, start + (end - start) * part)
    QTest.mouseRelease(bar, LEFT, pos=end)
    assert [window.tabs.told(i).title for i in range(3)] == ["c", "a", "b"]
    assert bar.currentIndex() == window.tabs.index == 0 and window.document.title == "c"
    QTest.mouseClick(bar, LEFT, pos=bar.tabRect(2).center())
    assert window.document.title == "b" and window.document.design.by_id.keys() == {"b"}


def test_what_tabs_say_may_change_while_one_is_dragged(window: MainWindow) -> None:
    bar, document, tabs = window.tab_bar, window.document, window.tabs
    revisions = {}
    for name in ("a", "b", "c"):
        tabs.open(Design(nodes=(Node(name, block="Input"),)), None, name)
        revisions[name] = document.revision
    QApplication.processEvents()
    start, end = bar.tabRect(2).center(), bar.tabRect(0).center() - QPoint(20, 0)
    QTest.mousePress(bar, LEFT, pos=start)
    for count, part in enumerate((0.2, 0.5, 0.8, 1.0), 1):
        QTest.mouseMove(bar, start + (end - start) * part)
        problems = (Problem("error", "n", "n", "", "n", "x", "odd", "It is odd."),) * count
        document.set_analysis(Analysis(document.revision, valid=False, partial=False, problems=problems))
        tabs.take(Analysis(revisions["b"], valid=False, partial=False, problems=problems))
        QApplication.processEvents()
    QTest.mouseRelease(bar, LEFT, pos=end)
    assert [tabs.told(i).title for i in range(3)] == ["c", "a", "b"] and bar.currentIndex() == tabs.index == 0
    assert ["4 problems" in bar.tabToolTip(i) for i in range(3)] == [True, False, True]


def test_analyses_stay_with_their_tabs(window: MainWindow, qtbot: Any) -> None:
    document, tabs, engines = window.document, window.tabs, window.engines
    with qtbot.waitSignal(engines.ready, timeout=20_000):
        window.start()
    qtbot.waitUntil(lambda: "Hang" in document.catalogue)

    def known() -> bool:
        return tabs.analysis(tabs.index) is not None

    tabs.open(Design(nodes=(Node("odd", block="Conv2d"),)), None, "first")
    document.edit("Set", lambda d: edits.set_setting(d, "", "odd", "out_channels", 63, document.catalogue))
    qtbot.waitUntil(known)
    first = document.analysis
    qtbot.waitUntil(lambda: tabs.told(0).errors == 1)
    tabs.open(Design(nodes=(Node("a", block="Conv2d"), Node("b", block="Conv2d"))), None, "second")
    assert document.analysis is None, "nothing is known of it yet"
    qtbot.waitUntil(known)
    assert len(document.analysis.nodes) == 2 and "1 problem" in window.tab_bar.tabToolTip(0)
    heard: list[object] = []
    engines.analysed.connect(heard.append)
    tabs.show(0)
    QTest.qWait(60)
    assert document.analysis is first and not heard and not engines.busy, "no new analysis is needed"
    assert window.topbar.problems.text() == "1 problem"

    add(window, "late")
    revision = document.revision
    QApplication.processEvents(WITHOUT_ANSWERS)  # the question is on its way
    tabs.show(1)
    assert engines.busy and len(document.analysis.nodes) == 2
    qtbot.waitUntil(lambda: bool(heard))
    assert heard[0].revision == revision and len(document.analysis.nodes) == 2
    tabs.show(0)
    assert known() and document.analysis is heard[0], "an answer that comes late is kept for its tab"
    document.set_catalogue(tuple(document.catalogue.values()))
    tabs.show(1)
    assert document.analysis is None, "there are other blocks now"
    qtbot.waitUntil(known)


def test_a_run_goes_on_and_belongs_to_its_tab(qtbot: Any) -> None:
    document, engines = Document(), FakeEngines()
    document.set_catalogue(fake_engines.CARDS)
    design = usual_loss(small_design(data="digits", epochs=3), None, document.catalogue)
    document.load(design, None, "one")
    tabs, panel = Tabs(document), TrainingPanel(document, engines)
    qtbot.addWidget(panel)
    panel.show()
    tabs.is_running = panel.runs.active_in
    heard: list[bool] = []
    panel.running_changed.connect(heard.append)
    QTest.mouseClick(panel.start_button, LEFT)
    tabs.open(replace(design, nodes=design.nodes[:]), None, "two")
    assert heard == [True, False] and not panel.running and panel.start_button.isVisible()
    assert tabs.told(0).running and not tabs.told(1).running
    (job,) = engines.started
    job.tell(1, 5, "train", loss=1.0)
    assert panel.runs.last is None, "it is the other drawing's"
    QTest.mouseClick(panel.start_button, LEFT)
    QTest.mouseClick(panel.stop_button, LEFT)
    assert len(engines.started) == 2 and engines.started[1].cancelled and not job.cancelled
    tabs.show(0)
    assert panel.running and panel.stop_button.isEnabled() and panel.runs.last.progress.step == 5
    job.finished.emit(Trained(job.request.job, "runs/one", False, 3, panel.runs.last.values))
    assert not panel.running and panel.runs.trained is not None and heard[-1] is False
    tabs.show(1)
    assert panel.running and panel.runs.trained is None


def test_a_drawing_in_training_is_not_closed(window: MainWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(window.files, "report", said.append)
    monkeypatch.setattr(window.tabs, "is_running", lambda number: number == 0)
    window.document.load(CHAIN, None, "chain")
    press(window, Qt.Key.Key_N)
    press(window, Qt.Key.Key_W)
    press(window, Qt.Key.Key_W)
    assert len(window.tabs) == 1 and window.document.title == "chain" and "chain is being trained" in said[0]
