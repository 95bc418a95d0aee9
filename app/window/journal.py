"""The journal of a window: a file to which each edit is added at once, so that a drawing outlives its window.

The first line is the drawing as it was opened, each further one what an edit changed, or where undo led. A line that
was cut off at the end is left out: at most the last edit is missing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from app.design import file
from app.design.delta import Delta, DeltaError, apply, difference
from app.design.values import Design
from app.window.steps import History, Step

SUFFIX = ".journal"
VERSION = 1


def folder() -> Path:
    """Where journals are. NETLOOM_SETTINGS names another folder for all state of the window."""
    if settings := os.environ.get("NETLOOM_SETTINGS"):
        return Path(settings) / "journals"
    from platformdirs import user_state_dir

    return Path(user_state_dir("netloom", appauthor=False)) / "journals"


# what stands in it ----------------------------------------------------------------------------------------------------


class Opened(msgspec.Struct, frozen=True, tag_field="what", tag="opened", omit_defaults=True):
    """The first line: what is drawn on. `clean` says whether it is what was saved, else `saved` is."""

    journal: int
    time: float
    design: Design
    file: str = ""
    name: str = ""
    clean: bool = True
    saved: Design | None = None


class Edited(msgspec.Struct, frozen=True, tag_field="what", tag="edit", omit_defaults=True):
    """A step; with `merged` it went into the step before it."""

    time: float
    text: str
    delta: Delta
    merge: str = ""
    merged: bool = False


class Went(msgspec.Struct, frozen=True, tag_field="what", tag="go"):
    """Undo or redo led to after that many steps."""

    time: float
    step: int


class Saved(msgspec.Struct, frozen=True, tag_field="what", tag="saved"):
    """What is drawn now was saved to a file."""

    time: float
    file: str


Record = Opened | Edited | Went | Saved

_encoder = msgspec.json.Encoder(enc_hook=file.enc_hook)
_decoder = msgspec.json.Decoder(Opened | Edited | Went | Saved, dec_hook=file.dec_hook)


def records(history: History) -> Iterable[Record]:
    """A history as the lines of a journal."""
    kept = history.clean >= 0
    first, last = (history.steps[0].time, history.steps[-1].time) if history.steps else (history.time, history.time)
    yield Opened(
        VERSION, first, history.opened,
        "" if history.clean > 0 else history.file, history.name, history.clean == 0, None if kept else history.saved,
    )  # fmt: skip
    before = history.opened
    for i, step in enumerate(history.steps):
        if i == history.clean > 0:
            yield Saved(step.time, history.file)
        yield Edited(step.time, step.text, difference(before, step.after), step.merge)
        before = step.after
    if history.clean == len(history.steps) > 0:
        yield Saved(last, history.file)
    if history.index != len(history.steps):
        yield Went(last, history.index)


class Replay:
    """Makes the history again out of a journal's lines."""

    def __init__(self, first: Opened) -> None:
        self._first = first
        self._steps: list[Step] = []
        self._index, self._clean = 0, 0 if first.clean else -1
        self._file, self._time = first.file, first.time
        self._saved = first.saved if first.saved is not None else first.design if first.clean and first.file else None

    def take(self, record: Record) -> None:
        """The next line. Raises DeltaError where it does not belong here."""
        if isinstance(record, Opened):
            raise DeltaError("a second drawing begins")
        self._time = record.time
        if isinstance(record, Saved):
            self._file, self._clean, self._saved = record.file, self._index, self._design
        elif isinstance(record, Went):
            if not 0 <= record.step <= len(self._steps):
                raise DeltaError(f"{record.step} of {len(self._steps)} steps are named")
            self._index = record.step
        else:
            self._edit(record)

    @property
    def _design(self) -> Design:
        return self._steps[self._index - 1].after if self._index else self._first.design

    def _edit(self, record: Edited) -> None:
        step = Step(record.text, record.merge, record.time, apply(self._design, record.delta))
        if record.merged and not self._index:
            raise DeltaError("there is no step to merge with")
        del self._steps[self._index :]
        if record.merged:
            step = Step(self._steps.pop().text, step.merge, step.time, step.after)
        if self._clean > len(self._steps):
            self._clean = -1
        self._steps.append(step)
        self._index = len(self._steps)

    @property
    def history(self) -> History:
        return History(
            self._first.design, tuple(self._steps), self._index, self._clean, self._file, self._first.name,
            self._saved, self._time,
        )  # fmt: skip


