"""Finds a place for nodes that no hand has placed: the inside of a block that was opened up."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from app.design.ports import Catalogue, ports
from app.design.shapes import SHOWN, WIDE, WITHOUT_COSTS, bend, height, port_height
from app.design.values import Design, Graph, Node, Wire

COLUMN, ROW = 320.0, 74.0
"""Scene units from one column to the next, and from one row to the next; most nodes are two rows high."""
_GAP = 20.0
"""Free space between a node and the next below it, in scene units."""
_NEAR = 0.5 * _GAP / ROW
"""Half of that in rows: a wire that comes nearer to a node runs over it."""
_SWEEPS = 6
"""How often nodes are moved before what still crosses stays."""


def placed(nodes: Sequence[Node], wires: Sequence[Wire], catalogue: Catalogue) -> tuple[Node, ...]:
    """The nodes in columns, each right of all that feed it, so that few wires run over a node.

    What is wired the furthest decides the row: a shortcut is a straight line above what it skips and a pyramid's
    levels stay level, as in the papers' figures.
    """
    layout = _Layout(nodes, wires, catalogue)
    layout.begin()
    layout.mend()
    return tuple(replace(n, x=COLUMN * layout.column[n.id], y=ROW * layout.row[n.id]) for n in nodes)


class _Layout:
    """Which column and row each node is in."""

    def __init__(self, nodes: Sequence[Node], wires: Sequence[Wire], catalogue: Catalogue) -> None:
        graph = Graph(nodes=tuple(nodes), wires=tuple(wires))
        self.into = {n.id: graph.into.get(n.id, ()) for n in nodes}
        self.out_of = {n.id: graph.out_of.get(n.id, ()) for n in nodes}
        self.wires = [wire for wires in self.into.values() for wire in wires]
        self.rows_high: dict[str, int] = {}
        self.leave: dict[tuple[str, str], float] = {}
        """(node, output port) -> how many rows below the node's top it lies."""
        self.arrive: dict[tuple[str, str], float] = {}
        for node in nodes:
            self._measure(graph, node, catalogue)
        self.column = self._columns(nodes)
        self.row: dict[str, int] = {}

    def _measure(self, graph: Graph, node: Node, catalogue: Catalogue) -> None:
        card = catalogue[node.block]
        inputs, outputs = ports(Design(), graph, node, catalogue)
        size = len(inputs), len(outputs), min(len(card.shown), SHOWN)
        tall = height(*size, costs=card.category not in WITHOUT_COSTS)
        self.rows_high[node.id] = math.ceil((tall + _GAP) / ROW)
        for i, port in enumerate(inputs):
            self.arrive[node.id, port.name] = port_height(i, len(inputs), *size) / ROW
        for i, port in enumerate(outputs):
            self.leave[node.id, port.name] = port_height(i, len(outputs), *size) / ROW

    def _columns(self, nodes: Sequence[Node]) -> dict[str, int]:
        """One right of the last that feeds it; the Group's outputs all at the end."""
        column: dict[str, int] = {}

        def find(id: str) -> int:
            if id not in column:
                column[id] = max((find(w.source.node) + 1 for w in self.into[id]), default=0)
            return column[id]

        last = max(find(node.id) for node in nodes)
        return column | {node.id: last for node in nodes if node.block == "GroupOutput"}

    def begin(self) -> None:
        """Rows from the left column to the right: the nearest free ones to what is wired the furthest."""
        for id in sorted(self.column, key=self.column.__getitem__):
            feeds = sorted(self.into[id], key=lambda w: self.column[w.source.node])
            wish = self.row[feeds[0].source.node] if feeds else 0
            self.row[id] = min(self._free(id), key=lambda row: (abs(row - wish), -row))

    def _free(self, id: str) -> Iterator[int]:
        """Rows in which the node would lie neither over another nor on the level of a wire that passes."""
        taken, column = self._taken(id), self.column[id]
        for other in self.row:
            for wire in self.out_of[other]:
                if self.column[other] < column < self.column[wire.target.node]:
                    level = self._level(wire)
                    taken.update((math.floor(level - 2 * _NEAR), math.floor(level + 2 * _NEAR)))
        return self._fitting(id, taken, max(taken, default=0) + self.rows_high[id])

    def _taken(self, id: str) -> set[int]:
        """The rows that the other nodes of its column lie in."""
        return {
            row
            for other, start in self.row.items()
            if other != id and self.column[other] == self.column[id]
            for row in range(start, start + self.rows_high[other])
        }

    def _fitting(self, id: str, taken: set[int], last: int) -> Iterator[int]:
        """The rows down to `last` from which on there is room for the node."""
        high = self.rows_high[id]
        return (row for row in range(last + 1) if taken.isdisjoint(range(row, row + high)))

    def mend(self) -> None:
        """Move the ends of wires that run over a node, and that node, while it helps."""
        for _ in range(_SWEEPS):
            crossed = [(wire, id) for wire in self.wires for id in self._crossed(wire)]
            ends = dict.fromkeys(end for wire, id in crossed for end in (wire.source.node, wire.target.node, id))
            if not [id for id in sorted(ends, key=self.column.__getitem__) if self._moved(id)]:
                return

    def _moved(self, id: str) -> bool:
        """Whether another place, with what it is wired to left where it is, is better: then the node is there."""
        was = self.column[id], self.row[id]
        columns: Sequence[int] = was[:1]
        if self.into[id] and self.out_of[id]:  # what begins or ends the drawing stays at its end
            first = max(self.column[w.source.node] for w in self.into[id]) + 1
            columns = range(first, min(self.column[w.target.node] for w in self.out_of[id]))
        best, least = was, self._cost(id)
        for column in columns:
            self.column[id] = column
            for row in list(self._rows(id)):
                self.row[id] = row
                cost = self._cost(id)
                if cost < least - 1e-6:
                    best, least = (column, row), cost
        self.column[id], self.row[id] = best
        return best != was

    def _rows(self, id: str) -> Iterator[int]:
        """Rows of its column in which the node would lie over no other."""
        lowest = max(row + self.rows_high[other] for other, row in self.row.items())
        return self._fitting(id, self._taken(id), lowest)

    def _cost(self, id: str) -> float:
        """How bad the node's place is: wires over nodes first, then how much its wires rise or fall."""
        own = [*self.into[id], *self.out_of[id]]
        over = sum(len(self._crossed(wire)) for wire in own)
        over += sum(self._over(wire, id) for wire in self.wires)
        steep = sum(abs(self._rise(wire)) for wire in own)
        return 100 * over + steep + 0.01 * self.row[id]

    def _level(self, wire: Wire) -> float:
        """Where the wire starts, in rows."""
        return self.row[wire.source.node] + self.leave[wire.source.node, wire.source.port]

    def _rise(self, wire: Wire) -> float:
        """How many rows lower it ends."""
        return self.row[wire.target.node] + self.arrive[wire.target.node, wire.target.port] - self._level(wire)

    def _crossed(self, wire: Wire) -> list[str]:
        return [id for id in self.row if self._over(wire, id)]

    def _over(self, wire: Wire, id: str) -> bool:
        """Whether the wire runs over the node; only between the columns of its ends can it."""
        start = self.column[wire.source.node]
        if not start < self.column[id] < self.column[wire.target.node]:
            return False
        begun, done = _risen(self.column[wire.target.node] - start, self.column[id] - start)
        level, rise = self._level(wire), self._rise(wire)
        high, low = sorted((level + rise * begun, level + rise * done))
        return low > self.row[id] - _NEAR and high < self.row[id] + self.rows_high[id] - 2 * _NEAR


@functools.cache
def _risen(columns: int, column: int) -> tuple[float, float]:
    """Which parts of its rise a wire over so many `columns` has behind it where a node's column begins and ends."""
    left, right = WIDE, columns * COLUMN
    reach = bend(right - left, 0)
    near, far = column * COLUMN, column * COLUMN + WIDE
    rises = []
    for i in range(101):
        t, s = i / 100, 1 - i / 100
        x = s**3 * left + 3 * s * s * t * (left + reach) + 3 * s * t * t * (right - reach) + t**3 * right
        if near <= x <= far:
            rises.append(3 * s * t * t + t**3)
    return rises[0], rises[-1]
