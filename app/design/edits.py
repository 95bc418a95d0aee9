"""Every edit of a drawing, as a pure function Design -> Design. `where` names the Group that is edited; "" is the top.

An edit that a rule forbids raises WiringError, NamingError or EditError with a sentence for the user, and changes
nothing. Undo needs no inverse of an edit: it keeps the design from before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from app.design import wires as rules
from app.design.borders import PORT_BLOCKS, drop_loose, drop_misfits, rename_port, shapes_ports
from app.design.names import check_name, free_name
from app.design.nesting import NestingError, check_nesting
from app.design.ports import Catalogue
from app.design.ties import MOMENTUM, check_momentum, leader_of, misfollowing, retied
from app.design.values import (
    About,
    Design,
    End,
    Expression,
    Graph,
    Group,
    Node,
    Recipe,
    Settings,
    Variant,
    Wire,
    check_exposed,
    has_expression,
)
from app.design.variants import node_renamed, rules_kept
from blocks.card import Setting

FAR = 1e9


class EditError(ValueError):
    """An edit that cannot be made; the message says why and what would do."""


def _on(design: Design, where: str, **fields: Any) -> Design:
    """The design with fields of the graph `where` replaced."""
    if not where:
        return replace(design, **fields)
    return replace(
        design, groups=tuple(replace(g, **fields) if g.name == where else g for g in design.groups)
    )


def _graph(design: Design, where: str) -> Graph:
    if where and where not in design.group_by_name:
        raise EditError(f"there is no Group `{where}` here: it may have been taken apart")
    return design.graph(where)


def _node(graph: Graph, id: str) -> Node:
    node = graph.by_id.get(id)
    if node is None:
        raise EditError(f"there is no node `{id}` here: it may have been deleted")
    return node


def _change(design: Design, where: str, id: str, change: Callable[[Node], Node]) -> Design:
    graph = _graph(design, where)
    old = _node(graph, id)
    new = change(old)
    if new == old:
        return design
    return _on(design, where, nodes=tuple(new if n is old else n for n in graph.nodes))


# nodes ----------------------------------------------------------------------------------------------------------------


def new_node(design: Design, where: str, block: str, *, name: str = "", x: float = 0, y: float = 0) -> Node:
    """A node of `block` with a free id and name, not yet on the canvas."""
    graph = _graph(design, where)
    name = free_name(name or _snake(block), {**graph.by_id, **graph.by_name})
    return Node(id=name, block=block, x=x, y=y)


def new_group_node(design: Design, where: str, group: str, *, x: float = 0, y: float = 0) -> Node:
    """A node that uses the Group `group`, not yet on the canvas."""
    graph = _graph(design, where)
    return Node(id=free_name(group, {**graph.by_id, **graph.by_name}), group=group, x=x, y=y)


def _snake(block: str) -> str:
    """SqueezeExcitation -> squeeze_excitation, BatchNorm2d -> batch_norm2d, ReLU -> relu."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", block).lower()


def add_node(design: Design, where: str, node: Node) -> Design:
    """Place a node. Its id and name must be free; a Group's node must not stand inside that Group."""
    graph = _graph(design, where)
    if node.id in graph.by_id:
        raise EditError(f"there is a node `{node.id}` here already")
    check_name(node.id)
    check_name(node.name, graph.by_name)
    if bool(node.block) == bool(node.group):
        raise EditError(f"{node.name} needs either a block or a Group, and exactly one")
    if node.shares or node.follows:
        raise EditError(f"{node.name} cannot come with another node's weights: share them once it is placed")
    _check_place(node.x, node.y)
    check_repeat(node.repeat)
    return _nested(_on(design, where, nodes=(*graph.nodes, node)), where, (node,))


def _nested(design: Design, where: str, added: Iterable[Node]) -> Design:
    """The design, unless a Group among the nodes `added` to `where` is missing or stands inside itself."""
    for group in {node.group for node in added if node.group}:
        if group not in design.group_by_name:
            raise EditError(f"the Group `{group}` is not part of this design")
        if where and where in used_groups(design, group):
            raise EditError(f"`{group}` contains `{where}`: a Group cannot stand inside itself")
        try:
            check_nesting(design)
        except NestingError as error:
            raise EditError(str(error)) from None
    return design


