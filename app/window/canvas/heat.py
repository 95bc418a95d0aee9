"""The measured time on the canvas: how warm each node is, what its badge says, and the colours of warmth."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor

from app.design.values import Graph
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
    """What a node shows of the measurement."""

    step: int = 0
    """0 to STEPS: its share of the time, beside that of the node of the graph that took most."""
    text: str = ""
    """`1.24 ms, 18 %`; empty where nothing was measured."""
    old: bool = False


def heats(document: Document) -> dict[str, Heat]:
    """The heat of every node of the graph that is looked at; nothing while no measurement is shown."""
    timings = document.timings
    if timings.profile is None or not timings.shown:
        return {}
    most = hottest(document, document.graph)
    found = {}
    for node in document.graph.nodes:
        timing = timings.of(document.id_path(node.id))
        if timing is None:
            found[node.id] = Heat()
        else:
            part = timing.figure.share / most if most and not timing.old else 0.0
            found[node.id] = Heat(round(STEPS * part), timing.text, timing.old)
    return found


def hottest(document: Document, graph: Graph) -> float:
    """The largest share of the time among the nodes of the graph that is looked at; an old one counts, lest the others
    look warmer than they are."""
    timings = (document.timings.of(document.id_path(node.id)) for node in graph.nodes)
    return max((timing.figure.share for timing in timings if timing is not None), default=0.0)


def legible(ground: QColor) -> QColor:
    """Dark or light, whichever is read more easily on that ground."""
    light = 0.299 * ground.redF() + 0.587 * ground.greenF() + 0.114 * ground.blueF() < 0.45
    return QColor("#f4f5f7" if light else "#14171c")


def warm(part: float, ground: QColor) -> QColor:
    """The ground, `part` of the way (0 to 1) to the warmest colour."""
    return mix(QColor(EMBER[theme.tokens.dark]), ground, part)
