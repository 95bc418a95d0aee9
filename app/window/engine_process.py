"""One engine process: JSON lines in and out, its stderr to the log, its end told in words."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections import deque
from pathlib import Path

import msgspec
from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal

import app
from app.messages import Ready, Request, decode_reply, encode
from app.window import log


def engine_command() -> list[str]:
    """How an engine is started. `-P` keeps a file `app.py` in the present folder from being run in its place."""
    return [sys.executable, "-P", "-m", "app.engine"]


def window_command(file: str) -> list[str]:
    """How another window is started on a file, with the environment of an engine."""
    return [sys.executable, "-P", "-m", "app.cli", file]


def engine_environment() -> QProcessEnvironment:
    """Our own environment; where `app` is not installed, the folder that holds it comes onto the import path."""
    environment = QProcessEnvironment.systemEnvironment()
    home = Path(app.__file__).resolve().parent.parent
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")}
    if home not in installed:
        # An empty entry would mean the present folder, which -P keeps out.
        entries = [str(home), *filter(None, environment.value("PYTHONPATH", "").split(os.pathsep))]
        environment.insert("PYTHONPATH", os.pathsep.join(entries))
    return environment


class EngineProcess(QObject):
    """An engine. It begins to start when it is made; `ready` says when it is warm."""

    message = Signal(object)
    """Every Reply but Ready."""
    became_ready = Signal()
    ended = Signal(str)
    """It has ended without being asked to; the words say how ("was killed (signal 9)")."""

    def __init__(self, command: list[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.ready: Ready | None = None
        self._closing = False
        self._garbled = ""
        self._pieces: list[bytes] = []
        self._complaints: deque[str] = deque(maxlen=20)
        self._process = QProcess(self)
        self._process.setProcessEnvironment(engine_environment())
        self._process.readyReadStandardOutput.connect(self._read)
        self._process.readyReadStandardError.connect(self._complain)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._error)
        self._process.start(command[0], command[1:])

    @property
    def alive(self) -> bool:
        return self._process.state() != QProcess.ProcessState.NotRunning

    @property
    def pid(self) -> int:
        return self._process.processId()

    @property
    def last_words(self) -> str:
        """The last line that it wrote to stderr."""
        return self._complaints[-1] if self._complaints else ""

    def send(self, request: Request) -> None:
        self._process.write(encode(request))

    def close(self, grace: float = 5.0) -> None:
        """Ask it to end by ending its input; after `grace` seconds it is killed."""
        if not self.alive:
            return
        self._closing = True
        self._process.closeWriteChannel()
        QTimer.singleShot(round(grace * 1000), self, self.kill)

    def kill(self) -> None:
        if self.alive:
            self._process.kill()

    def wait(self, seconds: float) -> None:
        """After `close`: wait for the end, and force it when it does not come."""
        if self.alive and not self._process.waitForFinished(max(0, round(seconds * 1000))):
            self._process.kill()
            self._process.waitForFinished(2000)

    def _read(self) -> None:
        data = bytes(self._process.readAllStandardOutput().data())
        *lines, rest = data.split(b"\n")
        for i, line in enumerate(lines):
            if i == 0 and self._pieces:
                line = b"".join([*self._pieces, line])
                self._pieces = []
            if line.strip():
                self._take(line)
        if rest:
            self._pieces.append(rest)

    def _take(self, line: bytes) -> None:
        try:
            reply = decode_reply(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            # A half-understood engine is worse than none: end it, and what waited for it is told.
            log.write(f"engine {self.pid}", f"not a message ({error}): {line[:500]!r}")
            self._garbled = "sent something that is not a message of this version"
            self.kill()
            return
        if isinstance(reply, Ready):
            self.ready = reply
            self.became_ready.emit()
        else:
            self.message.emit(reply)

    def _complain(self) -> None:
        text = bytes(self._process.readAllStandardError().data()).decode("utf-8", "replace")
        log.write(f"engine {self.pid}", text)
        self._complaints.extend(line for line in text.splitlines() if line.strip())

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        if self._closing:
            return
        if self._garbled:
            how = self._garbled
        elif status == QProcess.ExitStatus.CrashExit:
            how = f"was killed (signal {code})" if os.name == "posix" and code else "crashed"
        else:
            how = f"ended with code {code}"
        self._closing = True
        self.ended.emit(how)

    def _error(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart and not self._closing:
            self._closing = True
            self.ended.emit(f"could not be started ({self._process.errorString()})")
