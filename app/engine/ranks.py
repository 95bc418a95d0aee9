"""Training on several devices of this machine: a process each, started, watched and ended from here.

The processes speak the engine's protocol: what the first says is handed on, and Cancel and Pause go to all. When one
fails or is killed the others would wait for it, so they are ended, and a sentence says what happened.
"""

from __future__ import annotations

import contextlib
import os
import queue
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

import app
from app.design.values import Design
from app.engine import own
from app.engine.compile import shared_analyser
from app.engine.launch import OURS
from app.engine.loop import TrainingError
from app.engine.runs import broke_off
from app.messages import (
    Cancel,
    Failed,
    LoadBlocks,
    Progress,
    Reply,
    Request,
    Train,
    Trained,
    Trust,
    decode_reply,
    encode,
)
from app.messages.training import Carried, Note, Pause
from app.messages.watch import Watched
from app.trust import digest

GLANCE = 0.1
"""Seconds between two looks at the processes."""
SETTLE = 1.5
"""Seconds after a failure in which it shows whether another process was killed: that is then the cause."""
PATIENCE = 3.0
"""Seconds that a process whose work is done may take to end."""


class Hears(NamedTuple):
    """Who is told of a run, and who decides on it."""

    on_note: Callable[[str], None]
    on_carried: Callable[[Carried], None]
    on_progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]
    paused: Callable[[], bool]
    on_watched: Callable[[Watched], None] = lambda watched: None


class RankError(RuntimeError):
    """What a process of the run said in detail, for the log."""


def train_together(request: Train, devices: int, nodes: int, hears: Hears) -> Trained:
    """Carry out `request` in `devices` processes here, which are part of as many on each of `nodes` machines.

    Raises TrainingError with the sentence of the process that failed, or with one on the process that was killed; the
    run folder then says so too.
    """
    crew = _Crew(request, devices, nodes)
    try:
        return crew.watch(hears)
    except TrainingError as error:
        crew.end()
        broke_off(Path(request.run), crew.first_pid, str(error))
        raise
    finally:
        crew.end()


