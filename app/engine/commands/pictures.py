"""Pictures of a drawing and of curves, made by the window's painter in a process of its own: the engine has no Qt."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.design import file
from app.design.values import Design
from app.engine import child
from app.messages import Analysis, Catalogue, encode
from blocks.card import Card

SECONDS = 120


class PictureError(ValueError):
    """A picture that could not be made; one line that says why."""


def drawing(design: Design, analysis: Analysis, cards: tuple[Card, ...], out: Path) -> None:
    """Paint the drawing into `out` (.png or .svg). Raises PictureError."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "--design": file.dumps(design), "--catalogue": encode(Catalogue(cards)), "--analysis": encode(analysis),
        }  # fmt: skip
        arguments = ["--drawing", str(out.absolute())]
        for option, data in parts.items():
            path = Path(folder) / option.strip("-")
            path.write_bytes(data)
            arguments += [option, str(path)]
        _paint(arguments)


def curves(metrics: Path, out: Path) -> None:
    """Paint a run's curves into `out`. Raises PictureError."""
    _paint(["--curves", str(out.absolute()), "--metrics", str(metrics.absolute())])


def _paint(arguments: list[str]) -> None:
    try:
        child.run("app.window.pictures", *arguments, seconds=SECONDS, QT_QPA_PLATFORM="offscreen")
    except child.ChildError as error:
        raise PictureError(f"No picture: {error}") from None
