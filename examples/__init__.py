"""Designs that open, run and are tested. Torch-free: `path("digits")` is a file, to be read by `app.design.file`."""

from __future__ import annotations

import difflib
from pathlib import Path

from examples import zoo

_HERE = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """The examples by name, in alphabetical order."""
    return tuple(sorted(file.stem for file in _HERE.glob("*.netloom")))


def path(name: str) -> Path:
    """The file of the example `name`. Raises KeyError with a sentence when there is none."""
    if name not in names():
        raise KeyError(f"there is no example `{name}` (there are: {', '.join(names())})")
    return _HERE / f"{name}.netloom"


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
