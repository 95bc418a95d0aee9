"""Samples of one's own for a trained network: what it takes, and pictures, rows and texts made to fit it."""

from __future__ import annotations

import csv
import itertools
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from msgspec.structs import replace

from app.engine import readings
from app.engine.compile import InputSpec
from app.engine.data import open_data, options_of
from app.engine.data.base import NOBODY, listed
from app.engine.data.fit import DataError
from app.engine.data.rows import number, open_rows
from app.engine.data.text import UNKNOWN, Reading, words_of
from app.engine.predict import answer, network_of, picture_frames, predict
from app.engine.runs import DataFacts, Run, RunError, load_run
from app.messages.predictions import Predict, Prediction, SampleForm

FIELDS = 64
"""Rows of more cells than these are given as a line."""
AT_ONCE = 256
MAX_BYTES = 2**20
"""Of a text's file only its end is read."""


def form_of(run: Run) -> SampleForm:
    """What samples a run's network takes. Raises RunError."""
    network = network_of(run)
    first, kind = network.inputs[0], run.data.kind
    if first.dtype == "int64" and len(first.shape) == 1:
        unit = kind if kind in readings.TEXTS else "numbers"
        return SampleForm("", "text", length=first.shape[0], unit=unit)
    if kind in readings.NO_PICTURES or not _pictures(run):
        return _row_form(run)
    grey = any(frame.channels == 1 for frame in picture_frames(run))
    return SampleForm("", "pictures", drawn=grey)


def _pictures(run: Run) -> bool:
    try:
        return bool(picture_frames(run))
    except RunError:
        return False


def _row_form(run: Run) -> SampleForm:
    spec = _row_input(run)
    count = math.prod(spec.shape)
    columns, scaling = _table(run) if run.data.kind == "table" else ((), ())
    if len(columns) != count:
        columns = tuple(f"value {i + 1}" for i in range(count))
    usual = tuple(f"{mean:.4g}" for mean, _ in scaling) if len(scaling) == count else ("0",) * count
    return SampleForm("", "row", columns, usual)


def _row_input(run: Run) -> InputSpec:
    inputs = network_of(run).inputs
    spec = inputs[0]
    sizes = {math.prod(each.shape) for each in inputs}
    if len(sizes) > 1 or any(each.dtype != "float32" for each in inputs) or max(spec.shape, default=1) != sizes.pop():
        raise RunError(f"{run.path} was trained on {run.data.kind}: samples of such Inputs cannot be given by hand.")
    return spec


def _table(run: Run) -> tuple[tuple[str, ...], tuple[tuple[float, float], ...]]:
    """Columns and scaling of the table that a run learnt from; runs of older versions did not note them."""
    if run.data.scaling:
        return run.data.columns, run.data.scaling
    recipe = run.design.recipe
    try:
        data = open_data(recipe.data, run.training.inputs, run.training.targets, recipe.seed, options_of(recipe))
    except DataError as error:
        raise RunError(
            f"How the columns were scaled is not noted in {run.path}, and its data is gone: {error}"
        ) from None
    return data.columns, data.scaling


def loaded(path: Path) -> Run:
    """A run with its best weights; the one that was asked for last is kept while its files stay as they are."""
    global _last
    places = [path / "design.netloom", path / "data.json"]
    places += [path / "checkpoints" / name / "weights.safetensors" for name in ("best", "last")]
    stamp = (path, *(place.stat().st_mtime_ns if place.exists() else 0 for place in places))
    if _last is None or _last[0] != stamp:
        _last = stamp, load_run(path)
    return _last[1]


_last: tuple[object, Run] | None = None


# answers --------------------------------------------------------------------------------------------------------------


def answer_to(request: Predict) -> Prediction:
    """What the network of a run says of the sample in the request. Raises DataError, RunError."""
    run = loaded(Path(request.run))
    form = form_of(run)
    match form.form:
        case "pictures":
            if not request.sample:
                raise DataError("The network takes pictures: give it one.")
            (made,) = predict(run, [request.sample])
        case "row":
            cells = request.row or cells_of(request.text)
            (made,) = of_rows(run, form, [cells])
        case _:
            made = of_text(run, form, request.text)
    return replace(made, job=request.job)


def cells_of(line: str) -> tuple[str, ...]:
    """The cells of one line of CSV. Raises DataError."""
    line = line.strip()
    mark = max("\t;,", key=line.count)
    try:
        rows = list(csv.reader([line], delimiter=mark if mark in line else ",", skipinitialspace=True))
    except csv.Error as error:
        raise DataError(f"The line cannot be read as CSV: {error}.") from None
    return tuple(cell.strip() for cell in rows[0]) if rows else ()


