"""How many samples the recipe's data has, asked of an engine once for each choice of data."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.messages.recipe import CountSamples, Samples
from app.window.document import Document
from app.window.questions import Questions

WAIT = 300
"""Milliseconds that it waits for further edits."""


class SampleCount(QObject):
    """Knows the number of training samples while it is wanted."""

    changed = Signal()

    def __init__(self, document: Document, engines: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self._known: dict[str, int] = {}
        self._failed: dict[str, str] = {}
        """Data that could not be counted, and why."""
        self._wanted = False
        document.changed.connect(lambda *_: self._ask())
        document.analysed.connect(lambda *_: self._ask())
        document.opened.connect(self._ask)

    @property
    def samples(self) -> int | None:
        """Of the data chosen; None while that is not known."""
        return self._known.get(self._document.design.recipe.data)

    def want(self, on: bool) -> None:
        """Somebody looks at it, or no more."""
        self._wanted = on
        self._ask()

    def _ask(self) -> None:
        analysis, data = self._document.analysis, self._document.design.recipe.data
        valid = analysis is not None and analysis.valid
        if not (self._wanted and valid and data) or data in self._known or data in self._failed:
            return
        self._questions.ask(
            lambda: CountSamples("", self._document.design), lambda told: self._take(data, told),
            lambda why: self._fail(data, why), wait=WAIT,
        )  # fmt: skip

    def _take(self, data: str, told: Samples) -> None:
        self._known[data] = told.train
        self.changed.emit()

    def _fail(self, data: str, why: str) -> None:
        self._failed[data] = why
        self.changed.emit()
