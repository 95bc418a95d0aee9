"""What the data panel knows of the data: it asks an engine, tells how far that is, and can be told to stop."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from app.messages.data import DataShown, FindKind, GetData, KindFound, Working
from app.window.document import Document
from app.window.jobs import Job

EDITED = 200
"""Milliseconds that an edit waits for the next before the data is looked at anew."""
PAGE = 24


class Looks(QObject):
    """Asks for a look at the document's data while somebody watches. One question is under way at a time."""

    changed = Signal()
    """What is known, or how far it is, is new."""
    kind_found = Signal(str, str)
    """A path that was asked about is data of this kind: kind, path."""

    def __init__(self, document: Document, engines: Any, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self.told: DataShown | None = None
        self.trouble = ""
        """Why there is no answer: a sentence."""
        self.working: Working | None = None
        self.cancelled = False
        self.split, self.start = "train", 0
        self._watched = self._anew = False
        self._key: object = None
        """What the data was asked for with; None where it is to be asked for."""
        self._job: Job | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(EDITED)
        self._timer.timeout.connect(self._send)
        document.changed.connect(lambda *_: self._follow())
        document.opened.connect(self._opened)
        document.consent.changed.connect(self._allowed)
        engines.restarted.connect(self._again_if_lost)

    # what is wanted ---------------------------------------------------------------------------------------------------

    def watch(self, watched: bool) -> None:
        """Whether somebody sees it: nothing is read for nobody."""
        self._watched = watched
        self._follow()

    def turn(self, split: str, start: int) -> None:
        """Show other samples of the same data."""
        self.split, self.start = split, max(start, 0)
        self._ask(0)

    def read_again(self) -> None:
        """Read the data from the disk again."""
        self._anew = True
        self._ask(0)

    def cancel(self) -> None:
        """Stop reading."""
        if self.waiting:
            self._drop()
            self.cancelled = True
            self.changed.emit()

    def find_kind(self, path: str) -> None:
        """Ask which kind of data lies at a path; `kind_found` or a sentence in `trouble` follows."""
        if self._off():
            return
        job = self._engines.run(FindKind("", self._document.design, path))
        job.finished.connect(self._found)
        job.failed.connect(self._fail)

    @property
    def waiting(self) -> bool:
        """Whether an answer is due."""
        return self._timer.isActive() or self._job is not None

    @property
    def spec(self) -> str:
        return self._document.design.recipe.data

    # asking -----------------------------------------------------------------------------------------------------------

    def _wanted(self) -> tuple[object, ...]:
        """What of the design the look depends on."""
        design, recipe = self._document.design, self._document.design.recipe
        ends = tuple((n.block, n.settings) for n in design.nodes if n.block in ("Input", "Target"))
        return recipe.data, recipe.validation_share, recipe.test_share, recipe.skip_bad_samples, ends

    def _follow(self) -> None:
        if not self._watched or self._key == self._wanted():
            return
        if self._key is None or self._key[0] != self.spec:  # type: ignore[index]
            self.told, self.split, self.start = None, "train", 0
        self._ask(EDITED if self._key is not None else 0)

    def _opened(self) -> None:
        self._drop()
        self._key = self.told = None
        self.trouble, self.cancelled = "", False
        self.changed.emit()
        self._follow()

    def _allowed(self) -> None:
        if self.told is not None and self.told.code:
            self._key = None
            self._follow()

    def _again_if_lost(self) -> None:
        if self.trouble:
            self._key = None
            self._follow()

    def _ask(self, wait: int) -> None:
        self._drop()
        self._key = self._wanted()
        self.trouble, self.cancelled = "", False
        if self.spec:
            self._timer.start(wait)
        else:
            self.told = None
        self.changed.emit()

    def _drop(self) -> None:
        self._timer.stop()
        self.working = None
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def _off(self) -> bool:
        if self._engines.stopped:
            self._fail("The engine is off: start it again first.")
        return bool(self._engines.stopped)

    def _send(self) -> None:
        if self._off():
            return
        request = GetData("", self._document.design, "", self.split, self.start, PAGE, self._anew)
        self._anew = False
        job = self._job = self._engines.run(request)

        def mine() -> bool:
            return self._job is job

        job.progress.connect(lambda working: self._tell(working) if mine() else None)
        job.finished.connect(lambda told: self._take(told) if mine() else None)
        job.failed.connect(lambda why: self._fail(why) if mine() else None)
        self.changed.emit()

    def _tell(self, working: Working) -> None:
        self.working = working
        self.changed.emit()

    def _take(self, told: DataShown) -> None:
        self._job = self.working = None
        self.told = told
        self.split = told.split or self.split  # data without a test split shows another
        self.changed.emit()

    def _fail(self, why: str) -> None:
        self._job = self.working = None
        self.trouble = why
        self.changed.emit()

    def _found(self, found: KindFound) -> None:
        self.kind_found.emit(found.kind, found.path)
