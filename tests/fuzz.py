"""Tens of thousands of broken and hostile files, read as Netloom reads them, in one command.

    python -m tests.fuzz --cases 50000 [--seed S] [--kind designs|weights|onnx] [--keep DIR]

Each case is a function of seed, kind and number, so one can be made again. Processes with limited memory and time read
them. A reader gives a value or its own error in one sentence; it opens nothing outside the file's folder, runs nothing
and does not hang. What Netloom reads in a child, or has a library in C++ check in one, may end that child.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from app.engine import child
from tests.fuzzing.reading import KINDS, Broken, Place, Watcher, in_this_process, warm_up

WEIGHTS = {"safetensors": 0.5, "torch": 0.5}
SHARES = {"designs": 0.4, "weights": 0.4, "onnx": 0.2}
ROOM = 2 * 2**30
"""Bytes that a reading process may take besides what it has."""
SECONDS = 10.0
"""Of computing, for a case: a busy machine is no fault of a reader."""
PATIENCE = 60.0
"""After so many seconds on the clock a process that says nothing is killed: it waits for something."""
CHECKED = 25
"""Every so many ONNX files that can be read go through onnx's checker, in a process of their own."""


class Found(NamedTuple):
    """What became of the cases of a kind."""

    kind: str
    counts: Counter[str]
    """value, refused, ended (a child that died), broken."""
    broken: list[str]
    seconds: float


class _HungError(BaseException):
    """A case took too long; no reader may catch it."""


def data_of(kind: str, seed: int, number: int) -> bytes:
    """The bytes of a case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that what is written is odd is meant
        return KINDS[kind].make(Random(f"{seed}/{kind}/{number}"))


def run(kind: str, cases: int, seed: int, keep: Path | None = None) -> Found:
    """Read `cases` damaged files of a kind; where a process dies the next one goes on behind the case."""
    warm_up()
    began, counts, broken, at = time.perf_counter(), Counter[str](), list[str](), 0
    while at < cases and len(broken) < 50:
        with tempfile.TemporaryDirectory(prefix="netloom-fuzz-") as folder:
            at, told = _process(kind, at, min(at + 2000, cases), seed, Path(folder))
        for number, word, said in told:
            counts[word] += 1
            if word == "broken":
                broken.append(f"{kind} {number} (seed {seed}): {said}")
                if keep is not None:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{kind}-{seed}-{number}").write_bytes(data_of(kind, seed, number))
    return Found(kind, counts, broken, time.perf_counter() - began)


def _process(kind: str, first: int, end: int, seed: int, folder: Path) -> tuple[int, list[tuple[int, str, str]]]:
    """One process that reads the cases from `first` on; where the next has to begin, and what became of each."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of torch do nothing here
        pid = os.fork()
    if not pid:
        os.close(reader)
        try:
            _work(kind, first, end, seed, folder, writer)
        except BaseException as error:
            os.write(writer, f"{first} unmade {error}\n".encode())
        os._exit(0)
    os.close(writer)
    told: list[tuple[int, str, str]] = []
    begun, rest = first - 1, b""
    while True:
        if not select.select([reader], [], [], PATIENCE)[0]:
            os.kill(pid, signal.SIGKILL)
            break
        piece = os.read(reader, 2**16)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number, word, said = line.decode(errors="replace").split(" ", 2)
            if word == "unmade":
                raise RuntimeError(said)
            if word == "begun":
                begun = int(number)
            else:
                told.append((int(number), word, said))
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    done = {number for number, word, _ in told if word != "checker-ended"}
    if begun >= first and begun not in done:  # it died, or was killed, in the midst of it
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"code {os.WEXITSTATUS(status)}"
        told.append((begun, "ended" if KINDS[kind].in_child else "broken", f"the process died: {how}"))
    elif begun < first:
        raise RuntimeError(f"the reading process of {kind} did not begin")
    return begun + 1, told


def _work(kind: str, first: int, end: int, seed: int, folder: Path, out: int) -> None:
    """In the process: read cases and say so."""

    def tell(number: int, word: str, said: str = "") -> None:
        os.write(out, f"{number} {word} {' '.join(said.split())[:500]}\n".encode("utf-8", "replace"))

    place = Place(folder)
    os.chdir(place.folder)
    watcher = Watcher(place)
    child.run = in_this_process  # type: ignore[assignment]
    child.limit_memory(ROOM)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # native libraries write there
        os.dup2(null, stream)
    signal.signal(signal.SIGVTALRM, _hung)
    values = 0
    for number in range(first, end):
        tell(number, "begun")
        word, said = "", ""
        data = _made(kind, seed, number)
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            watcher.on = True
            word = KINDS[kind].read(data, place, number)
        except _HungError:
            word, said = "broken", f"it took more than {SECONDS:.0f} s"
        except Broken as error:
            word, said = "broken", str(error)
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            word, said = "broken", f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"
        finally:
            watcher.on = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        if watcher.heard:
            word, said = "broken", "; ".join(watcher.heard)
            watcher.heard.clear()
        if number % 100 == 0 or number == end - 1:
            try:
                place.check()
            except Broken as error:
                word, said = "broken", str(error)
        tell(number, word, said)
        values += word == "value"
        if kind == "onnx" and word == "value" and values % CHECKED == 1:
            tell(number, *_checked(data))


def _made(kind: str, seed: int, number: int) -> bytes:
    try:
        return data_of(kind, seed, number)
    except Exception as error:
        raise SystemExit(f"case {kind} {number} cannot be made: {error!r}") from error


def _hung(*_: Any) -> None:
    raise _HungError


def _checked(data: bytes) -> tuple[str, str]:
    """Whether onnx's checker, in a process of its own, lives through a file that was read."""
    pid = os.fork()
    if not pid:
        import onnx

        signal.alarm(10)
        with contextlib.suppress(BaseException):
            onnx.checker.check_model(onnx.ModelProto.FromString(data), full_check=True)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    return ("checker-ended", f"signal {os.WTERMSIG(status)}") if os.WIFSIGNALED(status) else ("checked", "")


def plan(cases: int, kinds: Sequence[str]) -> dict[str, int]:
    """How many cases of each kind of file."""
    whole = sum(SHARES[kind] for kind in kinds)
    made: dict[str, int] = {}
    for kind in kinds:
        for part, share in (WEIGHTS if kind == "weights" else {kind: 1.0}).items():
            made[part] = round(cases * SHARES[kind] / whole * share)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--cases", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=tuple(SHARES), action="append")
    parser.add_argument("--keep", type=Path, help="a folder for the files that a reader stumbled over")
    given = parser.parse_args(arguments)
    failed = 0
    print(f"{'kind':12} {'cases':>7} {'value':>7} {'refused':>8} {'child ended':>12} {'broken':>7} {'seconds':>8}")
    for kind, cases in plan(given.cases, given.kind or tuple(SHARES)).items():
        found = run(kind, cases, given.seed, given.keep)
        n = found.counts
        ended = n["ended"] + n["checker-ended"]
        print(f"{kind:12} {n['value'] + n['refused'] + n['ended'] + n['broken']:7,} {n['value']:7,} {n['refused']:8,} "
              f"{ended:12,} {n['broken']:7,} {found.seconds:8.1f}", flush=True)  # fmt: skip
        for line in found.broken[:20]:
            print(f"  {line}")
        failed += len(found.broken)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
