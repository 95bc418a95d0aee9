"""Icons, fonts and themes that come with Netloom."""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def path(*parts: str) -> Path:
    """Return the path of a bundled file: `path("icons", "play.svg")`."""
    return _HERE.joinpath(*parts)
