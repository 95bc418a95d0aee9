"""How many samples the recipe's data has, asked of an engine once for each choice of data."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.messages.recipe import CountSamples, Samples
from app.window.document import Document
from app.window.questions import Questions

Key = tuple[str, float, float, bool]
WAIT = 300
"""Milliseconds that it waits for further edits."""


class SampleCount(QObject):
    """Knows the number of training samples while it is wanted."""

    changed = Signal()

    def __init__(self, document: Document, engines: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._questions = Questions(document, engines, self)
        self._known: dict[Key, int] = {}
        self._failed: dict[Key, str] = {}
        """Data that could not be counted, and why."""
        self._wanted = False
        document.changed.connect(lambda *_: self._ask())
        document.analysed.connect(lambda *_: self._ask())
        document.opened.connect(self._ask)

    @property
    def samples(self) -> int | None:
        """Of the data chosen; None while that is not known."""
        return self._known.get(self._key)

    @property
    def _key(self) -> Key:
        """What the number hangs on."""
        recipe = self._document.design.recipe
        return recipe.data, recipe.validation_share, recipe.test_share, recipe.skip_bad_samples

    def want(self, on: bool) -> None:
        """Somebody looks at it, or no more."""
        self._wanted = on
        self._ask()

    def _ask(self) -> None:
        analysis, key = self._document.analysis, self._key
        valid = analysis is not None and analysis.valid
        if not (self._wanted and valid and key[0]) or key in self._known or key in self._failed:
            return
        self._questions.ask(
            lambda: CountSamples("", self._document.design), lambda told: self._take(key, told),
            lambda why: self._fail(key, why), wait=WAIT,
        )  # fmt: skip

    def _take(self, key: Key, told: Samples) -> None:
        self._known[key] = told.train
        self.changed.emit()

    def _fail(self, key: Key, why: str) -> None:
        self._failed[key] = why
        self.changed.emit()
