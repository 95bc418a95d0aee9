"""Designs that open, run and are tested. Torch-free: `path("digits")` is a file, to be read by `app.design.file`."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path

from examples import zoo

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE, _HERE / "training")


@cache
def _files() -> dict[str, Path]:
    return {file.stem: file for folder in _FOLDERS for file in folder.glob("*.netloom")}


def names() -> tuple[str, ...]:
    """The examples by name, in alphabetical order."""
    return tuple(sorted(_files()))


def shipped(path: Path) -> Path:
    """The file that a drawing means by `examples/...`: where there is none in the folder one stands in, the one that
    comes with Netloom."""
    if path.exists() or path.is_absolute() or path.parts[:1] != ("examples",):
        return path
    return _HERE.joinpath(*path.parts[1:])


def path(name: str) -> Path:
    """The file of the example `name`. Raises KeyError with a sentence when there is none."""
    if name not in names():
        raise KeyError(f"there is no example `{name}` (there are: {', '.join(names())})")
    return _files()[name]


def find(name: str) -> tuple[Path, str] | None:
    """The file of the example or known architecture `name`, and which variant in it is meant ("": as it is drawn)."""
    if name in names():
        return path(name), ""
    known = zoo.find(name)
    return (known, name) if known else None


def near(name: str) -> str:
    """What somebody may have meant who wrote `name`: the end of a sentence that says there is no such thing."""
    found = difflib.get_close_matches(name, [*names(), *zoo.index()], n=4)
    return f" (did you mean {', '.join(found)}?)" if found else " (`netloom zoo` lists the known architectures)"
