"""confusion.json of a run folder as the window reads it, and as a run under way tells it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.messages.confusion import Confusion

NAME = "confusion.json"


class Counted(NamedTuple):
    """A confusion matrix and where the run stood when it was counted."""

    split: str
    epoch: int
    table: Confusion


def read(folder: Path) -> tuple[Counted, ...]:
    """The matrices of a run folder; none where it has no such file, or one that cannot be read: the run is none the
    worse for it."""
    try:
        rows = json.loads((folder / NAME).read_text(encoding="utf-8"))["tables"]
        found = [Counted(str(r["split"]), int(r["epoch"]), msgspec.convert(r["table"], Confusion)) for r in rows]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a ValidationError is a ValueError
        return ()
    return tuple(one for one in found if fits(one.table))


def fits(table: Confusion) -> bool:
    """Whether a table is square, with a name for each class, and counts nothing below 0."""
    size = len(table.classes)
    return len(table.counts) == size > 0 and all(len(row) == size and min(row) >= 0 for row in table.counts)


def taken(known: Iterable[Counted], split: str, epoch: int, tables: Iterable[Confusion]) -> tuple[Counted, ...]:
    """What is known of a run with newer matrices of a split in the place of its older ones."""
    rest = [one for one in known if one.split != split]
    return (*rest, *(Counted(split, epoch, table) for table in tables if fits(table)))


def share(table: Confusion, row: int, column: int) -> float:
    """Of the samples of a class the share that was taken for another, 0 to 1; 0 where there are none."""
    total = sum(table.counts[row])
    return table.counts[row][column] / total if total else 0.0


def sentence(table: Confusion, row: int, column: int) -> str:
    """A cell in words: "3 was taken for 8: 12 of 180 (6.7 %)"."""
    right, named = table.classes[row], table.classes[column]
    what = f"{right} was recognised" if row == column else f"{right} was taken for {named}"
    count, total = table.counts[row][column], sum(table.counts[row])
    return f"{what}: {count:,} of {total:,} ({share(table, row, column):.1%})".replace("%", " %")


def as_rows(table: Confusion) -> list[list[str]]:
    """The matrix with its names, for a table of text: a row for each right class."""
    rows = zip(table.classes, table.counts, strict=True)
    return [["", *table.classes], *([name, *map(str, counts)] for name, counts in rows)]
