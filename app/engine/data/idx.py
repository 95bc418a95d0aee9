"""IDX files, as MNIST, Fashion-MNIST, KMNIST and EMNIST come (LeCun et al., The MNIST database of handwritten digits):
two zero bytes, a byte for the type, one for the number of sizes, the sizes as big-endian 32-bit numbers, the values."""

from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path
from typing import IO, NamedTuple, cast

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import Data, Field, Source, Wanted, label_field
from app.engine.data.fit import DataError, Frame, frame_of
from app.engine.data.parted import Part, data_of
from app.engine.data.store import ArrayPictures, Growing
from app.messages.data import DataField, Dataset

CARD = Dataset(
    "idx",
    "IDX files (MNIST)",
    "A folder with train-images-idx3-ubyte, train-labels-idx1-ubyte and those of t10k, packed (.gz) or not; or the "
    "file of images alone.",
    needs_path=True,
    path="either",
    suffixes=("-ubyte", ".gz", ".idx"),
    form="pictures",
    fields=(DataField("label", "The class: the number in the file of labels."),),
)
_SPLITS = {"train": ("train",), "validation": ("val", "validation"), "test": ("t10k", "test")}
CHUNK = 2**20
MOST = 64 * 2**30
"""Larger arrays are refused before a byte of them is unpacked."""


class Header(NamedTuple):
    """What the first bytes of an IDX file say."""

    shape: tuple[int, ...]
    start: int


def _open(path: Path) -> IO[bytes]:
    return cast(IO[bytes], gzip.open(path)) if path.suffix == ".gz" else path.open("rb")


