"""The run folder: everything that a run leaves behind, complete in itself, so that it can be carried elsewhere."""

from __future__ import annotations

import contextlib
import csv
import json
import platform
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from safetensors import SafetensorError
from torch import nn

from app import __version__
from app.design import file
from app.design.values import Design
from app.engine import checkpoint
from app.engine.checkpoint import CheckpointError
from app.engine.compile import Network, compile_design
from app.engine.pace import Pace

if TYPE_CHECKING:
    from app.engine.data import Data

COLUMNS = ("epoch", "step", "split", "name", "value")
_PACKAGES = ("torch", "numpy", "lightning-fabric", "safetensors", "scikit-learn", "pillow", "tensorboardX")


class RunError(ValueError):
    """A run folder that cannot be used as asked; one sentence for the user."""


class Row(NamedTuple):
    """One line of metrics.csv."""

    epoch: int
    step: int
    split: str
    name: str
    value: float


class DataFacts(NamedTuple):
    """What the run must know of its data when the data is not there any more (data.json)."""

    kind: str
    classes: tuple[str, ...]
    columns: tuple[str, ...] = ()
    """What the cells of a row are."""
    scaling: tuple[tuple[float, float], ...] = ()
    """Of each cell what is taken away, and by what the rest is divided, before the network gets it."""


def new_folder(name: str, under: Path | None = None) -> Path:
    """A free `runs/NAME-DATE` in the working folder (or in `under`), not yet made."""
    base = (under or Path("runs")) / f"{Path(name).stem or 'design'}-{datetime.now():%Y-%m-%d-%H%M%S}"
    folder, number = base, 1
    while folder.exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


