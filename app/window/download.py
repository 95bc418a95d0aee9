"""A file that is fetched from an address: written aside, its digest checked, then renamed."""

from __future__ import annotations

import hashlib
import urllib.request
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from PySide6.QtCore import QObject, QThread, Signal

PIECE = 2**18
SECONDS = 30
"""How long a server may be silent."""


class Download(QThread):
    """Fetches `url` into `place` once it is started. Exactly one of `got` and `failed` comes at its end."""

    progress = Signal(object, object)
    """Bytes that are there, and all (0: not told). Python's numbers: they go past 32 bits."""
    got = Signal(str)
    failed = Signal(str)
    """A sentence."""

    def __init__(self, url: str, place: Path, digest: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._url, self._place, self._digest = url, place, digest

    def cancel(self) -> None:
        """End it soon; what was fetched is thrown away."""
        self.requestInterruption()

    def run(self) -> None:
        aside = self._place.with_name(self._place.name + ".part")
        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            why = self._fetch(aside)
            if not why:
                aside.replace(self._place)
        except URLError as error:
            why = f"{self._url} cannot be reached: {error.reason}. Is there a network?"
        except (OSError, ValueError, HTTPException) as error:  # a full disk, a connection that breaks off
            why = f"{self._place.name} could not be fetched: {getattr(error, 'strerror', None) or error}."
        finally:
            aside.unlink(missing_ok=True)
        if why:
            self.failed.emit(why)
        else:
            self.got.emit(str(self._place))

    def _fetch(self, aside: Path) -> str:
        """Write the file; returns why it cannot be used, "" where it can."""
        digest, done = hashlib.sha256(), 0
        with urllib.request.urlopen(self._url, timeout=SECONDS) as source, aside.open("wb") as file:
            whole = int(source.headers.get("Content-Length") or 0)
            while piece := source.read(PIECE):
                if self.isInterruptionRequested():
                    return "The download was cancelled; nothing was kept."
                file.write(piece)
                digest.update(piece)
                done += len(piece)
                self.progress.emit(done, whole)
        if whole and done != whole:
            return f"Only {done:,} of {whole:,} bytes came: try again."
        if not digest.hexdigest().startswith(self._digest):
            return "What came is not the file that its makers published: its digest differs. It was thrown away."
        return ""
