"""What an overlay puts on each node: how warm it is, what its badge says, and the colours of warmth."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor

from app.window.canvas.glyphs import mix
from app.window.document import Document
from app.window.theme import theme

STEPS = 20
"""So many tints are told apart: each needs its colours mixed once."""
EMBER = {True: "#ff8a3d", False: "#f07a1c"}
"""The warmest colour, by whether the theme is dark: neither a category's nor that of a problem."""
TINT = {True: 0.42, False: 0.5}
"""How much of it a node's body takes at most, so that what stands on it stays legible."""


@dataclass(frozen=True)
class Heat:
    """What a node shows of the measure that nodes are coloured by."""

    step: int = 0
    """0 to STEPS: how warm it is beside the warmest node of the graph."""
    text: str = ""
    """`1.24 ms, 18 %`; empty where there is nothing to tell."""
    old: bool = False


def heats(document: Document) -> dict[str, Heat]:
    """The heat of every node of the graph that is looked at; nothing while no measure is shown."""
    overlay = document.overlay
    if not overlay.measure or (overlay.measure == "time" and document.timings.profile is None):
        return {}
    found = {node.id: Heat() for node in document.graph.nodes}
    for id, (part, figure) in overlay.warmth().items():
        found[id] = Heat(round(STEPS * part), figure.text, figure.old)
    return found


def legible(ground: QColor) -> QColor:
    """Dark or light, whichever is read more easily on that ground."""
    light = 0.299 * ground.redF() + 0.587 * ground.greenF() + 0.114 * ground.blueF() < 0.45
    return QColor("#f4f5f7" if light else "#14171c")


def warm(part: float, ground: QColor) -> QColor:
    """The ground, `part` of the way (0 to 1) to the warmest colour."""
    return mix(QColor(EMBER[theme.tokens.dark]), ground, part)
