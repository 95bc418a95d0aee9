"""Where nodes go when they are aligned, spread evenly or straightened: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from PySide6.QtCore import QRectF

from app.window.canvas.geometry import snap

Places = dict[str, tuple[float, float]]


class Rect(NamedTuple):
    """A node's rectangle on the scene."""

    x: float
    y: float
    width: float
    height: float

    @staticmethod
    def of(rect: QRectF) -> Rect:
        return Rect(rect.x(), rect.y(), rect.width(), rect.height())


def _all(rects: Mapping[str, Rect]) -> Rect:
    left, top = min(r.x for r in rects.values()), min(r.y for r in rects.values())
    right, bottom = max(r.x + r.width for r in rects.values()), max(r.y + r.height for r in rects.values())
    return Rect(left, top, right - left, bottom - top)


def left(rects: Mapping[str, Rect]) -> Places:
    """All begin where the leftmost does."""
    return {id: (snap(_all(rects).x), r.y) for id, r in rects.items()}


def centre(rects: Mapping[str, Rect]) -> Places:
    """All middles below each other."""
    whole = _all(rects)
    return {id: (snap(whole.x + (whole.width - r.width) / 2), r.y) for id, r in rects.items()}


def right(rects: Mapping[str, Rect]) -> Places:
    """All end where the rightmost does."""
    whole = _all(rects)
    return {id: (snap(whole.x + whole.width - r.width), r.y) for id, r in rects.items()}


def top(rects: Mapping[str, Rect]) -> Places:
    """All begin where the highest does."""
    return {id: (r.x, snap(_all(rects).y)) for id, r in rects.items()}


def middle(rects: Mapping[str, Rect]) -> Places:
    """All middles beside each other."""
    whole = _all(rects)
    return {id: (r.x, snap(whole.y + (whole.height - r.height) / 2)) for id, r in rects.items()}


def bottom(rects: Mapping[str, Rect]) -> Places:
    """All end where the lowest does."""
    whole = _all(rects)
    return {id: (r.x, snap(whole.y + whole.height - r.height)) for id, r in rects.items()}


def spread_across(rects: Mapping[str, Rect]) -> Places:
    """Equal room between neighbours; the first and the last stay."""
    order = sorted(rects, key=lambda id: (rects[id].x, id))
    whole = _all(rects)
    room = (whole.width - sum(r.width for r in rects.values())) / (len(order) - 1)
    places, at = {}, whole.x
    for id in order:
        places[id] = (snap(at), rects[id].y)
        at += rects[id].width + room
    return places


def spread_down(rects: Mapping[str, Rect]) -> Places:
    """Equal room between neighbours; the first and the last stay."""
    turned = {id: Rect(r.y, r.x, r.height, r.width) for id, r in rects.items()}
    return {id: (x, y) for id, (y, x) in spread_across(turned).items()}


HOW: dict[str, tuple[str, str, str, Callable[[Mapping[str, Rect]], Places]]] = {
    "align left": ("Align left", "align-start-vertical", "Alt+A", left),
    "align centre": ("Align centre", "align-center-vertical", "Alt+H", centre),
    "align right": ("Align right", "align-end-vertical", "Alt+D", right),
    "align top": ("Align top", "align-start-horizontal", "Alt+W", top),
    "align middle": ("Align middle", "align-center-horizontal", "Alt+V", middle),
    "align bottom": ("Align bottom", "align-end-horizontal", "Alt+S", bottom),
    "distribute across": (
        "Distribute horizontally", "align-horizontal-distribute-center", "Alt+Shift+H", spread_across,
    ),
    "distribute down": ("Distribute vertically", "align-vertical-distribute-center", "Alt+Shift+V", spread_down),
}  # fmt: skip
"""What lines up: by an action's name its text, icon, keys and what it does."""


def straightened(
    lefts: Mapping[str, float], tops: Mapping[str, float], joints: Sequence[tuple[str, str, float, float]]
) -> Places:
    """Nodes moved up or down so that the wires of chains are level.

    `joints`: (source, target, how far below its top the wire leaves, and arrives). From left to right each node takes
    the level of the first that feeds it and has no other on its level yet; the leftmost of a chain stays.
    """
    placed = dict(tops)
    followed: set[str] = set()
    for target in sorted(lefts, key=lambda id: (lefts[id], id)):
        feeds = sorted(
            (j for j in joints if j[1] == target and j[0] not in followed and lefts[j[0]] < lefts[target]),
            key=lambda j: (lefts[j[0]], j[0]),
        )
        if feeds:
            source, _, leave, arrive = feeds[-1]
            followed.add(source)
            placed[target] = placed[source] + leave - arrive
    return {id: (lefts[id], snap(placed[id])) for id in placed}
