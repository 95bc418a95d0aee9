"""How a picture is brought to another size."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Fit(NamedTuple):
    """stretch it; letterbox it, with bars of `fill` (0 to 1) where it does not reach; fill the size, and what juts out
    is cut."""

    way: Literal["stretch", "letterbox", "fill"] = "stretch"
    fill: float = 0.5


STRETCH = Fit()


def resized(own: tuple[int, int], wanted: tuple[int, int], fit: Fit) -> tuple[int, int]:
    """Height and width that a picture of the size `own` gets before bars are put around it, or it is cut."""
    if fit.way == "stretch":
        return wanted
    scales = wanted[0] / own[0], wanted[1] / own[1]
    scale = min(scales) if fit.way == "letterbox" else max(scales)
    return max(round(own[0] * scale), 1), max(round(own[1] * scale), 1)


def corner(own: tuple[int, int], wanted: tuple[int, int]) -> tuple[int, int]:
    """Where the middle begins: rows and columns to add before it (below 0: to cut)."""
    return (wanted[0] - own[0]) // 2, (wanted[1] - own[1]) // 2