def _check_place(x: float, y: float) -> None:
    if not (abs(x) < FAR and abs(y) < FAR):
        raise EditError(f"({x:g}, {y:g}) lies off any canvas: stay within {FAR:g} of the middle")


def check_repeat(repeat: object) -> None:
    """Raise EditError unless a Group may repeat so often."""
    if isinstance(repeat, Expression):
        return
    if isinstance(repeat, bool) or not isinstance(repeat, int) or not 1 <= repeat <= 10_000:
        raise EditError(f"repeat is {repeat}, but it needs a whole number from 1 to 10000")


def remove(design: Design, where: str, nodes: Collection[str] = (), wires: Collection[Wire] = ()) -> Design:
    """Take away nodes with all their wires, and further wires. Nodes that shared their weights get their own."""
    graph, before = _graph(design, where), design
    gone = set(nodes)
    kept = tuple(retied(n, lambda id: "" if id in gone else id) for n in graph.nodes if n.id not in gone)
    left = tuple(
        w for w in graph.wires if w.source.node not in gone and w.target.node not in gone and w not in wires
    )
    design = _on(design, where, nodes=kept, wires=left)
    if where and any(n.id in gone and n.block in PORT_BLOCKS for n in graph.nodes):
        design = drop_loose(design, where)
    return drop_unused_groups(rules_kept(design, before))


def move(design: Design, where: str, positions: Mapping[str, tuple[float, float]]) -> Design:
    """Put nodes at (x, y), in scene units of 1 px at 100 %."""
    graph = _graph(design, where)
    for x, y in positions.values():
        _check_place(x, y)
    nodes = tuple(
        replace(n, x=float(positions[n.id][0]), y=float(positions[n.id][1])) if n.id in positions else n
        for n in graph.nodes
    )
    return _on(design, where, nodes=nodes)


def rename(design: Design, where: str, id: str, name: str) -> Design:
    graph = _graph(design, where)
    if _node(graph, id).name == name:
        return design
    check_name(name, graph.by_name)
    old = _node(graph, id)
    before = design
    design = _change(design, where, id, lambda n: replace(n, name=name))
    design = node_renamed(design, before, where, id, name)
    return rename_port(design, where, old, name) if where and old.block in PORT_BLOCKS else design


def set_setting(design: Design, where: str, id: str, setting: str, value: Any, catalogue: Catalogue) -> Design:
    """Set one setting; None stands for the default where the setting has no such value. An Expression is kept as it is.

    Raises EditError when the block has no such setting or does not accept the value.
    """
    node = _node(_graph(design, where), id)
    declared = setting_of(design, node, setting, catalogue)
    if declared is None and value is None:  # a setting that the block does not know is forgotten
        return _change(design, where, id, lambda n: replace(n, settings=n.settings.without(setting)))
    if declared is not None and not has_expression(value):
        if value is None and not declared.optional:
            settings = node.settings.without(setting)
            changed = _change(design, where, id, lambda n: replace(n, settings=settings))
            return drop_misfits(changed, where, id, catalogue) if shapes_ports(node, setting, catalogue) else changed
        try:
            value = declared.accept(value)
        except ValueError as error:
            raise EditError(f"{node.name}: {error}") from None
    elif declared is None and settings_of(design, node, catalogue) is not None:
        known = ", ".join(s.name for s in settings_of(design, node, catalogue) or ()) or "none"
        raise EditError(f"{node.name} has no setting `{setting}` (it has: {known})")
    try:
        settings = node.settings.with_(setting, value)
    except ValueError as error:
        raise EditError(f"{node.name}: {setting} cannot be kept: {error}") from None
    changed = _change(design, where, id, lambda n: replace(n, settings=settings))
    return drop_misfits(changed, where, id, catalogue) if shapes_ports(node, setting, catalogue) else changed


def settings_of(design: Design, node: Node, catalogue: Catalogue) -> tuple[Setting, ...] | None:
    """The settings that a node has; None when its block or Group is unknown."""
    if node.group:
        group = design.group_by_name.get(node.group)
        return group.settings if group else None
    card = catalogue.get(node.block)
    return card.settings if card else None


