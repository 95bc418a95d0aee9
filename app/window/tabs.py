"""The drawings that are open, each in a tab. The document holds the one that is shown; a tab holds the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.design.file import Sign
from app.design.values import Design
from app.messages import Analysis
from app.window.document import Document
from app.window.drawing import Drawing

if TYPE_CHECKING:
    from app.window.canvas.view import CanvasView, Look


@dataclass
class Tab:
    """What stands in the tab bar, and what is kept of a drawing that is not shown."""

    drawing: Drawing | None = None
    """None for the tab that is shown: the document has it."""
    look: Look | None = None


@dataclass(frozen=True)
class Told:
    """What the tab bar says of a drawing."""

    title: str
    file: Path | None
    modified: bool
    errors: int = 0
    warnings: int = 0
    running: bool = False
    typed: bool = False
    """Whether its code is edited, and the edit is not applied."""


class Tabs(QObject):
    """All that is open, in the order of the tabs. There is always one that is shown."""

    changed = Signal()
    """Tabs came, went or moved, another one is shown, or what is said of one is new."""
    closed = Signal(int)
    """A tab is gone; the number of its drawing."""
    leaving = Signal()
    """Another drawing is about to be shown: what is being typed belongs to this one."""

    def __init__(self, document: Document, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._tabs = [Tab()]
        self.index = 0
        """Of the tab that is shown."""
        self.canvas: CanvasView | None = None
        """Whose zoom, place and selection each tab keeps."""
        self.is_running: Callable[[int], bool] = lambda _number: False
        """Whether a run of the drawing with this number is under way."""
        self.is_typed: Callable[[int], bool] = lambda _number: False
        """Whether an edit of its code is not applied."""
        for signal in (document.file_changed, document.analysed):
            signal.connect(self.changed)
        document.catalogue_changed.connect(self.forget_checks)
        document.consent.changed.connect(self.forget_checks)

    def __len__(self) -> int:
        return len(self._tabs)

    # what is there ----------------------------------------------------------------------------------------------------

    def told(self, index: int) -> Told:
        """What a tab says."""
        document, kept = self._document, self._tabs[index].drawing
        if kept is None:
            problems = document.open_problems
            title, file, modified, number = document.title, document.file, document.modified, document.number
        else:
            problems = kept.analysis.problems if kept.analysis is not None and kept.design.nodes else ()
            title, file, modified, number = kept.title, kept.file, not kept.undo_stack.isClean(), kept.number
        errors = sum(p.severity == "error" for p in problems)
        warnings = sum(p.severity == "warning" for p in problems)
        return Told(title, file, modified, errors, warnings, self.is_running(number), self.is_typed(number))

    def design(self, index: int) -> Design:
        """The drawing of a tab."""
        kept = self._tabs[index].drawing
        return kept.design if kept is not None else self._document.design

    def analysis(self, index: int) -> Analysis | None:
        """What is known of a tab's drawing as it stands; None where it is yet to be analysed."""
        kept = self._tabs[index].drawing or self._document
        known = kept.analysis
        return known if known is not None and known.revision == kept.revision else None

    def find(self, path: Path) -> int | None:
        """The tab that has this file open."""
        wanted = path.resolve()
        files = [self.told(i).file for i in range(len(self))]
        return next((i for i, file in enumerate(files) if file is not None and file.resolve() == wanted), None)

    @property
    def unsaved(self) -> list[int]:
        """The tabs with changes that are in no file."""
        return [i for i in range(len(self)) if self.told(i).modified]

    @property
    def unsettled(self) -> list[int]:
        """These, and the tabs whose code is edited without being applied."""
        return [i for i in range(len(self)) if (told := self.told(i)).modified or told.typed]

    @property
    def untouched(self) -> bool:
        """Whether what is shown is empty and nobody has done anything to it: another drawing may take its place."""
        document = self._document
        empty = document.design == Design() and document.file is None and not document.name
        return empty and not document.undo_stack.count()

    # going from one to another ----------------------------------------------------------------------------------------

    def show(self, index: int) -> None:
        """Show another tab, as it was left."""
        if index == self.index or not 0 <= index < len(self._tabs):
            return
        self._keep()
        self._bring(index)

    def step(self, by: int) -> None:
        """Show the next tab, or the one before; round at the ends."""
        self.show((self.index + by) % len(self._tabs))

    def open(self, design: Design, path: Path | None, name: str = "", sign: Sign | None = None) -> None:
        """Show a drawing in a tab of its own, or in place of an empty one that nobody has touched. `sign` is the file's
        from before it was read."""
        if not self.untouched:
            self.add()
        self._document.load(design, path, name, sign)
        self.changed.emit()

    def add(self) -> None:
        """Show an empty drawing in a tab behind the others."""
        self._keep()
        self._tabs.append(Tab(self._document.blank()))
        self._bring(len(self._tabs) - 1)

    def move(self, start: int, end: int) -> None:
        """Put a tab elsewhere in the row."""
        shown = self._tabs[self.index]
        self._tabs.insert(end, self._tabs.pop(start))
        self.index = self._tabs.index(shown)
        self.changed.emit()

    def close(self, index: int) -> None:
        """Take a tab away, with all that is not saved of it. The last one is left empty instead."""
        if len(self._tabs) == 1:
            self.add()  # its run, if there was one, belongs to the drawing that goes
            index = 0
        elif index == self.index:
            self.show(index + 1 if index + 1 < len(self._tabs) else index - 1)
        gone = self._tabs.pop(index).drawing
        assert gone is not None
        gone.undo_stack.deleteLater()
        self.closed.emit(gone.number)
        self.index -= index < self.index
        self.changed.emit()

    def _keep(self) -> None:
        self.leaving.emit()
        if self.canvas is not None:
            self._tabs[self.index].look = self.canvas.leave()

    def _bring(self, index: int) -> None:
        before, now = self._tabs[self.index], self._tabs[index]
        self.index = index
        wanted, now.drawing = now.drawing, None
        assert wanted is not None
        self.blockSignals(True)  # until the document has told all of the other drawing, nothing is to be said of tabs
        before.drawing = self._document.swap(wanted)
        self.blockSignals(False)
        if self.canvas is not None:
            self.canvas.look(now.look)
        self.changed.emit()

    # what analysis says -----------------------------------------------------------------------------------------------

    def take(self, analysis: Analysis) -> None:
        """Keep an answer that came when its drawing was not shown any more."""
        for tab in self._tabs:
            if tab.drawing is not None and tab.drawing.revision == analysis.revision:
                tab.drawing.analysis = analysis
                self.changed.emit()

    def forget_checks(self) -> None:
        """Have all tabs analysed anew when they are shown: there are other blocks now, or more that may run."""
        for tab in self._tabs:
            if tab.drawing is not None:
                tab.drawing.analysis = None
