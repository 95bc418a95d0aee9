"""The list of runs in the real window, by mouse and keys: what it says, compare, rename, delete, open, resume."""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QInputDialog, QLineEdit, QMessageBox, QPushButton

from app.design.values import Settings
from app.messages import Trained
from app.window import kept, shelf
from app.window import theme as themes
from app.window.engines import Engines
from app.window.main_window import MainWindow
from app.window.run_compare import RunCompare
from app.window.runs_panel import RunsPanel
from tests.window.canvas_hands import CARDS, CHAIN
from tests.window.fake_engines import FakeEngines
from tests.window.run_folders import run_folder

LEFT, CTRL, SHIFT = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
FAKE = [sys.executable, "-P", str(Path(__file__).with_name("fake_engine.py"))]


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window over a folder with two good runs, one that broke off, and one that cannot be read."""
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))  # the trash is in there
    monkeypatch.setattr(kept, "catalogue_file", lambda: tmp_path / "cache" / "catalogue.json")
    monkeypatch.chdir(tmp_path)
    runs = tmp_path / "runs"
    run_folder(runs / "first", CHAIN, scale=10.0, began="2026-01-02 10:00:00")
    narrow = replace(
        CHAIN, nodes=tuple(replace(n, settings=Settings(size=(1, 9, 9))) if n.id == "image" else n for n in CHAIN.nodes)
    )
    run_folder(runs / "second", narrow, scale=20.0, began="2026-01-02 11:00:00", learning_rate=0.01)
    broken_off = run_folder(runs / "third", CHAIN, epochs=2, began="2026-01-02 12:00:00", state="running")
    gone = {"state": "running", "pid": 2**22 + 7, "host": platform.node()}
    (broken_off / "state.json").write_text(json.dumps(gone))
    (runs / "torn").mkdir()
    (runs / "torn" / "metrics.csv").write_text("what,is\n1,2\n")
    (runs / "torn" / "design.netloom").write_text("{")
    themes.load_fonts()
    made = MainWindow(engines=Engines(command=FAKE))
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.document.set_catalogue(CARDS)
    made.resize(1366, 900)
    made.show()
    made.activateWindow()
    qtbot.waitUntil(made.isActiveWindow)
    made.bottom.show_tab("Runs")
    qtbot.waitUntil(lambda: len(made.shelf.runs) == 4)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def panel(window: MainWindow) -> RunsPanel:
    found = window.bottom.panel("Runs")
    assert isinstance(found, RunsPanel)
    return found


# hands ----------------------------------------------------------------------------------------------------------------


def row(panel: RunsPanel, name: str) -> int:
    found = next((path for path in panel.shelf.runs if path.name == name), None)
    return -1 if found is None else panel.table.row_of(found)


def click(panel: RunsPanel, name: str, keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    place = panel.table.visualRect(panel.table.sorted.index(row(panel, name), 2)).center()
    QTest.mouseClick(panel.table.viewport(), LEFT, keys, place)


def said(panel: RunsPanel, name: str) -> dict[str, str]:
    """What stands in a run's row, by heading."""
    at = row(panel, name)
    columns = panel.model.columns
    return {column.heading: panel.table.sorted.index(at, i).data() for i, column in enumerate(columns)}


def answer(kind: type, do: Any) -> list[str]:
    """Do something with the next modal dialog of a kind; what it said comes into the list."""
    heard: list[str] = []

    def drive() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, kind):
            timer.stop()
            heard.append(dialog.text() if isinstance(dialog, QMessageBox) else "")
            do(dialog)

    timer = QTimer(QApplication.instance())
    timer.timeout.connect(drive)
    timer.start(20)
    QTimer.singleShot(5000, timer, lambda: [w.close() for w in QApplication.topLevelWidgets() if w.isModal()])
    return heard


def press(text: str) -> Any:
    """Click the button of a dialog."""
    return lambda dialog: QTest.mouseClick(next(b for b in dialog.findChildren(QPushButton) if b.text() == text), LEFT)


# the list -------------------------------------------------------------------------------------------------------------


