"""`netloom` as a test kills it: the real program, with a fake engine, whose hands take lines from stdin.

After each line it says what is seen. A window that is started to show a journal writes that to a file instead.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSocketNotifier, Qt, QTimer
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from app import cli
from app.window import main_window, recovery
from app.window.canvas import clipboard
from app.window.engines import Engines
from app.window.main_window import MainWindow
from app.window.recovery import RecoveryDialog
from tests.window.canvas_hands import CARDS, CHAIN

FAKE = [sys.executable, str(Path(__file__).with_name("fake_engine.py"))]


def dialog_of(window: MainWindow) -> RecoveryDialog | None:
    return next((d for d in window.findChildren(RecoveryDialog) if d.isVisible()), None)


def seen(window: MainWindow) -> str:
    document, dialog = window.document, dialog_of(window)
    left = ",".join(dialog.list.item(i).text().split(":")[0] for i in range(dialog.list.count())) if dialog else ""
    steps, count = document.undo_stack.index(), len(window.canvas.scene_.nodes)
    return f"title={document.title} nodes={count} modified={window.isWindowModified()} steps={steps} dialog={left}"


def hands(window: MainWindow) -> None:
    word, _, rest = sys.stdin.readline().strip().partition(" ")
    canvas, dialog = window.canvas, dialog_of(window)
    window.activateWindow()
    canvas.setFocus()
    if word == "delete":
        canvas.scene_.select([rest])
        QTest.keyClick(canvas, Qt.Key.Key_Delete)
    elif word == "paste":
        clipboard.write(CHAIN, CHAIN, CHAIN.by_id)
        QTest.keySequence(canvas, QKeySequence("Ctrl+V"))
    elif word == "key":
        QTest.keySequence(canvas, QKeySequence(rest))
    elif word == "restore" and dialog is not None:
        QTest.mouseClick(dialog.restore_button, Qt.MouseButton.LeftButton)
    elif word == "later" and dialog is not None:
        QTest.mouseClick(dialog.later_button, Qt.MouseButton.LeftButton)
    elif word == "quit":
        print("bye", flush=True)
        QTest.keySequence(window, QKeySequence("Ctrl+Q"))
        return
    QTimer.singleShot(0, lambda: print(seen(window), flush=True))


def report(window: MainWindow) -> None:
    """Write down what a window shows that no test can speak to."""
    if window.document.undo_stack.count():
        said = f"{os.getpid()} {seen(window)} file={window.document.file}"
        aside = Path(os.environ["NETLOOM_WINDOWS"]) / "window.part"
        aside.write_text(said)
        aside.replace(aside.with_name("window-1.txt"))


class Watched(MainWindow):
    def start(self) -> None:
        """As ever, and the hands begin to listen once the file is open."""
        super().start()
        self.document.set_catalogue(CARDS)
        if sys.argv[1:] and sys.argv[1].endswith(".journal"):
            timer = QTimer(self)
            timer.timeout.connect(lambda: report(self))
            timer.start(50)
            QTimer.singleShot(60_000, self, lambda: os._exit(1))  # a test that failed before it could end this
            return
        self.notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self.notifier.activated.connect(lambda *_: hands(self))


def program(path: str) -> list[str]:
    return [sys.executable, "-P", str(Path(__file__)), path]


if __name__ == "__main__":
    main_window.Engines = partial(Engines, command=FAKE)  # type: ignore[assignment,misc]
    main_window.MainWindow = Watched  # type: ignore[misc]
    recovery.window_command = program
    QApplication.setQuitOnLastWindowClosed(True)
    sys.exit(cli.main())
