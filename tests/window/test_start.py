"""A start of the real window, as a user's: it is painted, and what is heavy is not loaded by then."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.window.theme import DARK, LIGHT, Tokens

PAINTED = """
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
application = QApplication(["netloom"])
from app.window import theme
from app.window.main_window import MainWindow
theme.load_fonts()
window = MainWindow()
window.show()
QTimer.singleShot(0, application.exit)
application.exec()
assert window.isVisible()
shades = {window.grab().toImage().pixel(x, 20) for x in range(0, window.width(), 3)}
assert len(shades) > 8, shades
heavy = {"torch", "numpy", "networkx", "pyqtgraph", "onnx", "lightning_fabric"}
print(*sorted(heavy & sys.modules.keys()), *(name for name in sys.modules if name.startswith("app.engine")))
"""


def test_the_window_is_painted_before_anything_heavy_is_loaded(tmp_path: Path) -> None:
    places = {"NETLOOM_SETTINGS": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", PAINTED], env=os.environ | places, capture_output=True, text=True, check=False,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
    assert not re.search("warning|error", done.stderr, re.IGNORECASE), done.stderr


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("tokens", [DARK, LIGHT], ids=["dark", "light"])
def test_what_must_be_read_meets_wcag_aa(tokens: Tokens) -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    grounds = ("window", "panel", "raised", "canvas", "node")
    for ink in ("text", "soft", "error", "warn", "ok", "accent"):
        for ground in grounds if ink in ("text", "soft") else ("panel", "canvas"):
            got = contrast(getattr(tokens, ink), getattr(tokens, ground))
            assert got >= 4.5, f"{ink} on {ground}: {got:.2f}"
    assert contrast(tokens.on_accent, tokens.accent) >= 4.5
    for ground in grounds:  # what one can do without, and what is no text
        assert contrast(tokens.faint, getattr(tokens, ground)) >= 2.5, ground
    assert contrast(tokens.accent, tokens.panel) >= 3, "a ring around what has the focus"
