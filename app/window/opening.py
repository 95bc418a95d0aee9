"""Opening up: a block is replaced by the Group of blocks that it is made of, which the engine draws."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.design import grouping
from app.messages import OpenedUp, OpenUp
from app.window.document import Document
from app.window.engines import Engines
from app.window.jobs import Job


def why_closed(document: Document, ids: list[str]) -> str:
    """Why what is selected does not open up, in a sentence; empty when it does."""
    node = document.graph.by_id.get(ids[0]) if len(ids) == 1 else None
    if node is None:
        return "Select one block to open it up."
    if node.group:
        return f"{node.name} is a Group: a double click enters it."
    card, report = document.catalogue.get(node.block), document.report(node.id)
    if card is None:
        return f"{node.name} is missing here: its parts are not known."
    if card.leaf:
        return f"{card.title} does not open up: {card.leaf}."
    if report is None:
        return f"{node.name} is not checked yet: its parts are known in a moment."
    if not report.ok:
        return f"{node.name} has an error or an open input: mend that first, then open it up."
    return "" if report.opens else f"{card.title} is a single layer: there is nothing inside to open."


class Opener(QObject):
    """Asks the engine for the inside of a block and puts it in the block's place, as one undo step."""

    opened = Signal(str)
    """The id of the node, which is a Group now."""
    said = Signal(str)
    """A sentence: what is under way, and what came of it."""
    changed = Signal()
    """`why_not` may answer otherwise than before."""

    def __init__(self, document: Document, engines: Engines, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document, self._engines = document, engines
        self._job: Job | None = None
        for signal in (document.analysed, document.place_changed, document.catalogue_changed):
            signal.connect(self.changed)

    def why_not(self, ids: list[str]) -> str:
        """Why the selected nodes cannot be opened up now; empty when they can."""
        if self._engines.stopped:
            return "The engine is off: start it again to open blocks up."
        if self._job is not None:
            return "Another block is being opened up."
        return why_closed(self._document, ids)

    def open(self, ids: list[str]) -> None:
        """Open the one selected block up; what speaks against it is said where refusals are."""
        if reason := self.why_not(ids):
            self._document.refused.emit(reason)
            return
        document, where = self._document, self._document.where
        node, design = document.graph.by_id[ids[0]], document.design
        wait = "" if not self._engines.busy else " once the engine has finished what it is doing"
        self.said.emit(f"Opening {node.name}{wait}…")
        job = self._job = self._engines.run(OpenUp("", design, where, node.id))

        def finished(reply: OpenedUp) -> None:
            self._end()
            if document.design is not design:
                document.refused.emit(f"The drawing changed while {node.name} was being opened: open it up again.")
                return
            change = f"Open up {node.name}"
            if document.edit(change, lambda d: grouping.open_into(d, where, node.id, reply.group)):
                self.said.emit(f"{node.name} is a Group now: a double click enters it.")
                self.opened.emit(node.id)

        def failed(sentence: str) -> None:
            self._end()
            # Later: when the engine has died, its own sentence comes first, and this one is what was asked for.
            QTimer.singleShot(0, self, lambda: document.refused.emit(sentence))

        job.finished.connect(finished)
        job.failed.connect(failed)
        self.changed.emit()

    def _end(self) -> None:
        self._job = None
        self.changed.emit()
