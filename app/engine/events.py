"""TensorBoard's event files, written straight into the file: import it only where a run is written (it takes a while).

tensorboardX hands each value to a thread by way of a pipe between processes, which costs a small network as much as a
tenth of its step. Here a point of the curves is one event, whatever it holds, and no thread takes turns with training.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from tensorboardX import SummaryWriter
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.writer import FileWriter

FLUSH_SECONDS = 20.0
TOGETHER_SECONDS = 1.0
"""Points of the curves are written together: each by itself would cost a small network some of its next step."""


class _Straight:
    """What FileWriter writes to: the file, at once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        os.makedirs(folder, exist_ok=True)
        # A file's name has its second and host alone: one that is opened in the same second would overwrite another.
        number = sum(name.startswith("events.") for name in os.listdir(folder))
        self._file = EventsWriter(os.path.join(folder, "events"), f".{number:04}")
        self._flushed = 0.0

    def get_logdir(self) -> str:
        return self._folder

    def add_event(self, event: Event) -> None:
        self._file.write_event(event)
        now = time.monotonic()
        if now - self._flushed >= FLUSH_SECONDS:
            self._flushed = now
            self._file.flush()

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


class _StraightWriter(FileWriter):
    def __init__(self, folder: str) -> None:
        self.event_writer = _Straight(folder)
        self._default_metadata: dict[str, float] = {}


class Events(SummaryWriter):
    """A SummaryWriter in all but how it writes. With `after`, what other files hold past that step is hidden."""

    def __init__(self, folder: Path, after: int | None = None) -> None:
        self._straight: _StraightWriter | None = None
        self._waiting: list[tuple[float, int, Mapping[str, float]]] = []
        """Points that are not yet in the file: when they came, the step, their values."""
        super().__init__(str(folder))
        if after is not None:
            files = self._get_file_writer()
            files.add_event(Event(step=after + 1, file_version="brain.Event:2"))
            files.add_event(Event(step=after + 1, session_log=SessionLog(status=SessionLog.START)))

    def _get_file_writer(self) -> _StraightWriter:
        if self._straight is None:
            self._straight = self.file_writer = _StraightWriter(self.logdir)
            self.all_writers = {self.logdir: self.file_writer}
        return self._straight

    def add_point(self, values: Mapping[str, float], step: int) -> None:
        """All values of a point as one event; it may wait for the points of the next second. Raises OSError."""
        files, now = self._get_file_writer(), time.time()
        self._waiting.append((now, step, values))
        if not 0 <= now - self._waiting[0][0] < TOGETHER_SECONDS:  # a clock may be set back
            self._write_points(files)

    def _write_points(self, files: _StraightWriter) -> None:
        waiting, self._waiting = self._waiting, []
        for when, step, values in waiting:
            summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
            files.add_event(Event(summary=summary), step, when)

    def close(self) -> None:
        """Write what waits, and close the file. Raises OSError."""
        if self._straight is not None:
            try:
                self._write_points(self._straight)
            finally:
                super().close()
