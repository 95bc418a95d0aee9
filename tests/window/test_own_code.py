"""Python of one's own in the real window with real engines: typed, allowed, refused; a folder of modules, reloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from app import trust
from app.design import file
from app.design.build import wire
from app.design.values import Design
from app.messages import Export
from app.window import own_loading
from app.window.consent import ConsentDialog
from app.window.main_window import MainWindow
from app.window.own_dialog import OwnDialog
from app.window.runs import FINISHED
from tests.drawing import OUTPUT, node
from tests.engine.test_code import with_code
from tests.window.conftest import ENGINE, let_a_spare_start

LEFT = Qt.MouseButton.LeftButton
CTRL = Qt.KeyboardModifier.ControlModifier
GATE = '''
import torch
from torch import nn


class Gate(nn.Module):
    """A gate of one's own."""

    def __init__(self, in_channels: int, width: int = 4) -> None:
        super().__init__()
        self.down = nn.Linear(in_channels, width)

    def forward(self, x):
        return self.down(x.mean((2, 3)))
'''


def drawn(block: str, port: str = "a", **settings: Any) -> Design:
    nodes = (node("image", "Input", size=(8, 6, 6)), node("mine", block, **settings), OUTPUT)
    placed = tuple(replace(n, x=260.0 * i) for i, n in enumerate(nodes))
    return Design(nodes=placed, wires=(wire("image", f"mine.{port}"), wire("mine", "output")))


def opened(window: MainWindow, qtbot: Any, tmp_path: Path, design: Design) -> None:
    path = tmp_path / "it.netloom"
    file.save(design, path)
    assert window.files.open(path)
    settled(window, qtbot)


def settled(window: MainWindow, qtbot: Any) -> None:
    document, engines = window.document, window.engines
    qtbot.waitUntil(
        lambda: document.analysis is not None and document.analysis.revision == document.revision and not engines.busy,
        timeout=ENGINE,
    )


def valid(window: MainWindow, qtbot: Any) -> tuple[int, ...]:
    """Waits for a valid analysis; the shape of its output."""
    qtbot.waitUntil(lambda: bool(window.document.analysis and window.document.analysis.valid), timeout=ENGINE)
    return window.document.analysis.outputs[0].tensors[0].shape  # type: ignore[union-attr]


def select(window: MainWindow, qtbot: Any) -> Any:
    """Click the node `mine`; its field for code, once it is there."""
    qtbot.wait(50)  # the view fits what was opened first
    rect = window.canvas.scene_.nodes["mine"].rect
    at = window.canvas.mapFromScene(QPointF(rect.center().x(), rect.top() + 12))
    QTest.mouseClick(window.canvas.viewport(), LEFT, pos=at)
    assert window.canvas.selected_ids() == ["mine"]
    qtbot.waitUntil(lambda: window.inspector.findChild(QWidget, "node-name") is not None)
    return window.inspector.findChild(QWidget, "setting-source")


def press(place: QWidget, text: str) -> None:
    QTest.mouseClick(next(b for b in place.findChildren(QPushButton) if b.text() == text and b.isVisible()), LEFT)


def dialog(window: MainWindow, kind: type[QWidget], qtbot: Any) -> Any:
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(kind)))
    return next(d for d in window.findChildren(kind) if d.isVisible())


def problems(window: MainWindow) -> Any:
    tabs = window.bottom.tabs
    QTest.mouseClick(tabs, LEFT, pos=tabs.tabRect(0).center())
    return window.bottom.panel("Problems")


def test_code_typed_here_runs_as_it_is_typed(real_window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    window = real_window
    opened(window, qtbot, tmp_path, drawn("Code"))
    assert valid(window, qtbot) == (1, 8, 6, 6)
    field = select(window, qtbot)
    qtbot.waitUntil(field.isVisible)
    QTest.mouseClick(field.viewport(), LEFT)
    QTest.keyClick(field, Qt.Key.Key_A, CTRL)
    for line in ("def half(x):", "return x[:, ::2]"):
        QTest.keyClicks(field, line)
        QTest.keyClick(field, Qt.Key.Key_Return)
    QTest.keyClick(field, Qt.Key.Key_Backspace, CTRL)  # the indent that Return kept
    QTest.keyClicks(field, "half(a).flatten(1)")
    assert field.toPlainText() == "def half(x):\n    return x[:, ::2]\nhalf(a).flatten(1)"
    QTest.keyClick(field, Qt.Key.Key_Return, CTRL)
    assert window.document.undo_stack.count() == 1
    qtbot.waitUntil(
        lambda: window.document.analysis.valid and window.document.analysis.outputs[0].tensors[0].shape == (1, 144),  # type: ignore[union-attr]
        timeout=ENGINE,
    )
    assert trust.digest(field.toPlainText()) in trust.read().code, "it is remembered"
    QTest.keyClick(field, Qt.Key.Key_Z, CTRL)
    assert window.document.design.by_id["mine"].settings.get("source", "a") == "a"
    qtbot.waitUntil(lambda: field.toPlainText() == "a")


def test_code_that_came_with_a_file_runs_only_once_it_was_read_and_allowed(
    real_window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    window, marker = real_window, tmp_path / "ran"
    source = f"open({str(marker)!r}, 'a').close()\na.flatten(1)"
    opened(window, qtbot, tmp_path, drawn("Code", source=source))
    (problem,) = window.document.analysis.problems  # type: ignore[union-attr]
    assert problem.code == "consent" and "read it, then allow it" in problem.message and not marker.exists()
    field = select(window, qtbot)
    notice = window.inspector.findChild(QWidget, "consent-source")
    assert field.toPlainText() == source
    qtbot.waitUntil(notice.isVisible)

    QTest.mouseClick(field.viewport(), LEFT)
    QTest.keyClick(field, Qt.Key.Key_End, CTRL)
    QTest.keyClicks(field, "[:, :5]")
    QTest.keyClick(field, Qt.Key.Key_Return, CTRL)
    settled(window, qtbot)
    assert not marker.exists(), "a change of what nobody has allowed does not allow it"

    press(problems(window).rows[0], "Read and allow…")
    shown = dialog(window, ConsentDialog, qtbot)
    assert [code.toPlainText() for code in shown.codes] == [source + "[:, :5]"] and shown.codes[0].isReadOnly()
    QTest.keyClick(shown, Qt.Key.Key_Escape)
    assert not marker.exists() and not window.document.analysis.valid  # type: ignore[union-attr]
    press(notice, "Read and allow…")
    press(dialog(window, ConsentDialog, qtbot), "Allow")
    assert valid(window, qtbot) == (1, 5)
    assert marker.exists() and notice.isHidden()
    assert window.engines.pids, "the engine ran it"


def use_folder(window: MainWindow, qtbot: Any, folder: Path) -> None:
    window.actions_["own blocks"].trigger()
    asked = dialog(window, OwnDialog, qtbot)
    asked.path.selectAll()
    QTest.keyClicks(asked.path, str(folder))
    press(asked, "Allow and load")


def test_a_folder_of_modules_becomes_blocks_and_is_loaded_anew_when_it_is_saved(
    real_window: MainWindow, qtbot: Any, tmp_path: Path
) -> None:
    window, folder = real_window, tmp_path / "mine"
    folder.mkdir()
    (folder / "gates.py").write_text(GATE)
    opened(window, qtbot, tmp_path, drawn("Gate", "x"))
    assert [p.code for p in window.document.open_problems] == ["block-missing"]
    assert "Gate" not in window.document.catalogue, "nothing of it ran unasked"

    use_folder(window, qtbot, folder)
    assert valid(window, qtbot) == (1, 4)
    assert window.document.catalogue["Gate"].category == "Own blocks"
    (folder / "gates.py").write_text(GATE.replace("width: int = 4", "width: int = 7"))
    qtbot.waitUntil(lambda: valid(window, qtbot) == (1, 7), timeout=ENGINE)

    aside = folder / "gates.tmp"  # as editors save: another file, renamed
    aside.write_text(GATE + "\nx = (\n")
    aside.rename(folder / "gates.py")
    qtbot.waitUntil(lambda: any("not Python" in p.message for p in window.document.troubles), timeout=ENGINE)
    rows = problems(window)
    qtbot.waitUntil(lambda: any("`gates.py`, line" in row.problem.message for row in rows.rows))
    qtbot.waitUntil(lambda: not window.document.analysis.valid, timeout=ENGINE)  # type: ignore[union-attr]
    (folder / "gates.py").write_text(GATE)
    assert valid(window, qtbot) == (1, 4) and not window.document.troubles


def test_every_engine_gets_what_was_allowed(real_window: MainWindow, qtbot: Any, tmp_path: Path) -> None:
    """A run has an engine of its own, and so has an export."""
    window, folder, path = real_window, tmp_path / "mine", tmp_path / "it.netloom"
    let_a_spare_start(window)
    folder.mkdir()
    (folder / "twice.py").write_text(
        "from torch import nn\n\n\nclass Twice(nn.Module):\n    def forward(self, x):\n        return 2 * x\n"
    )
    design = file.load(with_code(path, "a * 0.5"))
    wires = tuple(w for w in design.wires if w.source.node != "mine")
    design = replace(design, nodes=(*design.nodes, node("twice", "Twice")),
                     wires=(*wires, wire("mine", "twice.x"), wire("twice", "dropout")))  # fmt: skip
    file.save(design, path)
    use_folder(window, qtbot, folder)
    assert window.files.open(path)
    settled(window, qtbot)
    qtbot.waitUntil(lambda: "Twice" in window.document.catalogue, timeout=ENGINE)
    window.document.consent.wanted.emit()
    press(dialog(window, ConsentDialog, qtbot), "Allow")
    assert valid(window, qtbot) == (1, 10)
    window.start_training()
    panel = window.bottom.panel("Training")
    assert panel.running, panel.empty.text  # type: ignore[attr-defined]
    qtbot.waitUntil(lambda: not panel.running, timeout=2 * ENGINE)  # type: ignore[attr-defined]
    assert panel.runs.last.state == FINISHED, panel.runs.last.message  # type: ignore[attr-defined]
    job = window.engines.run(Export("", window.document.design, "safetensors"))
    with qtbot.waitSignal(job.finished, timeout=ENGINE, raising=True):
        job.failed.connect(pytest.fail)


def test_a_file_that_ends_or_hangs_the_engine_costs_the_engine_alone(
    real_window: MainWindow, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window, folder = real_window, tmp_path / "mine"
    folder.mkdir()
    (folder / "gates.py").write_text(GATE)
    (folder / "kills.py").write_text("import os\nos._exit(3)\n")
    opened(window, qtbot, tmp_path, drawn("Gate", "x"))
    use_folder(window, qtbot, folder)
    assert valid(window, qtbot) == (1, 4)
    (trouble,) = window.document.troubles
    assert trouble.message.startswith("`kills.py`: the engine ended with code 3 while it was loaded"), trouble

    window.engines._loader._watchdog.setInterval(4000)  # not the 10 s that it has
    (folder / "kills.py").write_text("import time\ntime.sleep(600)\n")
    qtbot.waitUntil(
        lambda: any("`kills.py`: it was not loaded within" in p.message for p in window.document.troubles),
        timeout=ENGINE,
    )
    assert valid(window, qtbot) == (1, 4) and own_loading.PATIENCE >= 5000
    (folder / "kills.py").unlink()
    qtbot.waitUntil(lambda: not window.document.troubles, timeout=ENGINE)
    assert QApplication.activeModalWidget() is None
