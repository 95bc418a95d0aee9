"""Cuts a drawing into layers: each node after all that feed it, as near as may be to what it feeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.design.layout.values import Edge, Layers, Watch

DUMMY = 8.0
"""How much room a passing wire takes across the layers, in scene units."""


def cut(
    sizes: Sequence[float], edges: Sequence[Edge], last: Collection[int], dummies: Sequence[float] | None, watch: Watch
) -> Layers:
    """Nodes of these `sizes` across, joined by `edges`, in layers. Those in `last` go to the last layer.

    `dummies`: how much room a wire of each node takes where it passes a layer; None for thin ones.
    """
    count = len(sizes)
    onward = _onward(count, edges)
    into: list[list[int]] = [[] for _ in range(count)]
    out: list[list[int]] = [[] for _ in range(count)]
    for edge in onward:
        out[edge.source].append(edge.target)
        into[edge.target].append(edge.source)
    layer = _longest(count, into, out)
    final = max(layer, default=0)
    for v in last:
        if not out[v]:
            layer[v] = final
    for v in sorted(range(count), key=lambda v: -layer[v]):  # what feeds more than it is fed is pulled to what it feeds
        if len(out[v]) > len(into[v]):
            layer[v] = max(min(layer[w] for w in out[v]) - 1, layer[v])
    watch.look()
    size = list(sizes)
    chains: dict[tuple[int, float], list[int]] = {}
    segments: list[list[Edge]] = [[] for _ in range(final)]
    reach: dict[tuple[int, float], int] = {}
    for edge in onward:
        key = edge.source, edge.leave
        reach[key] = max(reach.get(key, 0), layer[edge.target])
    for (source, leave), end in reach.items():
        before, at = source, leave
        chain = chains[source, leave] = []
        for here in range(layer[source] + 1, end):
            wide = DUMMY if dummies is None else dummies[source]
            dummy = len(size)
            size.append(wide)
            layer.append(here)
            segments[here - 1].append(Edge(before, dummy, at, wide / 2))
            chain.append(dummy)
            before, at = dummy, wide / 2
        if len(size) % 256 == 0:
            watch.look()
    for edge in onward:
        chain = chains[edge.source, edge.leave]
        passed = layer[edge.target] - layer[edge.source] - 1
        before, at = (chain[passed - 1], size[chain[passed - 1]] / 2) if passed else (edge.source, edge.leave)
        segments[layer[edge.target] - 1].append(Edge(before, edge.target, at, edge.arrive))
    return Layers(count, layer, size, onward, segments, chains)


def _onward(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The wires without those that lead back on a circle, or from a node to itself; each once."""
    out: list[list[Edge]] = [[] for _ in range(count)]
    for edge in dict.fromkeys(edges):
        if edge.source != edge.target:
            out[edge.source].append(edge)
    state = [0] * count  # 1: on the way that is walked, 2: done
    kept: list[Edge] = []
    for root in range(count):
        if state[root]:
            continue
        state[root] = 1
        way = [(root, iter(out[root]))]
        while way:
            v, rest = way[-1]
            further = next(rest, None)
            if further is None:
                state[v] = 2
                way.pop()
            elif state[further.target] != 1:
                kept.append(further)
                if not state[further.target]:
                    state[further.target] = 1
                    way.append((further.target, iter(out[further.target])))
    return kept


def _longest(count: int, into: list[list[int]], out: list[list[int]]) -> list[int]:
    """One after the last that feeds it."""
    layer, waiting = [0] * count, [len(before) for before in into]
    ready = [v for v in range(count) if not waiting[v]]
    for v in ready:
        for w in out[v]:
            layer[w] = max(layer[w], layer[v] + 1)
            waiting[w] -= 1
            if not waiting[w]:
                ready.append(w)
    return layer
