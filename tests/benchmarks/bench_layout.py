"""How long does the layout take, how many wires cross, and does the window stay alive meanwhile?

Run by hand: `python -m tests.benchmarks.bench_layout`. Networks of 1,000 and 5,000 nodes: residual blocks one after
another, and chains with branches and skips at random. Beside ours, on the same layers: networkx's
`multipartite_layout` (it places, without any crossing reduction) and one barycentre sweep; the crossings of all three
are counted alike, by ports, the long wires of one port on one way. Then the real canvas lays networks out, and a timer
that should fire every millisecond says how long the window was deaf at most. Wanted: 1,000 nodes under 1 s, 5,000
under 5 s.
"""

from __future__ import annotations

import os
import random
import sys
import time
from itertools import pairwise

import networkx as nx
from msgspec.structs import replace

from app.design.layout import Box, Layout, Watch, lay_out, order
from app.design.layout import layers as layering
from app.design.layout.values import Edge, Layers
from app.design.values import End, Graph, Node, Wire

BOX = Box(200, 118, {"x": 58.0, "a": 48.0, "b": 68.0}, {"out": 58.0})


def residual(blocks: int) -> Graph:
    """Blocks of five nodes and a sum, each with a skip."""
    names, wires = ["image"], []
    for i in range(blocks):
        start, inner = names[-1], [f"n{i}_{j}" for j in range(5)]
        line = [start, *inner, f"add{i}"]
        wires += [Wire(End(a, "out"), End(b, "x")) for a, b in pairwise(line[:-1])]
        wires += [Wire(End(inner[-1], "out"), End(f"add{i}", "a")), Wire(End(start, "out"), End(f"add{i}", "b"))]
        names += line[1:]
    return Graph(nodes=tuple(Node(id=name, block="Add") for name in names), wires=tuple(wires))


def branching(count: int, seed: int = 1, reach: int = 40) -> Graph:
    """A chain that branches, with skips over up to `reach` nodes."""
    chance = random.Random(seed)
    pairs: dict[tuple[int, int], str] = {}
    for i in range(1, count):
        pairs.setdefault((i - 1 if chance.random() < 0.7 else chance.randrange(max(0, i - reach), i), i), "a")
        if chance.random() < 0.45:
            pairs.setdefault((chance.randrange(max(0, i - reach), i), i), "b")
    wires = tuple(Wire(End(f"n{a}", "out"), End(f"n{b}", port)) for (a, b), port in pairs.items())
    return Graph(nodes=tuple(Node(id=f"n{i}", block="Add") for i in range(count)), wires=wires)


def cut_up(graph: Graph) -> Layers:
    """The layers that the layout uses, with no order in them yet."""
    number = {node.id: i for i, node in enumerate(graph.nodes)}
    edges = [
        Edge(number[w.source.node], number[w.target.node], BOX.outputs[w.source.port], BOX.inputs[w.target.port])
        for w in graph.wires
    ]
    return layering.cut([BOX.height] * len(number), edges, (), None, Watch())


def crossings(cut: Layers, place: dict[int, float]) -> int:
    """How many wires cross with the vertices of each layer sorted so."""
    rows: list[list[int]] = [[] for _ in range(len(cut.segments) + 1)]
    for v in sorted(place, key=lambda v: (place[v], v)):
        rows[cut.layer[v]].append(v)
    cut.order = rows
    return order.crossings(cut)


def swept(cut: Layers) -> dict[int, float]:
    """One barycentre sweep from the first layer on."""
    before: list[list[int]] = [[] for _ in cut.layer]
    for segments in cut.segments:
        for edge in segments:
            before[edge.target].append(edge.source)
    rows: dict[int, list[int]] = {}
    for v, layer in enumerate(cut.layer):
        rows.setdefault(layer, []).append(v)
    place: dict[int, float] = {}
    for layer in sorted(rows):
        rows[layer].sort(key=lambda v: sum(place[w] for w in before[v]) / max(len(before[v]), 1))
        place |= {v: float(i) for i, v in enumerate(rows[layer])}
    return place


def ours(graph: Graph) -> tuple[Layout, float]:
    start = time.perf_counter()
    layout = lay_out(graph, {node.id: BOX for node in graph.nodes})
    return layout, time.perf_counter() - start


def compare(name: str, graph: Graph) -> None:
    layout, seconds = ours(graph)
    cut = cut_up(graph)
    bare = nx.DiGraph()
    bare.add_nodes_from((v, {"layer": layer}) for v, layer in enumerate(cut.layer))
    start = time.perf_counter()
    multi = nx.multipartite_layout(bare, subset_key="layer")
    theirs = time.perf_counter() - start
    start = time.perf_counter()
    once = swept(cut)
    sweep = time.perf_counter() - start
    print(f"{name}, {len(graph.nodes):,} nodes, {len(graph.wires):,} wires, {len(cut.segments) + 1:,} layers")
    placed = crossings(cut, {v: float(at[1]) for v, at in multi.items()})
    print(f"  ours                  {seconds:6.2f} s  {layout.crossings:7,} crossings; {layout.over:,} near a node")
    print(f"  multipartite_layout   {theirs:6.2f} s  {placed:7,} crossings")
    print(f"  one barycentre sweep  {sweep:6.2f} s  {crossings(cut, once):7,} crossings")


def deafness(graph: Graph) -> None:
    """How long the window's loop stood still while its canvas laid a drawing out."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from app.design.values import Design
    from app.window import theme
    from app.window.canvas.view import CanvasView
    from app.window.document import Document
    from blocks.card import Card, Port

    app = QApplication.instance() or QApplication(sys.argv[:1])
    theme.load_fonts()
    document = Document()
    tensor = Port("out", "*S")
    document.set_catalogue((Card("Add", "Add", "Connector", inputs=(Port("xs", "*S", many="*"),), outputs=(tensor,)),))
    nodes = tuple(replace(node, x=i % 100 * 260.0, y=i // 100 * 180.0) for i, node in enumerate(graph.nodes))
    document.load(Design(nodes=nodes, wires=graph.wires), None)
    view = CanvasView(document)
    view.resize(1200, 700)
    view.show()
    settled = time.perf_counter() + 3
    while time.perf_counter() < settled:
        app.processEvents()
    ticks: list[float] = []
    timer = QTimer()
    timer.setInterval(1)
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start()
    start = time.perf_counter()
    view.arranger.lay_out()
    worked = 0.0
    while not document.undo_stack.count():
        app.processEvents()
        if view.arranger.busy:
            worked = time.perf_counter()
    shown = time.perf_counter()
    thinking = [t for t in ticks if t <= worked]
    gap = max(b - a for a, b in zip([start, *thinking], [*thinking, worked], strict=True))
    print(f"the canvas, {len(graph.nodes):,} nodes: {worked - start:.2f} s until the places are known,")
    print(f"  the window deaf for {gap * 1000:.0f} ms at most; {shown - worked:.2f} s to move the items there")
    view.close()


def main() -> None:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for count in (1000, 5000):
        compare("residual blocks", residual(count // 6))
        compare("branches and skips at random", branching(count))
    for graph in (residual(5000 // 6), branching(1000), branching(5000)):
        deafness(graph)


if __name__ == "__main__":
    main()
