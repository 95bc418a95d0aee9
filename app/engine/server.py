"""The engine's loop: a thread reads requests, the main thread answers them one after another.

Of several waiting `Analyse` only the newest is answered. `Cancel` takes effect at once. The end of input ends the
process, after a run has written its checkpoint: an engine does not outlive its window.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import msgspec

import app
from app.design.paths import PathError, apply_variant
from app.design.values import Design, End, Node, Settings, Wire
from app.messages import (
    CHUNK_BYTES,
    Analyse,
    Analysis,
    Cancel,
    Catalogue,
    Chunk,
    Devices,
    Export,
    Exported,
    Failed,
    GetCatalogue,
    GetDevices,
    LoadBlocks,
    Loading,
    Progress,
    Question,
    Ready,
    Reply,
    Request,
    Running,
    Train,
    Trust,
    decode_request,
    encode,
)
from app.messages.data import Working
from app.messages.predictions import GetForm, Predict
from app.messages.preview import GetPreview
from app.messages.reports import Problem
from app.messages.training import Note, Pause

GRACE = 30.0
"""Seconds that a run may take to write its checkpoint once its window is gone."""


class Inbox:
    """Requests that wait, filled by the reading thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Request] = deque()
        self._analyse: Analyse | None = None
        self._cancelled: set[str] = set()
        self._paused: set[str] = set()
        self.ended = False

    def put(self, request: Request) -> list[GetPreview]:
        """Keep a request. The previews that nobody waits for any more are returned: a newer one takes their place."""
        dropped: list[GetPreview] = []
        with self._changed:
            if isinstance(request, Analyse):
                self._analyse = request
            elif isinstance(request, Cancel):
                self._cancelled.add(request.job)
            elif isinstance(request, Pause):
                (self._paused.add if request.on else self._paused.discard)(request.job)
            else:
                if isinstance(request, GetPreview):
                    dropped = [old for old in self._waiting if isinstance(old, GetPreview)]
                    self._waiting = deque(each for each in self._waiting if not isinstance(each, GetPreview))
                self._waiting.append(request)
            self._changed.notify()
        return dropped

    def end(self) -> None:
        with self._changed:
            self.ended = True
            self._changed.notify()

    def next(self) -> Request | None:
        """The next request to answer; None when the input has ended."""
        with self._changed:
            while not (self._waiting or self._analyse or self.ended):
                self._changed.wait()
            if self.ended:
                return None
            if self._waiting:
                return self._waiting.popleft()
            request, self._analyse = self._analyse, None
            return request

    def cancelled(self, job: str) -> bool:
        return self.ended or job in self._cancelled

    def paused(self, job: str) -> bool:
        return job in self._paused

    def overtaken(self, job: str) -> bool:
        """Whether the preview `job` was cancelled, or a newer one waits."""
        with self._changed:
            return self.cancelled(job) or any(isinstance(each, GetPreview) for each in self._waiting)