def test_the_list_says_settings_figures_and_how_each_run_stands(panel: RunsPanel) -> None:
    first = said(panel, "first")
    assert first["State"] == "finished" and first["Epochs"] == "3 / 3" and first["loss"] == "0.1833"
    assert first["learning rate"] == "0.001" and said(panel, "second")["learning rate"] == "0.01"
    assert "batch size" not in first, "only settings in which runs differ"
    assert said(panel, "third")["State"] == "broke off" and said(panel, "third")["Epochs"] == "2 / 2"
    assert said(panel, "torn")["State"] == "cannot be read"
    order = sorted(("first", "second", "third"), key=lambda name: row(panel, name))
    assert order == ["third", "second", "first"], "the newest first"
    curve = panel.table.sorted.index(row(panel, "first"), 1)
    from app.window.runs_table import CURVE

    assert len(curve.data(CURVE)) == 3


def test_a_heading_sorts(panel: RunsPanel) -> None:
    header = panel.table.header()
    at = [column.heading for column in panel.model.columns].index("loss")
    where = QPoint(header.sectionViewportPosition(at) + 10, header.height() // 2)
    QTest.mouseClick(header.viewport(), LEFT, pos=where)
    QTest.mouseClick(header.viewport(), LEFT, pos=where)
    if panel.table.sorted_by[1] == Qt.SortOrder.DescendingOrder:
        QTest.mouseClick(header.viewport(), LEFT, pos=where)
    losses = [panel.table.sorted.index(i, at).data() for i in range(3)]
    assert losses == sorted(losses, key=float) and panel.table.sorted_by[0] == "loss"


def test_a_folder_that_cannot_be_read_says_why_and_the_others_stay(panel: RunsPanel) -> None:
    click(panel, "torn")
    assert panel.notice.isVisible() and "design.netloom" in panel.notice.text
    assert not panel._buttons["open"].isEnabled() and panel._buttons["delete"].isEnabled()


def test_a_run_that_grows_is_followed(panel: RunsPanel, qtbot: Any, tmp_path: Path) -> None:
    click(panel, "third")
    with (tmp_path / "runs" / "third" / "metrics.csv").open("a") as table:
        table.write("3,45,train,loss,0.001\n3,50,train,lo")
    panel.shelf.scan()
    line = panel.shelf.runs[tmp_path / "runs" / "third"].points
    qtbot.waitUntil(lambda: line["train", "loss"][-1] == (2.25, 0.001), timeout=5000)
    assert panel.curves.charts["loss"].lines["train"].getData()[0][-1] == 2.25


# compare --------------------------------------------------------------------------------------------------------------


def test_two_runs_are_selected_and_compared(panel: RunsPanel, window: MainWindow, qtbot: Any) -> None:
    click(panel, "first")
    assert not panel._buttons["compare"].isEnabled()
    click(panel, "second", CTRL)
    assert panel._buttons["compare"].isEnabled()
    QTest.mouseClick(panel._buttons["compare"], LEFT)
    qtbot.waitUntil(lambda: bool(window.findChildren(RunCompare)))
    (dialog,) = window.findChildren(RunCompare)
    assert dialog.isVisible()
    names = [dialog.table.horizontalHeaderItem(i).text() for i in range(dialog.table.columnCount())]
    places = [names.index("first"), names.index("second")]
    rows = {
        dialog.table.verticalHeaderItem(r).text(): [dialog.table.item(r, at).text() for at in places]
        for r in range(dialog.table.rowCount())
    }
    assert rows["Learning rate"] == ["0.001", "0.01"] and rows["Best loss"] == ["0.1833", "0.3667"]
    assert "1 difference" in rows["Drawing"] and rows["Test accuracy"] == ["90.0 %", "90.0 %"]
    assert {run.name for run in dialog.curves.runs} == {"first", "second"}
    press("Copy table")(dialog)
    assert "| Learning rate |" in QGuiApplication.clipboard().text().replace("  ", "")
    press("Close")(dialog)
    qtbot.waitUntil(lambda: not dialog.isVisible())


# rename and delete ----------------------------------------------------------------------------------------------------


def test_deleting_asks_and_moves_to_the_trash(panel: RunsPanel, qtbot: Any, tmp_path: Path) -> None:
    click(panel, "first")
    heard = answer(QMessageBox, press("Cancel"))
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    assert heard == ["Move first to the trash?"] and (tmp_path / "runs" / "first").is_dir()
    click(panel, "first")
    click(panel, "second", CTRL)
    heard = answer(QMessageBox, press("Move to trash"))
    QTest.mouseClick(panel._buttons["delete"], LEFT)
    assert heard == ["Move 2 runs to the trash?"]
    assert not (tmp_path / "runs" / "first").exists() and not (tmp_path / "runs" / "second").exists()
    qtbot.waitUntil(lambda: row(panel, "first") == row(panel, "second") == -1)
    files = list((tmp_path / "share").rglob("first/metrics.csv"))
    assert len(files) == 1, "it can be brought back from the trash"
    shutil.move(files[0].parent, tmp_path / "runs" / "first")
    panel.shelf.scan()
    qtbot.waitUntil(lambda: row(panel, "first") >= 0)


def test_without_a_trash_nothing_is_deleted_and_it_is_said(
    panel: RunsPanel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "to_trash", lambda path: False)
    heard: list[str] = []
    monkeypatch.setattr(panel, "report", heard.append)
    click(panel, "first")
    answer(QMessageBox, press("Move to trash"))
    QTest.keyClick(panel.table, Qt.Key.Key_Delete)
    assert "cannot be moved to the trash" in heard[0] and (tmp_path / "runs" / "first" / "metrics.csv").exists()


def test_a_run_is_renamed_and_a_name_that_is_taken_is_refused(
    panel: RunsPanel, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def type_name(name: str) -> Any:
        def do(dialog: QInputDialog) -> None:
            field = dialog.findChild(QLineEdit)
            assert field is not None
            field.selectAll()
            QTest.keyClicks(field, name)
            QTest.keyClick(field, Qt.Key.Key_Return)

        return do

    click(panel, "first")
    answer(QInputDialog, type_name("baseline"))
    QTest.keyClick(panel.table, Qt.Key.Key_F2)
    assert (tmp_path / "runs" / "baseline" / "metrics.csv").exists() and row(panel, "baseline") >= 0
    heard: list[str] = []
    monkeypatch.setattr(panel, "report", heard.append)
    for name, why in (("second", "already"), ("a/b", "needs letters")):
        click(panel, "baseline")
        answer(QInputDialog, type_name(name))
        QTest.keyClick(panel.table, Qt.Key.Key_F2)
        assert why in heard.pop() and (tmp_path / "runs" / "baseline").exists()


# what a run is used for -----------------------------------------------------------------------------------------------


def test_enter_opens_the_drawing_of_a_run_with_its_curves(panel: RunsPanel, window: MainWindow, qtbot: Any) -> None:
    click(panel, "second")
    QTest.keyClick(panel.table, Qt.Key.Key_Return)
    image = window.document.design.by_id["image"]
    assert image.settings["size"] == (1, 9, 9)
    window.bottom.show_tab("Training")
    training: Any = window.bottom.panel("Training")
    qtbot.waitUntil(lambda: training.curves is not None and training.curves.isVisible())
    assert training.curves.charts["loss"].lines["validation"].getData()[0].tolist() == [1, 2, 3]


def test_a_run_that_broke_off_is_resumed_from_the_list(
    panel: RunsPanel, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = FakeEngines()
    monkeypatch.setattr(window.engines, "run", engines.run)
    click(panel, "first")
    assert not panel._buttons["resume"].isEnabled(), "a finished run has nothing to resume"
    click(panel, "third")
    QTest.mouseClick(panel._buttons["resume"], LEFT)
    (job,) = engines.started
    assert job.request.resume and Path(job.request.run) == tmp_path / "runs" / "third"
    window.bottom.show_tab("Runs")
    job.tell(2, 15, "train", loss=0.5)
    assert said(panel, "third")["State"] == "running" and not panel._buttons["resume"].isEnabled()
    heard: list[str] = []
    monkeypatch.setattr(panel, "report", heard.append)
    answer(QMessageBox, press("Move to trash"))
    QTest.mouseClick(panel._buttons["delete"], LEFT)
    assert "stop it first" in heard[0] and (tmp_path / "runs" / "third").exists()
    job.finished.emit(Trained("", job.request.run, True, 2, Settings()))


def test_runs_elsewhere_are_listed_and_remembered(
    panel: RunsPanel, window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder(tmp_path / "elsewhere" / "far", CHAIN)
    monkeypatch.setattr(panel, "ask_folder", lambda: str(tmp_path / "elsewhere"))
    QTest.mouseClick(panel._buttons["add"], LEFT)
    qtbot.waitUntil(lambda: row(panel, "far") >= 0)
    again = shelf.Shelf(window.settings)
    assert again.opened == [tmp_path / "elsewhere"]
    heard: list[str] = []
    monkeypatch.setattr(panel, "report", heard.append)
    (tmp_path / "none").mkdir()
    monkeypatch.setattr(panel, "ask_folder", lambda: str(tmp_path / "none"))
    QTest.mouseClick(panel._buttons["add"], LEFT)
    assert "holds no run" in heard[0]