def setting_of(design: Design, node: Node, name: str, catalogue: Catalogue) -> Setting | None:
    return next((s for s in settings_of(design, node, catalogue) or () if s.name == name), None)


def set_repeat(design: Design, where: str, id: str, repeat: int | Expression) -> Design:
    if not _node(_graph(design, where), id).group:
        raise EditError("only a Group repeats: group the node first")
    check_repeat(repeat)
    return _change(design, where, id, lambda n: replace(n, repeat=repeat))


def set_frozen(design: Design, where: str, id: str, frozen: bool) -> Design:
    """Keep a node's weights as they are in training."""
    return _change(design, where, id, lambda n: replace(n, frozen=frozen))


def set_shares(design: Design, where: str, id: str, other: str) -> Design:
    """Use the weights of the node `other` ("" for own, trained weights); a repeated Group may name itself."""
    graph = _graph(design, where)
    node = _node(graph, id)
    if other:
        source = _node(graph, other)
        if source is node and not node.group:
            raise EditError(f"{node.name} cannot share with itself: only a repeated Group can")
        if (source.block, source.group) != (node.block, node.group):
            raise EditError(f"{node.name} and {source.name} are different blocks: only equal ones share weights")
        if source is not node and source.shares and source.shares != source.id:
            raise EditError(f"{source.name} uses another node's weights itself: share with `{source.shares}`")
    # Nodes that used this one's weights would be left with none: they follow to the other node.
    owner = source.id if other and source is not node else ""
    nodes = tuple(
        replace(n, shares=other, follows="", momentum=MOMENTUM) if n is node
        else replace(n, shares=owner) if owner and n.shares == id else n
        for n in graph.nodes
    )  # fmt: skip
    return design if nodes == graph.nodes else _tied(_on(design, where, nodes=nodes), where)


def set_follows(design: Design, where: str, id: str, other: str) -> Design:
    """Let a node's weights be the moving average of those of the node `other`; "" for own, trained weights."""
    graph = _graph(design, where)
    node = _node(graph, id)
    if not other:
        return _change(design, where, id, lambda n: replace(n, follows="", momentum=MOMENTUM))
    _node(graph, other)
    if node.shares == id:
        raise EditError(f"{node.name} has one set of weights for all repeats: give each repeat its own first")
    return _tied(_change(design, where, id, lambda n: replace(n, shares="", follows=other)), where)


def set_momentum(design: Design, where: str, id: str, momentum: float) -> Design:
    """What a node that follows another keeps of its weights at each step, from 0 to below 1."""
    node = _node(_graph(design, where), id)
    if not node.follows:
        raise EditError(f"{node.name} follows no other node's weights: choose one first")
    if wrong := check_momentum(momentum):
        raise EditError(f"{node.name}: {wrong}")
    return _change(design, where, id, lambda n: replace(n, momentum=float(momentum)))


def _tied(design: Design, where: str) -> Design:
    """The design, unless its nodes follow each other in a way that cannot be."""
    if wrong := misfollowing(design.graph(where)):
        raise EditError(wrong)
    return design


# wires ----------------------------------------------------------------------------------------------------------------


def connect(
    design: Design, where: str, source: End, target: End, catalogue: Catalogue, *, replace_wire: bool = False
) -> Design:
    """Draw a wire; with `replace_wire` it takes the place of the one that ends there. Raises WiringError."""
    wire = Wire(source, target)
    graph = _graph(design, where)
    old = graph.wire_into(target) if replace_wire else None
    if old is not None:
        design = _on(design, where, wires=tuple(w for w in graph.wires if w != old))
    rules.check_wire(design, where, wire, catalogue)
    return _on(design, where, wires=(*_graph(design, where).wires, wire))


def disconnect(design: Design, where: str, wires: Collection[Wire]) -> Design:
    return remove(design, where, (), wires)


