"""The runs that the window knows: what was asked, the points that came back, how each ended. One `Runs` a document; a
run belongs to the drawing that it trains, and goes on while another one is shown."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.design.values import Design, Recipe, Settings
from app.messages import Progress, Train, Trained
from app.messages.training import Carried
from app.messages.watch import Watched
from app.messages.watch import read as read_watched
from app.window import run_tables
from app.window.document import Document
from app.window.run_folder import MB, Kept
from app.window.run_tables import Counted
from app.window.series import GPU_MEMORY, MACHINE, MEMORY, RATE, Line, Points

STARTING, RUNNING, FINISHED, STOPPED, FAILED = "starting", "running", "finished", "stopped", "failed"

LIGHTLY, CLOSELY = "lightly", "closely"
"""How a run's nodes are watched."""
NONE = Settings()
NO_WEIGHTS = "This run left no weights: start it again."


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
    pausing: bool = False
    """Whether it was asked to hold."""
    paused: bool = False
    """Whether it holds."""
    begun_with: str = ""
    """The run folder whose weights it began with."""
    carried: Carried | None = None
    """What became of those."""
    state: str = STARTING
    message: str = ""
    """Why it failed, for the user."""
    progress: Progress | None = None
    rate: float = 0.0
    """Samples a second, as last heard: validation says nothing of it."""
    points: Points = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)
    """How its nodes fared, oldest first."""
    tables: tuple[Counted, ...] = ()
    """Its confusion matrices, the newest of each split."""
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

    def look(self, watched: Watched) -> None:
        """Add how its nodes fare. What a resumed run measures anew takes the place of what was."""
        while self.watched and self.watched[-1].step > watched.step:
            self.watched.pop()
        self.watched.append(watched)

    def take(self, progress: Progress) -> None:
        """Add what the engine reports."""
        self.state, self.progress = RUNNING, progress
        self.paused = progress.paused and self.pausing
        self.rate = progress.rate or self.rate
        if progress.confusions:
            self.tables = run_tables.taken(self.tables, progress.split, progress.epoch, progress.confusions)
        machine = {RATE: progress.rate, MEMORY: progress.memory / MB, GPU_MEMORY: progress.gpu_memory / MB}
        values = [(progress.split, name, value) for name, value in progress.values.items()]
        if progress.split == "train" and not progress.paused:
            values += [(MACHINE, name, value) for name, value in machine.items() if value]
        x = epochs_done(progress)
        for split, name, value in values:
            if isinstance(value, int | float):
                line = self.points.setdefault((split, name), Line())
                line.append(x, float(value), progress.step, progress.seconds or math.nan)


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
    looked = Signal(object)
    """The nodes of a Run were measured."""

    def __init__(self, document: Document, engines: Any) -> None:
        super().__init__(document)
        self._document, self._engines = document, engines
        self._every: list[Run] = []
        document.findings.follow(self)

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

    def start(
        self, recipe: Recipe, device: str, *, resume: bool = False, begin_with: str = "", watch: str = LIGHTLY
    ) -> Run:
        """Train the drawing as it stands, with `begin_with` from the weights of that run folder as far as they fit;
        with `resume` go on with the last run from its checkpoint."""
        last = self.last
        if resume and last is not None:
            run = Run(last.folder, last.design, last.recipe, last.device, True)
            run.points = {key: line.copy() for key, line in last.points.items()}
            run.watched = list(last.watched)
            run.tables = last.tables
        else:
            run = Run(self._new_folder(), self._document.design, recipe, device, begun_with=begin_with)
        run.drawing = self._document.number
        self._every.append(run)
        title = self._document.title
        request = Train(
            "", run.design, run.recipe, title, run.device, run=run.folder, resume=run.resumed,
            watch=watch, begin_with=run.begun_with,
        )  # fmt: skip
        job = run.job = self._engines.run(request)
        job.progress.connect(lambda progress: self._progress(run, progress))
        job.carried.connect(lambda carried: self._carried(run, carried))
        job.watched.connect(lambda watched: self._watched(run, watched))
        job.finished.connect(lambda trained: self._finished(run, trained))
        job.failed.connect(lambda message: self._failed(run, message))
        self.changed.emit(run)
        return run

    def _new_folder(self) -> str:
        """A run folder that no other run has: chosen here, so that a run whose engine died can be resumed."""
        folder = f"runs/{_plain(self._document.title)}-{datetime.now():%Y-%m-%d-%H%M%S}"
        taken = sum(run.folder.startswith(folder) and not run.resumed for run in self._every)
        return f"{folder}-{taken + 1}" if taken else folder

    @property
    def continuable(self) -> Run | None:
        """The last run, where the drawing has changed since and may begin with its weights."""
        run = self.last
        if run is None or run.active or (run.progress is None and not run.usable):
            return None
        design = self._document.design
        return run if (run.design.nodes, run.design.wires, run.design.groups) != (
            design.nodes, design.wires, design.groups) else None  # fmt: skip

    def adopt(self, kept: Kept) -> Run | None:
        """Make a run that a folder tells of the last one of the drawing that is shown: its curves are shown, and its
        weights are used. None where the folder cannot be read."""
        if kept.design is None:
            return None
        last = self.last
        if last is not None and (last.active or Path(last.folder).absolute() == kept.path.absolute()):
            return last
        state = FINISHED if kept.state == FINISHED else STOPPED if kept.usable else FAILED
        run = Run(str(kept.path), kept.design, kept.recipe, state=state, message=kept.message or NO_WEIGHTS)
        run.points = {key: line.copy() for key, line in kept.points.items()}
        run.watched = read_watched(kept.path)
        run.tables = kept.tables
        run.drawing, run.values, run.epochs = self._document.number, Settings(kept.test), kept.epoch
        self._every.append(run)
        self.changed.emit(run)
        return run

    def at(self, folder: Path) -> Run | None:
        """The newest run of this window in a folder."""
        wanted = folder.absolute()
        return next((run for run in reversed(self._every) if Path(run.folder).absolute() == wanted), None)

    def moved(self, old: Path, new: Path | None) -> None:
        """A run folder has another name, or with None is gone: nothing is to ask for it any more."""
        for run in [run for run in self._every if Path(run.folder).absolute() == old.absolute()]:
            if new is None:
                self._every.remove(run)
            else:
                run.folder = str(new)
            self.changed.emit(run)

    def pause(self, on: bool = True) -> None:
        """Have the active run hold between two steps, or go on."""
        run = self.last
        if run is not None and run.active and run.job is not None and run.pausing != on and not run.stopping:
            run.pausing = on
            run.paused = run.paused and on
            run.job.pause(on)
            self.changed.emit(run)

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

    def _carried(self, run: Run, carried: Carried) -> None:
        run.carried = carried
        self.changed.emit(run)

    def _watched(self, run: Run, watched: Watched) -> None:
        run.look(watched)
        self.looked.emit(run)

    def _finished(self, run: Run, trained: Trained) -> None:
        run.state = STOPPED if trained.stopped else FINISHED
        run.folder, run.values, run.epochs = trained.run or run.folder, trained.values, trained.epochs
        run.ended = time.time()
        run.pausing = run.paused = False
        self.changed.emit(run)

    def _failed(self, run: Run, message: str) -> None:
        if run.active:
            run.state, run.message = FAILED, message
            run.pausing = run.paused = False
            self.changed.emit(run)


def _plain(title: str) -> str:
    """A title as part of a folder's name."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.") or "design"
