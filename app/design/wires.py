"""The rules of wiring, one error class a rule, all raised from `check_wire`."""

from __future__ import annotations

from app.design.ports import Catalogue, Ports, ports
from app.design.values import Design, Graph, Wire
from blocks.card import Kind, Port


class WiringError(ValueError):
    """A wire that may not be drawn; the message says what was got, what is needed and what to do."""


class CycleError(WiringError):
    """The wire would close a circle."""


class OccupiedPortError(WiringError):
    """The input has a wire already."""


class WrongKindError(WiringError):
    """The output gives another kind of value than the input takes."""


class OwnOutputError(WiringError):
    """A node's output would feed the same node."""


class UnknownPortError(WiringError):
    """An end of the wire names a node or a port that does not exist."""


def kinds_fit(source: Kind, target: Kind) -> bool:
    """Whether a wire of kind `source` may enter a port of kind `target`."""
    return source == target or "any" in (source, target)


def check_wire(
    design: Design,
    where: str,
    wire: Wire,
    catalogue: Catalogue,
    *,
    acyclic: bool = True,
    occupied: bool = True,
    known: dict[str, Ports] | None = None,
) -> None:
    """Raise the WiringError of the first rule that `wire` would break in the graph `where` ("" is the top).

    With `acyclic=False` or `occupied=False` that rule is left to the caller (a whole file is checked for cycles at
    once; a move replaces the wire that is there). `known` keeps the ports of the graph's nodes from wire to wire.
    """
    graph = design.graph(where)
    source, target = graph.by_id.get(wire.source.node), graph.by_id.get(wire.target.node)
    for end, node in ((wire.source, source), (wire.target, target)):
        if node is None:
            raise UnknownPortError(f"the wire {wire.source} -> {wire.target} names `{end.node}`, which does not exist")
    assert source is not None and target is not None
    if source is target:
        raise OwnOutputError(f"{source.name} cannot feed itself: wire its output to another node")
    known = {} if known is None else known
    for node in (source, target):
        if node.id not in known:
            known[node.id] = ports(design, graph, node, catalogue)
    output, input = known[source.id].output(wire.source.port), known[target.id].input(wire.target.port)
    if output is None:
        raise UnknownPortError(
            f"{source.name} has no output `{wire.source.port}` (it has: {_listed(known[source.id].outputs)})"
        )
    if input is None:
        raise UnknownPortError(
            f"{target.name} has no input `{wire.target.port}` (it has: {_listed(known[target.id].inputs)})"
        )
    if occupied and (taken := graph.wire_into(wire.target)) is not None:
        raise OccupiedPortError(
            f"{target.name}: `{input.name}` already takes {graph.by_id[taken.source.node].name}; remove that wire first"
        )
    if not kinds_fit(output.kind, input.kind):
        raise WrongKindError(
            f"{target.name}: `{input.name}` takes a {input.kind}, but {source.name} gives a {output.kind}"
            + _adapter(output.kind, input.kind)
        )
    if acyclic and source.id in downstream(graph, target.id):
        raise CycleError(
            f"a wire from {source.name} to {target.name} would close a circle: a network's wires run one way"
        )


def _listed(ports: tuple[Port, ...]) -> str:
    names = [p.name for p in ports]
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "") or "none"


def _adapter(source: Kind, target: Kind) -> str:
    if (source, target) == ("pyramid", "tensor"):
        return "; pick one level of the pyramid"
    if (source, target) == ("tensor", "pyramid"):
        return "; it needs several levels, as a backbone gives them"
    return ""


def downstream(graph: Graph, start: str) -> set[str]:
    """The ids of the node `start` and of all nodes that it feeds, directly or not."""
    seen, todo = {start}, [start]
    while todo:
        for wire in graph.out_of.get(todo.pop(), ()):
            if wire.target.node not in seen:
                seen.add(wire.target.node)
                todo.append(wire.target.node)
    return seen


def find_cycle(graph: Graph) -> tuple[str, ...]:
    """The ids of nodes that lie on circles, in drawing order; empty when there is none."""
    if not graph.wires:
        return ()
    import networkx  # when a file is opened, not when the window starts: it takes a tenth of a second

    net = networkx.DiGraph((wire.source.node, wire.target.node) for wire in graph.wires)
    circles = [part for part in networkx.strongly_connected_components(net) if len(part) > 1]
    on_circles = set(networkx.nodes_with_selfloops(net)).union(*circles)
    return tuple(node.id for node in graph.nodes if node.id in on_circles)