class _Crew:
    """The processes of this machine."""

    def __init__(self, request: Train, devices: int, nodes: int) -> None:
        self._queue: queue.SimpleQueue[tuple[int, Reply]] = queue.SimpleQueue()
        self._words: list[deque[str]] = [deque(maxlen=20) for _ in range(devices)]
        self._job, self._world, self._before = request.job, devices * nodes, _node() * devices
        self._processes: list[subprocess.Popen[bytes]] = []
        self._done: dict[int, Trained] = {}
        port = os.environ.get("MASTER_PORT") if nodes > 1 else None
        meet = {"MASTER_ADDR": os.environ.get("MASTER_ADDR", "") if nodes > 1 else "127.0.0.1",
                "MASTER_PORT": port or str(free_port())}  # fmt: skip
        try:
            for local in range(devices):
                self._start(local, devices, nodes, meet)
            for preparation in _allowed(request.design):
                self.send(preparation)
            self.send(request)
        except BaseException:
            self.end()
            raise

    def _start(self, local: int, devices: int, nodes: int, meet: dict[str, str]) -> None:
        home = str(Path(app.__file__).resolve().parent.parent)
        paths = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
        place = {"RANK": self._before + local, "LOCAL_RANK": local, "NODE_RANK": _node(), "WORLD_SIZE": devices * nodes,
                 "LOCAL_WORLD_SIZE": devices, OURS: 1}  # fmt: skip
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "app.engine.rank"],
            env={**os.environ, **{k: str(v) for k, v in place.items()}, **meet, "PYTHONPATH": paths},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._processes.append(process)
        for read in (self._read, self._listen):
            threading.Thread(target=read, args=(local, process), daemon=True).start()

    @property
    def first_pid(self) -> int:
        """Of the process that writes the run folder; 0 where it is on another node."""
        return self._processes[0].pid if not self._before else 0

    def _read(self, local: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                self._queue.put((local, decode_reply(line)))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                self._queue.put((local, Failed(f"It sent what is no message: {error}", self._job)))

    def _listen(self, local: int, process: subprocess.Popen[bytes]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self._words[local].append(line.decode(errors="replace").strip())

    def send(self, request: Request) -> None:
        """To all; who is gone is found by `watch`."""
        data = encode(request)
        for process in self._processes:
            assert process.stdin is not None
            try:
                process.stdin.write(data)
                process.stdin.flush()
            except OSError:
                continue

    def watch(self, hears: Hears) -> Trained:
        """Until all have ended their work. Raises TrainingError."""
        cancelled = paused = False
        while len(self._done) < len(self._processes):
            if hears.cancelled() and not cancelled:
                cancelled = True
                self.send(Cancel(self._job))
            if hears.paused() != paused:
                paused = not paused
                self.send(Pause(self._job, paused))
            failed = self._hear(hears, GLANCE)
            if failed is None and (fallen := self._fallen()) is not None:
                failed = self._hear(hears, GLANCE) or fallen  # what it said last may still be on its way
            if failed is not None:
                self._give_up(hears, *failed)
        return self._done[0]

    def _hear(self, hears: Hears, seconds: float) -> tuple[int, Failed] | None:
        """Hand on what was said within some seconds; returns the first failure."""
        try:
            local, reply = self._queue.get(timeout=seconds)
            while True:
                match reply:
                    case Failed():
                        return local, reply
                    case Trained():
                        self._done[local] = reply
                    case _ if local:
                        pass
                    case Progress():
                        hears.on_progress(reply)
                    case Carried():
                        hears.on_carried(reply)
                    case Note():
                        hears.on_note(reply.line)
                    case Watched():
                        hears.on_watched(reply)
                local, reply = self._queue.get_nowait()
        except queue.Empty:
            return None

    def _fallen(self, *, killed: bool = False) -> tuple[int, Failed] | None:
        """A process that has ended before its time; with `killed` only one that did not end by itself."""
        for local, process in enumerate(self._processes):
            code = process.poll()
            if code is None or local in self._done or (killed and code >= 0):
                continue
            how = f"was killed (signal {-code})" if code < 0 else f"ended with code {code}"
            why = ", perhaps because the memory ran out" if code == -getattr(signal, "SIGKILL", 9) else ""
            words = f": {self._words[local][-1]}" if code >= 0 and self._words[local] else ""
            name = f"Process {self._before + local + 1} of {self._world}"
            sentence = f"{name} {how}{why}{words}. The run is ended; resume it from its last checkpoint."
            return local, Failed(sentence, self._job)
        return None

    def _give_up(self, hears: Hears, local: int, failed: Failed) -> None:
        """Raises TrainingError with the cause: a process that was killed explains what the others then say."""
        until = time.monotonic() + SETTLE
        while (fallen := self._fallen(killed=True)) is None and time.monotonic() < until:
            time.sleep(GLANCE)
        message = fallen[1].message if fallen is not None else failed.message
        detail = failed.detail or "\n".join(self._words[local])
        raise TrainingError(message) from RankError(detail)

    def end(self) -> None:
        """End the processes: those that are done by themselves, others by force."""
        done = len(self._done) == len(self._processes)
        for process in self._processes:
            if process.stdin is not None and not process.stdin.closed:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for process in self._processes:
            try:
                process.wait(PATIENCE if done else 0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _allowed(design: Design) -> list[Request]:
    """What gives the processes the blocks and the code of the design that this one may run."""
    trusted = shared_analyser().measurer.trusted
    texts = (v for graph in (design, *design.groups) for n in graph.nodes for v in n.settings.values())
    found: list[Request] = []
    if hashes := {hash for text in texts if isinstance(text, str) and (hash := digest(text)) in trusted}:
        found.append(Trust(tuple(sorted(hashes))))
    if files := own.files():
        found.append(LoadBlocks(files))
    return found


def _node() -> int:
    return int(os.environ.get("NODE_RANK", "0"))


def free_port() -> int:
    """A port on which nothing listens, below those that systems hand out by themselves: between now and when it is
    used, a connection of any program could be given one of them."""
    choice = random.SystemRandom()
    for _ in range(100):
        with socket.socket() as tried, contextlib.suppress(OSError):
            tried.bind(("127.0.0.1", port := choice.randrange(20_000, 32_000)))
            return port
    raise TrainingError("No port between 20000 and 32000 is free for the devices to find each other: close a program.")
