"""Asks in the background what of the drawing would not export, so that it is a warning on its node while one draws."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from app.messages.lint import CheckExport, ExportChecked
from app.window.document import Document
from app.window.questions import Questions

WAIT = 400
"""Milliseconds after an analysis: further edits may follow."""


class ExportLint(QObject):
    """Knows what would not export of the drawing that is shown. Nothing is asked of a drawing that holds blocks of the
    catalogue alone: they are known to export, or say themselves that they do not."""

    changed = Signal()

    def __init__(self, document: Document, engines: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._questions = Questions(document, engines, self)
        self._any_size = False
        self._asked_for: object = None
        """The analysis that it was asked after."""
        self._doubtful: frozenset[str] = frozenset()
        """The blocks of which only their author knows whether they export."""
        self._failed: object = None
        """What it could not find out: it is not tried again before that is another."""
        document.analysed.connect(self._follow)
        document.opened.connect(self._forget)
        document.catalogue_changed.connect(self._sort)
        self._sort()

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return self._questions.waiting

    def want_any_size(self, on: bool) -> None:
        """Whether a file shall take images of any size: then a size that is baked in is told too."""
        if on != self._any_size:
            self._any_size, self._asked_for, self._failed = on, None, None
            self._follow()

    def _sort(self) -> None:
        cards = self._document.catalogue.values()
        coded = {card.id for card in cards if any(setting.type == "code" for setting in card.settings)}
        self._doubtful = frozenset(coded | {card.id for card in cards if card.category == "Own blocks"})
        self._asked_for = None

    def _forget(self) -> None:
        self._questions.drop()
        self._asked_for = self._failed = None
        self._document.findings.take_export(self._document.design, ())

    def _key(self) -> tuple[object, ...]:
        """The nodes that are in doubt, as they are set."""
        design = self._document.design
        nodes = (node for graph in (design, *design.groups) for node in graph.nodes)
        return tuple((node.block, node.settings) for node in nodes if node.block in self._doubtful)

    def _wanted(self, key: tuple[object, ...]) -> bool:
        own = getattr(self._engines, "own", None)  # modules of one's own may stand in any category
        return bool(self._document.design.nodes) and bool(self._any_size or key or (own is not None and own.proven))

    def _follow(self) -> None:
        document = self._document
        analysis = document.analysis
        if analysis is None or analysis is self._asked_for or analysis.revision != document.revision:
            return
        self._asked_for = analysis
        key = self._key()
        if not self._wanted(key):
            self._questions.drop()
            document.findings.take_export(document.design, ())
        elif key != self._failed:
            self._ask(WAIT)

    def _ask(self, wait: int) -> None:
        self._questions.ask(
            lambda: CheckExport("", self._document.design, any_size=self._any_size), self._take, self._fail, wait=wait
        )

    def _take(self, told: ExportChecked) -> None:
        self._document.findings.take_export(self._document.design, told.problems)
        self.changed.emit()
        if told.left:
            self._ask(0)

    def _fail(self, _why: str) -> None:
        if not self._engines.stopped:
            self._failed = self._key()
