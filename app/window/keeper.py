"""Keeps the journal of a window's drawing: each edit, undo, redo and save is written down as it is made."""

from __future__ import annotations

import time
from typing import NamedTuple

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app.design.delta import difference
from app.design.values import Design
from app.window import log
from app.window.document import Document
from app.window.journal import Claim, Edited, Journal, Record, Saved, Went

SYNC = 1000
"""Milliseconds after an edit when the disk has it too."""
LARGE = 8_000_000
"""Bytes from which a journal is written anew where that may halve it: merged and undone edits go."""


class _Kept(NamedTuple):
    """What is known of the journal of a drawing that is not shown."""

    journal: Journal | None
    design: Design
    whole: bool


class Keeper(QObject):
    """Follows the document, a journal for each drawing that it shows. A drawing without an edit has none; the first
    edit begins one."""

    trouble = Signal(str)
    """A sentence: the journal cannot be written."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._journal: Journal | None = None
        self._design = document.design
        """The design that the journal's last line leads to."""
        self._whole = False
        """Whether the journal holds all; else it must be written anew."""
        self._told = False
        self._number = document.number
        self._others: dict[int, _Kept] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SYNC)
        self._timer.timeout.connect(self._sync)
        document.opened.connect(self._opened)
        document.edited.connect(self._edited)
        document.went.connect(self._went)
        document.saved.connect(self._saved)

    @property
    def journal(self) -> Journal | None:
        """The journal that is kept now."""
        return self._journal

    def adopt(self, claim: Claim) -> None:
        """Go on with the journal that the drawing was restored from."""
        self._journal, self._whole = Journal(claim), False
        self._design = self._document.design
        self._keep(None)

    def _opened(self) -> None:
        """Another drawing is shown: one in the place of that before, or that of another tab."""
        number = self._document.number
        if number == self._number:
            self.forget()
            return
        self._timer.stop()
        self._sync()
        self._others[self._number] = _Kept(self._journal, self._design, self._whole)
        self._number = number
        found = self._others.pop(number, _Kept(None, self._document.design, False))
        self._journal, self._design, self._whole = found

    def forget(self) -> None:
        """Take the journal of what is shown away: the drawing was saved or given up."""
        journal, self._journal = self._journal, None
        self._design, self._whole = self._document.design, False
        self._timer.stop()
        _remove(journal)

    def drop(self, number: int) -> None:
        """Take the journal of a tab that was closed away."""
        if (kept := self._others.pop(number, None)) is not None:
            _remove(kept.journal)

    def forget_all(self) -> None:
        """Take all journals away: the window is closed, and what was not saved was given up."""
        self.forget()
        for number in list(self._others):
            self.drop(number)

    def _edited(self, merged: bool) -> None:
        document = self._document
        step = document.last_step
        delta = difference(self._design, document.design)
        self._design = document.design
        self._keep(Edited(step.time, "" if merged else step.text, delta, step.merge, merged))

    def _went(self, index: int) -> None:
        self._design = self._document.design
        if self._journal is not None:
            self._keep(Went(time.time(), index))

    def _saved(self) -> None:
        if self._journal is not None:
            self._keep(Saved(time.time(), str(self._document.file or "")))

    def _keep(self, record: Record | None) -> None:
        try:
            if self._journal is None:
                self._journal = Journal.begin()
            large = self._journal.size > max(LARGE, 2 * self._journal.least)
            if self._whole and record is not None and not large:
                self._whole = False  # a line that is cut off by a full disk
                self._journal.add(record)
            else:
                self._whole = False
                self._journal.write(self._document.history)
            self._whole = True
            self._told = False
            if not self._timer.isActive():
                self._timer.start()
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            log.write("window", f"the journal cannot be written: {error}")
            if not self._told:
                self._told = True
                reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
                self.trouble.emit(f"Edits cannot be kept for the case of a crash: {reason}. Save often.")

    def _sync(self) -> None:
        if self._journal is not None:
            self._journal.sync()


def _remove(journal: Journal | None) -> None:
    if journal is not None:
        try:
            journal.remove()
        except OSError as error:
            log.write("window", f"the journal {journal.path} cannot be removed: {error}")
