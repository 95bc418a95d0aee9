"""Contrast as WCAG reckons it, and colours that are moved until they keep it."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor

TEXT, MARK = 4.5, 3.0
"""What level AA asks of text, and of marks that mean something (WCAG 2.2, 1.4.3 and 1.4.11)."""


def _light(colour: QColor) -> float:
    def linear(part: float) -> float:
        return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF())


def ratio(one: QColor, other: QColor) -> float:
    """From 1 (alike) to 21 (black and white)."""
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


def readable(colour: QColor, ground: QColor, towards: QColor, least: float) -> QColor:
    """`colour`, moved towards another just so far that it stands out from `ground`."""
    return QColor(_moved(colour.rgb(), ground.rgb(), towards.rgb(), least))


@lru_cache(maxsize=512)
def _moved(colour: int, ground: int, towards: int, least: float) -> int:
    start, end = QColor(colour), QColor(towards)
    for step in range(21):
        part = step / 20
        mixed = QColor(
            *(round(a + (b - a) * part) for a, b in zip(start.getRgb()[:3], end.getRgb()[:3], strict=True))  # type: ignore[index]
        )
        if ratio(mixed, QColor(ground)) >= least:
            return mixed.rgb()
    return end.rgb()
