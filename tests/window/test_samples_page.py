"""The samples of runs as they improve: the page in the list of runs and while it is trained, by mouse and by keys."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from app.design.usual import usual_loss
from app.engine import samples
from app.messages.data import ShownSample
from app.messages.predictions import Answer, Predicted, Reading, Shown
from app.messages.preview import Look, Tile
from app.window import kept
from app.window.document import Document
from app.window.run_samples import HELD, History
from app.window.runs_panel import RunsPanel
from app.window.samples_grid import lines_of, tiles_of
from app.window.samples_view import SamplesView
from app.window.training import TrainingPanel
from tests.window.canvas_hands import CHAIN
from tests.window.fake_engines import CARDS as FEW
from tests.window.fake_engines import FakeEngines, small_design
from tests.window.run_folders import run_folder, runs_in_a_window
from tests.window.test_confusion import turn

LEFT = Qt.MouseButton.LeftButton


def grey(value: int, side: int = 8) -> Look:
    return Look("colour", (3, side, side), side, side, bytes([value] * 3 * side * side), (Tile(0, 0, 1, 0, 0),), of=1)


def mask(value: int, side: int = 8) -> Look:
    return Look("maps", (1, side, side), side, side, bytes([value] * side * side), (Tile(0, 0, 1, 0, 0),), of=1)


def said(epoch: int, count: int = 8) -> Predicted:
    """At epoch n the first n samples are right."""
    shown = tuple(
        Shown(ShownSample(10 * i, look=grey(20 * i)), (Reading("classes", "answer", (Answer(str(i), 1.0),)),))
        for i in range(count)
    )  # fmt: skip
    readings = []
    for i in range(count):
        right = i < epoch
        best = (Answer(str(i) if right else "9", 0.5 + epoch / 20), Answer("8", 0.1))
        readings.append((Reading("classes", "answer", best, right=float(right)),))
    return Predicted("", epoch, 20 * epoch, shown, tuple(readings), of=180)


@pytest.fixture
def panel(qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunsPanel]:
    """The list with a run that kept five epochs, written by the engine, and one without samples."""
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    monkeypatch.setattr(kept, "catalogue_file", lambda: tmp_path / "cache" / "catalogue.json")
    monkeypatch.chdir(tmp_path)
    run_folder(tmp_path / "runs" / "plain", CHAIN, began="2026-01-02 10:00:00")
    told = run_folder(tmp_path / "runs" / "told", CHAIN, began="2026-01-02 11:00:00")
    for epoch in range(1, 6):
        samples.write(told, said(epoch))
    yield from runs_in_a_window(qtbot, monkeypatch, 2)


def opened(panel: Any, qtbot: Any) -> SamplesView:
    turn(panel, "Samples")
    view = panel.views.samples
    assert isinstance(view, SamplesView)
    qtbot.waitUntil(lambda: view.isVisible() and view.grid.width() > 100)
    return view


def test_epochs_and_samples_are_gone_through_by_keys_and_mouse(panel: RunsPanel, qtbot: Any) -> None:
    view = opened(panel, qtbot)
    assert view.epoch.text() == "epoch 5" and view.score.text() == "5 of 8 right"
    assert view.said.text() == "8 of 180 validation samples, always the same."
    view.slider.setFocus()
    QTest.keyClick(view.slider, Qt.Key.Key_Left)
    assert view.epoch.text() == "epoch 4" and view.score.text() == "4 of 8 right"
    QTest.keyClick(view.slider, Qt.Key.Key_Home)
    assert view.epoch.text() == "epoch 1" and view.score.text() == "1 of 8 right"
    assert view.slider.accessibleDescription() == "epoch 1 of up to 5" and view.slider.accessibleName()
    middle = QPoint(view.slider.width() - 8, view.slider.height() // 2)
    QTest.mouseClick(view.slider, LEFT, pos=middle)
    assert view.epoch.text() == "epoch 5", "a click beside the handle goes a page on"

    grid = view.grid
    QTest.mouseMove(grid, grid.place(0).center().toPoint())
    QTest.mouseMove(grid, grid.place(1).center().toPoint())
    assert view.said.text() == "Sample 11. right: 1 75 %. answer: 1 75.0 %, 8 10.0 %"
    grid.setFocus()
    for key in (Qt.Key.Key_Left, Qt.Key.Key_Left):
        QTest.keyClick(grid, key)
    assert grid.at == 0
    columns = grid._cells()[2]
    QTest.keyClick(grid, Qt.Key.Key_Down)
    assert grid.at == columns and grid.accessibleDescription().startswith(f"Sample {10 * columns + 1}.")
    for _ in range(8):
        QTest.keyClick(grid, Qt.Key.Key_Right)
    assert grid.at == 7 and "wrong: 9 75 %, is 7" in view.said.text()

    def cell(index: int) -> Any:
        return grid.grab(grid.place(index).toRect()).toImage()

    at = QPoint(10, 10)
    assert cell(5).pixelColor(at).name() == "#646464", "the sample itself"
    right, wrong = cell(1), cell(6)
    view.slider.setValue(0)
    assert cell(1) != right and cell(6) != wrong


def test_a_run_without_samples_has_no_such_page_and_damaged_files_a_sentence(
    panel: RunsPanel, qtbot: Any, tmp_path: Path
) -> None:
    view = opened(panel, qtbot)
    panel.table.choose([path for path in panel.shelf.runs if path.name == "plain"])
    assert not panel.views.tabs.isVisible() and panel.curves.isVisible()
    panel.table.choose([path for path in panel.shelf.runs if path.name == "told"])
    assert view.isVisible() and not panel.curves.isVisible(), "it comes back to the page one was on"

    place = tmp_path / "runs" / "told" / "samples"
    (place / "epoch-00006.json.gz").write_bytes(b"no gzip")
    (place / "epoch-00004.json.gz").write_bytes(gzip.compress(b'{"epoch": 4, "readings": []}'))
    (place / "epoch-00003.json.gz").write_bytes(gzip.compress(b'{"epoch": 3}'))
    panel.views.show_samples(History(tmp_path / "runs" / "told"))
    for epoch, whole in ((6, False), (5, True), (4, False), (3, False)):
        assert view.epoch.text() == f"epoch {epoch}" and ("cannot be read: choose another" in view.said.text()) != whole
        QTest.keyClick(view.slider, Qt.Key.Key_Left)
    assert view.score.text() == "2 of 8 right"
    (place / "samples.json.gz").unlink()
    assert History(tmp_path / "runs" / "told").samples == () and History(tmp_path).epochs == []


def test_while_it_is_trained_the_newest_is_followed_or_the_one_looked_at_stays(qtbot: Any) -> None:
    document = Document()
    document.set_catalogue(FEW)
    document.load(usual_loss(small_design(data="digits"), None, {card.id: card for card in FEW}), None)
    engines = FakeEngines()
    panel = TrainingPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1200, 320)
    panel.show()
    assert panel.start()
    job = engines.started[0]

    def tell(epoch: int) -> None:
        job.tell(epoch, 10 * epoch, "train", loss=1 / epoch)
        job.samples.emit(said(epoch))

    tell(1)
    qtbot.waitUntil(lambda: panel.views is not None and panel.views.tabs.isVisible())
    turn(panel, "Samples")
    view = panel.views.samples
    assert view.epoch.text() == "epoch 1" and not view.slider.isEnabled()
    tell(2)
    qtbot.waitUntil(lambda: view.epoch.text() == "epoch 2")
    QTest.keyClick(view.slider, Qt.Key.Key_Left)
    tell(3)
    qtbot.waitUntil(lambda: view.slider.maximum() == 2)
    assert view.epoch.text() == "epoch 1"
    QTest.keyClick(view.slider, Qt.Key.Key_End)
    job.failed.emit("The engine for training was killed (signal 9).")
    assert view.epoch.text() == "epoch 3", "what was told stays"
    assert panel.resume()
    engines.started[1].tell(2, 20, "train", loss=0.5)
    engines.started[1].samples.emit(said(2))
    qtbot.waitUntil(lambda: view.epoch.text() == "epoch 2")
    assert panel.runs.last.samples.epochs == [1, 2], "what is trained anew takes the place of what was"


def test_of_a_long_run_some_epochs_are_held() -> None:
    history = History()
    for epoch in range(1, 301):
        history.take(said(epoch, 2))
    assert len(history.epochs) == HELD and history.epochs[0] == 1 and history.epochs[-1] == 300


def test_masks_texts_and_numbers_have_their_lines_and_pictures() -> None:
    truth, found = Reading("mask", "m", look=mask(1)), Reading("mask", "m", look=mask(2), right=0.834)
    shown = Shown(ShownSample(0, look=grey(9)), (truth,))
    assert [tile.what for tile in tiles_of(shown, (found,))] == ["truth", "found"]
    assert [line.text for line in lines_of(shown, (found,), ())] == ["83 % of pixels right"]
    made = Reading("picture", "r", look=grey(3), error=0.0123)
    assert [tile.what for tile in tiles_of(shown, (made,))] == ["sample", "made"]
    assert lines_of(shown, (made,), ())[0].text == "error 0.0123"
    text = Shown(ShownSample(0, text="a\nb"), (Reading("tokens", "t", (Answer(" ", 1.0),), text="\nb "),))
    next_ = Reading("tokens", "t", (Answer("\n", 0.6), Answer(" ", 0.3)), text="\nb\n", right=2 / 3)
    first, second, third = lines_of(text, (next_,), ())
    assert first.text == "a↵b" and first.mono and second.text == "next “↵”  60 %, is “␣”" and second.right is False
    assert third.text == "67 % of all next ones right" and not tiles_of(text, (next_,))
    row = Shown(ShownSample(0, cells=("1", "2")), (Reading("numbers", "n", numbers=(42.0,)),))
    lines = lines_of(row, (Reading("numbers", "n", numbers=(40.5,), error=2.25),), ("width", "height"))
    assert [line.text for line in lines] == ["width 1  height 2", "40.5, is 42"]
