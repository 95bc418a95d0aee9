"""What differs between two drawings: nodes that are only in one of them, and what is another thing in both.

Nodes of two graphs are taken for the same node in this order, each step among those that are left:

1. the same id and the same block (or both are Groups);
2. the same name and the same block;
3. the same place in the graph: a wire from (or to) a node that is matched already, at the same ports, where in both
   graphs exactly one node of that block hangs on it;
4. the same turn: the blocks in the order in which the network runs them, as long a common sequence as there is;
5. the same id, though the block is another one: it was replaced.

What is left stands in one drawing only. The insides of two matched Groups are compared in the same way, for each use of
a Group, since shapes and costs are those of a use; of one that repeats the first time stands for all. Where nodes stand
on the canvas is no difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

from app.design.edits import settings_of
from app.design.paths import show_value
from app.design.ports import Catalogue
from app.design.values import Design, Expression, Graph, Node, Settings, SettingValue, freeze
from blocks.card import Setting

MOST = 20_000
"""So many nodes are compared; beyond that the comparison is `cut`."""
DEEPEST = 64

Kind = Literal["added", "removed", "changed"]
Place = tuple[str, ...]
"""The ids of the Group nodes to enter, and then the node's."""


class Figures(NamedTuple):
    """What analysis says of a node: its outputs in words, its parameters and multiply-adds."""

    outputs: str = ""
    parameters: int = 0
    macs: int = 0


class Detail(NamedTuple):
    """One thing that differs, in words: `out_channels`, `64`, `128`. `about` sorts it: name, block, setting, input,
    shape, parameters, MACs."""

    about: str
    what: str
    before: str
    after: str


@dataclass(frozen=True)
class Difference:
    """A node that is only in the first drawing (`removed`), only in the second (`added`), or in both and `changed`."""

    kind: Kind
    name: str
    """By the names on the canvas, with `/` into Groups; of a changed node that of the first drawing."""
    block: str
    """The block's id, or a Group's name."""
    before: Place | None = None
    after: Place | None = None
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """All differences in the order in which the networks run, and which nodes are the same."""

    differences: tuple[Difference, ...] = ()
    recipe: tuple[Detail, ...] = ()
    pairs: dict[Place, Place] = field(default_factory=dict)
    """From the first drawing's places to the second's."""
    cut: bool = False
    """There is more to be compared than `MOST` nodes: what is listed is not all."""

    @property
    def empty(self) -> bool:
        return not self.differences and not self.recipe

    def count(self, kind: Kind) -> int:
        return sum(d.kind == kind for d in self.differences)


def compare(
    a: Design,
    b: Design,
    catalogue: Catalogue,
    known_a: Mapping[str, Figures] | None = None,
    known_b: Mapping[str, Figures] | None = None,
) -> Comparison:
    """Compare two drawings. `known_...` hold figures by analysis path (`encoder/0/conv`); a node of which one side has
    none is compared without."""
    walk = _Walk(a, b, catalogue, known_a or {}, known_b or {})
    walk.graphs("", "", _Way(), _Way())
    names = a.recipe.__struct_fields__
    recipe = tuple(
        Detail("recipe", name.replace("_", " "), str(old), str(new))
        for name in names
        if (old := getattr(a.recipe, name)) != (new := getattr(b.recipe, name))
    )
    return Comparison(tuple(walk.found), recipe, walk.pairs, walk.left < 0)


def match(a: Graph, b: Graph) -> dict[str, str]:
    """The nodes of `a` that are nodes of `b` too, by id, as the module's docstring says."""
    matching = _Matching(a, b)
    matching.by(lambda node: (node.id, _kind(node)))
    matching.by(lambda node: (node.name, _kind(node)))
    matching.by_neighbours()
    matching.by_turn()
    matching.by(lambda node: node.id)
    return matching.found


# matching -------------------------------------------------------------------------------------------------------------


def _kind(node: Node) -> str:
    """What a node must have in common with the one that it is taken for."""
    return f"block {node.block}" if node.block else "Group"


def in_order(graph: Graph) -> list[Node]:
    """The nodes as the network runs them; what stands in a circle comes last."""
    waiting = {node.id: len({wire.source for wire in graph.into.get(node.id, ())}) for node in graph.nodes}
    ready = [node for node in graph.nodes if not waiting[node.id]]
    order: list[Node] = []
    for node in ready:
        order.append(node)
        for target, count in _targets(graph, node.id).items():
            if target in waiting:
                waiting[target] -= count
                if not waiting[target]:
                    ready.append(graph.by_id[target])
    done = {node.id for node in order}
    return [*order, *(node for node in graph.nodes if node.id not in done)]


def _targets(graph: Graph, id: str) -> dict[str, int]:
    """The nodes that a node feeds, and with how many of its outputs."""
    ends: dict[str, set[str]] = {}
    for wire in graph.out_of.get(id, ()):
        ends.setdefault(wire.target.node, set()).add(wire.source.port)
    return {target: len(ports) for target, ports in ends.items()}


