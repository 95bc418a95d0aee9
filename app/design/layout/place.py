"""Finds how far across each row stands: apart from its neighbours, and as near as may be to what it is wired to."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from app.design.layout.levels import Rows
from app.design.layout.values import Edge, Layers, Watch

SWEEPS = 6
"""How often all rows are moved to where they want to be, in each direction."""
PATIENCE = 60
"""How often one wire may push before it is given up."""
STEPS = 60_000
"""How many pushes there are in sum; a drawing of a network takes some hundred."""
FURTHEST = 2000.0
"""Nor is a row pushed further than this in sum."""
LEAST_SHARE = 0.2
"""A row that counts less in a wire's level would have to be pushed too far."""


@dataclass(frozen=True)
class Gaps:
    """Free room between two nodes, a node and a passing wire, two wires."""

    nodes: float
    wire: float
    wires: float


@dataclass
class Clear:
    """A node keeps clear of a wire: `part` of the wire's rise lies behind it there.

    With `below` the node's row lies at least `room` past the wire's level, else the wire that much past the row.
    """

    node: int
    source: int
    target: int
    part: float
    room: float
    below: bool
    pushed: int = 0
    dropped: bool = False
    """It pushed too often, or its opposite is tried."""

    def shares(self) -> dict[int, float]:
        """How much each row counts in what must not be less than `room`."""
        sign = 1.0 if self.below else -1.0
        found = {self.node: sign}
        for row, part in ((self.source, 1 - self.part), (self.target, self.part)):
            found[row] = found.get(row, 0.0) - sign * part
        return found


