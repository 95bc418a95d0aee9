"""Pictures of a drawing and of curves, made by the window's painter in a process of its own: the engine has no Qt."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from app.design import file
from app.design.values import Design
from app.engine import child
from app.exits import CallError
from app.messages import Analysis, Catalogue, encode
from app.messages.parts import Fields
from blocks.card import Card

SECONDS = 120
LEAST_SCALE, MOST_SCALE = 0.1, 16


class PictureError(ValueError):
    """A picture that could not be made; one line that says why."""


KINDS = ("svg", "pdf", "png")
OPTIONS = {"theme": None, "transparent": False, "scale": None, "no_labels": False, "overlay": None}
"""What the command line can say of a picture, and what each is where nothing is said."""


def look(arguments: argparse.Namespace, title: str) -> list[str]:
    """What the command line says of a picture, as the painter takes it. Raises CallError where that does not fit the
    form that is asked for."""
    given = [name for name, default in OPTIONS.items() if getattr(arguments, name) != default]
    if given and arguments.to not in KINDS:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise CallError(f"{options}: that is for pictures, but --to is {arguments.to} (pictures: {', '.join(KINDS)})")
    if arguments.scale is not None and arguments.to != "png":
        raise CallError(f"--scale is for png: a picture as {arguments.to} is sharp at any size")
    if arguments.scale is not None and not LEAST_SCALE <= arguments.scale <= MOST_SCALE:
        raise CallError(f"--scale is {arguments.scale:g}, but it needs a number from {LEAST_SCALE} to {MOST_SCALE}")
    said = [f"--title={title}", "--scale", str(arguments.scale or 2.0), "--overlay", arguments.overlay or ""]
    flags = {
        "--light": arguments.theme != "dark", "--transparent": arguments.transparent,
        "--no-labels": arguments.no_labels,
    }  # fmt: skip
    return said + [flag for flag, on in flags.items() if on]


def drawing(
    design: Design, analysis: Analysis, cards: tuple[Card, ...], out: Path, look: Sequence[str] = (),
    fields: Fields | None = None,
) -> None:  # fmt: skip
    """Paint the drawing into `out` (.png, .svg or .pdf); `look` is what the painter is told of it. Raises
    PictureError."""
    with tempfile.TemporaryDirectory() as folder:
        parts = {
            "--design": file.dumps(design), "--catalogue": encode(Catalogue(cards)), "--analysis": encode(analysis),
        }  # fmt: skip
        if fields is not None:
            parts["--fields"] = encode(fields)
        arguments = ["--drawing", str(out.absolute()), *look]
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
