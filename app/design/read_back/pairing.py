"""What in generated code is which node of the design that it was made from."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from app.design.ports import Catalogue, ports
from app.design.read_back.flow import Flow, Ref, Step, Value, flow_of
from app.design.read_back.parse import ClassCode, ModuleCode, Unreadable
from app.design.values import Design, End, Graph, Node

STARTS = ("Input", "GroupInput")
ENDS = ("Output", "GroupOutput")
Slot = tuple[int | str, ...]
"""Which argument: `(0,)`, `("mask",)`, and `(0, 2)` for the third of several in the first."""


@dataclass
class Drawn:
    """A class that stands for a graph of the design."""

    code: ClassCode
    where: str
    """The graph's name; "" for the top."""
    graph: Graph
    lines: dict[str, frozenset[int]] = field(default_factory=dict)
    """Of each node, by its id: the lines that are known to be of it."""
    flow: Flow | None = None
    ids: dict[int, str] = field(default_factory=dict)
    """Of the steps that are nodes: the node's id."""
    slots: dict[str, dict[Slot, str]] = field(default_factory=dict)
    """Of the nodes that can be followed: which port each argument feeds."""
    ends: tuple[str, ...] = ()
    """The ids of what is returned, in order."""

    def made(self, id: str) -> str:
        """The attribute that a node is made as; "" where it is none."""
        node = self.graph.by_id[id]
        owner = self.graph.by_id.get(node.shares, node)
        return owner.name if owner.name in self.code.made else ""


def drawn_classes(
    module: ModuleCode, places: Mapping[str, tuple[int, ...]], design: Design, catalogue: Catalogue
) -> dict[str, Drawn]:
    """The classes that stand for a graph, by name."""
    votes: dict[str, Counter[str]] = {}
    lines: dict[tuple[str, str, str], set[int]] = {}
    spans = [(code.line, code.node.end_lineno or code.line, name) for name, code in module.classes.items()]
    for path, at in places.items():
        where, _, id = path.rpartition("/")
        if (where and where not in design.group_by_name) or id not in design.graph(where).by_id:
            continue
        name = design.graph(where).by_id[id].name
        for line in at:
            for first, last, owner in spans:
                if first <= line <= last:
                    lines.setdefault((owner, where, id), set()).add(line)
                    votes.setdefault(owner, Counter())[where] += 1 + 3 * (name in module.classes[owner].made)
    found = {}
    for owner, counted in votes.items():
        where = counted.most_common(1)[0][0]
        graph = design.graph(where)
        if not _fits(module.classes[owner], graph):
            continue
        mine = {id: frozenset(known) for (o, w, id), known in lines.items() if o == owner and w == where}
        found[owner] = Drawn(module.classes[owner], where, graph, mine)
        _follow(found[owner], module.names, design, catalogue)
    return found


def _fits(code: ClassCode, graph: Graph) -> bool:
    """Whether what a class makes are nodes of the graph."""
    return all(name in graph.by_name for name in code.made) and code.forward is not None


