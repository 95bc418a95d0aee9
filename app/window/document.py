"""The one place that changes the design: it holds the drawing, its undo stack, the place looked at and the analysis."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoGroup, QUndoStack

from app.design import file
from app.design.edits import EditError
from app.design.file import Sign
from app.design.names import NamingError
from app.design.paths import PathError, choose_variant, variant_of
from app.design.values import Design, Graph
from app.design.wires import WiringError
from app.messages import Analysis
from app.messages.reports import NodeReport, Problem
from app.window.consent import Consent
from app.window.drawing import Drawing, title
from app.window.findings import Findings
from app.window.my_groups import MyGroups
from app.window.overlays import Overlay
from app.window.steps import History, Step
from app.window.timings import Timings
from blocks.card import Card, Page

REFUSALS = (EditError, NamingError, WiringError, PathError)
"""What an edit raises when a rule forbids it; the sentence is for the user."""


class _Edit(QUndoCommand):
    """Any edit: the design before and after. Edits with the same `merge` key in a row become one step."""

    def __init__(self, document: Document, before: Design, step: Step, within: float = 0.0) -> None:
        super().__init__(step.text)
        self._document, self._before, self.step, self._within = document, before, step, within
        self._merges = True

    def undo(self) -> None:
        self._document._show(self._before)

    def redo(self) -> None:
        self._document._show(self.step.after)

    def id(self) -> int:
        return hash(self.step.merge) & 0x3FFFFFFF if self.step.merge and self._merges else -1

    def push_on(self, stack: QUndoStack, *, merges: bool) -> None:
        """Do it. Without `merges` it stays a step of its own."""
        self._merges = merges
        stack.push(self)
        self._merges = True

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Edit) or not self.step.merge or other.step.merge != self.step.merge:
            return False
        if other._within and other.step.time - self.step.time > other._within:
            return False
        self.step = replace(self.step, after=other.step.after, time=other.step.time)
        return True


class Document(QObject):
    """The drawing that is shown. Items and panels read it and ask it for edits; they never hold a second copy."""

    changed = Signal(object, object)
    """(old Design, new Design) after every edit, undo, redo and load."""
    opened = Signal()
    """Another drawing is shown: it was loaded, or its tab was chosen. Its `changed` and `place_changed` come before,
    its `analysed` and `file_changed` follow."""
    stack_changed = Signal(object)
    """`undo_stack` is another QUndoStack; it comes first where another tab is shown."""
    place_changed = Signal()
    """Another graph is looked at: `path` is new."""
    analysed = Signal()
    """`analysis` is new (it may be None again)."""
    file_changed = Signal()
    """`file` or `modified` is new."""
    catalogue_changed = Signal()
    refused = Signal(str)
    """An edit was refused; the sentence says why."""
    explanation_wanted = Signal(str)
    """A page shall be read: that of `block:Conv2d`, `category:Layer`, `category:Group`, `optimizer:sgd` or
    `schedule:step`."""

    edited = Signal(bool)
    """An edit was made: a step of its own, or (True) one that went into the step before it."""
    went = Signal(int)
    """Undo or redo led to after that many steps."""
    saved = Signal()
    """The file holds what is drawn."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._busy = False
        """Whether the stack changes otherwise than by undo and redo."""
        self._quiet = False
        """Whether several steps are taken, of which the last alone is shown."""
        self.undo_group = QUndoGroup(self)
        """Undo and redo of whichever drawing is shown."""
        self.undo_stack = self._new_stack()
        self.undo_group.setActiveStack(self.undo_stack)
        self._numbers, self._revisions = itertools.count(1), itertools.count(1)
        self.number = 0
        """Which drawing is shown: each tab has a number of its own."""
        self._design = Design()
        self._opened = self._design
        self.on_file: Design | None = None
        """What the file holds, as far as is known."""
        self.sign: Sign | None = None
        """Of the file when it held that; None where it is not known."""
        self._path: tuple[str, ...] = ()
        self._catalogue: dict[str, Card] = {}
        self.pages: dict[str, Page] = {}
        """What the categories are for, by name; `Group` is one of them."""
        self.file: Path | None = None
        self.name = ""
        """What the drawing is called while it has no file."""
        self.revision = 0
        """Of this very design; no other drawing has the same, so that late answers find theirs."""
        self.opening = False
        """Whether what `changed` tells of is another drawing: all that is shown of it is shown anew right after."""
        self._chosen = ""
        """The variant chosen last: which is meant where two are equal."""
        self.analysis: Analysis | None = None
        self.consent = Consent(self)
        """Which code in drawings may run."""
        self.my_groups = MyGroups(parent=self)
        """The Groups that the user keeps as blocks of their own."""
        self.troubles: tuple[Problem, ...] = ()
        """What is wrong with the user's own blocks, whatever is drawn."""
        self.timings = Timings(self)
        """What was measured of the drawing."""
        self.timings.listen()
        self.findings = Findings(self)
        """What the last run found wrong in its nodes."""
        self.overlay = Overlay(self)
        """What the nodes are coloured by."""
        self.overlay.listen()

    # what is open -----------------------------------------------------------------------------------------------------

    @property
    def design(self) -> Design:
        return self._design

    @property
    def catalogue(self) -> dict[str, Card]:
        return self._catalogue

    def set_catalogue(self, cards: tuple[Card, ...], pages: tuple[Page, ...] = ()) -> None:
        self._catalogue = {card.id: card for card in cards}
        self.pages = {page.id: page for page in pages}
        self.catalogue_changed.emit()

    @property
    def modified(self) -> bool:
        return not self.undo_stack.isClean()

    @property
    def title(self) -> str:
        return title(self.file, self.name)

    def new(self) -> None:
        """Begin an empty drawing."""
        self.load(Design(), None)

    def load(self, design: Design, path: Path | None, name: str = "", sign: Sign | None = None) -> None:
        """Show another drawing; undo does not reach back past this. `name` is its title while it has no file, and
        which of equal variants is meant. `sign` is the file's from before it was read."""
        self.sign = sign
        self._begin(History(design, file=str(path or ""), name=name, saved=design if path else None))

    def restore(self, history: History) -> None:
        """Show a drawing with its history: undo goes back over all of it."""
        self.sign = None
        self._begin(history)

    def _begin(self, history: History) -> None:
        self._busy = self._quiet = True
        before, stack = self._design, self.undo_stack
        stack.clear()
        self._opened = self._design = history.opened
        for i, step in enumerate(history.steps):
            if i == history.clean:
                stack.setClean()
            _Edit(self, self._design, step).push_on(stack, merges=False)
        if history.clean == len(history.steps):
            stack.setClean()
        elif history.clean < 0:
            stack.resetClean()
        stack.setIndex(history.index)
        self._busy = self._quiet = False
        self.file = Path(history.file) if history.file else None
        self.name = self._chosen = history.name
        self.on_file = history.saved
        self._path = ()
        self.analysis = None  # it was said of another drawing
        self._design = before
        self.opening = True
        self._show(history.design)
        self._tell_opened()

    def blank(self) -> Drawing:
        """An empty drawing for a tab of its own, to be shown by `swap`."""
        return Drawing(next(self._numbers), self._new_stack(), next(self._revisions), Design())

    def swap(self, drawing: Drawing) -> Drawing:
        """Show a drawing as it was left; returns what was shown until now, to be kept."""
        before = self._design
        kept = Drawing(
            self.number, self.undo_stack, self.revision, before, self._path, self.file, self.name, self._chosen,
            self.analysis, self.timings.swap(drawing.measured), self._opened, self.on_file, self.sign,
        )  # fmt: skip
        self.number, self.undo_stack, self.revision = drawing.number, drawing.undo_stack, drawing.revision
        self._design, self._path, self.file, self.name = drawing.design, drawing.path, drawing.file, drawing.name
        self._chosen, self.analysis = drawing.chosen, drawing.analysis
        self._opened, self.on_file, self.sign = drawing.begun, drawing.on_file, drawing.sign
        self.undo_group.setActiveStack(self.undo_stack)
        self.stack_changed.emit(self.undo_stack)
        self.opening = True
        self.changed.emit(before, self._design)
        self._tell_opened()
        self.timings.changed.emit()
        return kept

    def _tell_opened(self) -> None:
        self.opening = False
        self.place_changed.emit()
        self.opened.emit()
        self.analysed.emit()
        self.file_changed.emit()

    def _new_stack(self) -> QUndoStack:
        stack = QUndoStack(self.undo_group)
        stack.cleanChanged.connect(self.file_changed)
        stack.indexChanged.connect(self._indexed)
        return stack

    def save(self, path: Path) -> None:
        """Save to a file. Raises file.FileError."""
        self.sign = file.save(self._design, path)
        self.file = path
        self._saved()

    def take_file(self, design: Design, sign: Sign | None) -> None:
        """Show what the file holds now, as a step that undo takes back."""
        self.edit(f"Reload {self.title}", lambda _design: design)
        self.sign = sign
        self._saved()

    def _saved(self) -> None:
        self.on_file = self._design
        self.undo_stack.setClean()
        self.saved.emit()
        self.file_changed.emit()

    @property
    def last_step(self) -> Step:
        """The edit made last."""
        command = self.undo_stack.command(self.undo_stack.index() - 1)
        assert isinstance(command, _Edit)
        return command.step

    @property
    def history(self) -> History:
        """All steps, done and undone."""
        stack = self.undo_stack
        commands = [stack.command(i) for i in range(stack.count())]
        steps = tuple(command.step for command in commands if isinstance(command, _Edit))
        return History(
            self._opened, steps, stack.index(), stack.cleanIndex(), str(self.file or ""), self.name, self.on_file,
            time.time(),
        )  # fmt: skip

    def go_to_step(self, index: int) -> None:
        """Undo or redo until so many steps are done, as one change."""
        before = self._design
        self._quiet = True
        self.undo_stack.setIndex(index)
        self._quiet = False
        after, self._design = self._design, before
        if after is not before:
            self._show(after)

    # edits ------------------------------------------------------------------------------------------------------------

    def edit(self, text: str, change: Callable[[Design], Design], *, merge: str = "", within: float = 0.0) -> bool:
        """Make an edit as one undo step called `text` ("Add conv"). A refusal is announced by `refused`; False then.

        Edits in a row with the same `merge` key (a spin box being turned) become one step; with `within` only those
        that follow each other in so many seconds.
        """
        try:
            after = change(self._design)
        except REFUSALS as error:
            self.refused.emit(str(error))
            return False
        if after is not self._design and after != self._design:
            stack, index = self.undo_stack, self.undo_stack.index()
            self._busy = True
            _Edit(self, self._design, Step(text, merge, time.time(), after), within).push_on(stack, merges=True)
            self._busy = False
            self.edited.emit(stack.index() == index)
        return True

    def _indexed(self, index: int) -> None:
        if not self._busy:
            self.went.emit(index)

    def _show(self, design: Design) -> None:
        if self._quiet:
            self._design = design
            return
        before, self._design = self._design, design
        self.revision = next(self._revisions)
        place = self._path
        while self._path and not self._path_exists():
            self._path = self._path[:-1]
        if self._path != place:  # told once: whoever hears of it looks at what is there
            self.place_changed.emit()
        self.changed.emit(before, design)

    @property
    def variant(self) -> str:
        """Which of its variants the drawing is; "" where it is none of them (any more)."""
        return variant_of(self._design, self._catalogue, self._chosen)

    def choose_variant(self, name: str) -> bool:
        """Make the drawing its variant `name`, as one undo step: what is seen is what is analysed and trained."""
        before, self._chosen = self._chosen, name
        if not self.edit(f"Choose {name}", lambda d: choose_variant(d, name, self._catalogue)):
            self._chosen = before
            return False
        return True

    # where one looks --------------------------------------------------------------------------------------------------

    @property
    def path(self) -> tuple[str, ...]:
        """Ids of the Group nodes that were entered, outermost first."""
        return self._path

    @property
    def where(self) -> str:
        """The name of the Group looked at; "" at the top."""
        return self.where_of(self._path)

    @property
    def graph(self) -> Graph:
        return self._design.graph(self.where)

    def where_of(self, path: tuple[str, ...]) -> str:
        where = ""
        for id in path:
            where = self._design.graph(where).by_id[id].group
        return where

    def _path_exists(self) -> bool:
        where = ""
        for id in self._path:
            node = self._design.graph(where).by_id.get(id)
            if node is None or node.group not in self._design.group_by_name:
                return False  # gone, or a block (again): there is nothing to look into
            where = node.group
        return True

    def enter(self, id: str) -> None:
        """Look inside a Group's node of the present graph."""
        node = self.graph.by_id.get(id)
        if node is not None and node.group in self._design.group_by_name:
            self.go((*self._path, id))

    def leave(self) -> None:
        self.go(self._path[:-1])

    def go(self, path: tuple[str, ...]) -> None:
        """Look at the graph that `path` leads to."""
        if path != self._path:
            self._path = path
            self.place_changed.emit()

    # what analysis says -----------------------------------------------------------------------------------------------

    def set_analysis(self, analysis: Analysis | None) -> None:
        """Take an answer; one to an old revision is dropped."""
        if analysis is not None and analysis.revision != self.revision:
            return
        self.analysis = analysis
        self.analysed.emit()

    def id_path(self, id: str) -> str:
        """The analysis path of the node `id` of the present graph (its first repetition)."""
        parts = []
        where = ""
        for entered in self._path:
            node = self._design.graph(where).by_id[entered]
            parts.append(entered if node.repeat == 1 else f"{entered}/0")
            where = node.group
        return "/".join([*parts, id])

    def report(self, id: str) -> NodeReport | None:
        """What analysis says of the node `id` of the present graph; None while unknown."""
        return self.reports.get(self.id_path(id))

    @property
    def reports(self) -> dict[str, NodeReport]:
        if self.analysis is None:
            return {}
        if getattr(self, "_reports_of", None) is not self.analysis:
            self._reports = {r.id: r for r in (*self.analysis.nodes, *self.analysis.groups)}
            self._reports_of = self.analysis
        return self._reports

    @property
    def open_problems(self) -> tuple[Problem, ...]:
        """What the window counts and lists. An empty drawing cannot run, but nobody has done anything wrong yet."""
        of_design = self.analysis.problems if self.analysis is not None and self._design.nodes else ()
        return (*of_design, *self.troubles, *self.findings.problems)

    def set_troubles(self, troubles: tuple[Problem, ...]) -> None:
        """Take what is wrong with the user's own blocks."""
        if troubles != self.troubles:
            self.troubles = troubles
            self.analysed.emit()

    def problems(self, id: str) -> list[Problem]:
        """The problems of the node `id` of the present graph, those inside it included where it is a Group."""
        if self.analysis is None:
            return []
        path = self.id_path(id)
        return [p for p in self.analysis.problems if p.id == path or p.id.startswith(path + "/")]
