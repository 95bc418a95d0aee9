"""NumPy files as data: an .npz, an .npy, or a folder of .npy files. Each array is a field, its first size the samples.

Pickled objects in them are refused: reading them could run any code.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import Data, Field, MadeSource, Source, Wanted, label_field, listed
from app.engine.data.fit import DataError, frame_of, written
from app.engine.data.parted import Part, data_of
from app.engine.data.store import ArrayPictures, Growing
from app.messages.data import DataField, Dataset, Form

if TYPE_CHECKING:
    from app.engine.compile import InputSpec, TargetSpec

CARD = Dataset(
    "arrays",
    "NumPy arrays (npz, npy)",
    "An .npz or .npy file, or a folder of .npy files: samples in x, labels in y, or under the names of the Inputs and "
    "fields; x_train, x_val and x_test are used if any.",
    needs_path=True,
    path="either",
    suffixes=(".npz", ".npy"),
    fields=(DataField("label", "The array y, label, labels or targets."),),
    more_fields="an array's name",
)
SAMPLES = ("x", "images", "image", "data", "inputs", "features", "arr_0")
LABELS = ("y", "label", "labels", "target", "targets", "classes")
_ENDS = {"train": ("_train", "_training"), "validation": ("_val", "_valid", "_validation"), "test": ("_test",)}
MOST = 64 * 2**30
GLANCE = 4 * 2**20
PEEK = 64
"""So many samples are looked at for their range."""

Arrays = dict[str, np.ndarray]


def read_arrays(path: Path) -> dict[str, Arrays]:
    """The arrays of each split, by their names without the split's ending. Large ones stay on the disk."""
    if path.is_dir():
        files = sorted(path.glob("*.npy"))
        if not files:
            raise DataError(f"{path} holds no .npy files: choose another folder, or an .npz file.")
        found = {file.stem: _read_npy(file) for file in files}
    elif path.suffix == ".npy" and path.is_file():
        found = {"x": _read_npy(path)}
    elif path.is_file():
        found = _read_npz(path)
    else:
        raise DataError(f"There is no file or folder {path}: choose an .npz or .npy file.")
    splits: dict[str, Arrays] = {}
    for name, array in found.items():
        if not array.ndim:
            continue  # a single number beside the arrays says something of them, not of a sample
        split, short = next(
            ((split, name[: -len(end)]) for split, ends in _ENDS.items() for end in ends if name.lower().endswith(end)),
            ("train", name),
        )
        splits.setdefault(split, {})[short] = array
    if not splits.get("train"):
        raise DataError(f"{path} holds no arrays to train on: it needs samples in `x`.")
    for split, arrays in splits.items():
        sizes = {name: len(array) for name, array in arrays.items()}
        if len(set(sizes.values())) > 1:
            said = listed([f"`{name}` {size:,}" for name, size in sizes.items()])
            raise DataError(f"The arrays of {split} in {path} have different numbers of samples: {said}.")
    return splits


def _plain(array: np.ndarray, name: str, path: Path) -> np.ndarray:
    if array.dtype.kind not in "buif":
        raise DataError(f"`{name}` in {path} holds {array.dtype.name} values: only numbers are read.")
    return array


