"""After a window that ended without being closed: its drawing is offered again at the next start."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess, QSize, Qt, QTimer
from PySide6.QtWidgets import QDialog, QHBoxLayout, QListWidget, QListWidgetItem, QVBoxLayout

from app.window import figures, journal, log
from app.window.engine_process import engine_environment, window_command
from app.window.journal import Claim
from app.window.parts import button, label
from app.window.steps import History

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

ROW = 26
"""The height of a drawing's row in the list."""
Left = tuple[Claim, History]


def title(history: History) -> str:
    """What the drawing is called."""
    return Path(history.file).stem if history.file else history.name or "untitled"


def _words(history: History) -> str:
    """How it was left: `12 edits, the last 3 min ago`."""
    count = history.index
    return f"{count:,} edit{'s' * (count != 1)}, the last {figures.ago(time.time() - history.time)}"


def _state(history: History) -> str:
    return "saved" if not history.modified else "not saved" if history.file else "in no file yet"


class RecoveryDialog(QDialog):
    """Says which drawings were left and offers to show them again. Escape leaves them for the next start."""

    def __init__(self, left: list[Left], window: MainWindow) -> None:
        super().__init__(window)
        self._left, self._window = left, window
        self.setWindowTitle("Netloom was not closed properly")
        self.setMinimumWidth(480)
        box = QVBoxLayout(self)
        box.setContentsMargins(20, 18, 20, 16)
        box.setSpacing(12)
        self.sentence = label("", wrap=True)
        box.addWidget(self.sentence)
        self.list = QListWidget()
        self.list.setAccessibleName("drawings")
        for _claim, history in left:
            item = QListWidgetItem(f"{title(history)}: {_words(history)}, {_state(history)}")
            item.setSizeHint(QSize(100, ROW))
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked)
            item.setToolTip(history.file or "It was never saved to a file")
            self.list.addItem(item)
        self.list.itemChanged.connect(self._follow)
        self.list.setVisible(len(left) > 1)
        self.list.setFixedHeight(min(len(left), 8) * ROW + 2)
        box.addWidget(self.list)
        if len(left) == 1:
            history = left[0][1]
            what = "had unsaved changes" if history.modified else "was saved, and its history can be shown again"
            self.sentence.setText(f"Netloom was not closed properly: `{title(history)}` {what} ({_words(history)}).")
        else:
            self.sentence.setText(
                f"Netloom was not closed properly: {len(left)} drawings were left. Those that are ticked are "
                "shown again, each in a window of its own."
            )
        row = QHBoxLayout()
        row.setSpacing(8)
        self.discard_button = button("Discard", tip="Give these changes up for good")
        self.later_button = button("Show later", tip="Ask again at the next start")
        self.restore_button = button("Restore", "primary", "Show the drawing as it was, with its undo steps")
        row.addWidget(self.discard_button)
        row.addStretch(1)
        row.addWidget(self.later_button)
        row.addWidget(self.restore_button)
        box.addLayout(row)
        self.discard_button.setAutoDefault(False)
        self.later_button.setAutoDefault(False)
        self.restore_button.setDefault(True)
        self.restore_button.setFocus()
        self.discard_button.clicked.connect(self.discard)
        self.later_button.clicked.connect(self.reject)
        self.restore_button.clicked.connect(self.accept)

    def _follow(self) -> None:
        some = bool(self._chosen())
        self.restore_button.setEnabled(some)
        self.discard_button.setEnabled(some)

    def _chosen(self) -> list[Left]:
        ticked = Qt.CheckState.Checked
        return [left for i, left in enumerate(self._left) if self.list.item(i).checkState() == ticked]

    def accept(self) -> None:
        chosen, self._left = self._chosen(), [left for left in self._left if left not in self._chosen()]
        super().accept()
        self._let_go()
        restore(self._window, chosen)

    def discard(self) -> None:
        """Take the ticked ones away."""
        for claim, history in self._chosen():
            try:
                claim.remove()
            except OSError as error:
                log.write("window", f"the journal of {title(history)} cannot be removed: {error}")
                self._window.say(f"The changes to {title(history)} cannot be removed: {error.strerror or error}.")
        self._left = [left for left in self._left if left not in self._chosen()]
        self.reject()

    def reject(self) -> None:
        self._let_go()
        super().reject()

    def _let_go(self) -> None:
        for claim, _history in self._left:
            claim.let_go()
        self._left = []


def offer(window: MainWindow) -> RecoveryDialog | None:
    """Show what was left behind, where something was."""
    try:
        left = journal.left_behind()
    except OSError as error:
        log.write("window", f"the journals cannot be listed: {error}")
        return None
    if not left:
        return None
    dialog = RecoveryDialog(left, window)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()
    return dialog


def restore(window: MainWindow, chosen: list[Left]) -> None:
    """Show the first here, where this window holds nothing else, and the others in windows of their own."""
    document = window.document
    for claim, history in chosen:
        same = document.file is not None and str(document.file) == history.file
        if not document.modified and not document.undo_stack.count() and (same or not document.design.nodes):
            show(window, claim, history)
            continue
        claim.let_go()  # the other window takes it
        program, *arguments = window_command(str(claim.path))
        process = QProcess()
        process.setProgram(program)
        process.setArguments(arguments)
        process.setProcessEnvironment(engine_environment())
        if not process.startDetached():
            window.say(f"No further window can be opened for {title(history)}: its changes are offered again later.")


def restore_named(window: MainWindow, path: Path) -> bool:
    """Show the drawing of one journal; False where another window has it, or it cannot be read."""
    left = journal.left_behind(path)
    if left:
        show(window, *left[0])
    else:
        window.say("That drawing is open in another window, or its journal cannot be read.")
    return bool(left)


def show(window: MainWindow, claim: Claim, history: History) -> None:
    """Show a drawing as it was left, with its steps; its journal goes on."""
    window.document.restore(history)
    window.keeper.adopt(claim)
    window.say(f"{title(history)} is restored as it was left: undo goes back to where it was opened.")
    QTimer.singleShot(0, window, window.canvas.fit_all)
