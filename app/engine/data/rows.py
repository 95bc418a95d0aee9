"""The rows of a table's file, one after another: CSV as text, Parquet by pyarrow."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from app.engine.data.base import Watch
from app.engine.data.fit import DataError

AT_ONCE = 4096
"""Rows of a Parquet file that are unpacked together."""
PARQUET = (".parquet", ".pq")


class Rows(NamedTuple):
    """A table's columns, the number that a spreadsheet gives its first row, and its rows, which can be read once."""

    header: list[str]
    first: int
    rows: Iterator[list[str]]


def number(cell: str) -> float:
    """What a cell says; no number: NaN."""
    try:
        return float(cell)
    except ValueError:
        return math.nan


def open_rows(path: Path, watch: Watch) -> Rows:
    """Open a table. Raises DataError, also while its rows are read."""
    if not path.is_file():
        raise DataError(f"There is no file {path}: choose a CSV or Parquet file.")
    return _parquet(path, watch) if path.suffix.lower() in PARQUET else _csv(path, watch)


def _csv(path: Path, watch: Watch) -> Rows:
    rows = _csv_rows(path, watch)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty: it needs a row for each sample.")
    if all(math.isfinite(number(cell)) for cell in first):  # numbers only: there is no header
        return Rows([f"column {i + 1}" for i in range(len(first))], 1, _after(first, rows))
    return Rows(first, 2, rows)


def _after(first: list[str], rows: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rows


def _csv_rows(path: Path, watch: Watch) -> Iterator[list[str]]:
    total = path.stat().st_size
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            head = file.readline()
            file.seek(0)
            mark = max(",;\t", key=head.count)
            empty = read = told = 0
            for row in csv.reader(file, delimiter=mark):
                read += sum(map(len, row)) + len(row)
                if read - told > 2**20:
                    told = read
                    watch.step(min(read, total), total)
                if not row:
                    empty += 1  # at the end of the file they mean nothing
                    continue
                for _ in range(empty):
                    yield []
                empty = 0
                yield row
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text: save it as CSV in UTF-8.") from None
    except (OSError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}.") from None


def _parquet(path: Path, watch: Watch) -> Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path} is a Parquet file, which needs pyarrow: pip install netloom[parquet], or save it as CSV."
        ) from None
    try:
        file = parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}.") from None

    def rows() -> Iterator[list[str]]:
        done, total = 0, file.metadata.num_rows
        try:
            for batch in file.iter_batches(batch_size=AT_ONCE):
                columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
                done += batch.num_rows
                watch.step(done, total)
                yield from (list(row) for row in zip(*columns, strict=True))
        except (OSError, pyarrow.ArrowException) as error:
            raise DataError(f"{path} cannot be read: {str(error).splitlines()[0]}.") from None

    return Rows([str(name) for name in file.schema_arrow.names], 1, rows())


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
