"""The folder of the user's own modules: watched here, sent to the engines as text, never run in the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer, Signal

from app import trust
from app.design.file import FileError
from app.messages import OwnFile
from app.messages.reports import Problem
from app.window import log

SETTLE = 200
"""Milliseconds after the last change: an editor may write a file in several steps."""


class OwnBlocks(QObject):
    """The files of the folder that the user has allowed; `changed` when one was saved, added or taken away."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder = ""
        """The folder in use; "" for none."""
        self.proven: tuple[OwnFile, ...] = ()
        """The files that the analysis engine has loaded: other engines are given no others."""
        self._files: tuple[OwnFile, ...] = ()
        self._bad: dict[OwnFile, str] = {}
        self._unread = ""
        self._watcher = QFileSystemWatcher(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE)
        self._settle.timeout.connect(self._read_again)
        self._watcher.directoryChanged.connect(lambda _path: self._settle.start())
        self._watcher.fileChanged.connect(lambda _path: self._settle.start())
        self._take(trust.read().blocks)

    def use(self, folder: str) -> None:
        """Allow this folder and load its files from now on; "" for none."""
        try:
            trust.use_folder(folder)
        except (OSError, FileError) as error:
            log.write("window", f"the folder of own blocks cannot be kept: {error}")
        self._take(folder)
        self.changed.emit()

    @property
    def files(self) -> tuple[OwnFile, ...]:
        """What is to be loaded: all files but those that ended an engine and were not changed since."""
        return tuple(file for file in self._files if file not in self._bad)

    @property
    def troubles(self) -> tuple[Problem, ...]:
        """What is wrong with the folder, and with files that ended an engine."""
        said = [(file.name, why) for file, why in self._bad.items() if file in self._files]
        if self._unread:
            said.append((Path(self.folder).name, self._unread))
        return tuple(Problem("warning", "", name, "", "", "", "own-blocks", f"`{name}`: {why}") for name, why in said)

    def blame(self, name: str, why: str) -> None:
        """An engine ended over this file: it is not loaded again until it is changed."""
        for file in self._files:
            if file.name == name:
                self._bad[file] = why

    def _take(self, folder: str) -> None:
        self.folder = folder
        self._bad = {}
        if watched := [*self._watcher.files(), *self._watcher.directories()]:
            self._watcher.removePaths(watched)
        self._read()

    def _read(self) -> None:
        self._files, self._unread = (), ""
        if not self.folder:
            return
        try:
            if not Path(self.folder).is_dir():
                raise FileNotFoundError(None, "the folder is gone")
            self._files = trust.own_files(Path(self.folder))
        except OSError as error:
            self._unread = f"{error.strerror or error}: choose it again in File > Own blocks"
            return
        # Many editors write another file and rename it: the watch on the old one is lost then.
        watched = {*self._watcher.files(), *self._watcher.directories()}
        wanted = [self.folder, *(str(Path(self.folder) / file.name) for file in self._files)]
        if new := [path for path in wanted if path not in watched]:
            self._watcher.addPaths(new)

    def _read_again(self) -> None:
        before = self._files
        self._read()
        if self._files != before:
            self.changed.emit()
