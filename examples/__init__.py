"""Designs that open, run and are tested. Torch-free: `path("digits")` is a file, to be read by `app.design.file`."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """The examples by name, in alphabetical order."""
    return tuple(sorted(file.stem for file in _HERE.glob("*.netloom")))


def path(name: str) -> Path:
    """The file of the example `name`. Raises KeyError with a sentence when there is none."""
    if name not in names():
        raise KeyError(f"there is no example `{name}` (there are: {', '.join(names())})")
    return _HERE / f"{name}.netloom"
