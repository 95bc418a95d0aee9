"""Asks for the code of the drawing, one question at a time: a large network's takes seconds, and no queue may grow."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal
from shiboken6 import isValid

from app.messages.code import GetCode
from app.window.document import Document

PAUSE = 250
"""Milliseconds without an edit after which the code is asked for."""


class Asking(QObject):
    """An answer of a drawing that has changed since is dropped, and the newest asked for in its place."""

    answered = Signal(object)
    """Code"""
    failed = Signal(str)

    def __init__(self, document: Document, engines: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._job: Any = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE)
        self._timer.timeout.connect(self._send)

    def ask(self) -> None:
        """Ask once edits pause, and the answer that is due has come."""
        self._timer.start()

    def drop(self) -> None:
        """Ask nothing more, and take no answer."""
        self._timer.stop()
        self._job = None

    def _send(self) -> None:
        if self._job is not None:
            return  # this one is asked when its answer comes
        if self._engines.stopped:
            self.failed.emit("The engine is off: start it again first.")
            return
        design = self._document.design
        job = self._job = self._engines.run(GetCode("", design, name=self._document.title))

        def done(signal: Any, told: object) -> None:
            if not isValid(self) or self._job is not job:
                return
            self._job = None
            if self._document.design is design:
                signal.emit(told)
            elif not self._timer.isActive():
                self._send()

        job.finished.connect(lambda reply: done(self.answered, reply))
        job.failed.connect(lambda why: done(self.failed, why))
