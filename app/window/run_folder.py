"""Run folders as the window reads them: without torch, and without running anything that is in them.

What is wrong with a folder is a sentence of the run, and the others are read all the same. `Reader.read` may be called
by another thread; what it gives is taken over by `Kept.take` in the window's.
"""

from __future__ import annotations

import csv
import json
import os
import platform
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.design import file
from app.design.file import FileError
from app.design.values import Design, Recipe
from app.window import run_tables
from app.window.run_tables import Counted
from app.window.series import GPU_MEMORY, MACHINE, MEMORY, RATE, Line, Points

COLUMNS = {"epoch", "step", "split", "name", "value"}
RUNNING, FINISHED, STOPPED, FAILED, ENDED, BROKEN = (
    "running", "finished", "stopped", "failed", "broke off", "cannot be read",
)  # fmt: skip
MB = 1e6
LEAST_FILES = ("design.netloom", "metrics.csv")

Rows = dict[tuple[str, str], tuple[list[int], list[float]]]
"""(split, name) -> steps and values."""


def is_run(folder: Path) -> bool:
    """Whether a folder looks like a run's: broken ones are listed too, other folders are not."""
    return any((folder / name).is_file() for name in LEAST_FILES)


# reading --------------------------------------------------------------------------------------------------------------


@dataclass
class News:
    """What was read of a folder since the last time."""

    sign: tuple[Any, ...] = ()
    state: str = BROKEN
    message: str = ""
    wrong: str = ""
    design: Design | None = None
    started: float = 0.0
    fresh: bool = True
    """Whether `rows` are all of them, not those after the ones known."""
    rows: Rows = field(default_factory=dict)
    clock: tuple[list[int], list[float]] = field(default_factory=lambda: ([], []))
    speeds: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    steps_per_epoch: float = 0.0
    epoch: int = 0
    tables: tuple[Counted, ...] = ()


