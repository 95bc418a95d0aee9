"""What an export sent, written: what belongs to the main file first, the main file last."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from app.design.file import FileError, write_atomically
from app.messages import Exported


def write(path: Path, exported: Exported, files: Mapping[str, bytes]) -> list[Path]:
    """Write the main file to `path` and the others into its folder. Returns what was written, the main file first.

    Raises FileError where something has not arrived whole (nothing is written then) or a place cannot be written.
    """
    wanted = [*exported.beside, (exported.file, exported.bytes)]
    for name, size in wanted:
        got = len(files.get(name, b""))
        if got != size or name not in files:
            which = f" of {name}" if exported.beside else ""
            raise FileError(
                f"Only {got:,} of {size:,} bytes{which} arrived, so nothing was written: export again"
            )  # fmt: skip
    written = []
    for name, _size in wanted:
        # A name is no path: what comes through the pipe says nothing about where things are put.
        target = path if name == exported.file else path.with_name(Path(name).name)
        write_atomically(target, files[name])
        written.append(target)
    return written[::-1]
