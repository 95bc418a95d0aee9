"""The runs that the window knows: what was asked, the points that came back, how each ended. One `Runs` a document; a
run belongs to the drawing that it trains, and goes on while another one is shown."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.design.values import Design, Recipe, Settings
from app.messages import Progress, Train, Trained
from app.window.document import Document

STARTING, RUNNING, FINISHED, STOPPED, FAILED = "starting", "running", "finished", "stopped", "failed"

Points = dict[tuple[str, str], list[tuple[float, float]]]
"""(split, name of the value) -> points (epochs done, value)."""

NONE = Settings()


@dataclass
class Run:
    """One run. `folder` names its run folder on the engine's machine."""

    folder: str
    design: Design
    recipe: Recipe
    device: str = "auto"
    resumed: bool = False
    drawing: int = 0
    """The number of the drawing that it was started from."""
    job: Any = None
    stopping: bool = False
    """Whether it was asked to end."""
    state: str = STARTING
    message: str = ""
    """Why it failed, for the user."""
    progress: Progress | None = None
    rate: float = 0.0
    """Samples a second, as last heard: validation says nothing of it."""
    points: Points = field(default_factory=dict)
    values: Settings = NONE
    """Of the test split, once it ended."""
    epochs: int = 0
    ended: float = 0.0
    """When it ended, in seconds since 1970; 0 before."""

    @property
    def active(self) -> bool:
        return self.state in (STARTING, RUNNING)

    @property
    def name(self) -> str:
        """The run folder's own name."""
        return re.split(r"[/\\]", self.folder.rstrip("/\\"))[-1]

    @property
    def usable(self) -> bool:
        """Whether it left trained weights: those of an ended run, or of the last checkpoint of one that failed."""
        return self.state in (FINISHED, STOPPED)

    def take(self, progress: Progress) -> None:
        """Add what the engine reports."""
        self.state, self.progress = RUNNING, progress
        self.rate = progress.rate or self.rate
        x = epochs_done(progress)
        for name, value in progress.values.items():
            if isinstance(value, int | float):
                line = self.points.setdefault((progress.split, name), [])
                while line and line[-1][0] >= x:
                    line.pop()  # a resumed run goes back to its last checkpoint
                line.append((x, float(value)))


def epochs_done(progress: Progress) -> float:
    """Where a report stands on the curve's axis, in epochs."""
    if progress.split == "test":
        return float(progress.epochs)
    if progress.steps <= 0 or progress.epochs <= 0:
        return float(progress.epoch)
    return progress.step / progress.steps * progress.epochs


class Runs(QObject):
    """The runs of all drawings. What is asked of it is asked of the one that is shown: of that one run is active at
    most."""

    changed = Signal(object)
    """A Run is new, has progressed or has ended."""

    def __init__(self, document: Document, engines: Any) -> None:
        super().__init__(document)
        self._document, self._engines = document, engines
        self._every: list[Run] = []

    @classmethod
    def of(cls, document: Document, engines: Any) -> Runs:
        """The document's one Runs, made when it is first asked for: the panels share it."""
        found = document.findChild(cls)
        return found if found is not None else cls(document, engines)

    @property
    def all(self) -> list[Run]:
        """The runs of the drawing that is shown, oldest first."""
        return [run for run in self._every if run.drawing == self._document.number]

    def active_in(self, drawing: int) -> bool:
        """Whether a run of the drawing with this number is under way."""
        return any(run.active for run in self._every if run.drawing == drawing)

    @property
    def last(self) -> Run | None:
        return next((run for run in reversed(self._every) if run.drawing == self._document.number), None)

    @property
    def trained(self) -> Run | None:
        """The newest run that left trained weights."""
        return next((run for run in reversed(self.all) if run.usable), None)

    @property
    def active(self) -> bool:
        return self.last is not None and self.last.active

    def start(self, recipe: Recipe, device: str, *, resume: bool = False) -> Run:
        """Train the drawing as it stands; with `resume` go on with the last run from its checkpoint."""
        last = self.last
        if resume and last is not None:
            run = Run(last.folder, last.design, last.recipe, last.device, True)
            run.points = {key: list(points) for key, points in last.points.items()}
        else:
            run = Run(self._new_folder(), self._document.design, recipe, device)
        run.drawing = self._document.number
        self._every.append(run)
        title = self._document.title
        request = Train(
            "", run.design, run.recipe, title, run.device, run=run.folder, resume=run.resumed
        )
        job = run.job = self._engines.run(request)
        job.progress.connect(lambda progress: self._progress(run, progress))
        job.finished.connect(lambda trained: self._finished(run, trained))
        job.failed.connect(lambda message: self._failed(run, message))
        self.changed.emit(run)
        return run

    def _new_folder(self) -> str:
        """A run folder that no other run has: chosen here, so that a run whose engine died can be resumed."""
        folder = f"runs/{_plain(self._document.title)}-{datetime.now():%Y-%m-%d-%H%M%S}"
        taken = sum(run.folder.startswith(folder) and not run.resumed for run in self._every)
        return f"{folder}-{taken + 1}" if taken else folder

    def stop(self) -> None:
        """Ask the active run to write its checkpoint and end."""
        run = self.last
        if run is not None and run.active and run.job is not None:
            run.stopping = True
            run.job.cancel()

    def _progress(self, run: Run, progress: Progress) -> None:
        if run.active:
            run.take(progress)
            self.changed.emit(run)

    def _finished(self, run: Run, trained: Trained) -> None:
        run.state = STOPPED if trained.stopped else FINISHED
        run.folder, run.values, run.epochs = trained.run or run.folder, trained.values, trained.epochs
        run.ended = time.time()
        self.changed.emit(run)

    def _failed(self, run: Run, message: str) -> None:
        if run.active:
            run.state, run.message = FAILED, message
            self.changed.emit(run)


def _plain(title: str) -> str:
    """A title as part of a folder's name."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.") or "design"
