"""CIFAR-10 and CIFAR-100 in their binary version (Krizhevsky 2009, Learning multiple layers of features from tiny
images): records of one label byte (CIFAR-100: two, the coarse one first) and 3×32×32 bytes of red, green and blue."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import Data, Field, MadeSource, Source, Wanted, label_field, skipped_note
from app.engine.data.fit import DataError, Frame, fit_tensor, frame_of
from app.engine.data.parted import Part, data_of
from app.messages.data import DataField, Dataset

SIZE = (3, 32, 32)
PIXELS = 3072
CARD = Dataset(
    "cifar",
    "CIFAR-10 or CIFAR-100",
    "The folder of the binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin, or train.bin and "
    "test.bin of CIFAR-100.",
    SIZE,
    needs_path=True,
    path="folder",
    form="pictures",
    fields=(
        DataField("label", "The class; of CIFAR-100 the fine one."),
        DataField("coarse", "Of CIFAR-100, which of the 20 groups of classes.", classes=20),
    ),
)
_TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Files(NamedTuple):
    """The files of each split, and how they are read. `fine` is the place of the label byte, `head` the bytes before
    the pixels."""

    train: list[Path]
    test: list[Path]
    fine: int
    head: int
    classes: tuple[str, ...]
    coarse: tuple[str, ...]


def find_files(path: Path) -> Files:
    """What lies in the folder. Raises DataError: also where it is the Python version, whose files are pickles."""
    if not path.is_dir():
        raise DataError(f"There is no folder {path}: choose that of the binary version of CIFAR.")
    ten = sorted(path.glob("data_batch_*.bin"))
    if ten:
        test = [path / "test_batch.bin"] if (path / "test_batch.bin").is_file() else []
        return Files(ten, test, 0, 1, _names(path / "batches.meta.txt", 10) or _TEN, ())
    if (path / "train.bin").is_file():
        test = [path / "test.bin"] if (path / "test.bin").is_file() else []
        fine = _names(path / "fine_label_names.txt", 100) or tuple(map(str, range(100)))
        coarse = _names(path / "coarse_label_names.txt", 20) or tuple(map(str, range(20)))
        return Files([path / "train.bin"], test, 1, 2, fine, coarse)
    if (path / "data_batch_1").is_file() or ((path / "train").is_file() and (path / "meta").is_file()):
        version = "cifar-10-binary.tar.gz" if (path / "data_batch_1").is_file() else "cifar-100-binary.tar.gz"
        raise DataError(
            f"{path} is the Python version of CIFAR, whose files are pickles: reading them can run any code. "
            f"Get the binary version, {version}, and choose its folder."
        )
    raise DataError(f"{path} holds no data_batch_1.bin and no train.bin: choose the folder of the binary CIFAR files.")


def _names(path: Path, count: int) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError):
        return ()  # the names are known, or numbers stand in
    return names if len(names) == count else ()


class _Records:
    """The records of several files as one row of records, mapped from the disk."""

    def __init__(self, files: list[Path], found: Files, bad: list[str] | None) -> None:
        record = found.head + PIXELS
        self.head = found.head
        self.maps: list[np.ndarray] = []
        good: list[np.ndarray] = []
        begin = 0
        for path in files:
            size = path.stat().st_size
            if size % record:
                said = f"{path} is cut short: its {size:,} bytes are no multiple of {record:,}. Get it again."
                if bad is None or size < record:
                    raise DataError(said)
                bad.append(said)
            count = size // record
            mapped = np.memmap(path, dtype=np.uint8, mode="r", shape=(count, record))
            labels = np.asarray(mapped[:, found.fine])
            wrong = np.flatnonzero(labels >= len(found.classes))
            if len(wrong):
                only = f"but there are only {len(found.classes)} classes."
                each = [f"Record {i + 1} of {path} has the label {labels[i]}, {only}" for i in wrong.tolist()]
                if bad is None:
                    raise DataError(each[0])
                bad.extend(each)
            self.maps.append(mapped)
            good.append(begin + np.flatnonzero(labels < len(found.classes)))
            begin += count
        self.ends = np.cumsum([len(mapped) for mapped in self.maps])
        self.good = np.concatenate(good)
        self.labels = np.concatenate([np.asarray(m[:, found.fine]) for m in self.maps]).astype(np.int64)
        self.coarse = np.concatenate([np.asarray(m[:, 0]) for m in self.maps]).astype(np.int64)

    def take(self, rows: np.ndarray) -> torch.Tensor:
        """Pictures N×3×32×32 in 0..1."""
        which = np.searchsorted(self.ends, rows, side="right")
        starts = np.concatenate([[0], self.ends])[which]
        values = np.stack([self.maps[w][r, self.head :] for w, r in zip(which, rows - starts, strict=True)])
        return torch.from_numpy(values).reshape(-1, *SIZE).float().div_(255)


def open_cifar(path: Path, wanted: Wanted, seed: int) -> Data:
    """Open the binary files of CIFAR-10 or CIFAR-100. Raises DataError."""
    found = find_files(path)
    bad: list[str] | None = [] if wanted.options.skip_bad else None
    frames = [frame_of(spec, "CIFAR", SIZE) for spec in wanted.inputs]
    parts = {"train": _part(_Records(found.train, found, bad), frames, found)}
    if found.test:
        parts["test"] = _part(_Records(found.test, found, bad), frames, found)
    notes = [skipped_note(bad)] if bad else []
    return data_of("cifar", f"cifar:{path}", "CIFAR", parts, wanted, seed, found.classes, notes)


def _part(records: _Records, frames: list[Frame], found: Files) -> Part:
    def inputs(rows: np.ndarray) -> list[Source]:
        return [MadeSource(lambda i, f=frame: fit_tensor(records.take(rows[i.numpy()]), f)) for frame in frames]  # type: ignore[misc]

    def fields(rows: np.ndarray) -> dict[str, Field]:
        made = {"label": label_field("CIFAR", torch.from_numpy(records.labels[rows]))}
        if found.coarse:
            made["coarse"] = label_field("CIFAR", torch.from_numpy(records.coarse[rows]))
        return made

    return Part(len(records.labels), records.labels, inputs, fields, records.good)


def look_at_cifar(path: Path) -> Dataset:
    """The card of this folder, from its names alone. Raises DataError."""
    found = find_files(path)
    label, coarse = CARD.fields
    label = replace(label, classes=len(found.classes))
    title = f"CIFAR-{len(found.classes)}"
    return replace(CARD, title=title, classes=found.classes, fields=(label, coarse) if found.coarse else (label,))
