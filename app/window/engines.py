"""The engines that the window uses: one for analysis with a spare behind it, and one for each run or export."""

from __future__ import annotations

import itertools
import time

from msgspec.structs import replace
from PySide6.QtCore import QObject, QTimer, Signal

from app.design.paths import locate
from app.messages import (
    Analyse,
    Analysis,
    Catalogue,
    Devices,
    Export,
    Failed,
    GetDevices,
    LoadBlocks,
    Loading,
    LongQuestion,
    Question,
    Reply,
    Running,
    Train,
    Trust,
)
from app.messages.predictions import OfOwn
from app.messages.reports import Problem
from app.window import log
from app.window.document import Document
from app.window.engine_process import EngineProcess, engine_command
from app.window.jobs import Job
from app.window.kept import load_catalogue, save_catalogue
from app.window.own_blocks import OwnBlocks
from app.window.own_loading import OwnLoader
from app.window.salvage import salvage
from app.window.verdicts import Verdicts

PATIENCE = 10_000
"""Milliseconds that one block may run in analysis before it counts as hanging."""
MAX_FAILED_STARTS = 3


class Engines(QObject):
    """Keeps an engine warm, has the document analysed after each edit, and runs jobs. An engine that dies costs only
    what it was doing."""

    ready = Signal()
    """The analysis engine is warm, at the start or again."""
    catalogue = Signal(object)
    """tuple of Card"""
    analysed = Signal(object)
    """Analysis, as it arrives"""
    devices = Signal(object)
    """Devices"""
    died = Signal(str)
    """The analysis engine ended; a sentence says what happened and what comes next."""
    restarted = Signal()
    """Another analysis engine has taken over."""

    def __init__(self, parent: QObject | None = None, *, command: list[str] | None = None) -> None:
        super().__init__(parent)
        self.last_devices: Devices | None = None
        self.milliseconds = 0.0
        """How long the last analysis took, there and back."""
        self.stopped = ""
        """Why no engine is started any more; empty while one runs or starts."""
        self._command = command or engine_command()
        self._document: Document | None = None
        self._main: EngineProcess | None = None
        self._spare: EngineProcess | None = None
        self._second: EngineProcess | None = None
        self._closing: list[EngineProcess] = []
        self._jobs: list[Job] = []
        self._numbers = itertools.count(1)
        self._failed_starts = 0
        self._kept = Catalogue(())
        """The catalogue as it is in the user's cache."""
        self._known: tuple[Analyse, Analysis] | None = None
        """The last request that an engine answered, and its answer."""
        self._asked: Analyse | None = None
        self._asked_at = 0.0
        self._tries = 0
        self._running = ""
        self._wanted = False
        self._verdicts = Verdicts()
        self._edits = _timer(self, 0, self._analyse)  # the edits of one event are one question
        self._watchdog = _timer(self, PATIENCE, self._hangs)
        self.own = OwnBlocks(self)
        """The user's own modules, which every engine is given."""
        self._loader = OwnLoader(self.own, self)
        self._loader.hung.connect(self._replace_hung)
        self.own.changed.connect(self._load_own)
        self._spare_timer = _timer(self, 1000, self._start_spare)

    # starting and ending ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the analysis engine; the spare follows once it is warm."""
        self.stopped = ""
        self._failed_starts = 0
        if self._main is None:
            self._take_over(self._new_engine())

    def close(self) -> None:
        """End all engines and wait for them: runs get the time to write their checkpoint."""
        self.stopped = "The window is closing."  # a question that is still to be sent must start no engine
        for timer in (self._edits, self._watchdog, self._spare_timer, self._loader):
            timer.stop()
        jobs = [job.engine for job in self._jobs if job.alive]
        engines = [e for e in (self._main, self._spare, self._second, *self._closing, *jobs) if e is not None]
        self._main = self._spare = self._second = None
        for engine in engines:
            engine.close(grace=10)
        deadline = time.monotonic() + 2
        for engine in engines:
            limit = deadline + 8 if engine in jobs else deadline
            engine.wait(limit - time.monotonic())

    @property
    def pids(self) -> list[int]:
        """The process ids of the engines that live."""
        engines = (self._main, self._spare, self._second, *(job.engine for job in self._jobs))
        return [e.pid for e in engines if e is not None and e.alive]

    @property
    def analysis_pid(self) -> int:
        return self._main.pid if self._main is not None else 0

    @property
    def spare_ready(self) -> bool:
        """Whether a warm engine stands by to take over analysis."""
        return self._spare is not None and self._spare.ready is not None

    @property
    def is_ready(self) -> bool:
        return self._main is not None and self._main.ready is not None

    @property
    def busy(self) -> bool:
        """Whether the analysis engine is starting or at work."""
        return not self.is_ready or self._asked is not None

    @property
    def torch_version(self) -> str:
        """The version of torch that the engine has; empty while it is not known."""
        return self._main.ready.torch if self._main is not None and self._main.ready is not None else ""

    def _new_engine(self) -> EngineProcess:
        engine = EngineProcess(self._command, self)
        engine.became_ready.connect(lambda: self._provide(engine))  # before whoever waits for it asks anything
        return engine

    def _provide(self, engine: EngineProcess) -> None:
        """Tell an engine what it may run, and give it the blocks that have proven to load."""
        if self._document is not None and (hashes := self._document.consent.hashes):
            engine.send(Trust(hashes))
        if self.own.proven and engine is not self._main:
            engine.send(LoadBlocks(self.own.proven))

    def _retire(self, engine: EngineProcess) -> None:
        """End an engine that has done its work, without waiting for it."""
        self._closing = [e for e in self._closing if e.alive]
        if engine.alive:
            self._closing.append(engine)
            engine.close()

    def _take_over(self, engine: EngineProcess) -> None:
        self._main = engine
        engine.message.connect(self._take)
        engine.ended.connect(self._main_ended)
        if engine.ready is not None:
            self._main_ready()
        else:
            engine.became_ready.connect(self._main_ready)

    def _main_ready(self) -> None:
        assert self._main is not None
        self._failed_starts = 0
        self._loader.load(self._main)
        if self._asked is not None:  # the engine before this one died over it
            self._ask(self._asked)
        self._main.send(GetDevices())
        self.ready.emit()
        self._analyse()
        self._spare_timer.start()

    def _start_spare(self) -> None:
        if self._spare is None and self._main is not None:
            self._spare = self._new_engine()
            self._spare.ended.connect(self._spare_ended)

    def _spare_ended(self, how: str) -> None:
        log.write("window", f"the spare engine {how}")
        self._spare = None
        self._failed_starts += 1
        if self._failed_starts < MAX_FAILED_STARTS:
            self._spare_timer.start(5000)

    def _pop_spare(self) -> EngineProcess | None:
        spare, self._spare = self._spare, None
        if spare is not None:
            spare.ended.disconnect(self._spare_ended)
        return spare

    def _main_ended(self, how: str) -> None:
        dead, self._main = self._main, None
        assert dead is not None
        self._watchdog.stop()
        self._loader.ended(f"the engine {how} while it was loaded")
        if dead.ready is None:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                words = f": {dead.last_words}" if dead.last_words else ""
                self.stopped = (
                    f"The engine {how} {self._failed_starts} times while it started{words}. "
                    "The drawing is untouched; shapes and training are off until it starts again."
                )
                self.died.emit(self.stopped)
                return
        if self._asked is not None and self._tries >= 2:
            self._blame(f"the engine {how} twice while it ran this. Change its settings, or what feeds it")
        self.died.emit(f"The engine {how}. The drawing is untouched; another engine takes over.")
        self._take_over(self._pop_spare() or self._new_engine())
        self.restarted.emit()

    # analysis ---------------------------------------------------------------------------------------------------------

    def watch(self, document: Document) -> None:
        """Have the document analysed now and after each edit; it gets the catalogue too."""
        self._document = document
        document.changed.connect(self._edited)
        document.consent.changed.connect(self._consent_changed)
        self._kept = load_catalogue()
        if self._kept.cards:
            document.set_catalogue(self._kept.cards, self._kept.pages)
        self._edited()

    def _edited(self, *_designs: object) -> None:
        known = self._document.analysis if self._document is not None else None
        if known is not None and self._document is not None and known.revision == self._document.revision:
            return  # another tab is shown, and all is known of it
        self._wanted = True
        if self.stopped and self._document is not None:
            self._document.set_analysis(None)  # it was said of the drawing before, and no answer will follow
        if not self._edits.isActive():
            self._edits.start()

    def _analyse(self) -> None:
        """Send the newest design, unless an answer is still due: then it follows that answer."""
        if self._document is None or not self._wanted or self._asked is not None or not self.is_ready:
            return
        self._wanted = False
        self._tries = 0
        document = self._document
        self._ask(Analyse(document.revision, document.design, ended=self._verdicts.of(document.design)))

    def _ask(self, request: Analyse) -> None:
        assert self._main is not None
        self._asked = request
        self._tries += 1
        self._running = ""
        self._asked_at = time.perf_counter()
        # Until a node is named the engine only reads and plans: a large drawing may take it a while.
        self._watchdog.start(3 * PATIENCE)
        self._main.send(request)

    def _take(self, reply: Reply) -> None:
        match reply:
            case Running() if self._asked is not None and reply.revision == self._asked.revision:
                self._running = reply.id
                self._watchdog.start(PATIENCE)
            case Analysis() if self._asked is not None and reply.revision == self._asked.revision:
                self.milliseconds = (time.perf_counter() - self._asked_at) * 1000
                self._known = (self._asked, reply)
                self._answered(reply)
            case Failed(job="") if self._asked is not None:
                log.write("engine", reply.detail or reply.message)
                self._answered(self._verdict("", "engine", reply.message))
            case Loading():
                self._loader.running(reply.file)
            case Catalogue():
                self._set_catalogue(reply)
            case Devices():
                self.last_devices = reply
                self.devices.emit(reply)

    def _answered(self, analysis: Analysis) -> None:
        self._asked = None
        self._watchdog.stop()
        if self._document is not None:
            self._document.set_analysis(analysis)
        self.analysed.emit(analysis)
        self._analyse()

    def _hangs(self) -> None:
        if self._main is None or self._asked is None or self._loader.active:
            return
        seconds = PATIENCE // 1000
        self._replace_hung(f"it did not finish within {seconds} s and was ended. Change its settings, or what feeds it")

    def _replace_hung(self, blame: str = "") -> None:
        if self._main is None:
            return
        hung, self._main = self._main, None
        hung.ended.disconnect(self._main_ended)
        hung.message.disconnect(self._take)
        hung.kill()
        self._closing.append(hung)
        if blame:
            self._blame(blame)
        self.died.emit("The engine hung and was ended. The drawing is untouched; another engine takes over.")
        self._take_over(self._pop_spare() or self._new_engine())
        self.restarted.emit()

    def _blame(self, why: str) -> None:
        """Answer in the engine's place: the node that it was running is the problem. The next engine is asked for the
        rest; where no node was named it is asked after the next edit."""
        assert self._asked is not None
        self._wanted |= self._verdicts.add(self._asked.revision, self._asked.design, self._running, why)
        self._answered(self._verdict(self._running, "engine-ended", why))

    def _verdict(self, id: str, code: str, why: str) -> Analysis:
        assert self._asked is not None
        path, where, node = locate(self._asked.design, id)
        name = self._asked.design.graph(where).by_id[node].name if node else ""
        sentence = f"{name}: {why}." if name else f"{why[:1].upper()}{why[1:]}" + ("" if why.endswith(".") else ".")
        problem = Problem("error", "/".join((*path, node)) if node else "", name, where, node, "", code, sentence)
        blamed = problem.id.split("/")[0]
        return salvage(self._known, self._asked, blamed, problem)

    # the catalogue ----------------------------------------------------------------------------------------------------

    def _set_catalogue(self, reply: Catalogue) -> None:
        cards, pages = reply.cards, reply.pages
        if self._loader.answered():
            self._verdicts.clear()  # the blocks are other ones now
            for engine in self._engines():
                if engine is not self._main:
                    engine.send(LoadBlocks(self.own.proven))
            self._wanted = True
            if self._asked is not None:
                self._watchdog.start(3 * PATIENCE)
        if self._document is not None:
            self._document.set_troubles((*reply.troubles, *self.own.troubles))
        if (cards, pages) != (self._kept.cards, self._kept.pages):
            self._kept = reply
            save_catalogue(reply)
        document = self._document
        if document is not None and (*document.catalogue.values(), *document.pages.values()) != (*cards, *pages):
            document.set_catalogue(cards, pages)
        self.catalogue.emit(cards)
        self._analyse()

    # what the user lets run -------------------------------------------------------------------------------------------

    def _consent_changed(self) -> None:
        assert self._document is not None
        for engine in self._engines():
            engine.send(Trust(self._document.consent.hashes))
        self._verdicts.clear()
        self._wanted = True
        self._analyse()

    def _load_own(self) -> None:
        if self._main is not None and self.is_ready:
            self._loader.load(self._main)

    def _engines(self) -> list[EngineProcess]:
        """All engines that take requests."""
        engines = (self._main, self._spare, self._second, *(job.engine for job in self._jobs if job.alive))
        return [e for e in dict.fromkeys(engines) if e is not None and e.alive and e.ready is not None]

    # jobs -------------------------------------------------------------------------------------------------------------

    def run(self, request: Train | Export | OfOwn | Question) -> Job:
        """Start a run, an export, a prediction, or ask. Short questions go to the engine that has analysed the drawing;
        long ones and predictions to one that is kept beside it, so that they are quick and no edit waits for them."""
        if not request.job:
            request = replace(request, job=f"job-{next(self._numbers)}")
        if isinstance(request, Question) and not isinstance(request, LongQuestion) and self._main is not None:
            return Job(request, self._main, self)
        if isinstance(request, OfOwn | Question):
            engine = self._second if self._second is not None and self._second.alive else None
            engine = self._second = engine or self._warm_engine()
        elif isinstance(request, Export):
            engine = self._warm_engine()
        else:
            engine = self._new_engine()
        job = Job(request, engine, self)
        if isinstance(request, Question):
            return job
        self._jobs = [j for j in self._jobs if j.alive]
        self._jobs.append(job)
        if engine is not self._second:
            job.finished.connect(lambda _result: self._retire(engine))
            job.failed.connect(lambda _why: self._retire(engine))
        return job

    def _warm_engine(self) -> EngineProcess:
        """The spare where it is warm (another one follows), else a new engine."""
        if not self.spare_ready:
            return self._new_engine()
        spare = self._pop_spare()
        assert spare is not None
        self._spare_timer.start()
        return spare

    @property
    def jobs(self) -> list[Job]:
        """The jobs under way."""
        return [job for job in self._jobs if job.alive]


def _timer(parent: QObject, milliseconds: int, slot: object) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