class Server:
    """Answers requests on a pipe."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._lock = threading.Lock()
        self.inbox = Inbox()

    def send(self, reply: Reply) -> None:
        data = encode(reply)
        try:
            with self._lock:
                view = memoryview(data)
                while view:
                    written = self._output.write(view)
                    view = view[written or 0 :]
        except BrokenPipeError:  # the window is gone, whether or not the reading thread has seen it: a run is cancelled
            self.inbox.end()

    def read(self, input: IO[bytes]) -> None:
        """The reading thread: until the input ends."""
        for line in iter(input.readline, b""):
            if not line.strip():
                continue
            try:
                for dropped in self.inbox.put(decode_request(line)):
                    self.send(Failed("A newer preview was asked for.", dropped.job))
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                self.send(Failed(f"The engine got a request that it cannot read: {error}"))
        self.inbox.end()
        # Work in progress sees the end through `cancelled` and writes its checkpoint; what hangs is not waited for.
        threading.Timer(GRACE if self.busy else 1.0, os._exit, (0,)).start()

    busy = False

    def work(self) -> int:
        """Answer requests until the input ends."""
        while (request := self.inbox.next()) is not None:
            self.busy = isinstance(request, Train)
            try:
                self.answer(request)
            except (Exception, SystemExit) as error:  # a block's code that ends the program ends its job alone
                detail = traceback.format_exc()
                print(detail, file=sys.stderr)
                job = getattr(request, "job", "")
                why = getattr(error, "certificate", None)
                self.send(Failed(sentence(error), job, getattr(request, "revision", -1), detail, why))
            self.busy = False
        return 0

    def answer(self, request: Request) -> None:
        match request:
            case Analyse():
                self.analyse(request)
            case Trust():
                from app.engine.compile import shared_analyser

                shared_analyser().measurer.trusted = frozenset(request.hashes)
            case GetCatalogue() | LoadBlocks():
                from app.engine import own
                from blocks import catalogue
                from blocks.pages import PAGES

                if isinstance(request, LoadBlocks):
                    own.load(request.files, lambda file: self.send(Loading(file)))
                self.send(Catalogue(tuple(catalogue.load().values()), own.troubles(), PAGES))
            case GetDevices():
                from app.engine.data import DATASETS
                from app.engine.devices import devices
                from app.engine.optim_pages import OPTIMIZER_PAGES, SCHEDULE_PAGES

                self.send(Devices(devices(), tuple(DATASETS.values()), OPTIMIZER_PAGES, SCHEDULE_PAGES))
            case _ if isinstance(request, Question):
                from app.engine import questions

                given_up = self.inbox.overtaken if isinstance(request, GetPreview) else self.inbox.cancelled
                self.send(questions.answer(request, lambda: given_up(request.job), self.send))
            case Train():
                self.train(request)
            case Export():
                self.export(request)
            case Predict():
                from app.engine.own_samples import answer_to

                self.send(answer_to(request))
            case GetForm():
                from app.engine.own_samples import form_of, loaded

                self.send(msgspec.structs.replace(form_of(loaded(Path(request.run))), job=request.job))

    def analyse(self, request: Analyse) -> None:
        from app.engine.compile import shared_analyser

        analyser = shared_analyser()
        design = request.design
        if request.variant:
            try:
                design = apply_variant(design, request.variant, analyser.cards)
            except PathError as error:
                problem = Problem("error", "", "", "", "", "", "variant", str(error))
                self.send(Analysis(request.revision, valid=False, partial=True, problems=(problem,)))
                return
        self.send(
            analyser.analyse(
                design,
                revision=request.revision,
                batch=request.batch,
                ended={call.id: call.why for call in request.ended},
                running=lambda id: self.send(Running(request.revision, id)),
            )
        )

    def train(self, request: Train) -> None:
        from app.engine.train import train

        design = self._variant(request.design, request.variant)

        def progress(progress: Progress) -> None:
            self.send(progress)

        trained = train(
            design,
            request.recipe,
            name=request.name,
            device=request.device,
            devices=request.devices,
            nodes=request.nodes,
            strategy=request.strategy,
            weights=Path(request.weights) if request.weights else None,
            on_note=lambda line: self.send(Note(request.job, line)),
            run=Path(request.run) if request.run else None,
            resume=request.resume,
            watch=request.watch,
            on_watched=self.send,
            begin_with=Path(request.begin_with) if request.begin_with else None,
            on_carried=lambda carried: self.send(msgspec.structs.replace(carried, job=request.job)),
            on_progress=progress,
            on_samples=self.send,
            cancelled=lambda: self.inbox.cancelled(request.job),
            paused=lambda: self.inbox.paused(request.job),
            job=request.job,
        )
        self.send(msgspec.structs.replace(trained, job=request.job))

    def export(self, request: Export) -> None:
        import tempfile

        from app.engine.export import FORMATS, SUFFIXES, Wishes, export
        from app.engine.matching import matched

        def step(step: str, done: int, total: int) -> None:
            if self.inbox.cancelled(request.job):
                raise ExportCancelled("The export was cancelled; nothing was written")
            if step:
                self.send(Working(request.job, done, total, step))

        design = self._variant(request.design, request.variant)
        usual = request.name == "model" or request.to not in FORMATS
        name = "" if usual else Path(request.name).name + SUFFIXES[request.to]
        wishes = Wishes(name, request.name, request.variant, request.onnx, step, partly=True)
        run = Path(request.run) if request.run else None
        weights = Path(request.weights).expanduser() if request.weights and run is None else None
        if weights is not None:
            design = msgspec.structs.replace(design, recipe=matched(design.recipe, request.weights))
        with tempfile.TemporaryDirectory() as folder:
            report = export(design, request.to, run, Path(folder), weights, wishes)
            beside = tuple((file.name, file.stat().st_size) for file in report.beside)
            for file in (*report.beside, report.file):  # the main one last: it must not stand without the others
                for offset, data in _pieces(file):
                    step("", 0, 0)
                    self.send(Chunk(request.job, file.name, offset, data))
            size = report.file.stat().st_size
        self.send(Exported(
            request.job, report.file.name, size, report.lines, report.difference, beside, report.certificate
        ))  # fmt: skip

    def _variant(self, design: Design, variant: str) -> Design:
        from blocks import catalogue

        return apply_variant(design, variant, catalogue.load()) if variant else design


def _pieces(file: Path) -> Iterator[tuple[int, bytes]]:
    """What is in a file, piece by piece, with where each begins. An empty file is one piece."""
    with file.open("rb") as handle:
        offset = 0
        while (data := handle.read(CHUNK_BYTES)) or not offset:
            yield offset, data
            if not data:
                return
            offset += len(data)


class ExportCancelled(ValueError):
    """The user cancelled."""


def sentence(error: BaseException) -> str:
    """What a user is told of an error: our own errors speak for themselves, others are named."""
    text = str(error).strip()
    if type(error).__module__.startswith("app.") and text:
        return text
    first = text.split("\n")[0][:300] if text else ""
    return f"The engine failed: {type(error).__name__}{': ' + first if first else ''}"


WARM_UP = Design(
    nodes=(
        Node("image", block="Input", settings=Settings(size=(3, 16, 16))),
        Node("conv", block="Conv2d"),
        Node("norm", block="BatchNorm2d"),
        Node("output", block="Output"),
    ),
    wires=(
        Wire(End("image", "out"), End("conv", "x")),
        Wire(End("conv", "out"), End("norm", "x")),
        Wire(End("norm", "out"), End("output", "x")),
    ),
)


def serve(input: IO[bytes], output: IO[bytes]) -> int:
    """Run an engine on a pipe until its input ends."""
    with contextlib.suppress(ValueError):  # not in the main thread: tests serve from another one
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the terminal is for the window
    server = Server(output)
    reader = threading.Thread(target=server.read, args=(input,), daemon=True)
    reader.start()
    import torch

    from app.engine.compile import shared_analyser
    from app.engine.devices import DeviceError, wished_threads

    try:
        torch.set_num_threads(wished_threads() or torch.get_num_threads())
    except DeviceError as error:  # training refuses to begin so; analysis needs no threads and serves on
        print(error, file=sys.stderr)
    # torch's lazy imports cost as much as torch itself: let them be paid before the first edit.
    shared_analyser().analyse(WARM_UP)
    gc.freeze()  # torch's objects stay: to look through them for garbage took 0.2 s in the middle of an edit
    server.send(Ready(app.__version__, str(torch.__version__)))
    code = server.work()
    sys.stderr.flush()
    os._exit(code)  # threads of libraries do not keep an engine alive whose window is gone