class Reader:
    """Reads one run folder, again and again: of a metrics.csv that only grew, the new lines alone."""

    def __init__(self, folder: Path, *, cut: bool = True) -> None:
        self.folder, self._cut = folder, cut
        self._sign: tuple[Any, ...] = ()
        self._table = _Table(folder / "metrics.csv", COLUMNS)
        self._ends: dict[int, int] = {}
        self._validated = 0.0
        self._epoch = 0
        self._tested = False
        self._design: tuple[Any, Design | None, str] | None = None

    def read(self) -> News | None:
        """What is new in the folder; None where nothing is. Nothing is raised: `wrong` says what cannot be read."""
        state = _facts(self.folder / "state.json")
        alive = state.get("state") == RUNNING and _lives(state)
        names = ("design.netloom", "metrics.csv", "speed.csv", "state.json", run_tables.NAME)
        sign = (alive, *(_sign(self.folder / name) for name in names))
        if sign == self._sign:
            return None
        self._sign = sign
        news = News(sign, started=_started(self.folder))
        try:
            news.design = self._read_design()
            if self._table.renewed():
                self._ends, self._validated, self._epoch = {}, 0.0, 0
            news.fresh = self._table.at_start
            self._read_rows(news)
        except FileError as error:
            news.wrong = str(error)
            news.state = BROKEN
            self._table.forget()
            news.fresh, news.rows = True, {}
            return news
        news.tables = run_tables.read(self.folder)
        news.clock, news.speeds = _speeds(self.folder / "speed.csv")
        news.steps_per_epoch, news.epoch = self._per_epoch(news.design), self._epoch
        news.state, news.message = self._how(state, alive)
        return news

    def _read_design(self) -> Design | None:
        path = self.folder / "design.netloom"
        sign = _sign(path)
        if self._design is None or self._design[0] != sign:
            self._design = (sign, file.load(path), "")
        return self._design[1]

    def _read_rows(self, news: News) -> None:
        rows = news.rows
        self._tested &= not news.fresh
        for epoch, step, split, name, value in self._table.rows(cut=self._cut):
            line = rows.get((split, name))
            if line is None:
                line = rows[split, name] = ([], [])
            line[0].append(step)
            line[1].append(value)
            if split == "train":
                self._ends[epoch] = step
            elif split == "validation" and epoch > 0:
                self._validated = max(self._validated, step / epoch)
            elif split == "test":
                self._tested = True
            self._epoch = max(self._epoch, epoch)

    def _per_epoch(self, design: Design | None) -> float:
        """Steps in an epoch: told by the ends of epochs, or before the first one by what the data is."""
        if self._validated:
            return self._validated
        whole = [step / epoch for epoch, step in self._ends.items() if 0 < epoch < self._epoch]
        if whole:
            return max(whole)
        samples = _facts(self.folder / "data.json").get("samples")
        size = samples.get("train", 0) if isinstance(samples, dict) else 0
        batch = design.recipe.batch_size if design is not None else 0
        if isinstance(size, int) and size > 0 and batch > 0:
            return float(-(-size // batch))
        return float(max(self._ends.values(), default=0))

    def _how(self, state: dict[str, Any], alive: bool) -> tuple[str, str]:
        """How the run stands, and the sentence that it left."""
        told = state.get("state")
        message = str(state.get("message", ""))
        if told in (FINISHED, STOPPED, FAILED):
            return str(told), message
        if told == RUNNING:
            return (RUNNING, "") if alive else (ENDED, "Its process ended without a word: resume it.")
        return (FINISHED if self._tested else STOPPED), ""  # a folder of an older version says nothing of it


class _Table:
    """A CSV file that grows: gives the rows that it has not given yet."""

    def __init__(self, path: Path, columns: set[str]) -> None:
        self._path, self._columns = path, columns
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._offset = self._inode = 0
        self._header: list[str] = []

    @property
    def at_start(self) -> bool:
        return self._offset == 0

    def renewed(self) -> bool:
        """Whether the file is another one than before, or shorter: it is read from its start then."""
        try:
            found = self._path.stat()
        except OSError:
            found = None
        same = found is not None and found.st_ino == self._inode and found.st_size >= self._offset
        if not same:
            self.forget()
            self._inode = found.st_ino if found is not None else 0
        return not same

    def rows(self, *, cut: bool = True) -> list[tuple[int, int, str, str, float]]:
        """The fields of each line: of whole ones, or with `cut` false of one without its end too. Raises FileError."""
        path = self._path
        try:
            with path.open("rb") as handle:
                handle.seek(self._offset)
                data = handle.read()
        except OSError as error:
            raise FileError(f"{path} cannot be opened: {error.strerror or error}") from None
        end = data.rfind(b"\n") + 1 if cut else len(data)  # a line that is being written is for the next time
        try:
            lines = csv.reader(data[:end].decode("utf-8").splitlines())
            if not self._header:
                self._header = next(lines, [])
                if not self._columns <= set(self._header):
                    raise ValueError("columns")
            place = [self._header.index(name) for name in ("epoch", "step", "split", "name", "value")]
            a, b, c, d, e = place
            found = [(int(r[a]), int(r[b]), r[c], r[d], float(r[e])) for r in lines if r]
        except (ValueError, IndexError, csv.Error):
            if not end and not self._header:
                return []
            raise FileError(
                f"{path} is not a run's metrics.csv: it needs the columns epoch, step, split, name and value"
            ) from None
        self._offset += end
        return found


def _speeds(path: Path) -> tuple[tuple[list[int], list[float]], dict[str, tuple[list[int], list[float]]]]:
    """The clock (steps, seconds) and the machine's curves; nothing where the file is absent or no such table: a run is
    none the worse for it."""
    steps: list[int] = []
    columns: dict[str, list[float]] = {"seconds": [], RATE: [], MEMORY: [], GPU_MEMORY: []}
    try:
        with path.open(newline="", encoding="utf-8") as handle:
            for row in csv.reader([line for line in handle if line.endswith("\n")][1:]):
                step, seconds, rate, memory, gpu = row
                values = (float(seconds), float(rate), int(memory) / MB, int(gpu) / MB)
                steps.append(int(step))
                for column, value in zip(columns.values(), values, strict=True):
                    column.append(value)
    except (OSError, ValueError, csv.Error):
        return ([], []), {}
    seconds_ = columns.pop("seconds")
    return (steps, seconds_), {name: (steps, values) for name, values in columns.items() if any(values)}


def _facts(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):  # absent in folders of older versions
        return {}
    return found if isinstance(found, dict) else {}


def _sign(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _lives(state: dict[str, Any]) -> bool:
    """Whether the process that writes a folder still runs. Of another machine's it is believed."""
    pid, host = state.get("pid"), state.get("host")
    if not isinstance(pid, int) or pid <= 0:
        return False
    if host != platform.node() or os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _started(folder: Path) -> float:
    """When a run began: the first line of its log; or the folder's own time."""
    try:
        with (folder / "log.txt").open(encoding="utf-8") as handle:
            return datetime.strptime(handle.readline()[:19], "%Y-%m-%d %H:%M:%S").timestamp()
    except (OSError, ValueError):
        try:
            return folder.stat().st_mtime
        except OSError:
            return 0.0


# what is known --------------------------------------------------------------------------------------------------------


@dataclass
class Kept:
    """A run as its folder tells it."""

    path: Path
    state: str = BROKEN
    message: str = ""
    """Why it failed, or what to do, for the user."""
    wrong: str = ""
    """What cannot be read."""
    design: Design | None = None
    started: float = 0.0
    points: Points = field(default_factory=dict)
    epoch: int = 0
    tables: tuple[Counted, ...] = ()
    """Its confusion matrices."""

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> Recipe:
        return self.design.recipe if self.design is not None else Recipe()

    @property
    def running(self) -> bool:
        return self.state == RUNNING

    @property
    def usable(self) -> bool:
        """Whether it left trained weights."""
        places = [self.path / "checkpoints" / name / "weights.safetensors" for name in ("best", "last")]
        return not self.wrong and any(place.is_file() for place in places)

    @property
    def resumable(self) -> bool:
        """Whether it may go on from a checkpoint."""
        last = self.path / "checkpoints" / "last" / "weights.safetensors"
        return not self.wrong and self.state in (STOPPED, FAILED, ENDED) and last.is_file()

    def take(self, news: News) -> None:
        """Take over what was read."""
        self.state, self.message, self.wrong = news.state, news.message, news.wrong
        self.design, self.started, self.epoch, self.tables = news.design, news.started, news.epoch, news.tables
        if news.fresh:
            self.points = {}
        self.points = {key: line for key, line in self.points.items() if key[0] != MACHINE}
        for key, (steps, values) in news.rows.items():
            self.points.setdefault(key, Line()).extend(steps, values)
        for name, (steps, values) in news.speeds.items():
            self.points.setdefault((MACHINE, name), Line()).extend(steps, values)
        for line in self.points.values():
            line.place(news.steps_per_epoch, news.clock)

    @property
    def best(self) -> dict[str, float]:
        """Its figures of validation where its loss was lowest (those of the weights that are used), and without
        validation the last ones of training."""
        losses = self.points.get(("validation", "loss"))
        if losses is not None and len(losses):
            step = losses.steps[int(losses.values.argmin())]
            lines = {name: line for (split, name), line in self.points.items() if split == "validation" and len(line)}
            return {name: float(line.values[line.at("steps", step)]) for name, line in lines.items()}
        return {name: line[-1][1] for (split, name), line in self.points.items() if split == "train" and len(line)}

    @property
    def test(self) -> dict[str, float]:
        """The figures of the test split."""
        return {name: line[-1][1] for (split, name), line in self.points.items() if split == "test" and len(line)}

    def curve(self, most: int = 60) -> list[float]:
        """The loss in so many values, of validation where there is one, for a small picture."""
        for split in ("validation", "train"):
            line = self.points.get((split, "loss"))
            if line is not None and len(line) > 1:
                values = line.values
                return [float(v) for v in values[:: max(len(values) // most, 1)]]
        return []


def read_metrics(path: Path) -> Points:
    """The points in a run's metrics.csv. Raises FileError where the file is no such table."""
    reader = Reader(path.parent, cut=False)
    reader._table = _Table(path, COLUMNS)
    news = News()
    reader._read_rows(news)
    kept = Kept(path.parent)
    news.steps_per_epoch = reader._validated or reader._per_epoch(None)
    kept.take(news)
    return kept.points
