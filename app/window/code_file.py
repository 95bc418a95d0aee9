"""The code as a file: it is saved, watched while another program has it open, and read back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QFileSystemWatcher, QObject, QTimer

from app.design.file import FileError, write_atomically
from app.design.read_back import MAX_BYTES
from app.window.code_editing import Origin

if TYPE_CHECKING:
    from app.window.code_panel import CodePanel

SETTLED = 250
"""Milliseconds after a sign of change when the file is looked at: its writer may not be done."""


class _Kept(NamedTuple):
    path: Path
    written: str
    """What was written to it here, or read from it last."""
    origin: Origin | None
    """What it was written as; None where it was not written here."""


class CodeFile(QObject):
    """The file of each drawing's code, by the drawing's number."""

    def __init__(self, panel: CodePanel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._files: dict[int, _Kept] = {}
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLED)
        self._timer.timeout.connect(self.look)
        self._watcher.fileChanged.connect(lambda _path: self._timer.start())
        self._watcher.directoryChanged.connect(lambda _path: self._timer.start())

    @property
    def _kept(self) -> _Kept | None:
        return self._files.get(self._panel.document.number)

    @property
    def path(self) -> Path | None:
        """Where the code of the drawing that is shown was saved, or read from."""
        return self._kept.path if self._kept is not None else None

    def follow(self) -> None:
        """Watch the file of the drawing that is shown now."""
        if old := [*self._watcher.files(), *self._watcher.directories()]:
            self._watcher.removePaths(old)
        if self._kept is not None:
            self._watch()
            self._timer.start()

    def _keep(self, path: Path, text: str, origin: Origin | None) -> None:
        self._files[self._panel.document.number] = _Kept(path, text, origin)
        self.follow()
        self._timer.stop()

    def _watch(self) -> None:
        """Watch the file and its folder: editors replace a file by another."""
        assert self._kept is not None
        path = self._kept.path
        watched = {*self._watcher.files(), *self._watcher.directories()}
        for each in (path, path.parent):
            if str(each) not in watched and each.exists():
                self._watcher.addPath(str(each))

    # writing and reading ----------------------------------------------------------------------------------------------

    def save(self) -> bool:
        """Save the code to a file, asked for; False where it was not."""
        panel = self._panel
        if not (answer := panel.ask_path(save=True)):
            return False
        path = Path(answer)
        path = path if path.suffix else path.with_suffix(".py")
        text = panel.view.text
        try:
            write_atomically(path, (text if text.endswith("\n") else text + "\n").encode())
        except FileError as error:
            panel.say("error", str(error))
            return False
        whole = panel.base is not None and text == panel.base.text
        self._keep(path, text, Origin(panel.base, panel.base_design) if whole and panel.base else None)
        panel.say(
            "ok", f"Saved as `{path.name}`. It may be edited elsewhere: when it changes, it can be read back here."
        )
        return True

    def read(self, path: Path | None = None) -> bool:
        """Read edited code from a file, asked for where none is named; False where it was not."""
        panel = self._panel
        if path is None:
            if not (answer := panel.ask_path(save=False)):
                return False
            path = Path(answer)
        try:
            text = self._text(path)
        except FileError as error:
            panel.say("error", str(error))
            return False
        kept = self._kept
        origin = kept.origin if kept is not None and kept.path == path else None
        self._keep(path, text, origin)
        panel.editing.take(text, path.name, origin)
        return True

    @staticmethod
    def _text(path: Path) -> str:
        try:
            size = path.stat().st_size
            if size > MAX_BYTES:
                raise FileError(f"`{path.name}` has {size:,} bytes: code of at most {MAX_BYTES:,} is read")
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise FileError(f"`{path.name}` cannot be read: {error.strerror or error}") from None
        except UnicodeDecodeError:
            raise FileError(f"`{path.name}` is no text in UTF-8, as Python files are") from None

    def look(self) -> None:
        """Look whether another program has changed the file, and say so."""
        kept = self._kept
        if kept is None:
            return
        self._watch()
        try:
            text = self._text(kept.path)
        except FileError:
            return  # it is gone, or being written: there is nothing to apply
        if text.rstrip("\n") == kept.written.rstrip("\n"):
            return
        self._panel.say(
            "info", f"`{kept.path.name}` has changed.", ("Read it back", lambda: self.read(kept.path)),
            ("Leave it", lambda: self._leave(text)),
        )  # fmt: skip

    def _leave(self, text: str) -> None:
        kept = self._kept
        if kept is not None:
            self._files[self._panel.document.number] = kept._replace(written=text)
        self._panel.say("none", "")
