"""The layout from beginning to end: layers, order, levels, places."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.design.layout import layers as cutting
from app.design.layout import nests, order
from app.design.layout.clear import Passing
from app.design.layout.levels import Rows
from app.design.layout.place import Gaps, Places
from app.design.layout.values import Box, Direction, Edge, Layers, Watch
from app.design.values import Graph

GRID = 4.0
"""Places are multiples of it, as those of nodes that are moved by hand."""
BETWEEN = {"right": 64.0, "down": 84.0}
"""Free room from one layer to the next, in scene units; the wires' shapes stand there."""
GAPS = {"right": Gaps(nodes=28.0, wire=14.0, wires=10.0), "down": Gaps(nodes=64.0, wire=24.0, wires=24.0)}
BESIDE = 24.0
"""By how much a wire that leads down past nodes swings out wider than the node that it leaves."""


OVER = 5
"""So many crossings are as bad as a wire over a node."""
SEVERAL = 400
"""With more nodes no second order is tried where wires run over nodes: it would take as long again."""


@dataclass(frozen=True)
class Layout:
    """Where nodes go."""

    places: dict[str, tuple[float, float]]
    """A node's id -> (x, y) of its top left corner, on the grid."""
    layers: dict[str, int]
    """A node's id -> how many layers come before its own."""
    crossings: int
    """How many pairs of wires cross."""
    over: int
    """How many wires run over a node, as far as is known (leading right)."""
    levels: tuple[tuple[str, str], ...]
    """The skips of an encoder-decoder, the outermost first: where each begins and ends."""


def lay_out(
    graph: Graph, boxes: Mapping[str, Box], *, direction: Direction = "right", only: Collection[str] | None = None,
    last: Collection[str] = (), watch: Watch | None = None,
) -> Layout:  # fmt: skip
    """Places for the nodes of `graph`, or for those in `only`; every one needs its Box.

    All nodes of `last` that feed nothing stand in the last layer. What is laid out keeps its top left corner, so that a
    selection stays where it is. Raises Cancelled when `watch` says so.
    """
    watch = watch or Watch()
    ids = [node.id for node in graph.nodes if only is None or node.id in only]
    if not ids:
        return Layout({}, {}, 0, 0, ())
    number = {id: i for i, id in enumerate(ids)}
    down = direction == "down"
    size = [boxes[id].width if down else boxes[id].height for id in ids]
    edges = _edges(graph, boxes, number, down)
    room = [s + BESIDE for s in size] if down else None
    cut = cutting.cut(size, edges, [number[id] for id in last if id in number], room, watch)
    watch.progress(0.1)
    nest = nests.find(cut)
    orders = order.arrange(cut, nest, watch)
    watch.progress(0.5)
    deep = [boxes[id].height if down else boxes[id].width for id in ids]
    along = _along(cut, deep, BETWEEN[direction])
    best: tuple[int, int, int, Places] | None = None
    for crossings, cut.order in orders:
        places = Places(cut, Rows(cut, nest), GAPS[direction], watch)
        over = 0 if down else Passing(cut, along, deep, watch).mend(places)
        if best is None or OVER * over + crossings < best[0]:
            best = OVER * over + crossings, crossings, over, places
        watch.progress(0.9)
        if not over or len(ids) > SEVERAL:
            break
    assert best is not None
    _, crossings, over, places = best
    across = [places.top(v) for v in range(len(ids))]
    left, top = min(n.x for n in graph.nodes if n.id in number), min(n.y for n in graph.nodes if n.id in number)
    first = min(across)
    x, y = (across, along) if down else (along, across)
    shift_x, shift_y = (left - first, top) if down else (left, top - first)
    found = {id: (_snap(x[i] + shift_x), _snap(y[i] + shift_y)) for id, i in number.items()}
    levels = tuple((ids[e.source], ids[e.target]) for e in nest)
    return Layout(found, {id: cut.layer[i] for id, i in number.items()}, crossings, over, levels)


def _snap(at: float) -> float:
    return round(at / GRID) * GRID


def _edges(graph: Graph, boxes: Mapping[str, Box], number: Mapping[str, int], down: bool) -> list[Edge]:
    """The wires between the nodes; leading down they leave and arrive at the nodes' middles, whatever the port."""
    edges = []
    for wire in graph.wires:
        if wire.source.node in number and wire.target.node in number:
            source, target = boxes[wire.source.node], boxes[wire.target.node]
            if down:
                leave, arrive = source.width / 2, target.width / 2
            else:
                leave = source.outputs.get(wire.source.port, source.height / 2)
                arrive = target.inputs.get(wire.target.port, target.height / 2)
            edges.append(Edge(number[wire.source.node], number[wire.target.node], leave, arrive))
    return edges


def _along(cut: Layers, deep: list[float], between: float) -> list[float]:
    """Where each node begins along the wires: in the middle of its layer, which is as deep as its deepest node."""
    depth = [0.0] * len(cut.order)
    for v in range(cut.count):
        depth[cut.layer[v]] = max(depth[cut.layer[v]], deep[v])
    starts, at = [], 0.0
    for here in depth:
        starts.append(at)
        at += here + between
    return [starts[cut.layer[v]] + (depth[cut.layer[v]] - deep[v]) / 2 for v in range(cut.count)]