def _read_npy(path: Path) -> np.ndarray:
    try:
        return _plain(np.load(path, mmap_mode="r", allow_pickle=False), path.stem, path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(_unread(path, path.stem, error)) from None


def _unread(path: Path, name: str, error: Exception) -> str:
    if isinstance(error, DataError):
        return str(error)
    if "pickle" in str(error) or "Object arrays" in str(error) or "object" in str(error):
        return f"`{name}` in {path} holds Python objects, not numbers: reading them could run any code, so none are."
    return f"`{name}` in {path} cannot be read: {getattr(error, 'strerror', None) or error or 'the file is cut short'}."


def _read_npz(path: Path) -> Arrays:
    found: Arrays = {}
    name = path.name
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    name = member.filename.removesuffix(".npy")
                    with archive.open(member) as file:
                        found[name] = _plain(_stream(file), name, path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(_unread(path, name, error)) from None
    return found


def _stream(file: IO[bytes]) -> np.ndarray:
    """An array from a packed file, piece by piece, so that no large one is held in memory."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        raise ValueError("object")
    if math.prod(shape) * dtype.itemsize > MOST:
        raise ValueError(f"it claims {math.prod(shape):,} values, more than are read")
    growing, left, rest = Growing(dtype), math.prod(shape), b""
    while left > 0:
        piece = rest + file.read(2**20)
        whole = min(len(piece) // dtype.itemsize, left)
        if not whole:
            raise EOFError("the file is cut short")
        growing.add(np.frombuffer(piece, dtype=dtype, count=whole))
        rest, left = piece[whole * dtype.itemsize :], left - whole
    return growing.finish().reshape(shape[::-1]).T if fortran else growing.finish().reshape(shape)


def _named(arrays: Mapping[str, np.ndarray], names: tuple[str, ...]) -> str:
    lower = {name.lower(): name for name in arrays}
    return next((lower[name] for name in names if name in lower), "")


def samples_name(arrays: Mapping[str, np.ndarray], wish: str = "") -> str:
    """The array that an Input of this name takes. "" where there is none."""
    if wish in arrays:
        return wish
    found = _named(arrays, SAMPLES)
    others = [name for name in arrays if name != _named(arrays, LABELS)]
    return found or (others[0] if len(others) == 1 else "")


def picture_form(array: np.ndarray) -> tuple[tuple[int, int, int], bool] | None:
    """The size C×H×W of the pictures in an array, and whether the channels come last. None where it holds none."""
    match array.shape[1:]:
        case (high, wide) if array.dtype == np.uint8:
            return (1, high, wide), False
        case (1 | 3 as channels, high, wide):
            return (channels, high, wide), False
        case (high, wide, 1 | 3 as channels) if array.dtype == np.uint8 or high > 3:
            return (channels, high, wide), True
    return None


def open_arrays(path: Path, wanted: Wanted, seed: int) -> Data:
    """Open NumPy files. Raises DataError, which names the array that does not fit."""
    splits = read_arrays(path)
    notes: list[str] = []
    classes: tuple[str, ...] = ()
    label = _named(splits["train"], LABELS)
    if label and splits["train"][label].dtype.kind in "bui" and splits["train"][label].ndim <= 2:
        most = max(int(np.max(a[label], initial=0)) for a in splits.values() if label in a)
        least = min(int(np.min(a[label], initial=0)) for a in splits.values() if label in a)
        if least >= 0 and most < 100_000:
            classes = tuple(map(str, range(most + 1)))
    parts = {split: _part(arrays, path, wanted, bool(classes), notes) for split, arrays in splits.items()}
    return data_of("arrays", f"arrays:{path}", str(path), parts, wanted, seed, classes, list(dict.fromkeys(notes)))


def _part(arrays: Arrays, path: Path, wanted: Wanted, classed: bool, notes: list[str]) -> Part:
    label = _named(arrays, LABELS)
    labels = None
    if classed and label:
        values = np.asarray(arrays[label])
        labels = values.reshape(-1).astype(np.int64) if values.size == len(values) else None
    rows, notes_bad = _good_rows(arrays, path, wanted)
    notes += notes_bad

    def inputs(own: np.ndarray) -> list[Source]:
        return [_input(spec, arrays, path, own, notes) for spec in wanted.inputs]

    def fields(own: np.ndarray) -> dict[str, Field]:
        made: dict[str, Field] = {name: _field(name, array, own) for name, array in arrays.items()}
        if label:
            made["label"] = _field(label, arrays[label], own)
        return made

    return Part(len(next(iter(arrays.values()))), labels, inputs, fields, rows)


def _good_rows(arrays: Arrays, path: Path, wanted: Wanted) -> tuple[np.ndarray | None, list[str]]:
    """The samples that hold finite numbers alone. Raises DataError where others are not to be skipped."""
    count = len(next(iter(arrays.values())))
    bad = np.zeros(count, dtype=bool)
    first = ""
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            continue
        step = max(2**20 // max(math.prod(array.shape[1:]), 1), 1)
        for start in range(0, count, step):
            wanted.watch.step(start, count)
            piece = np.asarray(array[start : start + step]).reshape(min(step, count - start), -1)
            wrong = ~np.isfinite(piece).all(1)
            if wrong.any() and not first:
                at = start + int(wrong.argmax())
                first = f"Sample {at} of `{name}` in {path} holds a number that is infinite or none."
            bad[start : start + step] |= wrong
    if not first:
        return None, []
    if not wanted.options.skip_bad:
        raise DataError(f"{first} Mend it, or let bad samples be skipped.")
    if bad.all():
        raise DataError(f"No sample of {path} can be used. {first}")
    more = f" {int(bad.sum()):,} samples are left out." if bad.sum() > 1 else " It is left out."
    return np.flatnonzero(~bad), [first + more]


def _input(spec: InputSpec, arrays: Arrays, path: Path, rows: np.ndarray, notes: list[str]) -> Source:
    name = samples_name(arrays, spec.name)
    if not name:
        raise DataError(
            f"`{spec.name}` finds no samples in {path}: it needs an array `{spec.name}` or `x`, but there are only "
            f"{listed([f'`{n}`' for n in arrays])}."
        )
    array = arrays[name]
    if spec.dtype == "int64":
        if array.dtype.kind not in "bui":
            raise DataError(f"`{spec.name}` takes int64, but `{name}` holds {array.dtype}: set it to float32.")
        if array.shape[1:] == spec.shape:
            return _as_it_is(array, rows, torch.int64)
    elif array.shape[1:] == spec.shape and array.dtype != np.uint8:
        return _as_it_is(array, rows, torch.float32)
    form = picture_form(array)
    if form is not None and spec.dtype == "float32" and (array.dtype == np.uint8 or _from_0_to_1(array)):
        size, last = form
        frame = frame_of(spec, f"`{name}` of {path}", size)
        if frame[:3] != size:
            notes.append(f"Pictures of {written(size)} are fitted to {frame.size} for `{spec.name}`.")
        return ArrayPictures(array, rows, frame, last=last)
    if array.shape[1:] == spec.shape:
        return _as_it_is(array, rows, torch.float32)
    raise DataError(
        f"`{spec.name}` takes {written(spec.shape)}, but `{name}` of {path} holds samples of "
        f"{written(array.shape[1:])}: set its shape to that."
    )


def _from_0_to_1(array: np.ndarray) -> bool:
    some = np.asarray(array[:PEEK])
    return array.dtype.kind == "f" and float(some.min(initial=0)) >= 0 and float(some.max(initial=0)) <= 1


def _as_it_is(array: np.ndarray, rows: np.ndarray, dtype: torch.dtype) -> Source:
    return MadeSource(lambda i: torch.from_numpy(np.array(array[rows[i.numpy()]])).to(dtype))


def _field(name: str, array: np.ndarray, rows: np.ndarray) -> Field:
    whole = array.dtype.kind in "bui"

    def make(target: TargetSpec) -> Source:
        if not whole and target.dtype == "int64":
            raise DataError(f"`{target.name}` wants whole numbers, but `{name}` holds {array.dtype}: set its dtype.")
        if array.ndim <= 2 and math.prod(array.shape[1:]) == 1 and target.shape in ((), (1,)):
            values = torch.from_numpy(np.asarray(array).reshape(-1)[rows])
            return label_field(f"`{name}`", values.long() if whole else None, values.float())(target)
        if array.shape[1:] != target.shape:
            raise DataError(
                f"`{target.name}` wants {written(target.shape)}, but `{name}` holds {written(array.shape[1:])} a "
                "sample: set its size to that."
            )
        return _as_it_is(array, rows, torch.int64 if target.dtype == "int64" else torch.float32)

    return make


def look_at_arrays(path: Path) -> Dataset:
    """The card of these arrays. A packed file is unpacked for it only where it is small. Raises DataError."""
    if path.is_file() and path.suffix != ".npy" and path.stat().st_size > 32 * 2**20:
        return replace(CARD, title=path.name, fields=())
    arrays = read_arrays(path)["train"]
    name, label = samples_name(arrays), _named(arrays, LABELS)
    others = sorted((each for each in arrays if each != name), key=lambda each: each != label)
    fields = tuple(_described(each, arrays[each], "label" if each == label else each) for each in others)
    classes = next((tuple(map(str, range(f.classes))) for f in fields if f.name == "label"), ())
    form: Form = "numbers"
    sample: tuple[int, ...] = ()
    high = 0.0
    if name:
        array = arrays[name]
        pictures = picture_form(array)
        sample = array.shape[1:]
        if pictures is not None and (array.dtype == np.uint8 or _from_0_to_1(array)):
            form, sample = "pictures", pictures[0]
        elif array.dtype.kind in "bui" and array.ndim == 2:
            form = "tokens"
        if array.dtype != np.uint8 and array.ndim >= 3 and array.dtype.kind != "b":
            high = float(np.max(np.asarray(array[:PEEK]), initial=0))
    vocabulary = int(np.max(_glance(arrays[name]), initial=0)) + 1 if form == "tokens" else 0
    return replace(
        CARD, title=path.name, sample=sample, classes=classes, form=form, fields=fields, high=high,
        vocabulary=vocabulary,
    )  # fmt: skip


def _glance(array: np.ndarray) -> np.ndarray:
    """All of a small array, the beginning of a large one."""
    return np.asarray(array if array.size <= GLANCE else array[:PEEK])


def _described(name: str, array: np.ndarray, field: str) -> DataField:
    whole = array.dtype.kind in "bui"
    seen = _glance(array)
    classes = int(np.max(seen, initial=0)) + 1 if whole and np.min(seen, initial=0) >= 0 else 0
    if len(seen) < len(array):
        classes = 0  # there may be more of them further on
    shape = array.shape[1:] if array.shape[1:] != (1,) else ()
    return DataField(field, f"The array {name}.", "int64" if whole else "float32", shape, classes)