def of_rows(run: Run, form: SampleForm, rows: Sequence[Sequence[str]], at: Sequence[str] = ()) -> list[Prediction]:
    """What the network says of rows of cells; `at` says where each stands, for sentences. Raises DataError."""
    spec = _row_input(run)
    scaling = _table(run)[1] if run.data.kind == "table" else ()
    values = []
    for place, row in enumerate(rows):
        where = f"{at[place]}: " if at else ""
        if len(row) != len(form.fields):
            raise DataError(
                f"{where}The row has {len(row)} cell{'s' * (len(row) != 1)}, but the network takes "
                f"{len(form.fields)}: {listed(form.fields)}."
            )
        for name, cell in zip(form.fields, row, strict=True):
            if not math.isfinite(number(cell)):
                got = f"`{cell}`" if cell.strip() else "empty"
                raise DataError(f"{where}`{name}` is {got}: it needs a number.")
        values.append([number(cell) for cell in row])
    batch = torch.tensor(values, dtype=torch.float64)
    if scaling:
        mean, spread = torch.tensor(scaling, dtype=torch.float64).T
        batch = (batch - mean) / spread
    inputs = [batch.float().reshape(len(rows), *each.shape) for each in network_of(run).inputs]
    made = answer(run, inputs)
    assert spec is not None
    return [
        replace(each, sample=replace(each.sample, cells=tuple(row)) if each.sample is not None else None)
        for each, row in zip(made, rows, strict=True)
    ]


def of_text(run: Run, form: SampleForm, text: str) -> Prediction:
    """What the network says comes after a text. Raises DataError."""
    tokens = tokens_of(run.data, text)
    if not tokens:
        raise DataError("The text is empty: write something.")
    unit = form.unit[:-1] if form.unit else "token"
    notes = []
    if len(tokens) > form.length:
        notes.append(f"Of {len(tokens):,} {form.unit} only the last {form.length:,} are read.")
        tokens = tokens[-form.length :]
    if run.data.kind == "words" and (strange := tokens.count(0)):
        notes.append(f"{strange} word{'s are' if strange > 1 else ' is'} not known and read as {UNKNOWN}.")
    inputs = [torch.tensor([tokens]) for _ in network_of(run).inputs]
    try:
        (made,) = answer(run, inputs, length=len(tokens))
    except (RuntimeError, IndexError, ValueError) as error:
        if isinstance(error, DataError | RunError):
            raise
        if len(tokens) < form.length:
            raise DataError(
                f"The network reads {form.length:,} {form.unit} at once, but the text has {len(tokens):,}: write at "
                f"least {form.length:,}."
            ) from None
        raise DataError(f"The network cannot read it: a {unit} is none that it knows ({error}).") from None
    return replace(made, said=" ".join(notes))


def tokens_of(data: DataFacts, text: str) -> list[int]:
    """A text as the tokens that a network learnt. Raises DataError."""
    place = {name: i for i, name in enumerate(data.classes)}
    if data.kind == "words":
        return [place.get(word, 0) for words in words_of(iter([text])) for word in words]
    if data.kind == "characters":
        if strange := sorted({each for each in text if each not in place}):
            shown = listed([f"`{each}`" if each.isprintable() else f"U+{ord(each):04X}" for each in strange])
            raise DataError(f"The network has never seen {shown}: write without.")
        return [place[each] for each in text]
    try:
        return [int(word) for word in text.replace(",", " ").split()]
    except ValueError:
        raise DataError("The network takes whole numbers: write them with spaces between.") from None


# files ----------------------------------------------------------------------------------------------------------------


def of_file(run: Run, form: SampleForm, path: Path) -> Iterator[tuple[int, Prediction]]:
    """What the network says of a file: of a picture, of each row of a table (with the row's number), or of a text's
    end. Raises DataError, which names the file."""
    if form.form == "pictures":
        yield 0, predict(run, [path])[0]
    elif form.form == "row":
        yield from _of_table(run, form, path)
    else:
        yield 0, of_text(run, form, _text_of(path))


def _of_table(run: Run, form: SampleForm, path: Path) -> Iterator[tuple[int, Prediction]]:
    header, first, rows = open_rows(path, NOBODY)
    named = first > 1 or not header[0].startswith("column ")
    if named:
        absent = [name for name in form.fields if name not in header]
        if absent:
            raise DataError(f"{path} has no column {listed([f'`{n}`' for n in absent])}, which the network takes.")
        columns = [header.index(name) for name in form.fields]
    else:
        columns = list(range(len(header)))
    count = itertools.count(first)
    while chunk := list(itertools.islice(rows, AT_ONCE)):
        places = [next(count) for _ in chunk]
        for place, row in zip(places, chunk, strict=True):
            if len(row) != len(header):
                raise DataError(f"Row {place} of {path} has {len(row)} cells, but there are {len(header)} columns.")
        cells: list[Any] = [[row[i].strip() for i in columns] for row in chunk]
        yield from zip(places, of_rows(run, form, cells, [f"Row {p} of {path}" for p in places]), strict=True)


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise DataError(f"There is no file {path}: choose a text file.")
    text = "".join(Reading([path], False, NOBODY).pieces())
    return text[-MAX_BYTES:].removesuffix("\n") if text.endswith("\n") else text[-MAX_BYTES:]
