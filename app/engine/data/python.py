"""A Python function or class of one's own as data: `python:FILE.py`; `python:FILE.py:NAME` where the file has several.

Called without arguments it gives samples, or a dict of them for train, validation and test. Samples are anything with a
length and an index, such as a list or a torch Dataset; each is `x`, a pair `(x, label)`, or a dict of fields. The file
runs only once its very text was allowed, as all code that comes with a drawing.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from msgspec.structs import replace
from PIL import Image

from app.engine.data.arrays import picture_form
from app.engine.data.base import SPLITS, Data, Field, Source, Wanted, listed
from app.engine.data.fit import DataError, fit_picture, fit_tensor, frame_of, written
from app.engine.data.parted import Part, data_of
from app.engine.data.store import ReadSource, readable
from app.messages.data import DataField, Dataset, Form
from app.trust import digest

if TYPE_CHECKING:
    from app.engine.compile import InputSpec, TargetSpec

CARD = Dataset(
    "python",
    "Python (own function or class)",
    "A Python file with a function or class that gives samples: anything with a length and an index. A sample is x, "
    "(x, label) or a dict of fields; it depends on its index alone. `FILE.py:NAME` names one of several.",
    needs_path=True,
    path="file",
    suffixes=(".py",),
    fields=(DataField("label", "The second of each pair, or the field label."),),
    more_fields="a field's name",
)
USUAL = ("data", "dataset", "Data", "Dataset", "samples")
"""What is called where several things could be."""
MAX_BYTES = 2**20
RECENT = 256
"""So many samples are kept for the next of their fields, if they take no more than RECENT_BYTES."""
RECENT_BYTES = 32 * 2**20
TRIED = 100
"""So many samples are tried for one that can be read, where others may be skipped."""


class Unallowed(DataError):
    """Nobody has allowed this file to run. `code` is what it holds."""

    def __init__(self, path: Path, code: str) -> None:
        super().__init__(
            f"{path} is Python that nobody has allowed to run yet: read and allow it in the Data panel, or on the "
            "command line with --allow-code."
        )
        self.code = code


class _Samples:
    """The samples of a split: each has its fields by name, `x` and `label` where it is a pair."""

    def __init__(self, path: Path, split: str, made: Any) -> None:
        self._path, self._made, self._split, self._lock = path, made, split, Lock()
        if not (hasattr(made, "__len__") and hasattr(made, "__getitem__")) or isinstance(made, str | bytes):
            raise DataError(
                f"{path} gives {type(made).__name__} for {split}: samples need a length and an index, as a list or a "
                "class with `__len__` and `__getitem__` has."
            )
        self.size = _run(path, f"the length of {split}", lambda: len(made))
        if not self.size:
            raise DataError(f"{path} gives no samples for {split}.")
        self._recent: dict[int, dict[str, Any]] = {}
        self.classes = tuple(map(str, getattr(made, "classes", ())))
        self.labels = self._labels()

    def fields(self, index: int) -> dict[str, Any]:
        """A sample's fields by name. Raises DataError."""
        with self._lock:  # a person's class need not bear several threads
            if (known := self._recent.get(index)) is not None:
                return known
            found = self._fields(index)
            room = RECENT_BYTES // max(sum(map(_bytes, found.values())), 1)
            while len(self._recent) >= min(room, RECENT) > 0:
                del self._recent[next(iter(self._recent))]
            if room:
                self._recent[index] = found
            return found

    def first(self, *, skip: bool) -> int:
        """The first sample; with `skip` the first that can be read. Raises DataError."""
        for index in range(min(self.size, TRIED) if skip else 0):
            with suppress(DataError):
                self.fields(index)
                return index
        self.fields(0)
        return 0

    def _fields(self, index: int) -> dict[str, Any]:
        what = f"sample {index} of {self._split}"
        sample = _run(self._path, what, lambda: self._made[index])
        match sample:
            case dict():
                return {str(name): value for name, value in sample.items()}
            case (x, label):
                return {"x": x, "label": label}
            case (x,):
                return {"x": x}
            case tuple() | list():
                raise DataError(
                    f"{self._path}: {what} has {len(sample)} parts: give x, (x, label) or a dict of named fields."
                )
        return {"x": sample}

    def value(self, name: str, index: int) -> Any:
        """A field of a sample. Raises DataError where it has none of this name."""
        fields = self.fields(index)
        if name not in fields:
            has = listed([f"`{each}`" for each in fields])
            raise DataError(f"{self._path}: sample {index} of {self._split} has no `{name}`, but {has}.")
        return fields[name]

    def array(self, name: str, index: int) -> np.ndarray:
        """A field of a sample as numbers. Raises DataError where it is something else."""
        value = self.value(name, index)
        value = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        at = f"{self._path}: `{name}` of sample {index} of {self._split}"
        if value.dtype.kind not in "buif":
            raise DataError(f"{at} is {value.dtype.name}: only numbers, arrays, tensors and pictures are read.")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DataError(f"{at} holds a number that is infinite or none.")
        return value

    def _labels(self) -> np.ndarray | None:
        """The classes of all samples, where the object says them without reading each."""
        for name in ("labels", "targets"):
            try:
                found = np.asarray(getattr(self._made, name, None))
            except (TypeError, ValueError):
                continue
            if found.shape == (self.size,) and found.dtype.kind in "bui" and found.min() >= 0:
                return found.astype(np.int64)
        return None


