"""confusion.json in a run folder: the newest confusion matrix of each split and ConfusionMatrix block."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from app.design import file
from app.engine.runs import RunError
from app.messages.confusion import Confusion

NAME = "confusion.json"


class Kept(NamedTuple):
    """A table and where the run stood when it was counted."""

    split: str
    epoch: int
    step: int
    table: Confusion


def write(folder: Path, split: str, epoch: int, step: int, tables: Sequence[Confusion]) -> None:
    """Put tables of a split in the place of its older ones. Raises RunError."""
    rest = [kept for kept in read(folder) if kept.split != split]
    _save(folder, [*rest, *(Kept(split, epoch, step, table) for table in tables)])


def cut(folder: Path, step: int) -> None:
    """Take away what was counted after a step, and the test split's, as a resumed run counts it anew."""
    found = read(folder)
    left = [kept for kept in found if kept.step <= step and kept.split != "test"]
    if left != found:
        _save(folder, left)


def read(folder: Path) -> list[Kept]:
    """The tables of a run folder; none where it has no such file, or one that cannot be read."""
    try:
        rows = json.loads((folder / NAME).read_text(encoding="utf-8"))["tables"]
        return [
            Kept(row["split"], row["epoch"], row["step"], msgspec.convert(row["table"], Confusion)) for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # a ValidationError is a ValueError
        return []


def _save(folder: Path, tables: Sequence[Kept]) -> None:
    rows = [{**kept._asdict(), "table": msgspec.to_builtins(kept.table)} for kept in tables]
    try:
        file.write_atomically(folder / NAME, (json.dumps({"tables": rows}, ensure_ascii=False) + "\n").encode())
    except file.FileError as error:
        raise RunError(str(error)) from None
