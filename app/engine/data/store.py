"""Where samples lie: in memory while they are few, on the disk where they are many."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import numpy as np
import torch

from app.engine.data.base import Watch, skipped_note
from app.engine.data.fit import DataError, Frame, fit_tensor

KEEP_BYTES = 512 * 2**20
"""What takes no more than this, fitted, is read from disk once and stays in memory."""
READERS = 4
"""Threads that look through samples before training."""


class Growing:
    """An array whose length is not known beforehand. It moves to a nameless file on the disk where it grows large."""

    def __init__(self, dtype: Any, row: tuple[int, ...] = ()) -> None:
        self._dtype, self._row = np.dtype(dtype), row
        self._pieces: list[np.ndarray] = []
        self._file: IO[bytes] | None = None
        self._bytes = self._length = 0

    def add(self, piece: np.ndarray) -> None:
        """Append rows. Raises DataError where the disk is full."""
        piece = np.ascontiguousarray(piece, dtype=self._dtype)
        self._length += len(piece)
        self._bytes += piece.nbytes
        if self._file is None and self._bytes > KEEP_BYTES:
            self._file = tempfile.TemporaryFile(prefix="netloom-")  # noqa: SIM115
            for earlier in self._pieces:
                self._write(earlier)
            self._pieces.clear()
        if self._file is None:
            self._pieces.append(piece)
        else:
            self._write(piece)

    def _write(self, piece: np.ndarray) -> None:
        assert self._file is not None
        try:
            self._file.write(piece.tobytes())
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataError(
                f"The samples take more than {KEEP_BYTES / 2**20:.0f} MB and cannot be laid on the disk in "
                f"{tempfile.gettempdir()}: {reason}. Make room there, or set TMPDIR."
            ) from None

    def finish(self) -> np.ndarray:
        """The whole array: in memory, or mapped from the disk."""
        shape = (self._length, *self._row)
        if self._file is None:
            return np.concatenate(self._pieces).reshape(shape) if self._pieces else np.empty(shape, self._dtype)
        self._file.flush()
        return np.memmap(self._file, dtype=self._dtype, mode="r", shape=shape)


class ReadSource:
    """A field that is read sample by sample; `read` must depend on the index alone. `form` gives a batch its form."""

    lazy = True

    def __init__(
        self,
        count: int,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        read: Callable[[int], torch.Tensor],
        form: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self._read, self._form = read, form
        size = (count, *shape)
        small = int(np.prod(size, dtype=np.int64)) * dtype.itemsize <= KEEP_BYTES
        self._kept = torch.empty(size, dtype=dtype) if small else None
        self._known = np.zeros(count, dtype=bool)

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        return self._form(torch.stack([self._sample(i) for i in indices.tolist()]))

    def _sample(self, index: int) -> torch.Tensor:
        if self._kept is not None and self._known[index]:
            return self._kept[index]
        sample = self._read(index)
        if self._kept is not None:  # two threads may both write the same bytes: harmless
            self._kept[index] = sample
            self._known[index] = True
        return sample


class ArrayPictures:
    """Pictures in an array of bytes, N×H×W, N×C×H×W or (with `last`) N×H×W×C, fitted to one Input. `rows` are those of
    the split."""

    lazy = True

    def __init__(self, array: np.ndarray, rows: np.ndarray, frame: Frame, *, last: bool = False) -> None:
        self._array, self._rows, self._frame, self._last = array, rows, frame, last

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        values = torch.from_numpy(np.ascontiguousarray(self._array[self._rows[indices.numpy()]]))
        values = values.float().div_(255) if values.dtype == torch.uint8 else values.float()
        if values.ndim == 3:
            values = values.unsqueeze(1)
        elif self._last:
            values = values.permute(0, 3, 1, 2)
        return fit_tensor(values, self._frame)


def readable(
    count: int, read: Callable[[int], object], watch: Watch, notes: list[str], what: str
) -> list[int]:
    """The samples that can be read, each tried once; the others are named in `notes`. Raises DataError where none is.

    Samples are looked at in threads, but what is found never depends on which thread was first.
    """

    def trouble(index: int) -> str:
        try:
            read(index)
        except DataError as error:
            return str(error)
        return ""

    found: list[str] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="look") as pool:
        for start in range(0, count, 64):
            watch.step(start, count)
            found += pool.map(trouble, range(start, min(start + 64, count)))
    watch.step(count, count)
    bad = [said for said in found if said]
    if bad:
        if len(bad) == count:
            raise DataError(f"None of the {count:,} {what} can be read. {bad[0]}")
        notes.append(skipped_note(bad))
    return [index for index, said in enumerate(found) if not said]


def kept(items: Sequence[Any], good: Iterable[int]) -> list[Any]:
    """The items at these places."""
    return [items[i] for i in good]
