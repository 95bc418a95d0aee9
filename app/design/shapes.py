"""How large a node is drawn and how its wires bend: for what paints them and for what finds them a place."""

from __future__ import annotations

HEADER, ROW, BODY, FOOT = 32.0, 20.0, 6.0, 24.0
"""Heights in scene units: of the line with the name, of a port or setting, of the space around those, of the costs."""
NARROW, WIDE = 144.0, 272.0
"""Widths in scene units between which a node's width follows its texts."""
SHOWN = 3
"""How many settings stand on a node at most."""
WITHOUT_COSTS = ("Ends", "Connector", "Loss", "Metric", "Postprocess")
"""Categories that have neither parameters nor costs worth a line."""


def lines(inputs: int, outputs: int) -> int:
    """How many lines a node's ports take: none where there is one in and one out, for they need no names."""
    return max(inputs, outputs) if max(inputs, outputs) > 1 else 0


def height(inputs: int, outputs: int, settings: int, costs: bool) -> float:
    """Height of a node in scene units; `settings` of them are shown on it."""
    between = max(lines(inputs, outputs) + settings, 1)
    return HEADER + BODY + between * ROW + BODY + (FOOT if costs else 0)


def port_height(index: int, count: int, inputs: int, outputs: int, settings: int) -> float:
    """How far below the node's top its `index`-th of `count` ports of one side lies, in scene units."""
    if count > 1:
        return HEADER + BODY + (index + 0.5) * ROW
    listed = lines(inputs, outputs)
    if listed:
        return HEADER + BODY + listed * ROW / 2
    return (HEADER + height(inputs, outputs, settings, costs=False)) / 2


def bend(dx: float, dy: float) -> float:
    """How far a wire runs level from either end before it turns: a cubic's control points lie there.

    `dx`, `dy` lead from its start to its end; a wire that runs back swings out further.
    """
    if dx >= 0:
        return min(max(dx * 0.5, min(28.0, abs(dy) * 0.5 + dx * 0.3)), 180.0)
    return min(60.0 + abs(dx) * 0.35, 260.0)
