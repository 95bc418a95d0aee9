"""Questions about the drawing that the analysis engine answers: how numbers come about, which settings give a size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject, QTimer
from shiboken6 import isValid

from app.messages import Question
from app.window.document import Document
from app.window.engines import Engines
from app.window.jobs import Job

SETTLED = 120
"""Milliseconds that a question waits for the next one: the selection may be on its way elsewhere."""


class Questions(QObject):
    """Asks one question at a time for one part of the window. An answer that comes after the next question, or after
    the drawing has changed, is dropped."""

    def __init__(self, document: Document, engines: Engines, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._asked: tuple[Callable[[], Question | None], Callable[[Any], None], Callable[[str], None]] | None = None
        self._job: Job | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._send)

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return self._timer.isActive() or self._job is not None

    def ask(
        self,
        make: Callable[[], Question | None],
        answered: Callable[[Any], None],
        failed: Callable[[str], None],
        *,
        wait: int = SETTLED,
    ) -> None:
        """Ask what `make` gives when the time comes (None: nothing after all), in place of what was asked before."""
        self._asked = make, answered, failed
        self._job = None
        self._timer.start(wait)

    def drop(self) -> None:
        """Ask nothing more, and take no answer."""
        self._timer.stop()
        self._job = self._asked = None

    def _send(self) -> None:
        assert self._asked is not None
        make, answered, failed = self._asked
        if self._engines.stopped:
            failed("The engine is off: start it again first.")
            return
        request = make()
        if request is None:
            return
        design = self._document.design
        job = self._job = self._engines.run(request)

        def mine() -> bool:
            if not isValid(self) or self._job is not job:  # the panel that asked may be gone
                return False
            self._job = None
            return self._document.design is design

        job.finished.connect(lambda reply: answered(reply) if mine() else None)
        job.failed.connect(lambda sentence: failed(sentence) if mine() else None)
