"""What the network of a run said of some validation samples, epoch by epoch: as it is told, or as its folder keeps it.

A folder is read when it is looked at: its samples once, and each epoch by itself.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import TypeVar

import msgspec

from app.messages.predictions import Predicted, Reading, Shown, thinned

FOLDER = "samples"
MOST_BYTES = 32 * 2**20
"""Larger files than this, unpacked, are none that Netloom wrote."""
HELD = 48
"""So many epochs of a run under way are kept in memory."""

Readings = tuple[tuple[Reading, ...], ...]
S = TypeVar("S", bound=msgspec.Struct)


class _Samples(msgspec.Struct, frozen=True):
    samples: tuple[Shown, ...]
    columns: tuple[str, ...] = ()
    of: int = 0


class _Epoch(msgspec.Struct, frozen=True):
    epoch: int
    readings: Readings


class History:
    """The samples of a run, and what was said of them at some epochs."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder / FOLDER if folder is not None else None
        self._samples: _Samples | None = None
        self._read: dict[int, Readings] = {}
        found = self._folder.glob("epoch-*.json.gz") if self._folder is not None else ()
        names = [path.name.removeprefix("epoch-").removesuffix(".json.gz") for path in found]
        self._listed = {int(name) for name in names if name.isdigit()}

    @property
    def key(self) -> tuple[Path | None, tuple[int, ...]]:
        """Equal where there is nothing new."""
        return self._folder, tuple(self.epochs)

    @property
    def epochs(self) -> list[int]:
        """The epochs of which something was said, in order."""
        return sorted(self._listed | set(self._read))

    def take(self, told: Predicted) -> None:
        """Add what the engine tells; what was known of later epochs is what a resumed run trains anew."""
        self._samples = _Samples(told.samples, told.columns, told.of)
        self._listed = {epoch for epoch in self._listed if epoch < told.epoch}
        self._read = {epoch: each for epoch, each in self._read.items() if epoch < told.epoch}
        self._read[told.epoch] = told.readings
        for epoch in set(self._read) - set(thinned(list(self._read), HELD)):
            del self._read[epoch]

    @property
    def samples(self) -> tuple[Shown, ...]:
        return self._known.samples

    @property
    def columns(self) -> tuple[str, ...]:
        return self._known.columns

    @property
    def of(self) -> int:
        """How many samples the split has."""
        return self._known.of

    @property
    def _known(self) -> _Samples:
        if self._samples is None:
            self._samples = self._load("samples.json.gz", _Samples) or _Samples(())
        return self._samples

    def readings(self, epoch: int) -> Readings:
        """What was said at an epoch; nothing where its file is gone, damaged or of other samples."""
        if epoch not in self._read:
            found = self._load(f"epoch-{epoch:05}.json.gz", _Epoch)
            whole = found is not None and len(found.readings) == len(self.samples)
            self._read[epoch] = found.readings if found is not None and whole else ()
        return self._read[epoch]

    def _load(self, name: str, kind: type[S]) -> S | None:
        if self._folder is None:
            return None
        try:
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)  # a small file may unfold to gigabytes
            data = unpack.decompress((self._folder / name).read_bytes(), MOST_BYTES)
            return msgspec.json.decode(data, type=kind)
        except (OSError, zlib.error, gzip.BadGzipFile, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None  # a run is none the worse for it