class RunFolder:
    """Writes a run's folder. `rows` counts the lines of metrics.csv, so that a resumed run can cut it back."""

    def __init__(self, path: Path, design: Design, *, resume: bool = False) -> None:
        self.path = path
        self.rows = 0
        self._events: Any = None
        try:
            self._open(design, resume)
        except OSError as error:
            raise RunError(f"{path} cannot be written: {error.strerror or error}.") from None

    def _open(self, design: Design, resume: bool) -> None:
        if not resume and (self.metrics.exists() or (self.path / "checkpoints").exists()):
            raise RunError(f"{self.path} holds a run already: resume it, or choose another folder.")
        (self.path / "checkpoints").mkdir(parents=True, exist_ok=True)
        file.save(design, self.path / "design.netloom")
        if not self.metrics.exists():
            self.metrics.write_text(",".join(COLUMNS) + "\n", encoding="utf-8")
        self._csv = self.metrics.open("a", encoding="utf-8", newline="")
        self._log = (self.path / "log.txt").open("a", encoding="utf-8")
        if not self.paces.exists():
            self.paces.write_text(",".join(Pace._fields) + "\n", encoding="utf-8")
        self._pace = self.paces.open("a", encoding="utf-8")

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def paces(self) -> Path:
        return self.path / "speed.csv"

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best"

    def cut(self, rows: int, step: int) -> None:
        """Take metrics.csv back to its first `rows` lines, which ends at `step`; later points are trained anew."""
        self._csv.close()
        lines = self.metrics.read_bytes().splitlines(keepends=True)
        file.write_atomically(self.metrics, b"".join(lines[: rows + 1]))
        self._csv = self.metrics.open("a", encoding="utf-8", newline="")
        self.rows = rows
        self._cut_paces(step)
        self._close_events()
        self._start_events(step)

    def _cut_paces(self, step: int) -> None:
        self._pace.close()
        head, *lines = self.paces.read_bytes().splitlines(keepends=True) or [b""]
        kept = [line for line in lines if line.endswith(b"\n") and int(line.partition(b",")[0]) <= step]
        file.write_atomically(self.paces, b"".join([head, *kept]))
        self._pace = self.paces.open("a", encoding="utf-8")

    def write_pace(self, pace: Pace) -> None:
        """Add a line to speed.csv: what depends on the machine stands apart from the curves, which do not."""
        try:
            self._pace.write(f"{pace.step},{pace.seconds:.3f},{pace.rate:.1f},{pace.memory},{pace.gpu_memory}\n")
            self._pace.flush()
        except OSError as error:
            raise RunError(f"{self.paces} cannot be written: {error.strerror or error}.") from None

    def mark(self, state: str, **facts: Any) -> None:
        """Note how the run stands (state.json): running, finished, stopped or failed, and since when."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        _write_json(self.path / "state.json", {"state": state, "time": now, **facts})

    def write(self, epoch: int, step: int, split: str, values: Mapping[str, float]) -> None:
        """Add a point to metrics.csv and to the TensorBoard events."""
        writer = csv.writer(self._csv, lineterminator="\n")
        try:
            for name, value in values.items():
                writer.writerow((epoch, step, split, name, repr(value)))
                self.rows += 1
            self._csv.flush()
        except OSError as error:
            raise RunError(f"{self.metrics} cannot be written: {error.strerror or error}.") from None
        try:
            self.events().add_point({f"{name}/{split}": value for name, value in values.items()}, step)
        except OSError as error:
            raise RunError(f"{self.path / 'events'} cannot be written: {error.strerror or error}.") from None

    def events(self) -> Any:
        """The writer of TensorBoard's events."""
        if self._events is None:
            self._start_events(None)
        return self._events

    def _start_events(self, step: int | None) -> None:
        from app.engine.events import Events  # only where a run is written: it takes a while to import

        self._events = Events(self.path / "events", step)

    def _close_events(self) -> None:
        if self._events is not None:
            with contextlib.suppress(OSError):  # the curves are whole in metrics.csv
                self._events.close()
            self._events = None

    def log(self, line: str) -> None:
        try:
            self._log.write(f"{datetime.now():%Y-%m-%d %H:%M:%S} {line}\n")
            self._log.flush()
        except OSError as error:
            raise RunError(f"{self.path / 'log.txt'} cannot be written: {error.strerror or error}.") from None

    def save(self, place: Path, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
        """Write a checkpoint; what the curves hold by now is on the disk before it."""
        try:
            self._csv.flush()
            checkpoint.save(place, weights, state)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have words of their own
            reason = (error.strerror if isinstance(error, OSError) else None) or "the disk may be full"
            raise RunError(
                f"The checkpoint {place} cannot be written: {reason}. The one before it is kept: make room and resume."
            ) from None

    def write_facts(self, data: Data, settings: Mapping[str, Any]) -> None:
        """Note what the data is (data.json) and what the run ran on (versions.json)."""
        facts: dict[str, Any] = {"kind": data.kind, "data": data.spec, "classes": list(data.classes)}
        if data.scaling:
            facts["columns"], facts["scaling"] = list(data.columns), [list(pair) for pair in data.scaling]
        facts["samples"] = {name: split.size for name, split in data.splits.items()}
        _write_json(self.path / "data.json", facts)
        _write_json(self.path / "versions.json", {**versions(), **settings})

    def close(self) -> None:
        self._close_events()
        for handle in (self._csv, self._log, self._pace):
            with contextlib.suppress(OSError):  # each line was flushed as it was written: closing loses nothing
                handle.close()


def _write_json(path: Path, value: Any) -> None:
    file.write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def broke_off(path: Path, pid: int, message: str) -> None:
    """Note in the folder of a run whose process `pid` is gone why it ended; in no other folder, and where it cannot be
    written, nowhere."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError, file.FileError):
        was = json.loads((path / "state.json").read_text(encoding="utf-8"))
        if was["pid"] != pid or was["state"] not in ("running", "failed") or was.get("message") == message:
            return
        now = datetime.now().astimezone()
        _write_json(path / "state.json", {"state": "failed", "time": now.isoformat(timespec="seconds"),
                                          "message": message})  # fmt: skip
        with (path / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{now:%Y-%m-%d %H:%M:%S} {message}\n")


def versions() -> dict[str, str]:
    """What a run depends on."""
    system = f"{platform.system()} {platform.machine()}"
    found = {"netloom": __version__, "python": platform.python_version(), "system": system}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # what is vendored or bundled has no metadata
            found[package] = "not installed"
    found["byte order"] = sys.byteorder
    return found


# reading --------------------------------------------------------------------------------------------------------------


class Run(NamedTuple):
    """A run that was trained: its design over the trained weights, on the CPU.

    `training` gives losses and metrics, `network` the outputs; `network` is None where the design has no Output.
    """

    path: Path
    design: Design
    root: nn.Module
    training: Network
    network: Network | None
    data: DataFacts
    epoch: int
    metrics: tuple[Row, ...]


def load_run(path: str | Path, which: str = "") -> Run:
    """Read a run folder with its `best` or `last` weights (empty: the best, else the last).

    Raises RunError, CheckpointError or FileError, and InvalidDesignError where the design cannot be compiled.
    """
    path = Path(path)
    chosen = checkpoint_of(path, which)
    design = file.load(path / "design.netloom")
    training, network = compile_both(design)
    checkpoint.fill(training.root, checkpoint.load_weights(chosen), str(path))
    state = checkpoint.load_state(chosen)
    for net in (training, network):
        if net is not None:
            net.module.eval()
    rows = read_metrics(path / "metrics.csv")
    return Run(path, design, training.root, training, network, _facts(path), int(state["epoch"]), rows)


def checkpoint_of(path: Path, which: str = "") -> Path:
    """Where the `best` or `last` weights of a run folder are (empty: the best, else the last). Raises RunError, or
    CheckpointError."""
    if not path.is_dir():
        raise RunError(f"There is no run folder {path}: train first, or choose a folder under runs.")
    if not (path / "design.netloom").is_file():
        raise RunError(f"{path} is not a run folder: it has no design.netloom.")
    places = {name: path / "checkpoints" / name for name in ("best", "last")}
    if which and which not in places:
        raise RunError(f"There are no `{which}` weights: choose best or last.")
    present = [place for name, place in places.items() if (not which or name == which) and checkpoint.place(place)]
    if not present:
        raise CheckpointError(f"{path} has no checkpoint yet: train it for an epoch first.")
    return present[0]


def compile_both(design: Design) -> tuple[Network, Network | None]:
    """The design for training, and over the same weights for inference where it has an Output."""
    training = compile_design(design, "training")
    if not any(node.block == "Output" for node in design.nodes):
        return training, None
    return training, compile_design(design, "inference", training.root)


def begins_again(path: Path) -> bool:
    """Whether this is a run that ended before its first checkpoint, so that to go on is to begin."""
    return (path / "design.netloom").is_file() and checkpoint.place(path / "checkpoints" / "last") is None


def begun_with(path: Path) -> tuple[Path | None, Path | None]:
    """The file of weights and the other run's folder that a run began with; None for each where it had none, or ended
    before it noted that."""
    try:
        facts = json.loads((path / "versions.json").read_text(encoding="utf-8"))
        weights, run = (Path(facts[name]) if facts.get(name) else None for name in ("weights", "begin_with"))
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise RunError(f"{path / 'versions.json'} cannot be read ({_short(error)}).") from None
    return weights, run


def _facts(path: Path) -> DataFacts:
    try:
        facts = {"columns": (), **json.loads((path / "data.json").read_text(encoding="utf-8"))}
        scaling = tuple((float(a), float(b)) for a, b in facts.get("scaling", ()))
        classes, columns = (tuple(map(str, facts[name])) for name in ("classes", "columns"))
        return DataFacts(str(facts["kind"]), classes, columns, scaling)
    except FileNotFoundError:
        raise RunError(f"{path} has no data.json, which names the classes: the folder is not complete.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RunError(f"{path / 'data.json'} cannot be read ({_short(error)}).") from None


def _short(error: Exception) -> str:
    """What is wrong with a file that another may have made, in a few words on one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def sample_counts(path: Path) -> dict[str, int]:
    """How many samples each split had when the run began; nothing where data.json does not tell."""
    try:
        facts = json.loads((path / "data.json").read_text(encoding="utf-8"))
        return {str(name): int(size) for name, size in facts["samples"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return {}


def read_metrics(path: Path) -> tuple[Row, ...]:
    """The points of a metrics.csv. A last line that was cut short by a crash is left out."""
    rows: list[Row] = []
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            lines = [line for line in handle if line.endswith("\n")]
        for fields in csv.DictReader(lines):
            epoch, step, value = int(fields["epoch"]), int(fields["step"]), float(fields["value"])
            rows.append(Row(epoch, step, fields["split"], fields["name"], value))
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, KeyError, TypeError, csv.Error):
        raise RunError(f"{path} is damaged at line {len(rows) + 2}: it needs {', '.join(COLUMNS)}.") from None
    return tuple(rows)
