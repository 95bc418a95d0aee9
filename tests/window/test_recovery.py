"""The real program is killed at any moment, started again, and the drawings come back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from app.design import edits, file
from app.design.values import Design, Node
from app.window import journal, recovery
from app.window.document import Document
from app.window.keeper import Keeper
from app.window.main_window import MainWindow
from app.window.recovery import RecoveryDialog
from tests.window.canvas_hands import CHAIN

PROGRAM = Path(__file__).with_name("killed_window.py")
LEFT = Qt.MouseButton.LeftButton


ROOT = Path(__file__).resolve().parents[2]


class Program:
    """`netloom` in a process of its own, without a screen; a thread in it plays the hands."""

    def __init__(self, tmp_path: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-P", str(PROGRAM), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                "NETLOOM_SETTINGS": str(tmp_path / "settings"), "NETLOOM_WINDOWS": str(tmp_path),
                "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))),
            },
        )  # fmt: skip

    def ask(self, line: str) -> str:
        """Have the hands do something; returns what they saw."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def programs(tmp_path: Path) -> Iterator[list[Program]]:
    made: list[Program] = []
    yield made
    for program in made:
        if program.process.poll() is None:
            program.kill()


def test_two_windows_are_killed_and_both_come_back(tmp_path: Path, programs: list[Program]) -> None:
    saved = tmp_path / "chain.netloom"
    file.save(CHAIN, saved)
    one, other = Program(tmp_path, str(saved)), Program(tmp_path)
    programs += [one, other]
    assert one.ask("see") == "title=chain nodes=4 modified=False steps=0 dialog="
    assert one.ask("delete conv") == "title=chain nodes=3 modified=True steps=1 dialog="
    assert one.ask("delete relu") == "title=chain nodes=2 modified=True steps=2 dialog="
    assert one.ask("key Ctrl+Z") == "title=chain nodes=3 modified=True steps=1 dialog="
    assert other.ask("paste") == "title=untitled nodes=4 modified=True steps=1 dialog="
    one.kill()
    other.kill()
    assert file.load(saved) == CHAIN

    again = Program(tmp_path)
    programs.append(again)
    assert again.ask("see").endswith("dialog=untitled,chain")
    assert again.ask("restore") == "title=untitled nodes=4 modified=True steps=1 dialog="
    assert again.ask("key Ctrl+Z") == "title=untitled nodes=0 modified=False steps=0 dialog="
    third = tmp_path / "window-1.txt"  # the other drawing has a window, and so a process, of its own
    deadline = time.monotonic() + 120
    while not third.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    pid, seen = third.read_text().split(" ", 1)
    os.kill(int(pid), signal.SIGKILL)
    assert seen == f"title=chain nodes=3 modified=True steps=1 dialog= file={saved}"
    again.process.send_signal(signal.SIGINT)  # Ctrl+C in the terminal: nobody can be asked there
    assert again.process.wait(20) == 130

    last = Program(tmp_path, str(saved))
    programs.append(last)
    assert last.ask("see") == "title=chain nodes=4 modified=False steps=0 dialog=untitled,chain"
    assert last.ask("later").endswith("dialog=")
    assert last.ask("quit") == "bye"
    assert last.process.wait(20) == 0


# the dialog in this process -------------------------------------------------------------------------------------------

def leave(*places: str | Path) -> None:
    """Leave drawings behind as windows that were killed: their journals are there, and nobody holds them."""
    for place in places:
        document = Document()
        keeper = Keeper(document)
        path = Path(place) if isinstance(place, Path) else None
        document.load(file.load(path) if path else Design(), path, str(place))
        for i in range(3):
            document.edit(f"Add n{i}", lambda d, i=i: edits.add_node(d, "", Node(f"n{i}", block="Input")))  # type: ignore[misc]
        assert keeper.journal is not None
        keeper.journal.let_go()


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MainWindow:
    monkeypatch.setenv("NETLOOM_SETTINGS", str(tmp_path / "settings"))
    made = MainWindow()
    qtbot.addWidget(made)
    monkeypatch.setattr(made.files, "ask_save", lambda: "discard")
    made.show()
    qtbot.waitExposed(made)
    return made


def offered(window: MainWindow) -> RecoveryDialog:
    dialog = recovery.offer(window)
    assert dialog is not None
    return dialog


def test_enter_restores_with_the_file_and_all_steps(window: MainWindow, tmp_path: Path) -> None:
    path = tmp_path / "chain.netloom"
    file.save(CHAIN, path)
    leave(path)
    dialog = offered(window)
    assert "`chain` had unsaved changes (3 edits, the last just now)" in dialog.sentence.text()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    document = window.document
    assert document.file == path and document.modified and window.isWindowModified()
    assert len(document.design.nodes) == 7 and document.undo_stack.undoText() == "Add n2"
    assert set(window.canvas.scene_.nodes) == set(document.design.by_id)
    document.go_to_step(0)
    assert document.design == CHAIN and not document.modified
    window.close()
    assert not list(journal.folder().iterdir())


def test_discard_and_later(window: MainWindow) -> None:
    leave("a", "b")
    dialog = offered(window)
    assert dialog.list.count() == 2 and dialog.list.isVisible()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    dialog = offered(window)
    dialog.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    QTest.mouseClick(dialog.discard_button, LEFT)
    assert not window.document.undo_stack.count()
    dialog = offered(window)
    assert dialog.list.count() == 1
    QTest.mouseClick(dialog.later_button, LEFT)
    assert len(list(journal.folder().glob("*.journal"))) == 1


def test_a_window_in_use_is_not_taken(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    leave("a")
    window.document.load(Design(nodes=(Node("image", block="Input"),)), None)
    mark = tmp_path / "asked"
    command = [sys.executable, "-c", "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"]
    monkeypatch.setattr(recovery, "window_command", lambda path: [*command, str(mark), path])
    QTest.mouseClick(offered(window).restore_button, LEFT)
    qtbot.waitUntil(lambda: mark.exists() and bool(mark.read_text()), timeout=20_000)
    assert [mark.read_text()] == [str(p) for p in journal.folder().glob("*.journal")]
    assert set(window.document.design.by_id) == {"image"}
    assert recovery.restore_named(window, Path(mark.read_text())), "what the other window does"
    assert set(window.document.design.by_id) == {"n0", "n1", "n2"}
