"""Pictures of a preview as Qt draws them: grey maps, colour, and heat in a scale of colours."""

from __future__ import annotations

import math
from functools import lru_cache

from PySide6.QtGui import QColor, QImage, qRgb

from app.messages.preview import Look, Tile
from app.window.canvas.thumbs import Thumb

_SCALE = ("#0b0d14", "#2a2168", "#7b2f83", "#cf4a62", "#f5914c", "#fbf3b2")
"""From nothing to the most; each is lighter than the one before, so that it reads without colours too."""


@lru_cache(maxsize=1)
def heat_scale() -> list[int]:
    """256 colours for the bytes of `heat`."""
    stops = [QColor(name) for name in _SCALE]
    table = []
    for value in range(256):
        place = value / 255 * (len(stops) - 1)
        index = min(int(place), len(stops) - 2)
        share = place - index
        a, b = stops[index], stops[index + 1]
        mixed = (x + (y - x) * share for x, y in ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue())))
        table.append(qRgb(*(round(x) for x in mixed)))
    return table


def images(look: Look) -> list[QImage]:
    """The tiles of a look. Fewer where the bytes do not suffice: they come from another process."""
    depth = 3 if look.form == "colour" else 1
    size = look.width * look.height * depth
    if not size or look.form in ("values", "none"):
        return []
    made = []
    for index in range(min(len(look.tiles), len(look.pixels) // size)):
        pixels = look.pixels[index * size : (index + 1) * size]
        form = {"colour": QImage.Format.Format_RGB888, "heat": QImage.Format.Format_Indexed8}.get(
            look.form, QImage.Format.Format_Grayscale8
        )
        image = QImage(pixels, look.width, look.height, look.width * depth, form).copy()
        if look.form == "heat":
            image.setColorTable(heat_scale())
        made.append(image)
    return made


def number(value: float) -> str:
    """A value in a few characters: 0.031, 12.3, 1.2e+05, with a proper minus."""
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    text = f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"
    return text.replace("-", "−", 1) if value < 0 else text


def facts(tile: Tile) -> str:
    """What the numbers of a tile are: `−0.12 to 1.93, mean 0.21, 34 % zeros`."""
    return f"{number(tile.low)} to {number(tile.high)}, mean {number(tile.mean)}, {tile.zeros * 100:.0f} % zeros"


def thumb(looks: tuple[Look, ...]) -> Thumb:
    """The picture of a node from what leaves its first port: its maps, or one map of each level of a pyramid."""
    if len(looks) > 1:
        levels = [made[0] for look in looks if (made := images(look))]
        return Thumb(tuple(levels), tip="\n".join(map(_said, looks))) if levels else Thumb(words="no picture")
    look = looks[0] if looks else Look("none")
    if look.form == "values" and len(look.values) == 1:
        return Thumb(words=number(look.values[0]), strong=True)
    if look.form == "values":
        return Thumb(values=look.values, tip=_said(look))
    if made := images(look):
        return Thumb(tuple(made), wide=look.form == "heat", tip=_said(look))
    return Thumb(words="no picture", tip=look.said)


def _said(look: Look) -> str:
    sizes = " × ".join(map(str, look.shape[1:]))
    return f"{sizes}. {look.said}" if look.said else sizes
