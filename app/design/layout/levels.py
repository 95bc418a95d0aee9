"""Which vertices stand on one level: those of a long wire with the nodes at its ends, and those of a straight chain."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from itertools import pairwise

from app.design.layout.values import Edge, Layers


class Rows:
    """Rigid rows of vertices, one a layer at most, whose wires are level.

    `row[v]` is the number of a vertex's row, `off[v]` how far below the row's origin it begins. No two rows cross, so
    that one can always be above the other.
    """

    def __init__(self, layers: Layers, nest: Sequence[Edge]) -> None:
        self._layers = layers
        self._place = layers.positions()
        self._left: dict[int, Edge] = {}
        self._right: dict[int, Edge] = {}
        self._taken: list[list[tuple[int, int]]] = [[] for _ in layers.segments]
        self.level: set[Edge] = set()
        """The wires that are level from end to end."""
        self._long(nest)
        self._onward(nest)
        self._short()
        self.dropped = self._drop()
        self.row, self.off = self._number()

    def _long(self, nest: Sequence[Edge]) -> None:
        """Long wires first: those of the nest from the outermost, then the longest; of one port the furthest."""
        layers = self._layers
        long = sorted((e for e in layers.edges if layers.span(e) > 1), key=lambda e: -layers.span(e))
        tried: set[tuple[int, float]] = set()
        for edge in [*nest, *long]:
            key = edge.source, edge.leave
            chain = layers.chains[key]
            if key in tried or len(chain) != layers.span(edge) - 1:
                continue
            parts = self._parts(edge, chain)
            if all(map(self._fits, parts)):
                tried.add(key)
                self.level.add(edge)
                for part in parts:
                    self._join(part)

    def _parts(self, edge: Edge, chain: Sequence[int]) -> list[Edge]:
        half = [self._layers.size[v] / 2 for v in chain]
        points = [(edge.source, edge.leave), *zip(chain, half, strict=True), (edge.target, edge.arrive)]
        return [Edge(a, b, at, to) for (a, at), (b, to) in pairwise(points)]

    def _onward(self, nest: Sequence[Edge]) -> None:
        """What a skip of the nest arrives at goes on beside it, from the outermost: so a decoder rises to its level."""
        layers = self._layers
        out: dict[int, list[Edge]] = {}
        for e in layers.edges:
            out.setdefault(e.source, []).append(e)
        for skip in nest:
            v = skip.target
            while skip in self.level and len(out.get(v, ())) == 1:
                edge = out[v][0]
                if layers.span(edge) > 1 or not self._fits(edge):
                    break
                self._join(edge)
                self.level.add(edge)
                v = edge.target

    def _short(self) -> None:
        """Then wires to the next layer: those between nodes with one wire first, which make chains.

        Where a long wire that is not level leaves or arrives, the way to the next node is not held level: it must get
        out of that wire's way.
        """
        layers = self._layers
        into, out = [0] * layers.count, [0] * layers.count
        for e in layers.edges:
            into[e.target] += 1
            out[e.source] += 1
        slanting = [e for e in layers.edges if layers.span(e) > 1 and e not in self.level]
        leaves, arrives = {e.source for e in slanting}, {e.target for e in slanting}
        short = [e for e in layers.edges if layers.span(e) == 1]
        for edge in sorted(short, key=lambda e: out[e.source] + into[e.target]):
            if edge.source not in leaves and edge.target not in arrives and self._fits(edge):
                self._join(edge)
                self.level.add(edge)

    def _fits(self, edge: Edge) -> bool:
        """Whether both ends are free on that side and no row runs across."""
        if edge.source in self._right or edge.target in self._left:
            return False
        taken = self._taken[self._layers.layer[edge.source]]
        pair = self._place[edge.source], self._place[edge.target]
        at = bisect_left(taken, pair)
        return not ((at and taken[at - 1][1] > pair[1]) or (at < len(taken) and taken[at][1] < pair[1]))

    def _join(self, edge: Edge) -> None:
        self._right[edge.source] = self._left[edge.target] = edge
        insort(self._taken[self._layers.layer[edge.source]], (self._place[edge.source], self._place[edge.target]))

    def _drop(self) -> set[int]:
        """Dummies of wires that do not run level: they would keep room where no wire is."""
        kept = {v for e in self.level for v in self._layers.chains[e.source, e.leave] if self._layers.span(e) > 1}
        return set(range(self._layers.count, len(self._layers.layer))) - kept

    def _number(self) -> tuple[list[int], list[float]]:
        row, off = [-1] * len(self._layers.layer), [0.0] * len(self._layers.layer)
        count = 0
        for v in range(len(row)):
            if v in self._left or v in self.dropped:
                continue
            at = 0.0
            while True:
                row[v], off[v] = count, at
                edge = self._right.get(v)
                if edge is None:
                    break
                at, v = at + edge.leave - edge.arrive, edge.target
            count += 1
        self.count = count
        return row, off
