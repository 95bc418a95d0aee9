"""Keeps the journal of a window's drawing: each edit, undo, redo and save is written down as it is made."""

from __future__ import annotations

import time

import msgspec
from PySide6.QtCore import QObject, QTimer, Signal

from app.design.delta import difference
from app.window import log
from app.window.document import Document
from app.window.journal import Claim, Edited, Journal, Record, Saved, Went

SYNC = 1000
"""Milliseconds after an edit when the disk has it too."""
LARGE = 8_000_000
"""Bytes from which a journal is written anew where that may halve it: merged and undone edits go."""


class Keeper(QObject):
    """Follows the document. A drawing without an edit has no journal; the first edit begins one."""

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
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SYNC)
        self._timer.timeout.connect(self._sync)
        document.opened.connect(self.forget)
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

    def forget(self) -> None:
        """Take the journal away: the drawing was saved or given up."""
        journal, self._journal = self._journal, None
        self._design, self._whole = self._document.design, False
        self._timer.stop()
        if journal is not None:
            try:
                journal.remove()
            except OSError as error:
                log.write("window", f"the journal {journal.path} cannot be removed: {error}")

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