def _bytes(value: Any) -> int:
    """About how much memory a field takes."""
    if isinstance(value, Image.Image):
        return value.width * value.height * 4
    return int(getattr(value, "nbytes", 64))


def place_of(path: Path) -> tuple[Path, str]:
    """The file, and the name in it that a path like `FILE.py:NAME` gives."""
    head, mark, name = str(path).rpartition(":")
    return (Path(head), name) if mark and head.endswith(".py") else (path, "")


def _run(path: Path, what: str, do: Callable[[], Any]) -> Any:
    """Let a person's code do something. What it raises becomes a sentence that names the line."""
    try:
        return do()
    except (Exception, SystemExit) as error:
        line, trace = 0, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == str(path):
                line = trace.tb_lineno
            trace = trace.tb_next
        first = (str(error).strip().splitlines() or [""])[0][:300]
        said = f"{type(error).__name__}{': ' + first if first else ''}".rstrip(".")
        raise DataError(f"{path}{f', line {line}' if line else ''}: {what} cannot be read ({said}).") from error


def read_code(path: Path) -> str:
    """The text of the file. Raises DataError."""
    if not path.is_file():
        raise DataError(f"There is no file {path}: choose a Python file.")
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise DataError(f"{path} has more than {MAX_BYTES // 2**20} MB: that is no Python file to read.")
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: choose a Python file.") from None