class _Matching:
    """The pairs found so far."""

    def __init__(self, a: Graph, b: Graph) -> None:
        self._a, self._b = a, b
        self._order_a, self._order_b = in_order(a), in_order(b)
        self.found: dict[str, str] = {}
        self._taken: set[str] = set()

    def _left(self) -> tuple[list[Node], list[Node]]:
        first = [node for node in self._order_a if node.id not in self.found]
        return first, [node for node in self._order_b if node.id not in self._taken]

    def _pair(self, one: Node, other: Node) -> None:
        self.found[one.id] = other.id
        self._taken.add(other.id)

    def by(self, key: Callable[[Node], object]) -> None:
        """Pair those that are left and have the same key (ids and names are there once)."""
        first, second = self._left()
        there = {key(node): node for node in second}
        for node in first:
            if (other := there.get(key(node))) is not None:
                self._pair(node, other)

    def by_neighbours(self) -> None:
        """Pair nodes that hang in the same way on nodes that are paired."""
        before = -1
        while before != len(self.found):
            before = len(self.found)
            for node in self._left()[0]:
                self._look(node, "source")
            for node in reversed(self._left()[0]):
                self._look(node, "target")

    def _look(self, node: Node, side: str) -> None:
        """Pair a node over the wires to its neighbours on one side, where that says clearly which one it is."""
        into, here = ("into", "target") if side == "source" else ("out_of", "source")
        away = "out_of" if side == "source" else "into"
        for wire in getattr(self._a, into).get(node.id, ()):
            known = getattr(wire, side)
            if known.node not in self.found or node.id in self.found:
                continue
            ports = (wire.source.port, wire.target.port)

            def alike(graph: Graph, id: str, done: Iterable[str], ports: tuple[str, str] = ports) -> list[Node]:
                wires = getattr(graph, away).get(id, ())
                ends = [getattr(w, here).node for w in wires if (w.source.port, w.target.port) == ports]
                nodes = [graph.by_id[end] for end in dict.fromkeys(ends) if end not in done]
                return [each for each in nodes if _kind(each) == _kind(node)]

            mine = alike(self._a, known.node, self.found)
            theirs = alike(self._b, self.found[known.node], self._taken)
            if len(mine) == len(theirs) == 1:
                self._pair(node, theirs[0])

    def by_turn(self) -> None:
        """Pair those that are left along the longest common sequence of their blocks."""
        first, second = self._left()
        if not first or not second:
            return
        lines = SequenceMatcher(None, [_kind(n) for n in first], [_kind(n) for n in second], autojunk=False)
        for block in lines.get_matching_blocks():
            for i in range(block.size):
                self._pair(first[block.a + i], second[block.b + i])


# comparing ------------------------------------------------------------------------------------------------------------


class _Way(NamedTuple):
    """How one comes to a graph: by which Group nodes, as analysis names them, and in names."""

    place: Place = ()
    path: str = ""
    names: str = ""

    def into(self, node: Node) -> _Way:
        step = f"{node.id}/" if node.repeat == 1 else f"{node.id}/0/"
        return _Way((*self.place, node.id), self.path + step, f"{self.names}{node.name}/")


