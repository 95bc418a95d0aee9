"""A CSV or Parquet file as data: numbers standardised on the train split, columns of classes or of numbers to predict.

It is read row by row: what is kept are numbers, on the disk where they are many.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from msgspec.structs import replace

from app.engine.data.base import (
    NOBODY,
    Data,
    Field,
    MadeSource,
    Source,
    Split,
    TensorSource,
    Wanted,
    check_classes,
    check_dtype,
    divided,
    label_field,
    skipped_note,
    target_sources,
)
from app.engine.data.fit import DataError, written
from app.engine.data.rows import number, open_rows
from app.engine.data.store import Growing
from app.messages.data import DataField, Dataset

if TYPE_CHECKING:
    from app.engine.compile import TargetSpec

MAX_CLASSES = 10_000
CHUNK = 4096
GLANCE = 2000
"""So many rows are read to know the columns and classes at a glance."""
CARD = Dataset(
    "table",
    "Table (CSV, Parquet)",
    "A CSV or Parquet file of numbers; the column `label` or `target`, else the last one, holds the class. A Target "
    "may name any other column.",
    needs_path=True,
    path="file",
    suffixes=(".csv", ".tsv", ".txt", ".parquet", ".pq"),
    fields=(DataField("label", "The column label or target, else the last one."),),
    more_fields="a column's name",
)


class _Column:
    """A column that a Target reads: its cells as names and as numbers."""

    def __init__(self, name: str, measured: bool, read: bool) -> None:
        self.name, self.measured = name, measured
        self._read = read
        """Whether a Target reads it: what is in a column that none does is no trouble."""
        self._codes, self._numbers = Growing(np.int32), Growing(np.float64)
        self._names: dict[str, int] = {}

    def trouble(self, cell: str) -> str:
        """Why a cell cannot be used, as the end of a sentence; "" where it can."""
        if not self._read:
            return ""
        if not cell:
            return f"has no `{self.name}`: give it a class."
        if self.measured and not math.isfinite(number(cell)):
            return f"has `{cell}` in the column `{self.name}`: the Target wants a number."
        return ""

    def add(self, cells: list[str]) -> None:
        self._numbers.add(np.array([number(cell) for cell in cells]))
        if not self.measured:
            names = self._names
            self._codes.add(np.array([names.setdefault(cell, len(names)) for cell in cells], dtype=np.int32))

    def finish(self, path: Path) -> tuple[tuple[str, ...], np.ndarray | None, np.ndarray | None]:
        """Class names, class indices, and the numbers where Targets want numbers. Raises DataError."""
        values = self._numbers.finish()
        if self.measured:
            return (), None, values.astype(np.float32)
        codes, names = self._codes.finish(), list(self._names)
        as_numbers = [number(name) for name in names]
        order = names
        if all(map(math.isfinite, as_numbers)):
            if any(value != math.floor(value) for value in as_numbers):
                if not self._read:
                    return (), None, None
                raise DataError(
                    f"Column `{self.name}` of {path} holds fractions: a class needs a name or a whole number."
                )
            names = [str(int(value)) for value in as_numbers]
            order = [str(value) for value in sorted({int(value) for value in as_numbers})]
        else:
            order = sorted(set(names))
        if len(order) > MAX_CLASSES:
            raise DataError(f"Column `{self.name}` of {path} holds {len(order):,} classes: is it the right column?")
        place = {name: i for i, name in enumerate(order)}
        return tuple(order), np.array([place[name] for name in names], dtype=np.int64)[codes], None


def label_column(header: list[str]) -> int:
    names = [name.strip().lower() for name in header]
    return next((names.index(name) for name in ("label", "target") if name in names), len(header) - 1)


def open_table(path: Path, wanted: Wanted, seed: int) -> Data:
    """Open a table. Raises DataError, which names the row and column of a bad cell."""
    header, first, rows = open_rows(path, wanted.watch)
    label = label_column(header)
    columns = _columns(header, label, wanted)
    features = [i for i in range(len(header)) if i not in columns]
    if not features:
        raise DataError(f"{path} has one column: it needs numbers, and a column with the class.")
    grown = Growing(np.float64, (len(features),))
    bad: list[str] = []
    count = at = 0
    while chunk := list(islice(rows, CHUNK)):
        numbers = _numbers(chunk, len(header), features, columns)
        good = chunk
        if numbers is None:  # which row it is takes longer to find out
            good = []
            for i, row in enumerate(chunk, at + first):
                said = _trouble(row, i, header, path, features, columns)
                if said and not wanted.options.skip_bad:
                    raise DataError(said)
                if said:
                    bad.append(said)
                else:
                    good.append(row)
            numbers = np.array([[float(row[i]) for i in features] for row in good])
        at += len(chunk)
        count += len(good)
        if good:
            grown.add(numbers)
            for place, column in columns.items():
                column.add([row[place].strip() for row in good])
    if count < 3:
        why = f" {bad[0]}" if bad else ""
        raise DataError(f"{path} has {count} rows of data: it needs at least 3, one for each split.{why}")
    found = {place: column.finish(path) for place, column in columns.items()}
    classes, labels, _ = found[label]
    if labels is not None:
        check_classes(classes, wanted, f"Column `{header[label]}` of {path}")
    _check_inputs(wanted, path, len(features))
    parts, note = divided(labels if labels is not None else np.zeros(count, dtype=np.int64), wanted.options, "rows")
    values = grown.finish()
    mean, spread = _spread(values, parts["train"])
    splits = {}
    for name, indices in parts.items():
        inputs: list[Source] = [_standardised(values, indices, mean, spread)] * len(wanted.inputs)
        fields: dict[str, Field] = {}
        for place in columns:
            fields[header[place]] = _field(found[place], indices, header[place])
        fields["label"] = _field(found[label], indices, "the table")
        targets = target_sources(wanted, "the table", fields, inputs)
        own = None if labels is None else torch.from_numpy(labels[indices])
        splits[name] = Split(len(indices), (*inputs, *targets), own, partial(_cells, values, indices))
    what = "number to predict" if columns[label].measured else "class"
    notes = [
        f"`{header[label]}` is the {what}; the other {len(features)} columns are standardised on the train split."
        if len(columns) == 1
        else f"The {len(features)} columns that no Target reads are standardised on the train split.",
        note,
    ]
    if bad:
        notes.insert(0, skipped_note(bad))
    return Data("table", f"table:{path}", classes, splits, seed, notes, tuple(header[i] for i in features))


def _cells(values: np.ndarray, rows: np.ndarray, number: int) -> tuple[str, ...]:
    return tuple(f"{value:.6g}" for value in values[rows[number]].tolist())


def _columns(header: list[str], label: int, wanted: Wanted) -> dict[int, _Column]:
    """The columns that Targets read, by their places; the one of the labels is always among them."""

    def column(place: int, *names: str) -> _Column:
        readers = [t for t in wanted.targets if t.field in (header[place], *names)]
        return _Column(header[place], any(t.dtype.startswith("float") for t in readers), bool(readers))

    found = {label: column(label, "label")}
    for target in wanted.targets:
        if target.field in header and (place := header.index(target.field)) != label:
            found[place] = column(place)
    return found


def _numbers(
    rows: list[list[str]], width: int, features: list[int], columns: dict[int, _Column]
) -> np.ndarray | None:
    """The rows' numbers where all is well with all of them."""
    if any(len(row) != width for row in rows):
        return None
    if any(column.trouble(row[place].strip()) for place, column in columns.items() for row in rows):
        return None
    try:
        found = np.array([[row[i] for i in features] for row in rows], dtype=np.float64)
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _trouble(
    row: list[str], at: int, header: list[str], path: Path, features: list[int], columns: dict[int, _Column]
) -> str:
    """What is wrong with a row, in a sentence; "" where nothing is."""
    if len(row) != len(header):
        return f"Row {at} of {path} has {len(row)} cells, but there are {len(header)} columns: complete it."
    for i in features:
        if not math.isfinite(number(row[i])):
            cell = f"`{row[i]}`" if row[i] else "empty"
            return f"Row {at}, column `{header[i]}` of {path} is {cell}: it needs a number."
    for place, column in columns.items():
        if said := column.trouble(row[place].strip()):
            return f"Row {at} of {path} {said}"
    return ""


