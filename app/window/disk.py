"""Notices when another program changes the file of the drawing, and asks what shall hold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFileSystemWatcher, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QWidget

from app.design import file
from app.design.file import FileError
from app.design.values import Design
from app.window.document import Document
from app.window.notice import Notice
from app.window.sentences import plain

if TYPE_CHECKING:
    from app.window.main_window import MainWindow

SETTLED = 250
"""Milliseconds after a sign of change when the file is looked at: its writer may not be done."""


class DiskWatch(QObject):
    """Compares what the file holds with what was opened or saved last. Another text of the same design is no change."""

    changed = Signal()
    """`state` may be another."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.state = ""
        """"" when all is well, "changed", "gone", or "unreadable"."""
        self.reason = ""
        """Why the file cannot be read."""
        self.theirs: Design | None = None
        """What the file holds now where that is another design."""
        self._looked: file.Sign | None = None
        self._kept: file.Sign | None = None
        """The sign of a change that the user chose to write over."""
        self._lost = -1
        """After which step the drawing was what a file held that has gone since."""
        self._path: Path | None = None
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED)
        self._timer.timeout.connect(self.look)
        self._watcher.fileChanged.connect(self._hint)
        self._watcher.directoryChanged.connect(self._hint)
        document.opened.connect(self._follow)
        document.saved.connect(self._follow)
        application = QGuiApplication.instance()
        assert isinstance(application, QGuiApplication)
        application.applicationStateChanged.connect(self._activated)
        self._follow()

    def _activated(self, state: Qt.ApplicationState) -> None:
        if state == Qt.ApplicationState.ApplicationActive:
            self.look()

    def _hint(self, _path: str) -> None:
        self._timer.start()

    def _follow(self) -> None:
        """The file was opened or saved: from now on it is this that it must hold."""
        path = self._document.file
        if path != self._path:
            if old := [*self._watcher.files(), *self._watcher.directories()]:
                self._watcher.removePaths(old)
            self._path = path
        self._kept, self._looked = None, self._document.sign
        self._lost = -1
        self._set("")
        if path is not None:
            self._watch()
            self._timer.start()

    def _watch(self) -> None:
        """Watch the file and its folder: one that is replaced is another file, which must be found again."""
        assert self._path is not None
        watched = {*self._watcher.files(), *self._watcher.directories()}
        for path in (self._path, self._path.parent):
            if str(path) not in watched and path.exists():
                self._watcher.addPath(str(path))

    def look(self) -> None:
        """Look at the file now."""
        path, known = self._path, self._document.on_file
        if path is None or known is None:
            return
        self._watch()
        sign = file.sign_of(path)
        if sign == self._looked and sign is not None:
            return
        self._looked = sign
        if sign is None:
            self._lose()
            self._set("gone")
            return
        try:
            theirs = file.load(path, self._document.catalogue or None)
        except FileError as error:
            self._set("unreadable", reason=str(error))
            return
        if theirs == known:
            self._set("")
            if self._document.undo_stack.index() == self._lost:  # it was away for a moment only
                self._document.undo_stack.setClean()
            self._lost = -1
        else:
            self._set("changed", theirs)

    def _lose(self) -> None:
        """What is drawn is in no file now: closing the window asks."""
        if not self._document.modified:
            self._lost = self._document.undo_stack.index()
        self._document.undo_stack.resetClean()

    def _set(self, state: str, theirs: Design | None = None, reason: str = "") -> None:
        if (state, theirs, reason) == (self.state, self.theirs, self.reason):
            return
        self.state, self.theirs, self.reason = state, theirs, reason
        self.changed.emit()

    @property
    def asks(self) -> bool:
        """Whether there is a change about which the user has not decided."""
        return bool(self.state) and (self.state == "gone" or self._looked != self._kept)

    def keep_mine(self) -> None:
        """The drawing holds, whatever the file says; it counts as not saved."""
        self._kept = self._looked
        self._lose()
        self._set("")

    def reload(self) -> None:
        """Show what the file holds."""
        if self.theirs is not None:
            self._document.take_file(self.theirs, self._looked)

    def may_write(self, path: Path) -> bool:
        """Whether saving to `path` writes over nothing unseen."""
        if self._path is None or os.path.realpath(path) != os.path.realpath(self._path):
            return True
        self.look()
        return not self.asks or self.state == "gone"


class DiskBar(QWidget):
    """Stands over the canvas while the file is another than was opened, with what can be done about it."""

    def __init__(self, window: MainWindow, watch: DiskWatch) -> None:
        super().__init__()
        self._window, self._watch = window, watch
        self.setObjectName("topbar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.notice = Notice()
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 12, 8)
        row.addWidget(self.notice)
        watch.changed.connect(self.refresh)
        window.document.file_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is now."""
        watch, window = self._watch, self._window
        asks = watch.asks and window.document.file is not None
        self.setVisible(asks)
        if not asks:
            return
        assert window.document.file is not None
        name = window.document.file.name
        mine = ("Keep mine", watch.keep_mine)
        elsewhere = ("Save as…", window.save_as)
        if watch.state == "gone":
            self.notice.say(
                "warn", f"`{name}` was deleted or moved by another program. The drawing is still here.",
                ("Save it again", window.save), elsewhere,
            )  # fmt: skip
        elif watch.state == "unreadable":
            self.notice.say(
                "warn", f"Another program changed the file, and it cannot be read now: {watch.reason}.", mine, elsewhere
            )
        elif window.document.modified:
            self.notice.say(
                "warn",
                f"Another program changed `{name}`, and the drawing has changes of its own. Reload gives these up; "
                "undo brings them back.",
                ("Reload", watch.reload), mine, elsewhere, main=False,
            )  # fmt: skip
        else:
            self.notice.say("info", f"Another program changed `{name}`.", ("Reload", watch.reload), mine)


def ask_write_over(window: QWidget, watch: DiskWatch, name: str) -> str:
    """Ask what a save does to a file that another program changed: "replace", "elsewhere" or "cancel"."""
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setText(f"Another program changed {name} since it was opened or saved here.")
    box.setInformativeText(
        f"It cannot be read now: {plain(watch.reason)}." if watch.reason else "Saving replaces what it holds now."
    )
    replace = box.addButton("Replace", QMessageBox.ButtonRole.DestructiveRole)
    elsewhere = box.addButton("Save as…", QMessageBox.ButtonRole.ActionRole)
    box.setDefaultButton(box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole))
    box.exec()
    clicked = box.clickedButton()
    return "replace" if clicked is replace else "elsewhere" if clicked is elsewhere else "cancel"


def watch(window: MainWindow) -> DiskWatch:
    """Watch the file of a window's drawing, with a bar over its canvas while there is something to say."""
    made = DiskWatch(window.document, window)
    bar: list[DiskBar] = []

    def show() -> None:
        if made.asks and not bar:  # made when it is first needed
            bar.append(DiskBar(window, made))
            window.above_canvas(bar[0])

    made.changed.connect(show)
    return made
