"""The layered layout: what holds for any drawing, and how known networks look."""

from __future__ import annotations

import random
from itertools import pairwise

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.design.layout import Box, Cancelled, Layout, Watch, lay_out
from app.design.values import Design, End, Graph, Node, Wire

BOX = Box(200, 118, {"x": 58.0, "a": 48.0, "b": 68.0}, {"out": 58.0})


def graph_of(pairs: list[tuple[int, int]], count: int) -> Graph:
    wires = tuple(Wire(End(f"n{a}", "out"), End(f"n{b}", "x")) for a, b in dict.fromkeys(pairs))
    return Graph(nodes=tuple(Node(id=f"n{i}", block="B") for i in range(count)), wires=wires)


def laid_out(graph: Graph, **how: object) -> Layout:
    return lay_out(graph, {n.id: BOX for n in graph.nodes}, **how)  # type: ignore[arg-type]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Any wires, circles and wires of a node to itself included."""
    count = draw(st.integers(1, 24))
    ends = st.integers(0, count - 1)
    return graph_of(draw(st.lists(st.tuples(ends, ends), max_size=40)), count)


@settings(max_examples=60, deadline=None)
@given(graphs(), st.sampled_from(["right", "down"]))
def test_nodes_never_overlap_and_equal_drawings_get_equal_places(graph: Graph, direction: str) -> None:
    layout = laid_out(graph, direction=direction)
    assert layout.places.keys() == graph.by_id.keys()
    places = list(layout.places.values())
    for i, (x, y) in enumerate(places):
        assert x % 4 == y % 4 == 0
        assert not any(abs(x - u) < BOX.width and abs(y - v) < BOX.height for u, v in places[:i])
    assert laid_out(graph, direction=direction) == layout


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 30), st.integers(0, 10**6), st.sampled_from(["right", "down"]))
def test_each_node_stands_past_all_that_feed_it(count: int, seed: int, direction: str) -> None:
    graph = random_dag(count, seed)
    layout = laid_out(graph, direction=direction)
    axis = direction == "down"
    for wire in graph.wires:
        start, end = layout.places[wire.source.node], layout.places[wire.target.node]
        assert end[axis] >= start[axis] + (BOX.height if axis else BOX.width)
        assert layout.layers[wire.source.node] < layout.layers[wire.target.node]


def random_dag(count: int, seed: int, reach: int = 12) -> Graph:
    chance = random.Random(seed)
    pairs = []
    for i in range(1, count):
        pairs.append((i - 1 if chance.random() < 0.7 else chance.randrange(max(0, i - reach), i), i))
        if chance.random() < 0.4:
            pairs.append((chance.randrange(max(0, i - reach), i), i))
    return graph_of(pairs, count)


def reference(graph: Graph, layers: dict[str, int]) -> int:
    """Crossings after one barycentre sweep over the same layers, each long wire with dummies of its own."""
    bare = nx.DiGraph()
    for i, wire in enumerate(graph.wires):
        start, end = wire.source.node, wire.target.node
        way = [start, *(f"{i}:{here}" for here in range(layers[start] + 1, layers[end])), end]
        for here, v in enumerate(way, layers[start]):
            bare.add_node(v, layer=here)
        nx.add_path(bare, way)
    rows: dict[int, list[str]] = {}
    for v in bare:
        rows.setdefault(bare.nodes[v]["layer"], []).append(v)
    place: dict[str, float] = {}
    for here in sorted(rows):
        rows[here].sort(key=lambda v: sum(place[w] for w in bare.pred[v]) / max(len(bare.pred[v]), 1))
        place |= {v: float(i) for i, v in enumerate(rows[here])}
    count = 0
    for row in rows.values():
        ends = sorted((place[v], place[w]) for v in row for w in bare.succ[v])
        count += sum(a[0] < b[0] and a[1] > b[1] for i, a in enumerate(ends) for b in ends[i + 1 :])
    return count


def test_fewer_wires_cross_than_after_one_sweep() -> None:
    ours = theirs = 0
    for seed in range(12):
        graph = random_dag(60, seed)
        layout = laid_out(graph)
        expected = reference(graph, layout.layers)
        assert layout.crossings <= expected + 2 * len(layout.levels)  # what reading as a U may cost
        ours, theirs = ours + layout.crossings, theirs + expected
    assert ours < 0.8 * theirs


