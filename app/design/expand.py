"""A design with its Groups opened: every block that runs, once for each time that it runs.

Analysis and compilation both walk this list, so a Group can mean nothing else to one than to the other.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from app.design.expressions import ExpressionError, resolve
from app.design.nesting import MAX_DEPTH
from app.design.ties import leader_of
from app.design.values import Design, End, Expression, Graph, Node, Settings, SettingValue
from blocks.card import Setting

MAX_CALLS = 50_000
"""How many blocks may run in one design, repetitions counted."""
MAX_VISITS = 10 * MAX_CALLS
"""How many drawn nodes are walked over, repetitions counted: Groups may repeat without holding any block."""


class Call(msgspec.Struct, frozen=True):
    """One run of one block. `id` is the path of ids (`encoder/stage2/0/conv`), `name` that of names.

    `module` is where its weights are: the state_dict's prefix (`encoder.stage2.0.conv`); calls that share weights have
    the same. `where` and `node` say which drawn node it is. `settings` hold no expressions any more. `follows` is where
    the weights are that those of this call follow with `momentum`; they are not trained then. Empty: none.
    """

    id: str
    name: str
    where: str
    node: str
    block: str
    settings: Settings
    module: str
    frozen: bool
    follows: str = ""
    momentum: float = 0.0


class GroupCall(msgspec.Struct, frozen=True):
    """One Group node, opened: where its ports lead. `inputs` and `outputs` map port names to sources outside and
    inside (None: nothing is wired there)."""

    id: str
    name: str
    where: str
    node: str
    group: str
    inputs: dict[str, End | None]
    outputs: dict[str, End | None]
    members: tuple[str, ...]
    """Ids of the calls inside, nested ones too."""


class Trouble(msgspec.Struct, frozen=True):
    """What kept a part from being opened: the id path, the drawn node, a code and a sentence."""

    id: str
    where: str
    node: str
    code: str
    message: str


class Expanded(msgspec.Struct, frozen=True):
    """The opened design: calls in the order in which they can run, and what feeds each input (`End(call id, port)`)."""

    calls: tuple[Call, ...]
    sources: dict[str, dict[str, End]]
    """Call id -> input port -> source."""
    groups: tuple[GroupCall, ...]
    troubles: tuple[Trouble, ...]


class TooLargeError(ValueError):
    """The design would run more blocks than any machine could: refused before anything is allocated."""


def expand(design: Design) -> Expanded:
    """Open all Groups. Raises TooLargeError; a bad expression or Group becomes a Trouble and the rest is opened."""
    work = _Work(design)
    work.graph(design, _Place(), {})
    return Expanded(tuple(work.calls), work.sources, tuple(work.groups), tuple(work.troubles))


class _Place(NamedTuple):
    """Where the walk stands: the graph's name, the values of its settings, and what its nodes' paths begin with."""

    where: str = ""
    env: Mapping[str, SettingValue] = MappingProxyType({})
    ids: str = ""
    names: str = ""
    module: str = ""
    frozen: bool = False
    follows: str = ""
    momentum: float = 0.0


class _Work:
    def __init__(self, design: Design) -> None:
        self.design = design
        self.calls: list[Call] = []
        self.sources: dict[str, dict[str, End]] = {}
        self.groups: list[GroupCall] = []
        self.troubles: list[Trouble] = []
        self.visits = 0
        self.depth = 0

    def graph(self, graph: Graph, at: _Place, entries: Mapping[str, End | None]) -> dict[str, End | None]:
        """Open `graph`; `entries` feed its GroupInputs. Returns what its GroupOutputs give."""
        self.visits += len(graph.nodes) + 1
        if self.visits > MAX_VISITS:
            raise TooLargeError(f"the design walks over more than {MAX_VISITS:,} nodes: lower a Group's repeat")
        given: dict[End, End | None] = {}  # an output drawn in this graph -> the call's output that it stands for
        exits: dict[str, End | None] = {}
        for node in ordered(graph):
            feeds = {w.target.port: given.get(w.source) for w in graph.into.get(node.id, ())}
            if node.block == "GroupInput":
                given[End(node.id, "out")] = entries.get(node.name)
            elif node.block == "GroupOutput":
                exits[node.name] = feeds.get("x")
            elif node.group:
                owner = graph.by_id.get(node.shares, node)
                for port, end in self.group(node, at, feeds, owner, _followed(graph, owner, at)).items():
                    given[End(node.id, port)] = end
            else:
                id = at.ids + node.id
                owner = graph.by_id.get(node.shares, node)
                settings = self.resolve(node, at)
                if len(self.calls) >= MAX_CALLS:
                    raise TooLargeError(f"the design runs more than {MAX_CALLS:,} blocks: lower a Group's repeat")
                home, (leader, momentum) = at.module + owner.name, _followed(graph, owner, at)
                frozen = at.frozen or node.frozen or bool(leader)
                call = Call(
                    id, at.names + node.name, at.where, node.id, node.block, settings, home, frozen, leader, momentum
                )
                self.calls.append(call)
                self.sources[id] = {port: end for port, end in feeds.items() if end is not None}
                for wire in graph.out_of.get(node.id, ()):
                    given[wire.source] = End(id, wire.source.port)
        return exits

    def group(
        self, node: Node, at: _Place, feeds: dict[str, End | None], owner: Node, followed: tuple[str, float]
    ) -> dict[str, End | None]:
        id, name = at.ids + node.id, at.names + node.name
        group = self.design.group_by_name.get(node.group)
        if group is None:
            message = f"{node.name}: there is no Group `{node.group}` in this design"
            self.trouble(node, at, "group-missing", message)
            return {}
        values = self.group_values(group.settings, node, at)
        repeat = self.repeat(node, at)
        if self.depth == MAX_DEPTH:
            raise TooLargeError(f"Groups are nested more than {MAX_DEPTH} deep at `{node.group}`: take some apart")
        self.depth += 1
        first = len(self.calls)
        place = len(self.groups)
        self.groups.append(GroupCall(id, name, at.where, node.id, node.group, {}, {}, ()))
        inputs = [n.name for n in group.nodes if n.block == "GroupInput"]
        outputs = [n.name for n in group.nodes if n.block == "GroupOutput"]
        entries = {name: feeds.get(name) for name in inputs}
        exits: dict[str, End | None] = {}
        for i in range(repeat):
            if i:  # outputs feed the inputs in order; inputs past the last output keep what they have
                entries = {**entries, **{a: exits.get(b) for a, b in zip(inputs, outputs, strict=False)}}
            step = f"{i}/" if node.repeat != 1 else ""
            own = f"{i}." if node.repeat != 1 and owner.shares != owner.id else ""
            home, (leader, momentum) = f"{at.module}{owner.name}.{own}", followed
            frozen = at.frozen or node.frozen or bool(leader)
            leads = f"{leader}.{own}" if leader else ""
            inside = _Place(node.group, values, f"{id}/{step}", f"{name}/{step}", home, frozen, leads, momentum)
            exits = self.graph(group, inside, entries)
        self.depth -= 1
        members = tuple(call.id for call in self.calls[first:])
        fed = {n: feeds.get(n) for n in inputs}
        self.groups[place] = GroupCall(id, name, at.where, node.id, node.group, fed, exits, members)
        return exits

    def resolve(self, node: Node, at: _Place) -> Settings:
        if not node.settings.has_expressions:
            return node.settings
        values: dict[str, SettingValue] = {}
        for name, value in node.settings.items():
            try:
                values[name] = resolve(value, at.env)
            except ExpressionError as error:
                self.trouble(node, at, "expression", f"{node.name}: {name} cannot be worked out: {error}")
        return Settings(values)

    def group_values(self, declared: tuple[Setting, ...], node: Node, at: _Place) -> dict[str, SettingValue]:
        given = self.resolve(node, at)
        values: dict[str, SettingValue] = {}
        for setting in declared:
            try:
                value = given.get(setting.name, setting.default)
                values[setting.name] = setting.accept(value) if setting.name in given else value
            except ValueError as error:
                values[setting.name] = setting.default
                self.trouble(node, at, "setting", f"{node.name}: {error}")
        return values

    def repeat(self, node: Node, at: _Place) -> int:
        try:
            count = resolve(node.repeat, at.env) if isinstance(node.repeat, Expression) else node.repeat
        except ExpressionError as error:
            self.trouble(node, at, "expression", f"{node.name}: repeat cannot be worked out: {error}")
            return 1
        whole = isinstance(count, int | float) and not isinstance(count, bool) and count == int(count)
        if not isinstance(count, int | float) or not whole or not 1 <= count <= 10_000:
            message = f"{node.name}: repeat is {count}, but it needs a whole number from 1 to 10000"
            self.trouble(node, at, "repeat", message)
            return 1
        return int(count)

    def trouble(self, node: Node, at: _Place, code: str, message: str) -> None:
        self.troubles.append(Trouble(at.ids + node.id, at.where, node.id, code, message))


def _followed(graph: Graph, owner: Node, at: _Place) -> tuple[str, float]:
    """Where the weights are that those of `owner` follow, and with which momentum; ("", 0): they follow none. Inside a
    Group that follows another each node follows the same node there."""
    if at.follows:
        return at.follows + owner.name, at.momentum
    leader = leader_of(graph, owner)
    return (at.module + leader.name, owner.momentum) if leader is not None else ("", 0.0)


def ordered(graph: Graph) -> list[Node]:
    """The nodes so that each comes after those that feed it, else in the order drawn. Nodes on
    circles are left out."""
    if _in_order(graph):
        return list(graph.nodes)
    waiting: dict[str, int] = {}
    after: dict[str, list[str]] = {}
    for node in graph.nodes:
        before = {w.source.node for w in graph.into.get(node.id, ())}
        waiting[node.id] = len(before)
        for other in before:
            after.setdefault(other, []).append(node.id)
    rank = {node.id: i for i, node in enumerate(graph.nodes)}
    order: list[Node] = []
    ready = [rank[id] for id, count in waiting.items() if not count]
    heapq.heapify(ready)
    while ready:
        node = graph.nodes[heapq.heappop(ready)]
        order.append(node)
        for id in after.get(node.id, ()):
            waiting[id] -= 1
            if not waiting[id]:
                heapq.heappush(ready, rank[id])
    return order


def _in_order(graph: Graph) -> bool:
    """Whether each node is drawn after those that feed it, as is usual."""
    seen: set[str] = set()
    for node in graph.nodes:
        for wire in graph.into.get(node.id, ()):
            if wire.source.node not in seen:
                return False
        seen.add(node.id)
    return True