def _spread(values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the train rows; a column that never changes is divided by 1."""
    total, squares = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    for start in range(0, len(rows), CHUNK):
        total += values[rows[start : start + CHUNK]].sum(0)
    mean = total / len(rows)
    for start in range(0, len(rows), CHUNK):
        squares += ((values[rows[start : start + CHUNK]] - mean) ** 2).sum(0)
    deviation = np.sqrt(squares / len(rows))
    return mean, np.where(deviation > 0, deviation, 1.0)


def _standardised(values: np.ndarray, rows: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> Source:
    def take(chosen: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(((values[chosen] - mean) / spread).astype(np.float32))

    if isinstance(values, np.memmap):
        return MadeSource(lambda i: take(rows[i.numpy()]))
    return TensorSource(take(rows))


def _field(found: tuple[tuple[str, ...], np.ndarray | None, np.ndarray | None], rows: np.ndarray, kind: str) -> Field:
    _, labels, numbers = found
    own = None if labels is None else torch.from_numpy(labels[rows])

    def make(target: TargetSpec) -> Source:
        return label_field(kind, own, None if numbers is None else torch.from_numpy(numbers[rows]))(target)

    return make


def _check_inputs(wanted: Wanted, path: Path, columns: int) -> None:
    check_dtype(wanted, "the table", "numbers")
    for spec in wanted.inputs:
        if spec.shape != (columns,):
            raise DataError(
                f"`{spec.name}` takes {written(spec.shape)}, but {path} has {columns} columns of numbers: "
                f"set its shape to {columns}."
            )


def look_at_table(path: Path) -> Dataset:
    """The card of this table, from its beginning. The classes are known where that is all. Raises DataError."""
    header, _, rows = open_rows(path, NOBODY)
    if len(header) < 2:
        raise DataError(f"{path} has one column: it needs numbers, and a column with the class.")
    seen = list(islice(rows, GLANCE))
    label = label_column(header)
    whole = len(seen) < GLANCE
    fields = [_described(header, seen, label, "label", whole), _described(header, seen, label, header[label], whole)]
    fields += [_described(header, seen, i, header[i], whole) for i in range(len(header)) if i != label]
    return replace(
        CARD, title=path.name, sample=(len(header) - 1,), classes=_classes(seen, label) if whole else (),
        fields=tuple(fields),
    )  # fmt: skip


def _described(header: list[str], seen: list[list[str]], place: int, name: str, whole: bool) -> DataField:
    classes = _classes(seen, place)
    dtype = "int64" if classes else "float32"
    return DataField(name, f"The column {header[place]}.", dtype, classes=len(classes) if whole else 0)


def _classes(seen: list[list[str]], place: int) -> tuple[str, ...]:
    """The classes that the cells of a column stand for; () where they are fractions."""
    cells = {row[place].strip() for row in seen if len(row) > place} - {""}
    values = [number(cell) for cell in cells]
    if cells and all(map(math.isfinite, values)):
        whole = {int(v) for v in values if v == math.floor(v)}
        return tuple(map(str, sorted(whole))) if len({*values}) == len(whole) else ()
    return tuple(sorted(cells))
