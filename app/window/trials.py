"""Asks the engine what would come out of a node if a wire that is being drawn were let go."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from app.design.values import Design
from app.messages.trial import TriedOut, TryOut
from app.window.document import Document
from app.window.engines import Engines
from app.window.questions import Questions

SETTLED = 40
"""Milliseconds that the pointer must stay on a port before the engine is asked."""


class Trials(QObject):
    """One trial at a time: the newest. Where the engine cannot answer, nothing is said."""

    def __init__(self, document: Document, engines: Engines, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engines = engines
        self._questions = Questions(document, engines, self)

    def ask(self, design: Design, id: str, answered: Callable[[TriedOut], None]) -> None:
        """Ask what the node at the path `id` gives in `design`."""
        if not self._engines.is_ready:  # a wire is no reason to start an engine
            return
        self._questions.ask(lambda: TryOut("", design, id), answered, lambda _sentence: None, wait=SETTLED)

    def drop(self) -> None:
        """The wire was let go, or is over another port."""
        self._questions.drop()
