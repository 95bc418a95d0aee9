"""The loading of own blocks in the analysis engine, under watch: a file that hangs or ends the engine is left out."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.messages import GetCatalogue, LoadBlocks, OwnFile
from app.window.engine_process import EngineProcess
from app.window.own_blocks import OwnBlocks

PATIENCE = 10_000
"""Milliseconds that one file may run while it is loaded."""


class OwnLoader(QObject):
    """Sends the files of `own`, and follows which of them the engine runs."""

    hung = Signal()
    """A file did not end: the engine is to be ended."""

    def __init__(self, own: OwnBlocks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._own = own
        self._sent: tuple[OwnFile, ...] = ()
        self._file: str | None = None
        self._due = 0
        self._watchdog = QTimer(self)
        self._watchdog.setSingleShot(True)
        self._watchdog.setInterval(PATIENCE)
        self._watchdog.timeout.connect(self._hangs)

    @property
    def active(self) -> bool:
        """Whether the engine is loading."""
        return self._file is not None

    def load(self, engine: EngineProcess) -> None:
        """Have this engine load all files and send its catalogue."""
        self._sent = self._own.files
        self._file = ""
        self._due += 1
        self._watchdog.start()
        engine.send(LoadBlocks(self._sent) if self._sent or self._own.proven else GetCatalogue())

    def running(self, file: str) -> None:
        """The engine is about to run this file."""
        if self.active:
            self._file = file
            self._watchdog.start()

    def answered(self) -> bool:
        """The engine has sent its catalogue: whether other files than before have proven to load."""
        self._due -= 1
        if not self.active or self._due > 0:
            return False
        self.stop()
        changed = self._own.proven != self._sent
        self._own.proven = self._sent
        return changed

    def ended(self, how: str) -> None:
        """The engine has ended: while it loaded, the file that it ran is to blame."""
        if self._file:
            self._own.blame(self._file, f"{how}. It is left out until you change it")
        self.stop()

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._file = None
        self._due = 0
        self._watchdog.stop()

    def _hangs(self) -> None:
        self.ended(f"it was not loaded within {PATIENCE // 1000} s, and the engine was ended")
        self.hung.emit()
