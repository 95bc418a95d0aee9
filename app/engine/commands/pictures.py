"""Pictures of a drawing and of curves, made by the window's painter in a process of its own: the engine has no Qt."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from app.design import file
from app.design.values import Design
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
    import app

    home = str(Path(app.__file__).resolve().parent.parent)
    paths = os.pathsep.join(p for p in (home, os.environ.get("PYTHONPATH", "")) if p)
    environment = {**os.environ, "PYTHONPATH": paths, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-P", "-m", "app.window.pictures", *arguments]
    try:
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise PictureError(f"The picture was not finished within {SECONDS} s") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise PictureError(f"No picture: {lines[-1] if lines else f'the painter ended with code {done.returncode}'}")
