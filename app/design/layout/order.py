"""Orders the vertices of each layer so that few wires cross: barycentre sweeps from a start that suits networks."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from app.design.layout import nests
from app.design.layout.values import Edge, Layers, Watch

SWEEPS = 8
"""How often all layers are sorted at most, half of the times in each direction."""
PATIENCE = 3
"""After so many sweeps without fewer crossings it is enough."""
DEAR = 2
"""So many crossings each skip of a nest may cost for lying above those within it."""
SMALL = 6000
"""Up to so many parts of wires neighbours are swapped as well after each sweep, one pair after another; with more only
at the end."""


Order = list[list[int]]


def arrange(layers: Layers, nest: Sequence[Edge], watch: Watch) -> list[tuple[int, Order]]:
    """Orders worth trying, each with how many crossings it has; the one with the fewest first.

    One start is a walk that follows long wires first, so that what is skipped ends up below the skip, and those of a
    nest below each other. A sweep's order is taken only where it has fewer crossings; where it is, the start is the
    second to try: a crossing more may keep a wire off a node. The other start is the order in which nodes were drawn.
    """
    start = layers.order = _walk(layers, nest)
    start = [list(row) for row in start]
    least = first = crossings(layers)
    best = start
    flat, flattest = least, start  # whether the nest lies as it should or not
    into, out = _neighbours(layers)
    within = nests.within(layers, nest)
    small = sum(map(len, layers.segments)) <= SMALL
    for begun in (start, _drawn(layers)):
        layers.order, worse = [list(row) for row in begun], 0
        for sweep in range(SWEEPS):
            if not flat or worse >= PATIENCE:
                break
            watch.look()
            _sweep(layers, into if sweep % 2 == 0 else out, forward=sweep % 2 == 0)
            if small:
                _swap(layers, into, out, watch)
            now = crossings(layers)
            worse += 1
            if now < flat:
                flat, flattest, worse = now, [list(row) for row in layers.order], 0
            if now < least and _nested(layers, within):
                least, best, worse = now, [list(row) for row in layers.order], 0
    if flat and not small:
        layers.order = [list(row) for row in flattest]
        _swap(layers, into, out, watch)
        flat, flattest = crossings(layers), layers.order
        if _nested(layers, within):
            least, best = flat, flattest
    if flat + DEAR * len(nest) < least:
        least, best = flat, flattest
    layers.order = best
    return [(least, best)] if best == start else [(least, best), (first, start)]


def crossings(layers: Layers) -> int:
    """How many pairs of wires cross, all layers together; wires of one port that share their way cross once."""
    place = layers.positions()
    return sum(_between(segments, place) for segments in layers.segments)


def _between(segments: Sequence[Edge], place: Sequence[int]) -> int:
    ends = sorted(((place[e.source], e.leave), (place[e.target], e.arrive)) for e in segments)
    rank = {end: i for i, end in enumerate(sorted({end for _, end in ends}), 1)}
    tree = [0] * (len(rank) + 1)
    seen = count = i = 0
    while i < len(ends):
        j = i
        while j < len(ends) and ends[j][0] == ends[i][0]:  # those that leave one port do not cross each other
            at, before = rank[ends[j][1]], 0
            while at:
                before += tree[at]
                at &= at - 1
            count += seen - before
            j += 1
        for _, end in ends[i:j]:
            at = rank[end]
            while at < len(tree):
                tree[at] += 1
                at += at & -at
        seen += j - i
        i = j
    return count


def _walk(layers: Layers, nest: Sequence[Edge]) -> list[list[int]]:
    """Each layer in the order in which a walk from the beginnings comes by, the longest wires first."""
    after: list[list[tuple[int, float, float, int]]] = [[] for _ in layers.layer]
    into: list[int] = [0] * len(layers.layer)
    reach: dict[tuple[int, float], int] = {}
    for edge in layers.edges:
        key = edge.source, edge.leave
        reach[key] = max(reach.get(key, 0), layers.span(edge))
    first = {(e.source, e.leave): i for i, e in enumerate(nest)}
    ahead = _ahead(layers)
    for segments in layers.segments:
        for e in segments:
            own = (e.source, e.leave)
            passes = e.target >= layers.count
            far = reach.get(own, 0) if passes else ahead[e.target]
            rank = first.get(own, len(nest)) if passes else len(nest)
            after[e.source].append((rank, -far, e.leave, e.target))
            into[e.target] += 1
    order: list[list[int]] = [[] for _ in range(len(layers.segments) + 1)]
    seen = [False] * len(layers.layer)
    for root in range(layers.count):
        if into[root] or seen[root]:
            continue
        todo = [root]
        while todo:
            v = todo.pop()
            if seen[v]:
                continue
            seen[v] = True
            order[layers.layer[v]].append(v)
            todo += [w for *_, w in sorted(after[v], reverse=True) if not seen[w]]
    return order


def _drawn(layers: Layers) -> Order:
    """Each layer in the order in which its nodes, and those that its wires leave, were drawn."""
    owner = list(range(len(layers.layer)))
    for (source, _), chain in layers.chains.items():
        for v in chain:
            owner[v] = source
    order: Order = [[] for _ in range(len(layers.segments) + 1)]
    for v in sorted(range(len(owner)), key=lambda v: (owner[v], v)):
        order[layers.layer[v]].append(v)
    return order


def _ahead(layers: Layers) -> list[int]:
    """For each node over how many layers the longest wire leads that one comes by from it without a choice."""
    out: list[list[Edge]] = [[] for _ in range(layers.count)]
    for edge in layers.edges:
        out[edge.source].append(edge)
    far = [1] * layers.count
    for v in sorted(range(layers.count), key=lambda v: -layers.layer[v]):
        if len(out[v]) == 1:
            far[v] = max(layers.span(out[v][0]), far[out[v][0].target])
    return far


def _nested(layers: Layers, within: Sequence[tuple[Edge, set[int]]]) -> bool:
    """Whether each skip of the nest passes above all that is within it."""
    if not within:
        return True
    place = layers.positions()
    for skip, inside in within:
        for v in layers.chains[skip.source, skip.leave][: layers.span(skip) - 1]:
            if any(w in inside for w in layers.order[layers.layer[v]][: place[v]]):
                return False
    return True


Neighbours = list[list[tuple[int, float, float]]]
"""For each vertex: the other vertex, how far down it the wire meets it (0..1), and how far down this one."""


def _neighbours(layers: Layers) -> tuple[Neighbours, Neighbours]:
    into: Neighbours = [[] for _ in layers.layer]
    out: Neighbours = [[] for _ in layers.layer]
    size = layers.size
    for segments in layers.segments:
        for e in segments:
            leave, arrive = e.leave / (size[e.source] or 1), e.arrive / (size[e.target] or 1)
            into[e.target].append((e.source, leave, arrive))
            out[e.source].append((e.target, arrive, leave))
    return into, out


def _sweep(layers: Layers, beside: Neighbours, *, forward: bool) -> None:
    """Sort each layer by the middle of what its vertices are joined to in the layer before."""
    place = layers.positions()
    rows = range(1, len(layers.order)) if forward else range(len(layers.order) - 2, -1, -1)
    for row in rows:
        wish = {
            v: sum(place[w] + at - own for w, at, own in beside[v]) / len(beside[v]) if beside[v] else float(place[v])
            for v in layers.order[row]
        }
        layers.order[row].sort(key=wish.__getitem__)  # equal wishes keep their order
        for i, v in enumerate(layers.order[row]):
            place[v] = i


def _swap(layers: Layers, into: Neighbours, out: Neighbours, watch: Watch) -> None:
    """Swap neighbours in a layer where that takes crossings away, until none does."""
    place = layers.positions()
    for _ in range(4):
        better = False
        for row in layers.order:
            watch.look()
            for i in range(len(row) - 1):
                v, w = row[i], row[i + 1]
                now = _pair(into[v], into[w], place) + _pair(out[v], out[w], place)
                if now and now > _pair(into[w], into[v], place) + _pair(out[w], out[v], place):
                    row[i], row[i + 1] = w, v
                    place[v], place[w] = i + 1, i
                    better = True
        if not better:
            return


def _pair(above: list[tuple[int, float, float]], below: list[tuple[int, float, float]], place: Sequence[int]) -> int:
    """How many wires of two neighbours cross while the first is above."""
    low: list[tuple[int, float]] = []
    for w, at, _ in below:
        insort(low, (place[w], at))
    return sum(bisect_left(low, (place[w], at)) for w, at, _ in above)