def test_it_stops_when_nobody_waits_and_tells_how_far_it_is() -> None:
    graph, asked, told = random_dag(200, 1), [], []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    with pytest.raises(Cancelled):
        laid_out(graph, watch=Watch(cancelled))
    assert len(asked) == 6
    laid_out(graph, watch=Watch(progress=told.append))
    assert told == sorted(told) and 0 < told[0] < told[-1] < 1


def test_a_chosen_part_keeps_its_corner_and_leaves_the_others_out() -> None:
    graph = graph_of(list(pairwise(range(6))), 6)
    moved = Graph(
        nodes=tuple(Node(id=n.id, block="B", x=400.0 + 4 * i, y=80.0) for i, n in enumerate(graph.nodes)),
        wires=graph.wires,
    )
    layout = laid_out(moved, only={"n2", "n3", "n4"})
    assert set(layout.places) == {"n2", "n3", "n4"}
    assert layout.places["n2"] == (408, 80)
    assert [y for _, y in layout.places.values()] == [80, 80, 80]


def wired(*ways: str) -> Graph:
    """Wires `a>b.x`, several to a word."""
    wires = []
    for pair in " ".join(ways).split():
        start, _, end = pair.partition(">")
        node, _, port = end.partition(".")
        wires.append(Wire(End(start, "out"), End(node, port or "x")))
    names = dict.fromkeys(end.node for w in wires for end in (w.source, w.target))
    return Graph(nodes=tuple(Node(id=name, block="B") for name in names), wires=tuple(wires))


def test_a_u_net_reads_as_a_u() -> None:
    graph = wired(
        "image>d1 d1>p1 p1>d2 d2>p2 p2>d3 d3>p3 p3>low low>u3.a", "d3>u3.b u3>u2.a d2>u2.b u2>u1.a d1>u1.b u1>out"
    )
    layout = laid_out(graph)
    assert layout.levels == (("d1", "u1"), ("d2", "u2"), ("d3", "u3"))
    y = {id: place[1] for id, place in layout.places.items()}
    assert y["d1"] < y["d2"] < y["d3"] < y["low"], "the encoder goes down"
    assert y["low"] > y["u3"] > y["u2"] > y["u1"], "the decoder comes up"
    for down, up in layout.levels:
        assert abs(y[down] + 58 - y[up] - 68) <= 4, "each skip is level"


def test_skips_run_beside_the_trunk() -> None:
    blocks = [f"r{i}>c{i} c{i}>n{i} n{i}>a{i}.a r{i}>a{i}.b a{i}>r{i + 1}" for i in range(4)]
    layout = laid_out(wired(*blocks))
    y = {id: place[1] for id, place in layout.places.items()}
    assert layout.crossings <= 4 and not layout.levels, "one skip after another is no U"
    for i in range(4):
        assert y[f"c{i}"] == y[f"n{i}"], "the trunk is straight"
        assert abs(y[f"r{i}"] + 58 - y[f"a{i}"] - 68) <= 4, "the skip is level"
        assert not y[f"c{i}"] - 4 < y[f"r{i}"] + 58 < y[f"c{i}"] + BOX.height + 4, "it passes clear of what it skips"


def test_a_pyramids_levels_line_up() -> None:
    graph = wired(
        "image>c3 c3>c4 c4>c5 c3>l3 c4>l4 c5>l5 l5>up5 up5>m4.a l4>m4.b m4>up4 up4>m3.a l3>m3.b m3>s3 m4>s4 l5>s5",
        "s3>o3 s4>o4 s5>o5",
    )
    layout = laid_out(graph, last=["o3", "o4", "o5"])
    y = {id: place[1] for id, place in layout.places.items()}
    assert y["l3"] < y["l4"] < y["l5"] and y["s3"] < y["s4"] < y["s5"]
    assert abs(y["l3"] + 58 - y["m3"] - 68) <= 4 and abs(y["l4"] + 58 - y["m4"] - 68) <= 4
    assert len({layout.places[id][0] for id in ("o3", "o4", "o5")}) == 1


def test_an_empty_drawing_has_no_places() -> None:
    assert laid_out(Design()).places == {}