def read(path: Path) -> History | None:
    """What a journal holds, up to a line that was cut off; None where not even its beginning can be read.

    Raises OSError when the file cannot be read.
    """
    *lines, _cut = path.read_bytes().split(b"\n")
    replay: Replay | None = None
    for line in lines:
        try:
            record = _decoder.decode(line)
            if replay is not None:
                replay.take(record)
            elif isinstance(record, Opened) and record.journal <= VERSION:
                file.check(record.design)
                replay = Replay(record)
            else:
                return None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError):
            break  # what follows builds on what cannot be read
    if replay is None:
        return None
    history = replay.history
    try:
        file.check(history.design)
    except ValueError:
        return None
    return history


# whose it is ----------------------------------------------------------------------------------------------------------


class Claim:
    """The sole right to a journal. It ends with the process, however that ends: the system holds it."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._lock = path.with_suffix(".lock")
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> Claim | None:
        """Take it; None where another window has it. Raises OSError where the folder cannot hold locks."""
        lock = path.with_suffix(".lock")
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _locked(handle):
                os.close(handle)
                return None
            same = os.path.samestat(os.fstat(handle), lock.stat())
        except FileNotFoundError:
            same = False
        except OSError:
            os.close(handle)
            raise
        if not same:  # its owner was just taking it away
            os.close(handle)
            return None
        return cls(path, handle)

    def let_go(self) -> None:
        """Leave the journal to another window."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def remove(self) -> None:
        """Take the journal away. Raises OSError."""
        self.path.unlink(missing_ok=True)
        if sys.platform == "win32":  # a file that is open cannot go there
            self.let_go()
        self._lock.unlink(missing_ok=True)
        self.let_go()


def _locked(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK, errno.EDEADLK):
            return False
        raise
    return True


class Journal:
    """A journal that is written. All of these raise OSError."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._handle = -1
        self.size = claim.path.stat().st_size if claim.path.exists() else 0
        self.least = 0
        """Its size when it was last written anew."""

    @classmethod
    def begin(cls) -> Journal:
        """A new one, still empty."""
        where = folder()
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        claim = Claim.take(where / f"{time.time_ns()}-{os.getpid()}{SUFFIX}")
        if claim is None:
            raise OSError(errno.EBUSY, "the place is taken")
        return cls(claim)

    @property
    def path(self) -> Path:
        return self._claim.path

    def write(self, history: History) -> None:
        """Write all of it anew, whole or not at all."""
        data = b"".join(_encoder.encode(record) + b"\n" for record in records(history))
        aside = self.path.with_suffix(".part")
        try:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                _write(handle, data)
                if self.size:  # what it replaces may be on the disk: this must be there first
                    os.fsync(handle)
            finally:
                os.close(handle)
            self._close()
            aside.replace(self.path)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise
        self.size = self.least = len(data)

    def add(self, record: Record) -> None:
        """Add a line, at once: what the system was given outlives this process."""
        data = _encoder.encode(record) + b"\n"
        _write(self._handle, data)
        self.size += len(data)

    def sync(self) -> None:
        """Have it written to the disk, beside the window's work: for when the machine stops, not only the window."""
        if self._handle >= 0:
            threading.Thread(target=_sync, args=(os.dup(self._handle),), daemon=True).start()

    def let_go(self) -> None:
        """Leave it as it is, for another window."""
        self._close()
        self._claim.let_go()

    def remove(self) -> None:
        """The drawing was saved or given up."""
        self._close()
        self._claim.remove()

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _sync(handle: int) -> None:
    try:
        os.fsync(handle)
    except OSError as error:  # the next edit's write meets it too, and is heard
        _log(f"the journal cannot be synced: {error}")
    finally:
        os.close(handle)


# those that were left -------------------------------------------------------------------------------------------------


def left_behind(only: Path | None = None) -> list[tuple[Claim, History]]:
    """The journals whose windows have ended without being closed, the newest first, each claimed now."""
    found: list[tuple[Claim, History]] = []
    paths = {only} if only else {p.with_suffix(SUFFIX) for s in (SUFFIX, ".lock") for p in folder().glob(f"*{s}")}
    for path in sorted(paths):
        try:
            if not path.parent.is_dir() or (claim := Claim.take(path)) is None:
                continue  # its window is open
            if not path.is_file():
                claim.remove()  # its window ended before a first edit stood in it
                continue
            history = read(path)
        except OSError as error:
            _log(f"the journal {path} cannot be read: {error}")
            continue
        if history is not None and history.steps:
            found.append((claim, history))
        else:  # left where it is: another version may be able to read it
            _log(f"the journal {path} cannot be understood")
            claim.let_go()
    return sorted(found, key=lambda one: -one[1].time)


def _log(sentence: str) -> None:
    from app.window import log

    log.write("window", sentence)
