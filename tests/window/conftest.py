"""Fixtures of the canvas' tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app.design.usual import usual_loss
from app.window import theme as themes
from app.window.canvas.view import CanvasView
from app.window.document import Document
from app.window.main_window import MainWindow
from app.window.training import TrainingPanel
from tests.window.canvas_hands import CARDS, CHAIN, let_go, shown
from tests.window.code_hands import DESIGN, Asked, answer, panel
from tests.window.fake_engines import CARDS as FEW
from tests.window.fake_engines import FakeEngines, small_design

ENGINE = 120_000
"""Milliseconds for what an engine must first start for."""


class Patient(QtBot):
    """Waits longer than anything takes on a machine that has other things to do: a wait ends with what it is for."""

    def waitUntil(self, callback: Any, *, timeout: int = ENGINE) -> None:
        super().waitUntil(callback, timeout=max(timeout, ENGINE))

    def waitSignal(self, signal: Any, *, timeout: int = ENGINE, raising: bool = True, **how: Any) -> Any:
        timeout = max(timeout, ENGINE) if raising else timeout  # no signal may be what is waited for
        return super().waitSignal(signal, timeout=timeout, raising=raising, **how)

    def waitExposed(self, widget: Any, *, timeout: int = ENGINE) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: object, request: pytest.FixtureRequest) -> Patient:
    """pytest-qt's, with longer waits; it closes the widgets that it is given all the same."""
    return Patient(request)


@pytest.fixture(autouse=True)
def hands_off() -> Iterator[None]:
    """A test may end in the middle of a drag; to the next one its button would still be held down."""
    yield
    if QGuiApplication.instance() is not None:
        let_go()


@pytest.fixture
def document(qapp: object) -> Iterator[Document]:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(CARDS)
    yield document


@pytest.fixture
def view(qtbot, document: Document) -> CanvasView:  # type: ignore[no-untyped-def]
    document.load(CHAIN, None)
    return shown(qtbot, document)


@pytest.fixture
def real_window(qtbot: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    """The window with its real engine, warm; it ends with it. A spare engine, which few tests need, takes as long again
    to start: that is left to `let_a_spare_start`."""
    yield from _with_an_engine(qtbot, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def one_window(
    qapp: object, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MainWindow]:
    """The same for all tests of a file that load a drawing of their own first and close what they open."""
    with pytest.MonkeyPatch.context() as patch:
        yield from _with_an_engine(Patient(request), tmp_path_factory.mktemp("window"), patch)


def _with_an_engine(qtbot: Patient, folder: Path, patch: pytest.MonkeyPatch) -> Iterator[MainWindow]:
    patch.chdir(folder)
    patch.setenv("NETLOOM_SETTINGS", str(folder / "settings"))
    themes.load_fonts()
    made = MainWindow()
    made.engines._spare_timer.blockSignals(True)
    patch.setattr(made.files, "ask_save", lambda: "discard")
    patch.setattr(made.files, "ask_give_up", lambda: True)
    patch.setattr(made, "ask_stop_jobs", lambda: True)
    made.resize(1440, 900)
    made.show()
    made.activateWindow()
    qtbot.waitExposed(made)
    made.start()
    qtbot.waitUntil(lambda: bool(made.engines.is_ready and made.engines.last_devices))
    yield made
    pids = made.engines.pids
    made.close()
    made.deleteLater()
    qtbot.waitUntil(lambda: not any(map(lives, pids)))


@pytest.fixture
def made(qtbot: Any) -> Iterator[tuple[Document, FakeEngines, TrainingPanel]]:
    """The training panel on a small drawing, with engines that only note what they are asked."""
    document = Document()
    document.set_catalogue(FEW)
    document.load(usual_loss(small_design(data="digits", epochs=3), None, {card.id: card for card in FEW}), None)
    engines = FakeEngines()
    panel = TrainingPanel(document, engines)
    qtbot.addWidget(panel)
    panel.resize(1200, 260)
    panel.show()
    yield document, engines, panel


def let_a_spare_start(window: MainWindow) -> None:
    """As it does by itself outside of tests."""
    window.engines._spare_timer.blockSignals(False)
    window.engines._spare_timer.start()


@pytest.fixture(scope="module")
def codes(qapp: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MainWindow, Asked]]:
    """One window without engines for a file's tests of the Code panel. It may not stand open longer: offscreen all
    windows lie at one place, and the mouse of other tests would move over it."""
    patch = pytest.MonkeyPatch()
    patch.setenv("NETLOOM_SETTINGS", str(tmp_path_factory.mktemp("settings")))
    themes.load_fonts()
    window = MainWindow()
    asked = Asked()
    patch.setattr(window.engines, "run", asked.run)
    patch.setattr(window.files, "ask_save", lambda: "discard")
    patch.setattr(window.files, "ask_give_up", lambda: True)
    window.document.set_catalogue(CARDS)
    window.resize(1366, 768)
    window.show()
    window.activateWindow()
    yield window, asked
    window.document.undo_stack.setClean()
    window.close()
    window.deleteLater()
    patch.undo()


@pytest.fixture
def asked(codes: tuple[MainWindow, Asked]) -> Asked:
    return codes[1]


@pytest.fixture
def code_window(codes: tuple[MainWindow, Asked], qtbot: Any) -> MainWindow:
    """That window, with a small drawing whose code is shown."""
    window, asked = codes
    asked.clear()
    panel(window).editing.leave(forget=True)
    window.document.load(DESIGN, None)
    window.bottom.show_tab("Code")
    window.activateWindow()
    answer(window, asked, qtbot)
    return window


def lives(pid: int) -> bool:
    """Whether a process runs (one that has ended and was not waited for does not)."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat")
        return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