def _choose(path: Path, code: str, wish: str) -> str:
    """The name of the function or class to call. Raises DataError."""
    try:
        tree = ast.parse(code, str(path))
    except (SyntaxError, ValueError, RecursionError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        raise DataError(f"{path}{line} is not Python: {getattr(error, 'msg', error)}.") from None
    kinds = (ast.FunctionDef, ast.ClassDef)
    names = [node.name for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")]
    if wish:
        if wish not in names:
            raise DataError(f"{path} has no function or class `{wish}`, but {listed(names) or 'none at all'}.")
        return wish
    found = names if len(names) == 1 else [name for name in USUAL if name in names]
    if not found:
        many = f"several ({listed(names)}): write `python:{path}:{names[0]}`, say" if names else "none: define one"
        raise DataError(f"{path} needs one function or class that gives the data, but has {many}.")
    return found[0]


def _samples(path: Path) -> dict[str, _Samples]:
    """The samples of each split, as the file gives them. Raises DataError; Unallowed where it may not run."""
    from app.engine.compile import shared_analyser

    file, wish = place_of(path)
    code = read_code(file)
    if digest(code) not in shared_analyser().measurer.trusted:
        raise Unallowed(file, code)
    return called(file, code, _choose(file, code, wish))


@lru_cache(maxsize=1)
def called(file: Path, code: str, name: str) -> dict[str, _Samples]:
    """What the file gives, called once: to look at its card and to open it must not run it twice."""
    space: dict[str, Any] = {"__name__": "own_data", "__file__": str(file)}
    _run(file, "the file", lambda: exec(compile(code, str(file), "exec"), space))
    made = _run(file, f"`{name}()`", space[name])
    if isinstance(made, Mapping) and "train" in made:
        if strange := [str(each) for each in made if each not in SPLITS]:
            raise DataError(f"{file} gives a split `{strange[0]}`: call them {listed(SPLITS)}.")
        return {split: _Samples(file, split, made[split]) for split in SPLITS if split in made}
    return {"train": _Samples(file, "train", made)}


def open_python(path: Path, wanted: Wanted, seed: int) -> Data:
    """Run the file and open what it gives. Raises DataError."""
    splits = _samples(path)
    notes: list[str] = []
    train = splits["train"]
    classes = train.classes
    if not classes and train.labels is not None:
        classes = tuple(map(str, range(int(train.labels.max()) + 1)))
    parts = {name: _part(samples, wanted, notes) for name, samples in splits.items()}
    words = str(place_of(path)[0])
    return data_of("python", f"python:{path}", words, parts, wanted, seed, classes, notes)


def _part(samples: _Samples, wanted: Wanted, notes: list[str]) -> Part:
    first = samples.fields(samples.first(skip=wanted.options.skip_bad))
    names = [_input_name(spec, first) for spec in wanted.inputs]
    rows = None
    if wanted.options.skip_bad:

        def read(index: int) -> None:
            for name, spec in zip(names, wanted.inputs, strict=True):
                _input(samples, name, spec, index)

        rows = np.array(readable(samples.size, read, wanted.watch, notes, "samples"), dtype=np.int64)

    def inputs(own: np.ndarray) -> list[Source]:
        return [
            ReadSource(len(own), spec.shape, _dtype(spec.dtype), partial(_row, samples, name, spec, own), _same)
            for name, spec in zip(names, wanted.inputs, strict=True)
        ]

    def fields(own: np.ndarray) -> dict[str, Field]:
        return {name: partial(_field, samples, name, own) for name in first if name not in names or name == "label"}

    return Part(samples.size, samples.labels, inputs, fields, rows)


def _same(values: torch.Tensor) -> torch.Tensor:
    return values


def _dtype(name: str) -> torch.dtype:
    return torch.int64 if name == "int64" else torch.float32


def _input_name(spec: InputSpec, fields: Mapping[str, Any]) -> str:
    """The field that an Input takes: the one of its name, else `x`, else the first."""
    return spec.name if spec.name in fields else "x" if "x" in fields else next(iter(fields), "x")


def _row(samples: _Samples, name: str, spec: InputSpec, own: np.ndarray, index: int) -> torch.Tensor:
    return _input(samples, name, spec, int(own[index]))


def _input(samples: _Samples, name: str, spec: InputSpec, index: int) -> torch.Tensor:
    """A sample as an Input takes it; pictures are fitted. Raises DataError."""
    value = samples.value(name, index)
    if isinstance(value, Image.Image):
        frame = frame_of(spec, "a picture")
        picture = fit_picture(value if value.mode in ("L", "RGB") else value.convert("RGB"), frame)
        return picture.float().div_(255).reshape(spec.shape)
    array = samples.array(name, index)
    if spec.dtype == "int64":
        if array.dtype.kind == "f":
            raise DataError(f"`{spec.name}` takes int64, but `{name}` holds {array.dtype}: set its dtype to float32.")
    elif (form := picture_form(array[None])) is not None and (array.dtype == np.uint8 or array.shape != spec.shape):
        size, last = form
        tensor = torch.from_numpy(np.ascontiguousarray(array)).float() / (255 if array.dtype == np.uint8 else 1)
        tensor = tensor.permute(2, 0, 1) if last else tensor.reshape(size)
        return fit_tensor(tensor.unsqueeze(0), frame_of(spec, f"`{name}`", size))[0].reshape(spec.shape)
    if array.shape != spec.shape and not (array.size == 1 and spec.shape in ((), (1,))):
        raise DataError(
            f"`{spec.name}` takes {written(spec.shape)}, but sample {index} has `{name}` of {written(array.shape)}: "
            "set its size to that."
        )
    return torch.from_numpy(np.array(array)).to(_dtype(spec.dtype)).reshape(spec.shape)


def _field(samples: _Samples, name: str, own: np.ndarray, target: TargetSpec) -> Source:
    """What a Target takes of each sample. Raises DataError, for the first sample at once."""

    def read(index: int) -> torch.Tensor:
        array = samples.array(name, int(own[index]))
        if target.dtype == "int64" and array.dtype.kind == "f":
            raise DataError(f"`{target.name}` wants whole numbers, but `{name}` holds {array.dtype}: set its dtype.")
        if array.shape != target.shape and not (array.size == 1 and target.shape in ((), (1,))):
            raise DataError(
                f"`{target.name}` wants {written(target.shape)}, but sample {index} has `{name}` of "
                f"{written(array.shape)}: set its size to that."
            )
        return torch.from_numpy(np.array(array)).to(_dtype(target.dtype)).reshape(target.shape)

    if len(own):
        read(0)
    return ReadSource(len(own), target.shape, _dtype(target.dtype), read, _same)


def look_at_python(path: Path) -> Dataset:
    """The card of this file, without running it: an edit of the drawing must not wait for a person's code."""
    return replace(CARD, title=path.name)


def look_closely(path: Path) -> Dataset:
    """The card of this very data, from its first sample: for that its file is run. Raises DataError."""
    samples = _samples(path)["train"]
    at = samples.first(skip=True)
    fields = samples.fields(at)
    name = "x" if "x" in fields else next(iter(fields), "x")
    others = [each for each in fields if each != name]
    described = []
    for each in sorted(others, key=lambda each: each != "label"):
        array = samples.array(each, at)
        shape = array.shape if array.shape != (1,) else ()
        dtype = "float32" if array.dtype.kind == "f" else "int64"
        described.append(DataField(each, f"The field {each}.", dtype, shape))
    form, sample = _form(samples, name, at)
    title = place_of(path)[0].name
    return replace(CARD, title=title, form=form, sample=sample, fields=tuple(described), classes=samples.classes)


def _form(samples: _Samples, name: str, at: int) -> tuple[Form, tuple[int, ...]]:
    value = samples.value(name, at)
    if isinstance(value, Image.Image):
        return "pictures", ()
    array = samples.array(name, at)
    if (pictures := picture_form(array[None])) is not None and (array.dtype == np.uint8 or array.min() >= 0):
        return "pictures", pictures[0]
    if array.dtype.kind in "bui" and array.ndim == 1:
        return "tokens", array.shape
    return "numbers", array.shape or (1,)
