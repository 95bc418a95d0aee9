"""What the last run found wrong in the nodes of the drawing, and what would not export: it lights them, and stands in
the list of problems.

A finding holds as long as its node is as it was trained; an edit of the node takes it away, undo brings it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.design.values import Design
from app.messages.reports import Problem
from app.messages.watch import Trouble

if TYPE_CHECKING:
    from app.window.document import Document
    from app.window.runs import Run, Runs


class Findings(QObject):
    """The troubles of the last run of the drawing that is shown, and those of its export."""

    changed = Signal()

    def __init__(self, document: Document) -> None:
        super().__init__(document)
        self._document = document
        self._runs: Runs | None = None
        self._run: Run | None = None
        self._told: dict[tuple[str, str], Trouble] = {}
        """As each was worded first: figures that change with every measurement make nobody read anew."""
        self._export: tuple[Design, tuple[Trouble, ...]] = document.design, ()
        """What would not export, and of which drawing that is said."""
        self.troubles: tuple[Trouble, ...] = ()
        self._at: dict[str, Trouble] = {}

    def follow(self, runs: Runs) -> None:
        """Listen to the runs of the document."""
        self._runs = runs
        runs.changed.connect(lambda _run: self._refresh())
        runs.looked.connect(lambda _run: self._refresh())
        self._document.opened.connect(self._refresh)
        self._document.changed.connect(lambda *_designs: None if self._document.opening else self._refresh())

    def take_export(self, design: Design, problems: tuple[Problem, ...]) -> None:
        """Take what would not export of `design`, in the place of what was taken before."""
        told = (Trouble(p.code, p.severity, p.id, p.name, p.where, p.node, p.message, fixes=p.fixes) for p in problems)
        self._export = design, tuple(told)
        self._refresh()

    def _refresh(self) -> None:
        run = self._runs.last if self._runs is not None else None
        if run is not self._run:
            self._run, self._told = run, {}
        latest = run.watched[-1].troubles if run is not None and run.watched else ()
        self._told = {(t.code, t.id): self._told.get((t.code, t.id), t) for t in latest}
        held = tuple(t for t in self._told.values() if run is not None and self._holds(t, run.design))
        held += tuple(t for t in self._export[1] if self._holds(t, self._export[0]))
        if held == self.troubles:
            return
        self.troubles, self._at = held, {}
        for trouble in reversed(held):  # of several at a node the first is shown
            for path in (*trouble.others, trouble.id):
                self._at.update(dict.fromkeys(_above(path), trouble))
        self.changed.emit()
        self._document.analysed.emit()

    def _holds(self, trouble: Trouble, trained: Design) -> bool:
        """Whether the node is there still, as it was trained."""
        sides = []
        for design in (trained, self._document.design):
            if trouble.where and trouble.where not in design.group_by_name:
                return False
            node = design.graph(trouble.where).by_id.get(trouble.node)
            if node is None:
                return False
            sides.append((node.block, node.group, node.settings))
        return sides[0] == sides[1]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """For the list of problems."""
        return tuple(trouble.problem for trouble in self.troubles)

    def at(self, path: str) -> Trouble | None:
        """What was found at a node, or inside it where it is a Group, by its analysis path."""
        return self._at.get(path) if self._at else None


def _above(path: str) -> list[str]:
    """The node and the Groups around it. What repeats is drawn once: its first repetition stands for all."""
    parts = ["0" if part.isdigit() else part for part in path.split("/")]
    return ["/".join(parts[: i + 1]) for i in range(len(parts)) if not parts[i].isdigit()]