def read_header(path: Path) -> Header:
    """The sizes in an IDX file of bytes. Raises DataError."""
    try:
        with _open(path) as file:
            head = file.read(4)
            if len(head) < 4 or head[:2] != b"\0\0":
                raise DataError(f"{path} is no IDX file: it needs to begin with two zero bytes.")
            if head[2] != 0x08:
                raise DataError(f"{path} holds values of the type 0x{head[2]:02x}: only bytes (0x08) are read.")
            sizes = file.read(4 * head[3])
            if not head[3] or len(sizes) < 4 * head[3]:
                raise DataError(f"{path} is cut short in its header: get it again.")
            shape = struct.unpack(f">{head[3]}I", sizes)
    except (OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    if math.prod(shape) > MOST:
        raise DataError(f"{path} claims to hold {math.prod(shape):,} values: at most {MOST:,} are read.")
    return Header(shape, 4 + 4 * head[3])


def read_idx(path: Path, bad: list[str] | None) -> np.ndarray:
    """The values: mapped from the disk, or where the file is packed, unpacked. A file that is cut short is refused, or
    with a list `bad` its missing samples are named there and left out. Raises DataError."""
    header = read_header(path)
    row = math.prod(header.shape[1:])
    if path.suffix == ".gz":
        values = _unpacked(path, header)
    else:
        size = path.stat().st_size
        values = np.memmap(path, dtype=np.uint8, mode="r", offset=header.start) if size > header.start else np.empty(0)
    whole = len(values) // row if row else 0
    if whole < header.shape[0]:
        said = f"{path} is cut short: it has {whole:,} of {header.shape[0]:,} samples. Get it again."
        if bad is None or not whole:
            raise DataError(said)
        bad.extend([said] * (header.shape[0] - whole))
    count = min(whole, header.shape[0])
    return values[: count * row].reshape(count, *header.shape[1:])


def _unpacked(path: Path, header: Header) -> np.ndarray:
    growing = Growing(np.uint8)
    left = math.prod(header.shape)
    try:
        with gzip.open(path) as file:
            file.read(header.start)
            while left > 0 and (piece := file.read(min(CHUNK, left))):
                growing.add(np.frombuffer(piece, dtype=np.uint8))
                left -= len(piece)
    except EOFError:
        pass  # what is missing is counted by the caller
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be unpacked: {error}.") from None
    return growing.finish()


def find_files(path: Path) -> dict[str, tuple[Path, Path | None]]:
    """The file of images and that of labels for each split. Raises DataError."""
    if path.is_file():
        return {"train": (path, _labels_of(path))}
    if not path.is_dir():
        raise DataError(f"There is no file or folder {path}: choose the folder of the IDX files.")
    images = sorted(p for p in path.iterdir() if p.is_file() and "images" in p.name and "idx" in p.name)
    found: dict[str, tuple[Path, Path | None]] = {}
    for split, names in _SPLITS.items():
        own = [p for p in images if any(name in p.name.split("images")[0] for name in names)]
        if own:  # the one that is unpacked is mapped, which takes no memory
            chosen = min(own, key=lambda p: p.suffix == ".gz")
            found[split] = chosen, _labels_of(chosen)
    if "train" not in found:
        raise DataError(f"{path} holds no train-images-idx3-ubyte (or .gz): choose the folder of the IDX files.")
    return found


def _labels_of(images: Path) -> Path | None:
    name = images.name.replace("images", "labels").replace("idx3", "idx1")
    stem = name.removesuffix(".gz")
    places = (images.with_name(n) for n in (name, stem, stem + ".gz"))
    return next((p for p in places if p != images and p.is_file()), None)


def open_idx(path: Path, wanted: Wanted, seed: int) -> Data:
    """Open IDX files. Raises DataError."""
    files = find_files(path)
    bad: list[str] | None = [] if wanted.options.skip_bad else None
    pictures = {split: read_idx(images, bad) for split, (images, _) in files.items()}
    first = pictures["train"]
    if first.ndim != 3:
        raise DataError(f"{files['train'][0]} holds {first.ndim} sizes: pictures have three (number, rows, columns).")
    frames = [frame_of(spec, "an IDX file", (1, *first.shape[1:])) for spec in wanted.inputs]
    parts: dict[str, Part] = {}
    most = 0
    for split, (images, labels) in files.items():
        marks = None
        if labels is not None:
            marks = np.asarray(read_idx(labels, bad)).reshape(-1)
            count = len(pictures[split])
            if len(marks) != count and bad is None:
                raise DataError(f"{labels} has {len(marks):,} labels, but {images} has {count:,} pictures.")
            most = max(most, int(marks.max(initial=0)))
        size = min(len(pictures[split]), len(marks)) if marks is not None else len(pictures[split])
        parts[split] = _part(pictures[split][:size], None if marks is None else marks[:size].astype(np.int64), frames)
    classes = tuple(map(str, range(most + 1))) if all(part.labels is not None for part in parts.values()) else ()
    notes = [] if not bad else [f"{len(bad):,} samples are left out: {' '.join(dict.fromkeys(bad))}"]
    notes += [
        f"Pictures of {first.shape[1]}×{first.shape[2]} are fitted to {frame.size} for `{spec.name}`."
        for frame, spec in zip(frames, wanted.inputs, strict=True)
        if frame[:3] != (1, *first.shape[1:])
    ]
    return data_of("idx", f"idx:{path}", "the IDX files", parts, wanted, seed, classes, notes)


def _part(pictures: np.ndarray, labels: np.ndarray | None, frames: list[Frame]) -> Part:
    def inputs(rows: np.ndarray) -> list[Source]:
        return [ArrayPictures(pictures, rows, frame) for frame in frames]

    def fields(rows: np.ndarray) -> dict[str, Field]:
        own = None if labels is None else torch.from_numpy(labels[rows])
        return {"label": label_field("the set of IDX files", own)}

    return Part(len(pictures), labels, inputs, fields)


def look_at_idx(path: Path) -> Dataset:
    """The card of these files, from their headers and labels. Raises DataError."""
    images, labels = find_files(path)["train"]
    shape = read_header(images).shape
    if len(shape) != 3:
        raise DataError(f"{images} holds {len(shape)} sizes: pictures have three (number, rows, columns).")
    marks = np.asarray(read_idx(labels, [])) if labels is not None else np.empty(0, dtype=np.uint8)
    classes = tuple(map(str, range(int(marks.max()) + 1))) if len(marks) else ()
    fields = (replace(CARD.fields[0], classes=len(classes)),) if len(marks) else ()
    return replace(CARD, title=f"The IDX files of {path.name}", sample=(1, *shape[1:]), classes=classes, fields=fields)
