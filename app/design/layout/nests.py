"""Finds the U of an encoder-decoder: skips that lie within each other over one bottom."""

from __future__ import annotations

from collections.abc import Sequence

from app.design.layout.values import Edge, Layers

LEAST = 2
"""So many skips make a U."""
MOST = 600
"""With more long wires than this it is no drawing of an encoder and a decoder, and the search would take long."""


def find(layers: Layers) -> list[Edge]:
    """The skips of the U, the outermost first; none where the drawing is no encoder-decoder.

    It is one where at least two wires that pass a layer lie within each other: each begins after and ends before the
    one around it, its beginning is reached from that one's beginning and its end leads to that one's end, and from the
    innermost's beginning a way beside it (the bottom) leads to its end. A skip through nodes of one wire in and one out
    (a pyramid's laterals) begins where they begin. So a ResNet's skips, one after another, are
    none, and neither are a DenseNet's, of which many begin or end together.
    """
    layer = layers.layer
    long = sorted((e for e in layers.edges if layers.span(e) > 1), key=lambda e: (layer[e.source], -layer[e.target]))
    if not LEAST <= len(long) <= MOST:
        return []
    head = _heads(layers)
    ends = {v for e in long for v in (head[e.source], e.target)}
    reached = _reached(layers, ends)
    best: list[int] = [1] * len(long)
    inner: list[int] = [-1] * len(long)
    out: dict[int, list[Edge]] = {}
    for edge in layers.edges:
        out.setdefault(edge.source, []).append(edge)
    beside = [_beside(layers, out, e, head[e.source]) for e in long]
    for i in range(len(long) - 1, -1, -1):  # those that begin later are known already
        around = long[i]
        if not beside[i]:
            best[i] = 0
        for j in range(i + 1, len(long)):
            within = long[j]
            if (
                best[j] + 1 > best[i]
                and best[j]
                and layer[around.source] < layer[within.source]
                and layer[within.target] < layer[around.target]
                and reached[head[within.source]] >> head[around.source] & 1
                and reached[around.target] >> within.target & 1
            ):
                best[i], inner[i] = best[j] + 1, j
    at = max(range(len(long)), key=lambda i: (best[i], -i))
    if best[at] < LEAST:
        return []
    found: list[Edge] = []
    while at >= 0:
        found.append(long[at])
        at = inner[at]
    return found


def within(layers: Layers, nest: Sequence[Edge]) -> list[tuple[Edge, set[int]]]:
    """For each skip of the nest what lies within it: all that its beginning feeds and its end does not, and the dummies
    of those wires."""
    head = _heads(layers)
    out: list[list[Edge]] = [[] for _ in range(layers.count)]
    for edge in layers.edges:
        out[edge.source].append(edge)

    def fed(start: int, skip: Edge) -> set[int]:
        todo, seen = [start], {start}
        while todo:
            for edge in out[todo.pop()]:
                if edge != skip and edge.target not in seen:
                    seen.add(edge.target)
                    todo.append(edge.target)
        return seen

    found = []
    for skip in nest:
        beginning = {v for v in range(layers.count) if head[v] == head[skip.source]}
        inside = fed(head[skip.source], skip) - fed(skip.target, skip) - beginning
        inside |= {v for (source, _), chain in layers.chains.items() if source in inside for v in chain}
        found.append((skip, inside))
    return found


def _heads(layers: Layers) -> list[int]:
    """For each node where a way without branches that leads to it begins."""
    into: list[list[int]] = [[] for _ in range(layers.count)]
    outs = [0] * layers.count
    for edge in layers.edges:
        into[edge.target].append(edge.source)
        outs[edge.source] += 1
    head = list(range(layers.count))
    for v in sorted(range(layers.count), key=layers.layer.__getitem__):
        if len(into[v]) == 1 and outs[v] == 1:
            head[v] = head[into[v][0]]
    return head


def _reached(layers: Layers, ends: set[int]) -> list[int]:
    """For each node a set of bits: which of `ends` lead to it."""
    above = [0] * layers.count
    into: list[list[int]] = [[] for _ in range(layers.count)]
    for edge in layers.edges:
        into[edge.target].append(edge.source)
    for v in sorted(range(layers.count), key=layers.layer.__getitem__):
        for w in into[v]:
            above[v] |= above[w] | (1 << w if w in ends else 0)
    return above


def _beside(layers: Layers, out: dict[int, list[Edge]], skip: Edge, head: int) -> bool:
    """Whether another way than the wire leads from its beginning to its end."""
    todo, seen = [head], {head}
    while todo:
        for edge in out.get(todo.pop(), ()):
            if edge.target == skip.target and edge != skip:
                return True
            if edge.target not in seen and layers.layer[edge.target] < layers.layer[skip.target]:
                seen.add(edge.target)
                todo.append(edge.target)
    return False
