"""What the steps of the layout hand on: sizes of nodes, and the drawing cut into layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["right", "down"]
"""Which way the wires lead."""


class Cancelled(Exception):
    """Whoever asked for the layout does not want it any more."""


@dataclass(frozen=True)
class Box:
    """How large a node is drawn, and how far below its top each port lies."""

    width: float
    height: float
    inputs: Mapping[str, float] = field(default_factory=dict)
    outputs: Mapping[str, float] = field(default_factory=dict)


def _nobody() -> bool:
    return False


def _nothing(_done: float) -> None:
    return None


@dataclass(frozen=True)
class Watch:
    """Who waits: `cancelled` is asked often, `progress` is told which part (0..1) is done."""

    cancelled: Callable[[], bool] = _nobody
    progress: Callable[[float], None] = _nothing

    def look(self) -> None:
        """Raise Cancelled when it is not wanted any more."""
        if self.cancelled():
            raise Cancelled


@dataclass(frozen=True)
class Edge:
    """A wire between two nodes, by their numbers; where it leaves and arrives, across the layers."""

    source: int
    target: int
    leave: float
    arrive: float


@dataclass
class Layers:
    """The drawing cut into layers. Nodes are the numbers below `count`, those from there on stand for long wires.

    A dummy holds a place for a wire in a layer that it passes. Wires that leave one port share their dummies.
    """

    count: int
    layer: list[int]
    size: list[float]
    """Across the layers, for each vertex."""
    edges: list[Edge]
    """The wires that lead on, each pair of ports once."""
    segments: list[list[Edge]]
    """Between each layer and the next: wires and parts of wires."""
    chains: dict[tuple[int, float], list[int]]
    """(node, where a wire leaves it) -> its dummies, layer by layer."""
    order: list[list[int]] = field(default_factory=list)
    """The vertices of each layer, from the first to the last across."""

    def positions(self) -> list[int]:
        """The place of each vertex in its layer."""
        place = [0] * len(self.layer)
        for row in self.order:
            for i, v in enumerate(row):
                place[v] = i
        return place

    def span(self, edge: Edge) -> int:
        """Over how many layers a wire leads."""
        return self.layer[edge.target] - self.layer[edge.source]