def insert_on_wire(
    design: Design, where: str, wire: Wire, node: Node, input: str, output: str, catalogue: Catalogue | None = None
) -> Design:
    """Place `node` in the middle of `wire`, through its ports `input` and `output`.

    With a catalogue the new wires are checked as drawn ones are. Raises WiringError.
    """
    if wire not in _graph(design, where).wires:
        raise EditError(f"there is no wire {wire.source} -> {wire.target} here: it may have been deleted")
    design = add_node(design, where, node)
    graph = _graph(design, where)
    new = (Wire(wire.source, End(node.id, input)), Wire(End(node.id, output), wire.target))
    design = _on(design, where, wires=(*(w for w in graph.wires if w != wire), *new))
    if catalogue is not None:
        for w in new:
            rules.check_wire(design, where, w, catalogue, acyclic=False, occupied=False)
    return design


def paste(
    design: Design, where: str, nodes: Iterable[Node], wires: Iterable[Wire], *, dx: float = 0, dy: float = 0
) -> tuple[Design, tuple[str, ...]]:
    """Add copies of nodes and of the wires between them, under free names; returns the design and the new ids."""
    graph = _graph(design, where)
    taken = {**graph.by_id, **graph.by_name}
    new: dict[str, str] = {}
    added = []
    for node in nodes:
        name = free_name(node.name, taken)
        taken[name] = node
        new[node.id] = name
        added.append(replace(node, id=name, name=name, x=node.x + dx, y=node.y + dy))
    added = [retied(n, lambda id, n=n: new.get(id) or _partner(graph, n, id)) for n in added]  # type: ignore[misc]
    joined = [
        Wire(End(new[w.source.node], w.source.port), End(new[w.target.node], w.target.port))
        for w in wires
        if w.source.node in new and w.target.node in new
    ]
    for node in added:
        _check_place(node.x, node.y)
    design = _on(design, where, nodes=(*graph.nodes, *added), wires=(*graph.wires, *joined))
    return _nested(design, where, added), tuple(new.values())


def _partner(graph: Graph, node: Node, id: str) -> str:
    """Whose weights a pasted node may go on using or following: the same node's, where it is here and has its own."""
    other = graph.by_id.get(id)
    same = other is not None and (other.block, other.group) == (node.block, node.group)
    if other is None or not same or (node.follows and leader_of(graph, other)):
        return ""
    return other.id if node.follows or other.shares in ("", other.id) else ""


# the whole design -----------------------------------------------------------------------------------------------------


def set_recipe(design: Design, recipe: Recipe) -> Design:
    return replace(design, recipe=recipe)


def set_about(design: Design, about: About) -> Design:
    """Say what the drawing is."""
    return replace(design, about=about)


def set_variants(design: Design, variants: tuple[Variant, ...]) -> Design:
    return replace(design, variants=variants)


def set_group_settings(design: Design, group: str, settings: tuple[Setting, ...]) -> Design:
    """Choose what a Group exposes. Values that its nodes held for settings now gone are dropped."""
    _graph(design, group)
    try:
        check_exposed(settings)
    except ValueError as error:
        raise EditError(str(error)) from None
    design = _on(design, group, settings=settings)
    known = {s.name for s in settings}

    def trim(graph: Graph) -> tuple[Node, ...]:
        return tuple(
            replace(n, settings=Settings({k: v for k, v in n.settings.items() if k in known}))
            if n.group == group and not known.issuperset(n.settings)
            else n
            for n in graph.nodes
        )

    groups = tuple(replace(g, nodes=trim(g)) for g in design.groups)
    return replace(design, nodes=trim(design), groups=groups)


def add_group(design: Design, group: Group) -> Design:
    if group.name in design.group_by_name:
        raise EditError(f"there is a Group `{group.name}` already: choose another name")
    check_name(group.name)
    return _nested(replace(design, groups=(*design.groups, group)), group.name, group.nodes)


def used_groups(design: Design, group: str) -> set[str]:
    """The names of `group` and of all Groups inside it."""
    seen: set[str] = set()
    todo = [group]
    while todo:
        name = todo.pop()
        if name not in seen and name in design.group_by_name:
            seen.add(name)
            todo += [n.group for n in design.group_by_name[name].nodes if n.group]
    return seen


def drop_unused_groups(design: Design) -> Design:
    """Forget the Groups that no node uses any more."""
    used: set[str] = set()
    for node in design.nodes:
        if node.group and node.group not in used:
            used |= used_groups(design, node.group)
    if len(used) == len(design.groups):
        return design
    return replace(design, groups=tuple(g for g in design.groups if g.name in used))
