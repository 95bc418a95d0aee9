"""Edits that collapse nodes into a Group and take a Group apart again."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from app.design import expressions, variants
from app.design.borders import PORT_BLOCKS
from app.design.edits import EditError, _graph, _node, _on, check_repeat, drop_unused_groups
from app.design.expressions import ExpressionError, substitute
from app.design.frames import add_copies
from app.design.names import free_name
from app.design.nesting import NestingError, check_nesting
from app.design.ports import Catalogue, ports
from app.design.ties import retied
from app.design.values import Design, End, Expression, Group, Node, Settings, SettingValue, Wire


def collapse(
    design: Design, where: str, ids: Collection[str], name: str, catalogue: Catalogue, frames: Collection[str] = ()
) -> tuple[Design, str]:
    """Make a Group of the nodes `ids`, and of frames; returns the design and the id of the node that stands for them.

    Wires that cross the border become ports: one an outer source, one an inner source that is used outside.
    Raises EditError when a path leaves the selection and comes back (the Group would feed itself).
    """
    graph = _graph(design, where)
    # The ports of the Group that is being edited stay where they are.
    inside = [n for n in graph.nodes if n.id in set(ids) and n.block not in PORT_BLOCKS]
    if not inside:
        raise EditError("choose at least one node to group")
    chosen = {n.id for n in inside}
    fed = {w.target.node for w in graph.wires if w.source.node in chosen and w.target.node not in chosen}
    while True:  # everything outside that the selection feeds, directly or not
        more = {w.target.node for w in graph.wires if w.source.node in fed and w.target.node not in chosen} - fed
        if not more:
            break
        fed |= more
    if back := [w for w in graph.wires if w.source.node in fed and w.target.node in chosen]:
        outside = graph.by_id[back[0].source.node].name
        raise EditError(f"`{outside}` lies between the chosen nodes: choose it too, then group")

    left, right = min(n.x for n in inside), max(n.x for n in inside)
    group_name = free_name(name, design.group_by_name)
    taken: dict[str, object] = {**{n.id: n for n in inside}, **{n.name: n for n in inside}}
    port_nodes: list[Node] = []
    inner = [w for w in graph.wires if w.source.node in chosen and w.target.node in chosen]
    outer = [w for w in graph.wires if w.source.node not in chosen and w.target.node not in chosen]
    node_id = free_name(name, {**graph.by_id, **graph.by_name})

    def port_node(block: str, wish: str, kind: str, x: float, y: float) -> str:
        id = free_name(wish, taken)
        settings = Settings(kind=kind) if kind != "tensor" else Settings()
        node = Node(id=id, block=block, settings=settings, x=x, y=y)
        taken[id] = node
        port_nodes.append(node)
        return id

    def kind_of(wire: Wire) -> str:
        port = ports(design, graph, graph.by_id[wire.source.node], catalogue).output(wire.source.port)
        if port is None or port.kind == "any":  # an unknown block: what its wire is taken for
            port = ports(design, graph, graph.by_id[wire.target.node], catalogue).input(wire.target.port)
        return port.kind if port and port.kind != "any" else "tensor"

    entries: dict[End, str] = {}
    exits: dict[End, str] = {}
    for wire in graph.wires:
        if wire.source.node not in chosen and wire.target.node in chosen:
            if wire.source not in entries:
                wish = "x" if not entries else f"x{len(entries) + 1}"
                y = graph.by_id[wire.target.node].y
                entries[wire.source] = port_node("GroupInput", wish, kind_of(wire), left - 240, y)
                outer.append(Wire(wire.source, End(node_id, entries[wire.source])))
            inner.append(Wire(End(entries[wire.source], "out"), wire.target))
        elif wire.source.node in chosen and wire.target.node not in chosen:
            if wire.source not in exits:
                wish = "out" if not exits else f"out{len(exits) + 1}"
                y = graph.by_id[wire.source.node].y
                exits[wire.source] = port_node("GroupOutput", wish, kind_of(wire), right + 240, y)
                inner.append(Wire(wire.source, End(exits[wire.source], "x")))
            outer.append(Wire(End(node_id, exits[wire.source]), wire.target))
    # What the nodes' expressions use of the Group around them comes in through settings of the same names.
    used = {name for n in inside for value in (*n.settings.values(), n.repeat) for name in _used(value)}
    exposed = tuple(s for s in graph.settings if s.name in used) if isinstance(graph, Group) else ()
    inside = [retied(n, lambda id: id if id in chosen else "") for n in inside]
    within = tuple(f for f in graph.frames if f.id in set(frames))
    group = Group(
        name=group_name, settings=exposed, nodes=(*inside, *port_nodes), wires=tuple(inner), frames=within
    )  # fmt: skip
    stand_in = Node(
        id=node_id, group=group_name, x=sum(n.x for n in inside) / len(inside),
        y=sum(n.y for n in inside) / len(inside), settings=Settings({s.name: Expression(s.name) for s in exposed}),
    )  # fmt: skip
    nodes = tuple(retied(n, lambda id: "" if id in chosen else id) for n in graph.nodes if n.id not in chosen)
    design = replace(design, groups=(*design.groups, group))
    around = tuple(f for f in graph.frames if f not in within)
    before = design
    design = _on(design, where, nodes=(*nodes, stand_in), wires=tuple(outer), frames=around)
    design = variants.rules_grouped(design, before, where, chosen, node_id)
    try:
        check_nesting(design)
    except NestingError as error:
        raise EditError(str(error)) from None
    return design, node_id


def _used(value: SettingValue) -> set[str]:
    """The names in a setting's expressions. One that cannot be read uses none: analysis says what is wrong with it."""
    if isinstance(value, tuple):
        return {name for v in value for name in _used(v)}
    if not isinstance(value, Expression):
        return set()
    try:
        return set(expressions.names(value.expression))
    except ExpressionError:
        return set()


