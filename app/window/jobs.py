"""One training run, export, prediction or question, as the window follows it."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal

from app.messages import (
    Answers,
    Cancel,
    Chunk,
    Export,
    Exported,
    Failed,
    OpenUp,
    Progress,
    Question,
    Reply,
    Train,
    Trained,
)
from app.messages.data import Working
from app.messages.predictions import OfOwn, Predict, Predicted, Prediction, SampleForm
from app.messages.profile import GetProfile
from app.messages.training import Carried, Pause
from app.messages.watch import Watched
from app.window.engine_process import EngineProcess

GRACE = 10.0
"""Seconds that a cancelled job has to write its checkpoint."""


class Job(QObject):
    """A request under way in an engine of its own. Exactly one of `finished` and `failed` comes at its end."""

    progress = Signal(object)
    """Progress, or Working from a job without epochs"""
    carried = Signal(object)
    """Carried: what became of the weights that a run began with"""
    samples = Signal(object)
    """Predicted: what the network says of some samples by now"""
    watched = Signal(object)
    """Watched: how a run's nodes fare"""
    finished = Signal(object)
    """Trained, Exported, Prediction, SampleForm or the answer to a Question"""
    certified = Signal(object)
    """Certificate: why an ONNX file is not written; `failed` follows"""
    failed = Signal(str)
    """A sentence: what happened, and what to do."""

    def __init__(
        self, request: Train | Export | OfOwn | Question, engine: EngineProcess, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.request = request
        self.engine = engine
        self.alive = True
        self.cancelled = False
        self._files: dict[str, bytearray] = {}
        engine.message.connect(self._take)
        engine.ended.connect(self._engine_ended)
        if engine.ready is not None:
            engine.send(request)
        else:
            engine.became_ready.connect(lambda: engine.send(request) if self.alive else None)

    @property
    def files(self) -> dict[str, bytes]:
        """What arrived as Chunks, by name."""
        return {name: bytes(data) for name, data in self._files.items()}

    def cancel(self) -> None:
        """Ask the engine to stop; a run writes its checkpoint first. Ended by force when that takes too long."""
        if not self.alive or self.cancelled:
            return
        self.cancelled = True
        if self.engine.ready is None:
            self._end()
            if not isinstance(self.request, OfOwn | Question):  # others may be waiting for the engine of those
                self.engine.kill()
            self.failed.emit("It was stopped before it began.")
            return
        self.engine.send(Cancel(self.request.job))
        QTimer.singleShot(round(GRACE * 1000), self, self._lose_patience)

    def pause(self, on: bool) -> None:
        """Hold a run between two steps, or let it go on; it may be asked before it has begun."""
        request = Pause(self.request.job, on)
        if self.alive and self.engine.ready is not None:
            self.engine.send(request)
        elif self.alive:
            self.engine.became_ready.connect(lambda: self.engine.send(request) if self.alive else None)

    def _lose_patience(self) -> None:
        if self.alive:
            self.engine.kill()

    def _take(self, reply: Reply) -> None:
        if not self.alive or getattr(reply, "job", None) != self.request.job:
            return
        match reply:
            case Progress() | Working():
                self.progress.emit(reply)
            case Predicted():
                self.samples.emit(reply)
            case Carried():
                self.carried.emit(reply)
            case Watched():
                self.watched.emit(reply)
            case Chunk():
                data = self._files.setdefault(reply.file, bytearray())
                if len(data) < reply.offset:
                    data.extend(bytes(reply.offset - len(data)))
                data[reply.offset : reply.offset + len(reply.data)] = reply.data
            case _ if isinstance(reply, Trained | Exported | Prediction | SampleForm | Answers):
                self._end()
                self.finished.emit(reply)
            case Failed():
                self._end()
                if reply.certificate is not None:
                    self.certified.emit(reply.certificate)
                self.failed.emit(reply.message)

    def _engine_ended(self, how: str) -> None:
        if not self.alive:
            return
        self._end()
        what, then = {
            Train: ("training", "Start again, or resume from the last checkpoint."),
            Export: ("this export", "Export again."),
            Predict: ("this prediction", "Try again."),
            OpenUp: ("opening the block", "Open it up again."),
            GetProfile: ("this measurement", "Measure again, with a smaller batch where memory is short."),
        }.get(type(self.request), ("this question", "Ask again."))
        if self.cancelled:
            self.failed.emit(f"The engine for {what} did not stop within {GRACE:.0f} s and was ended.")
            return
        why = ", perhaps because the memory ran out" if "signal 9" in how else ""
        self.failed.emit(f"The engine for {what} {how}{why}. The drawing is untouched. {then}")

    def _end(self) -> None:
        self.alive = False
