"""Reads a damaged file as Netloom does, and judges: a value that can be used, or the reader's own error in a sentence.

Anything else is Broken: another exception, a sentence of several lines, a value that another reading contradicts, a
file opened or written outside the folder, code that ran.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from app.design import file
from app.design.expand import TooLargeError, expand
from app.engine import child, weights
from app.engine.checkpoint import CheckpointError
from app.engine.compile import compile_design, shared_analyser
from app.engine.onnx_files import OnnxFileError, read
from app.engine.weights import WeightsError
from blocks import catalogue
from tests.fuzzing import designs, models, tensors

SECRET = b"what lies outside the folder is nobody's business"
LONGEST = 900
ANALYSED = 60
"""Every so many designs that can be read are analysed too."""

SMALL = 120


class Broken(AssertionError):
    """A reader did what no reader may."""


class Place:
    """The folder where files are read, and what lies beside it."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder, self.outside = root, root / "inside", root / "outside"
        for each in (self.folder, self.outside, self.folder / "folder"):
            each.mkdir(parents=True, exist_ok=True)
        (self.outside / "secret").write_bytes(SECRET * 10)
        (self.folder / models.BESIDE).write_bytes(bytes(48))
        for name, make in (
            ("link.bin", lambda p: p.symlink_to("../outside/secret")), ("hard.bin", self._hard),
            ("linked", lambda p: p.symlink_to("../outside")), ("pipe", os.mkfifo),
        ):  # fmt: skip
            if not os.path.lexists(self.folder / name):
                make(self.folder / name)
        self.kept = self._seen()

    def _hard(self, place: Path) -> None:
        os.link(self.outside / "secret", place)

    def _seen(self) -> list[tuple[str, int]]:
        found = [p for p in self.root.rglob("*") if p.name not in ("case.netloom", "case.bin", "case.onnx")]
        return sorted((str(p.relative_to(self.root)), p.lstat().st_size if p.is_file() else 0) for p in found)

    def check(self) -> None:
        """Nothing came, went or grew. Raises Broken."""
        if (now := self._seen()) != self.kept:
            raise Broken(f"files came or went: {sorted(set(now) ^ set(self.kept))[:5]}")


class Watcher:
    """Hears what Python opens and starts while a file is read."""

    def __init__(self, place: Place) -> None:
        self.on, self.heard, self.outside = False, list[str](), str(place.outside)
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event == "open":
            path = arguments[0]
            if isinstance(path, str | bytes | os.PathLike):
                text = os.path.realpath(os.fsdecode(path)) if b"\0" not in os.fsencode(path) else ""
                if text.startswith((self.outside, "/etc/passwd")) or tensors.CANARY in text:
                    self.heard.append(f"opened {text}")
        elif event.startswith(("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "socket.connect")):
            self.heard.append(f"{event} {str(arguments)[:100]}")


def _design(data: bytes, place: Place, number: int) -> str:
    path = place.folder / "case.netloom"
    path.write_bytes(data)
    try:
        design = file.load(path, catalogue.load())
    except file.FileError as error:
        return _said(error)
    again = file.loads(file.dumps(design), "again", catalogue.load())
    if again != design:
        raise Broken("what is saved of it is read as another design")
    try:
        expand(design)
    except TooLargeError as error:
        return _said(error)
    if number % ANALYSED == 0 and len(design.nodes) + sum(len(g.nodes) for g in design.groups) < SMALL:
        shared_analyser().analyse(design)
    return "value"


def _weights(data: bytes, place: Place, number: int) -> str:
    path = place.folder / "case.bin"
    path.write_bytes(data)
    try:
        found = weights.read(path)
    except (WeightsError, CheckpointError) as error:
        return _said(error)
    total = sum(t.numel() * t.element_size() for t in found.values())
    if total > weights.SHARED * len(data) + 2**20:
        raise Broken(f"{total:,} bytes of tensors came of {len(data):,}")
    if not all(name.isprintable() for name in found):
        raise Broken("a name cannot be printed")
    for by in weights.BY:
        fitting = weights.fit(tensors.state(), found, by)
        if len({m.ours for m in fitting.matches if m.taken}) != len(fitting.tensors):
            raise Broken("the matches are not what is taken")
    return "value"


def _onnx(data: bytes, place: Place, number: int) -> str:
    path = place.folder / "case.onnx"
    path.write_bytes(data)
    try:
        model = read(path)
    except OnnxFileError as error:
        return _said(error)
    if SECRET[:20] in model.SerializeToString() and SECRET[:20] not in data:
        raise Broken("it holds what lies outside the folder")
    return "value"


def _said(error: Exception) -> str:
    text = str(error)
    if not text.strip() or "\n" in text or len(text) > LONGEST or "Traceback" in text:
        raise Broken(f"{type(error).__name__} is no sentence: {text[:200]!r}")
    return "refused"


def in_this_process(_module: str, source: str, target: str, *, seconds: float) -> None:
    """In the place of `child.run`, where this process is itself a child with limits."""
    if why := weights.convert(Path(source), Path(target)):
        raise child.ChildError(why)


class Kind:
    """A sort of files: how one is made, how it is read, and whether Netloom reads it in a child, which may die."""

    def __init__(
        self, make: Callable[[Random], bytes], read: Callable[[bytes, Place, int], str], *, in_child: bool = False
    ) -> None:
        self.make, self.read, self.in_child = make, read, in_child


KINDS = {
    "designs": Kind(designs.make, _design),
    "safetensors": Kind(tensors.make_safetensors, _weights),
    "torch": Kind(tensors.make_torch, _weights, in_child=True),
    "onnx": Kind(models.make, _onnx),
}


def warm_up() -> None:
    """Make what all cases share before a process is forked off."""
    for kind in KINDS.values():
        kind.make(Random(0))
    shared_analyser()
    compile_design(file.loads(designs.seeds()[0]))