def _follow(drawn: Drawn, names: Collection[str], design: Design, catalogue: Catalogue) -> None:
    """Find out which step of the forward is which node, and which argument feeds which port."""
    assert drawn.code.forward is not None
    try:
        flow = drawn.flow = flow_of(drawn.code.forward, several(drawn, design, catalogue), names)
    except Unreadable:
        return
    graph = drawn.graph
    inputs = [node for node in graph.nodes if node.block in STARTS]
    taken: set[str] = set()
    calls: Counter[str] = Counter()
    for i, step in enumerate(flow.steps):
        id = ""
        if step.kind == "input":
            left = [node for node in inputs if node.id not in taken]
            id = next((n.id for n in left if n.name == step.name), left[0].id if left else "")
        elif step.kind == "call":
            id = _called(drawn, step, calls[step.name])
            calls[step.name] += 1
        else:
            here = [n for n in graph.nodes if step.line in drawn.lines.get(n.id, ()) and n.id not in taken]
            plain = [n for n in here if n.name not in drawn.code.made and n.block not in (*STARTS, *ENDS)]
            id = plain[0].id if len(plain) == 1 else ""
        if id and id not in taken:
            taken.add(id)
            drawn.ids[i] = id
    ends = [node for node in graph.nodes if node.block in ENDS]
    wanted = [source_of(drawn, value, design, catalogue) for value in flow.returned]
    found: list[str] = []
    for end in wanted:
        fed = [n.id for n in ends if n.id not in found and any(w.source == end for w in graph.into.get(n.id, ()))]
        found.append(fed[0] if fed else "")
    drawn.ends = tuple(found)
    for i, id in drawn.ids.items():
        learned = _slots(drawn, flow.steps[i], id, design, catalogue)
        if learned is not None:
            drawn.slots[id] = learned


def several(drawn: Drawn, design: Design, catalogue: Catalogue) -> set[str]:
    """The attributes whose nodes have several outputs."""
    nodes = drawn.graph.by_name
    return {
        name for name in drawn.code.made
        if name in nodes and len(ports(design, drawn.graph, nodes[name], catalogue).outputs) > 1
    }  # fmt: skip


def _called(drawn: Drawn, step: Step, turn: int) -> str:
    """The node that the call of an attribute is: the one of that name, then those that share its weights."""
    node = drawn.graph.by_name.get(step.name)
    if node is None:
        return ""
    sharing = [n for n in drawn.graph.nodes if n.shares == node.id and n.id != node.id]
    if not sharing:
        return node.id if not turn else ""
    near = [n for n in (node, *sharing) if step.line in drawn.lines.get(n.id, ())]
    line = [n for n in near if n.id not in drawn.ids.values()]
    return line[0].id if line else ""


def source_of(drawn: Drawn, value: Value, design: Design, catalogue: Catalogue) -> End | None:
    """The end of a wire that a value of the forward is; None where it is none."""
    if not isinstance(value, Ref) or value.step not in drawn.ids:
        return None
    return end_of(design, drawn.graph, drawn.graph.by_id[drawn.ids[value.step]], value.pick, catalogue)


def end_of(design: Design, graph: Graph, node: Node, pick: int | None, catalogue: Catalogue) -> End | None:
    """A node's output: its only one, or the one at a place."""
    outputs = ports(design, graph, node, catalogue).outputs
    if pick is None:
        return End(node.id, outputs[0].name) if len(outputs) == 1 else None
    return End(node.id, outputs[pick].name) if len(outputs) > 1 and 0 <= pick < len(outputs) else None


def spread(given: Iterable[tuple[int | str, Value]]) -> list[tuple[Slot, Value]]:
    """Arguments, several in one taken apart."""
    found: list[tuple[Slot, Value]] = []
    for slot, value in given:
        if isinstance(value, tuple):
            found += [((slot, i), part) for i, part in enumerate(value)]
        else:
            found.append(((slot,), value))
    return found


def _slots(drawn: Drawn, step: Step, id: str, design: Design, catalogue: Catalogue) -> dict[Slot, str] | None:
    """Which port each argument feeds; None where they are not the node's wires."""
    wires = list(drawn.graph.into.get(id, ()))
    found: dict[Slot, str] = {}
    for slot, value in spread(step.given):
        if isinstance(value, str):
            continue  # a number, or None for an input that is left open
        end = source_of(drawn, value, design, catalogue)
        wire = next((w for w in wires if w.source == end), None)
        if wire is None:
            return None
        wires.remove(wire)
        found[slot] = wire.target.port
    return found if not wires else None


def same(one: ast.AST | None, other: ast.AST | None) -> bool:
    """Whether two pieces of code are equal but for their lines."""
    if one is None or other is None:
        return one is other
    return ast.dump(one) == ast.dump(other)