class _Walk:
    """Compares graph after graph and keeps what it finds."""

    def __init__(
        self, a: Design, b: Design, catalogue: Catalogue, known_a: Mapping[str, Figures],
        known_b: Mapping[str, Figures],
    ) -> None:  # fmt: skip
        self._a, self._b, self._catalogue = a, b, catalogue
        self._known_a, self._known_b = known_a, known_b
        self.found: list[Difference] = []
        self.pairs: dict[Place, Place] = {}
        self.left = MOST

    def graphs(self, where_a: str, where_b: str, way_a: _Way, way_b: _Way) -> None:
        """Compare two graphs, and what lies inside their Groups."""
        one, other = self._a.graph(where_a), self._b.graph(where_b)
        same = match(one, other)
        back = {v: k for k, v in same.items()}
        rank = {node.id: i for i, node in enumerate(in_order(one))}
        turns: list[tuple[float, Node | None, Node | None]] = [
            (rank[node.id], node, other.by_id.get(same.get(node.id, ""))) for node in one.nodes
        ]
        last = -1.0
        for node in in_order(other):  # what is new stands behind what it follows
            if node.id in back:
                last = rank[back[node.id]]
            else:
                turns.append((last + 0.5, None, node))
        for _, mine, theirs in sorted(turns, key=lambda turn: turn[0]):
            self.left -= 1
            if self.left < 0:
                return
            self._nodes(one, other, mine, theirs, same, way_a, way_b)

    def _nodes(
        self, one: Graph, other: Graph, mine: Node | None, theirs: Node | None, same: dict[str, str], way_a: _Way,
        way_b: _Way,
    ) -> None:  # fmt: skip
        if mine is None or theirs is None:
            if mine is not None:
                name, block, place = way_a.names + mine.name, mine.block or mine.group, (*way_a.place, mine.id)
                self.found.append(Difference("removed", name, block, before=place))
            elif theirs is not None:
                name, block, place = way_b.names + theirs.name, theirs.block or theirs.group, (*way_b.place, theirs.id)
                self.found.append(Difference("added", name, block, after=place))
            return
        before, after = (*way_a.place, mine.id), (*way_b.place, theirs.id)
        self.pairs[before] = after
        details = [*self._own(mine, theirs, same), *_inputs(one, other, mine, theirs, same)]
        details += self._figures(way_a.path + mine.id, way_b.path + theirs.id)
        if details:
            name, block = way_a.names + mine.name, mine.block or mine.group
            self.found.append(Difference("changed", name, block, before, after, tuple(details)))
        inside_a, inside_b = mine.group in self._a.group_by_name, theirs.group in self._b.group_by_name
        if inside_a and inside_b and len(before) < DEEPEST:
            self.graphs(mine.group, theirs.group, way_a.into(mine), way_b.into(theirs))

    def _own(self, mine: Node, theirs: Node, same: dict[str, str]) -> list[Detail]:
        """What differs of two nodes as they are drawn."""
        details = []
        if mine.name != theirs.name:
            details.append(Detail("name", "name", mine.name, theirs.name))
        if _kind(mine) != _kind(theirs):
            details.append(Detail("block", "block", mine.block or mine.group, theirs.block or theirs.group))
        else:
            details += self._settings(mine, theirs)
        if mine.repeat != theirs.repeat:
            details.append(Detail("setting", "repeat", show_value(mine.repeat), show_value(theirs.repeat)))
        if mine.frozen != theirs.frozen:
            words = ("no", "yes")
            details.append(Detail("setting", "frozen", words[mine.frozen], words[theirs.frozen]))
        if same.get(mine.shares, mine.shares) != theirs.shares:
            details.append(Detail("setting", "shares weights with", mine.shares or "none", theirs.shares or "none"))
        if same.get(mine.follows, mine.follows) != theirs.follows:
            details.append(Detail("setting", "follows weights of", mine.follows or "none", theirs.follows or "none"))
        if mine.momentum != theirs.momentum:
            details.append(Detail("setting", "momentum", show_value(mine.momentum), show_value(theirs.momentum)))
        return details

    def _settings(self, mine: Node, theirs: Node) -> list[Detail]:
        declared_a = {s.name: s for s in settings_of(self._a, mine, self._catalogue) or ()}
        declared_b = {s.name: s for s in settings_of(self._b, theirs, self._catalogue) or ()}
        details = []
        for name in dict.fromkeys((*declared_a, *declared_b, *mine.settings, *theirs.settings)):
            before, after = _value(mine, name, declared_a.get(name)), _value(theirs, name, declared_b.get(name))
            if Settings(value=before) != Settings(value=after):
                details.append(Detail("setting", name, show_value(before), show_value(after)))
        return details

    def _figures(self, path_a: str, path_b: str) -> list[Detail]:
        one, other = self._known_a.get(path_a), self._known_b.get(path_b)
        if one is None or other is None:
            return []
        details = []
        if one.outputs != other.outputs:
            details.append(Detail("shape", "output", one.outputs, other.outputs))
        if one.parameters != other.parameters:
            details.append(Detail("parameters", "parameters", f"{one.parameters:,}", f"{other.parameters:,}"))
        if one.macs != other.macs:
            details.append(Detail("MACs", "MACs", f"{one.macs:,}", f"{other.macs:,}"))
        return details


def _value(node: Node, name: str, declared: Setting | None) -> SettingValue:
    """What a setting is, written out or not: 3 is (3, 3) where a pair is asked for."""
    value: SettingValue = node.settings.get(name, declared.default if declared is not None else None)
    if declared is None or isinstance(value, Expression):
        return value
    try:
        return freeze(declared.accept(value))
    except ValueError:
        return value  # it does not fit: it is compared as it is written


def _inputs(one: Graph, other: Graph, mine: Node, theirs: Node, same: dict[str, str]) -> list[Detail]:
    """The inputs that come from elsewhere. Wires from nodes that are in one drawing only go without saying."""
    details = []
    back = set(same.values())
    wires_a, wires_b = one.into.get(mine.id, ()), other.into.get(theirs.id, ())
    for port in dict.fromkeys(wire.target.port for wire in (*wires_a, *wires_b)):
        from_a = [wire.source for wire in wires_a if wire.target.port == port]
        from_b = [wire.source for wire in wires_b if wire.target.port == port]
        kept_a = [(same[end.node], end.port) for end in from_a if end.node in same]
        kept_b = [(end.node, end.port) for end in from_b if end.node in back]
        if kept_a != kept_b:
            words = [
                ", ".join(f"{graph.by_id[end.node].name}.{end.port}" for end in ends if end.node in graph.by_id)
                for graph, ends in ((one, from_a), (other, from_b))
            ]
            details.append(Detail("input", f"input {port}", words[0] or "open", words[1] or "open"))
    return details