def ungroup(design: Design, where: str, id: str) -> tuple[Design, tuple[str, ...]]:
    """Put a Group's inside, its frames too, in the place of its node; returns the design and the nodes' new ids.

    Settings given as expressions become the values that they have here. Raises EditError for a repeated Group and for
    one that uses another's weights.
    """
    graph = _graph(design, where)
    node = _node(graph, id)
    group = design.group_by_name.get(node.group)
    if group is None:
        raise EditError(f"{node.name} is not a Group")
    if node.repeat != 1:
        raise EditError(f"{node.name} repeats: set its repeat to 1 first")
    if node.shares or node.follows:
        raise EditError(f"{node.name} uses the weights of another node: give it weights of its own first")
    values: dict[str, SettingValue] = {}
    for s in group.settings:
        values[s.name] = value = node.settings.get(s.name, s.default)
        if not _used(value):
            try:
                values[s.name] = s.accept(value)
            except ValueError as error:
                raise EditError(f"{node.name}: {error}") from None
    taken = {**graph.by_id, **graph.by_name}
    new: dict[str, str] = {}
    placed: list[Node] = []
    body = [n for n in group.nodes if n.block not in PORT_BLOCKS]
    middle_x = sum(n.x for n in body) / max(len(body), 1)
    middle_y = sum(n.y for n in body) / max(len(body), 1)
    for part in body:
        name = free_name(part.name, taken)
        taken[name] = part
        new[part.id] = name
        try:
            settings = Settings({k: substitute(v, values) for k, v in part.settings.items()})
            repeat = substitute(part.repeat, values)
        except ExpressionError as error:
            raise EditError(f"{node.name}/{part.name}: {error}") from None
        repeat = int(repeat) if isinstance(repeat, float) and repeat.is_integer() else repeat
        check_repeat(repeat)
        place = {"x": part.x - middle_x + node.x, "y": part.y - middle_y + node.y}
        frozen = part.frozen or node.frozen
        part = replace(part, id=name, name=name, settings=settings, repeat=repeat, frozen=frozen, **place)
        placed.append(part)
    placed = [retied(n, lambda id: new.get(id, "")) for n in placed]
    fed = {w.target.port: w.source for w in graph.wires if w.target.node == id}
    names = {n.id: n.name for n in group.nodes}

    def source(end: End) -> End | None:
        if end.node in new:
            return End(new[end.node], end.port)
        return fed.get(names[end.node])  # a GroupInput: whatever feeds that port outside

    exits = {names[w.target.node]: source(w.source) for w in group.wires if w.target.node not in new}
    joined = [w for w in graph.wires if id not in (w.source.node, w.target.node)]
    for wire in group.wires:
        start = source(wire.source)
        if wire.target.node in new and start is not None:
            joined.append(Wire(start, End(new[wire.target.node], wire.target.port)))
    for wire in graph.out_of.get(id, ()):
        start = exits.get(wire.source.port)
        if start is not None:
            joined.append(Wire(start, wire.target))
    left = (retied(n, lambda other: "" if other == id else other) for n in graph.nodes if n.id != id)
    nodes = (*left, *placed)
    before = design
    design = _on(design, where, nodes=nodes, wires=tuple(joined))
    design = variants.rules_ungrouped(design, before, where, id, new)
    design, _ = add_copies(design, where, group.frames, dx=node.x - middle_x, dy=node.y - middle_y)
    return drop_unused_groups(design), tuple(new.values())


def open_into(design: Design, where: str, id: str, group: Group) -> Design:
    """Put a Group in the place of the block of node `id`, whose ports are the same; the wires stay.

    Variants no longer set what the block had as settings: it is drawn now. Raises EditError when another node uses
    the block's weights or it uses another's: they would have different insides.
    """
    graph = _graph(design, where)
    node = _node(graph, id)
    if not node.block:
        raise EditError(f"{node.name} is a Group already")
    if node.shares or any(n.shares == id for n in graph.nodes):
        raise EditError(f"{node.name} shares its weights with another node: give each weights of its own first")
    if node.follows or any(n.follows == id for n in graph.nodes):
        raise EditError(f"{node.name} follows another node's weights, or one follows its: end that first")
    name = free_name(group.name, design.group_by_name)
    design = replace(design, groups=(*design.groups, replace(group, name=name)))
    design = variants.without_node(design, where, id)
    opened = Node(id=node.id, name=node.name, group=name, x=node.x, y=node.y, frozen=node.frozen)
    return _on(design, where, nodes=tuple(opened if n is node else n for n in graph.nodes))
