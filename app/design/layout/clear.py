"""Finds wires that would run over nodes, and says what would have to keep clear of what."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from functools import lru_cache

from app.design.layout.place import Clear, Places
from app.design.layout.values import Edge, Layers, Watch
from app.design.shapes import bend

ROOM = 9.0
"""Free room between a wire and a node that it passes, in scene units."""
ROUNDS = 10
"""How often what is still passed too near is mended at most."""


@lru_cache(maxsize=65536)
def risen(length: float, along: float) -> float:
    """Which part of its rise a wire of this length has behind it so far along."""
    if along <= 0 or along >= length:
        return float(along > 0)
    reach = bend(length, 0)
    low, high = 0.0, 1.0
    for _ in range(24):
        t = (low + high) / 2
        s = 1 - t
        if 3 * s * s * t * reach + 3 * s * t * t * (length - reach) + t**3 * length < along:
            low = t
        else:
            high = t
    return low * low * (3 - 2 * low)


def _straight(length: float, along: float) -> float:
    return min(max(along / length, 0.0), 1.0)


class Passing:
    """The wires and the nodes that they pass, where layers lie `starts` along and nodes begin at `along`."""

    def __init__(self, layers: Layers, along: Sequence[float], width: Sequence[float], watch: Watch) -> None:
        self.layers, self.along, self.width, self.watch = layers, along, width, watch
        self.rows = [[v for v in row if v < layers.count] for row in layers.order]
        place = layers.positions()
        self.place = place
        self._told: set[tuple[Edge, int]] = set()

    def mend(self, places: Places) -> int:
        """Let nodes keep clear of wires; returns how many wires over nodes are left."""
        over = self.over(places)
        worse = 0
        for _ in range(ROUNDS):
            rules = [rule for edge, v in over for rule in self._rules(places, edge, v)]
            if not rules or worse > 1 or places.tired:
                break
            places.keep_clear(rules)
            places.settle(4)
            before, over = len(over), self.over(places)
            worse += len(over) > 0.9 * before
        return len(over)

    def over(self, places: Places, room: float = ROOM / 2) -> list[tuple[Edge, int]]:
        """The wires that come nearer to a node than `room`, and that node."""
        found: list[tuple[Edge, int]] = []
        layers = self.layers
        tops = [[places.top(v) for v in row] for row in self.rows]
        for n, edge in enumerate(layers.edges):
            if n % 256 == 0:
                self.watch.look()
            start, end = self._ends(edge)
            leave, arrive = places.level_at(edge)
            low, high = min(leave, arrive) - room, max(leave, arrive) + room
            for here in range(layers.layer[edge.source], layers.layer[edge.target] + 1):
                row, top = self.rows[here], tops[here]
                for i in range(max(bisect_left(top, low) - 1, 0), len(row)):
                    if top[i] >= high:
                        break
                    v = row[i]
                    if v in (edge.source, edge.target):
                        continue
                    begun, done = self._parts(edge, v, start, end)
                    if begun == done and begun in (0.0, 1.0):
                        continue
                    a, b = leave + (arrive - leave) * begun, leave + (arrive - leave) * done
                    if max(a, b) + room > top[i] and min(a, b) - room < top[i] + layers.size[v]:
                        found.append((edge, v))
        return found

    def _ends(self, edge: Edge) -> tuple[float, float]:
        return self.along[edge.source] + self.width[edge.source], self.along[edge.target]

    def _parts(self, edge: Edge, v: int, start: float, end: float) -> tuple[float, float]:
        """Which parts of its rise the wire has behind it where the node begins and where it ends.

        Room is kept for the curve and for the straight line between its ends: so near to a node a wire seems to run
        over it.
        """
        length = round(end - start, 3)
        near, far = round(self.along[v] - start, 3), round(self.along[v] + self.width[v] - start, 3)
        return min(risen(length, near), _straight(length, near)), max(risen(length, far), _straight(length, far))

    def _rules(self, places: Places, edge: Edge, v: int) -> list[Clear]:
        """The node keeps to that side of the wire on which it stands in its layer. Twice the same helps nobody."""
        if (edge, v) in self._told:
            return []
        self._told.add((edge, v))
        below = self._below(places, edge, v)
        row, off = places.rows.row, places.rows.off
        start, end = self._ends(edge)
        rules = []
        for part in dict.fromkeys(self._parts(edge, v, start, end)):
            # the wire's level there, less what its rows and the node's row begin at
            level = (off[edge.source] + edge.leave) * (1 - part) + (off[edge.target] + edge.arrive) * part
            room = ROOM + (level - off[v] if below else off[v] + self.layers.size[v] - level)
            rule = Clear(row[v], row[edge.source], row[edge.target], part, room, below)
            if any(not math.isclose(share, 0, abs_tol=1e-6) for share in rule.shares().values()):
                rules.append(rule)
        return rules

    def _below(self, places: Places, edge: Edge, v: int) -> bool:
        layers = self.layers
        chain = layers.chains[edge.source, edge.leave]
        passed = layers.layer[v] - layers.layer[edge.source] - 1
        if 0 <= passed < min(len(chain), layers.span(edge) - 1):
            return self.place[v] > self.place[chain[passed]]
        beside = edge.source if passed < 0 else edge.target
        return self.place[v] > self.place[beside]
