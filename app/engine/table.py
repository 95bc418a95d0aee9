"""A CSV file as data: numbers standardised on the train split, a column of classes (or of numbers to predict)."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import torch

from app.engine.data import Data, Split, TensorSource, Wanted, check_classes, stratified, target_sources
from app.engine.fit import DataError, written

MAX_BYTES = 2 * 2**30
MAX_CLASSES = 10_000


def open_table(path: Path, wanted: Wanted, seed: int) -> Data:
    """Open a CSV file. Raises DataError, which names the row and column of a bad cell."""
    header, rows, first = _read(path)
    names = [name.strip().lower() for name in header]
    column = next((names.index(name) for name in ("label", "target") if name in names), len(header) - 1)
    features = [i for i in range(len(header)) if i != column]
    if not features:
        raise DataError(f"{path} has one column: it needs numbers, and a column with the class.")
    values = np.empty((len(rows), len(features)), dtype=np.float64)
    for r, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(
                f"Row {r + first} of {path} has {len(row)} cells, but there are {len(header)} columns: complete it."
            )
        for c, i in enumerate(features):
            values[r, c] = _number(row[i])
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        r, c = bad[0]
        cell = f"`{rows[r][features[c]]}`" if rows[r][features[c]] else "empty"
        raise DataError(f"Row {r + first}, column `{header[features[c]]}` of {path} is {cell}: it needs a number.")
    cells = [row[column].strip() for row in rows]
    if "" in cells:
        raise DataError(f"Row {cells.index('') + first} of {path} has no `{header[column]}`: give it a class.")
    measured = any(t.field == "label" and t.dtype.startswith("float") for t in wanted.targets)
    classes, labels, numbers = _labels(cells, header[column], path, first, measured)
    check_classes(classes, wanted, f"Column `{header[column]}` of {path}")
    _check_inputs(wanted, path, len(features))
    parts = stratified(labels if classes else np.zeros(len(rows), dtype=np.int64), (0.7, 0.1, 0.2))
    mean = values[parts[0]].mean(0)
    spread = values[parts[0]].std(0)
    values = (values - mean) / np.where(spread > 0, spread, 1.0)
    splits = {}
    for name, indices in zip(("train", "validation", "test"), parts, strict=True):
        if len(indices):
            own = torch.from_numpy(labels[indices])
            inputs = [TensorSource(torch.from_numpy(values[indices].astype(np.float32)))] * len(wanted.inputs)
            measures = None if numbers is None else torch.from_numpy(numbers[indices])
            targets = target_sources(wanted, "the table", own if classes else None, measures, inputs)
            splits[name] = Split(len(indices), (*inputs, *targets), own if classes else None)
    notes = [
        f"`{header[column]}` is the {'class' if classes else 'number to predict'}; the other {len(features)} columns "
        "are standardised on the train split.",
        "70 % of the rows serve training, 10 % validation, 20 % the test, the same each time.",
    ]
    return Data("table", f"table:{path}", classes, splits, seed, notes)


def _read(path: Path) -> tuple[list[str], list[list[str]], int]:
    """The columns' names, the rows, and the number that a spreadsheet gives the first of them."""
    if not path.is_file():
        raise DataError(f"There is no file {path}: choose a CSV file.")
    if path.stat().st_size > MAX_BYTES:
        raise DataError(f"{path} has {path.stat().st_size / 2**30:.1f} GB: at most {MAX_BYTES // 2**30} GB are read.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            mark = max(",;\t", key=head.count)
            rows = list(csv.reader(file, delimiter=mark))
        while rows and not rows[-1]:
            rows.pop()  # empty lines at the end
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None
    if not rows:
        raise DataError(f"{path} is empty: it needs a row for each sample.")
    if all(math.isfinite(_number(cell)) for cell in rows[0]):  # numbers only: there is no header
        header, first = [f"column {i + 1}" for i in range(len(rows[0]))], 1
    else:
        header, rows, first = rows[0], rows[1:], 2
    if len(rows) < 3:
        raise DataError(f"{path} has {len(rows)} rows of data: it needs at least 3, one for each split.")
    return header, rows, first


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _labels(
    cells: list[str], column: str, path: Path, first: int, measured: bool
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray | None]:
    """Class names, class indices, and the cells as numbers where a Target wants numbers."""
    values = np.array([_number(cell) for cell in cells])
    if measured:
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(
                f"Row {row + first}, column `{column}` of {path} is `{cells[row]}`: the Target wants a number."
            )
        return (), np.zeros(len(cells), dtype=np.int64), values.astype(np.float32)
    if np.isfinite(values).all():
        if (values != np.floor(values)).any():
            raise DataError(f"Column `{column}` of {path} holds fractions: a class needs a name or a whole number.")
        ordered = [str(int(v)) for v in np.unique(values)]
        cells = [str(int(v)) for v in values]
    else:
        ordered = sorted(set(cells))
    if len(ordered) > MAX_CLASSES:
        raise DataError(f"Column `{column}` of {path} holds {len(ordered):,} classes: is it the right column?")
    index = {name: i for i, name in enumerate(ordered)}
    return tuple(ordered), np.array([index[cell] for cell in cells], dtype=np.int64), None


def _check_inputs(wanted: Wanted, path: Path, columns: int) -> None:
    for spec in wanted.inputs:
        if spec.dtype != "float32":
            raise DataError(f"`{spec.name}` takes {spec.dtype}, but the table gives numbers: set it to float32.")
        if spec.shape != (columns,):
            raise DataError(
                f"`{spec.name}` takes {written(spec.shape)}, but {path} has {columns} columns of numbers: "
                f"set its shape to {columns}."
            )