class Places:
    """Where each row of `rows` begins, across the layers."""

    def __init__(self, layers: Layers, rows: Rows, gaps: Gaps, watch: Watch) -> None:
        self.layers, self.rows, self.watch = layers, rows, watch
        self.at = [0.0] * rows.count
        self.lower: list[dict[int, float]] = [{} for _ in range(rows.count)]
        """row -> the rows right below it, and how much further they begin at least."""
        self.upper: list[dict[int, float]] = [{} for _ in range(rows.count)]
        self.clear: list[list[tuple[Clear, dict[int, float]]]] = [[] for _ in range(rows.count)]
        """What each row has to do with wires that pass nodes."""
        self._apart(gaps)
        self._pulls: list[list[tuple[int, float, float]]] = self._wired()
        self.ordered = self._order()
        for row in self.ordered:
            for other, room in self.lower[row].items():
                self.at[other] = max(self.at[other], self.at[row] + room)
        self.settle()
        self._before = list(self.at)
        self._rules: list[Clear] = []
        self._steps = 0

    def _apart(self, gaps: Gaps) -> None:
        size, count = self.layers.size, self.layers.count
        row, off = self.rows.row, self.rows.off
        for line in self.layers.order:
            standing = [v for v in line if row[v] >= 0]
            for v, w in pairwise(standing):
                wires = (v >= count) + (w >= count)
                room = off[v] + size[v] + (gaps.nodes, gaps.wire, gaps.wires)[wires] - off[w]
                if room > self.lower[row[v]].get(row[w], float("-inf")):
                    self.lower[row[v]][row[w]] = room
                    self.upper[row[w]][row[v]] = room

    def _wired(self) -> list[list[tuple[int, float, float]]]:
        """For each row what pulls at it: another row, how much further it would begin, and how strongly."""
        row, off = self.rows.row, self.rows.off
        pulls: list[list[tuple[int, float, float]]] = [[] for _ in range(self.rows.count)]
        for e in self.layers.edges:
            a, b = row[e.source], row[e.target]
            if a != b:
                apart = off[e.source] + e.leave - off[e.target] - e.arrive
                pulls[b].append((a, apart, 1.0))
                pulls[a].append((b, -apart, 1.0))
        return pulls

    def _order(self) -> list[int]:
        """The rows, each after those above it."""
        waiting = [len(above) for above in self.upper]
        ready = deque(r for r, count in enumerate(waiting) if not count)
        order: list[int] = []
        while ready:
            r = ready.popleft()
            order.append(r)
            for other in self.lower[r]:
                waiting[other] -= 1
                if not waiting[other]:
                    ready.append(other)
        return order

    def settle(self, sweeps: int = SWEEPS) -> None:
        """Move each row towards the middle of what it is wired to, as far as its neighbours let it."""
        for sweep in range(sweeps):
            self.watch.look()
            moved = 0.0
            for r in reversed(self.ordered) if sweep % 2 == 0 else self.ordered:
                wish = self._wish(r)
                if wish is None:
                    continue
                low, high = self._free(r)
                new = min(max(wish, low), high)
                if low <= high and abs(new - self.at[r]) > 0.5:
                    moved = max(moved, abs(new - self.at[r]))
                    self.at[r] = new
            if moved < 2:
                return

    def _wish(self, r: int) -> float | None:
        pulls = sorted(self.at[other] + apart for other, apart, _ in self._pulls[r])
        if not pulls:
            return None
        half = len(pulls) // 2
        return pulls[half] if len(pulls) % 2 else (pulls[half - 1] + pulls[half]) / 2

    def _free(self, r: int) -> tuple[float, float]:
        """From where to where the row may begin with all others left where they are."""
        at = self.at
        low = max((at[other] + room for other, room in self.upper[r].items()), default=float("-inf"))
        high = min((at[other] - room for other, room in self.lower[r].items()), default=float("inf"))
        for rule, shares in self.clear[r]:
            own = shares[r]
            if abs(own) < 1e-6 or rule.dropped:
                continue
            rest = rule.room - sum(share * at[other] for other, share in shares.items() if other != r)
            if own > 0:
                low = max(low, rest / own)
            else:
                high = min(high, rest / own)
        return low, high

    # wires over nodes -------------------------------------------------------------------------------------------------

    def keep_clear(self, rules: Sequence[Clear]) -> None:
        """Push rows down until these hold too; one that would push for ever is given up.

        All begin where they stood before any push: else what was pushed for one wire would drag others along.
        """
        for rule in rules:
            shares = rule.shares()
            for r in shares:
                self.clear[r].append((rule, shares))
            self._rules.append(rule)
        self.at = list(self._before)
        self._rules = [rule for rule in self._rules if not rule.dropped]
        for rule in self._rules:
            rule.pushed = 0
        waiting = {rule.node for rule in self._rules}
        todo = deque(sorted(waiting))
        while todo and not self.tired:
            self._steps += 1
            if self._steps % 256 == 0:
                self.watch.look()
            r = todo.popleft()
            waiting.discard(r)
            for other in (*self._push_wires(r), *self._push_lower(r)):
                if other not in waiting:
                    waiting.add(other)
                    todo.append(other)
        if todo:  # it did not come to rest: nodes still keep apart
            self._apart_again()

    @property
    def tired(self) -> bool:
        """It pushed so often that no more is worth the time."""
        return self._steps > STEPS

    def _push_lower(self, r: int) -> list[int]:
        pushed = []
        for other, room in self.lower[r].items():
            if self.at[other] < self.at[r] + room - 1e-6:
                self.at[other] = self.at[r] + room
                pushed.append(other)
        return pushed

    def _push_wires(self, r: int) -> list[int]:
        pushed = []
        for rule, shares in self.clear[r]:
            lacks = rule.room - sum(share * self.at[other] for other, share in shares.items())
            if lacks <= 0.01 or rule.dropped:
                continue
            other, share = max(shares.items(), key=lambda kv: (kv[1], -kv[0]))
            rule.pushed += 1
            far = share < LEAST_SHARE or self.at[other] + lacks / share > self._before[other] + FURTHEST
            if far or rule.pushed > PATIENCE:
                rule.dropped = True
                continue
            self.at[other] += lacks / share
            pushed.append(other)
        return pushed

    def _apart_again(self) -> None:
        for r in self.ordered:
            self._push_lower(r)

    def top(self, v: int) -> float:
        """Where a vertex begins."""
        return self.at[self.rows.row[v]] + self.rows.off[v]

    def level_at(self, edge: Edge) -> tuple[float, float]:
        """Where a wire leaves and where it arrives."""
        return self.top(edge.source) + edge.leave, self.top(edge.target) + edge.arrive
