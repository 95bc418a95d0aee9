"""Cards without torch, and random designs made as a user makes them: by edits."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from app.design import edits, frames, grouping
from app.design.edits import EditError
from app.design.names import NamingError
from app.design.ports import ports
from app.design.values import Design, End, Expression, Group, Node, Recipe, Settings, Variant, Wire
from app.design.wires import WiringError
from blocks.card import Card, Port, Setting

REFUSALS = (EditError, NamingError, WiringError)

_X, _OUT = Port("x", "*S"), Port("out", "*S")

CATALOGUE = {
    card.id: card
    for card in (
        Card("Input", "Input", "Ends", outputs=(_OUT,), settings=(Setting("size", "ints", (3, 8, 8), min=1),)),
        Card("Output", "Output", "Ends", inputs=(Port("x", "any", kind="any"),)),
        Card("GroupInput", "In", "Ends", outputs=(Port("out", "any", kind="any"),), settings=(
            Setting("kind", "choice", "tensor", choices=("tensor", "pyramid", "boxes", "detections", "scalar")),)),
        Card("GroupOutput", "Out", "Ends", inputs=(Port("x", "any", kind="any"),), settings=(
            Setting("kind", "choice", "tensor", choices=("tensor", "pyramid", "boxes", "detections", "scalar")),)),
        Card("Conv", "Conv", "Layer", inputs=(_X,), outputs=(_OUT,), settings=(
            Setting("channels", "int", 8, min=1), Setting("kernel", "pair", (3, 3), min=1),
            Setting("rate", "float", 0.5), Setting("bias", "bool", True), Setting("title", "str", ""),
            Setting("groups", "int", None, optional=True))),
        Card("Add", "Add", "Connector", inputs=(Port("xs", "*S", many="*", at_least=2),), outputs=(_OUT,)),
        Card("Split", "Split", "Connector", inputs=(_X,), outputs=(Port("part", "*S", many="parts"),),
             settings=(Setting("parts", "int", 2, min=1, max=8),)),
        Card("Backbone", "Backbone", "Backbone", inputs=(_X,), outputs=(Port("out", "[B c]", kind="pyramid"),)),
        Card("Neck", "Neck", "Neck", inputs=(Port("x", "[B c]", kind="pyramid"),), outputs=(_OUT,)),
        Card("Loss", "Loss", "Loss", inputs=(_X, Port("target", "*S")), outputs=(Port("loss", "", kind="scalar"),)),
    )
}  # fmt: skip

BLOCKS = [*CATALOGUE, "Unknown"]

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,12}", fullmatch=True)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = st.none() | st.booleans() | numbers | texts
expressions = st.builds(Expression, st.sampled_from(["width", "width * 2", "max(width // 3, 1)", "depth - 1"]) | texts)
values = st.recursive(plain | expressions, lambda inner: st.lists(inner, max_size=4).map(tuple), max_leaves=8)
settings = st.dictionaries(texts, values, max_size=4).map(Settings)
places = st.floats(-1e6, 1e6)

recipes = st.builds(
    Recipe, data=texts, epochs=st.integers(1, 1000), learning_rate=st.floats(1e-6, 1), seed=st.integers(0, 2**31)
)
variants = st.lists(st.builds(Variant, name=texts, settings=settings), max_size=3).map(tuple)

exposed = st.lists(
    st.sampled_from([
        Setting("width", "int", 8, "How wide.", min=1),
        Setting("depth", "int", 2, "How deep.", min=1, max=9),
        Setting("rate", "float", 0.5),
        Setting("mode", "choice", "a", "Größe 🙂", choices=("a", "b")),
        Setting("sizes", "ints", (1, 2)),
    ]),
    max_size=4, unique_by=lambda s: s.name,
).map(tuple)  # fmt: skip


def graphs(design: Design) -> list[str]:
    """Where one can edit: the top and every Group."""
    return ["", *design.group_by_name]


def any_edit(draw: Any, design: Design) -> Design:
    """One random edit, of any kind, which the rules may refuse."""
    where = draw(st.sampled_from(graphs(design)))
    graph = design.graph(where)
    ids = sorted(graph.by_id)
    kind = draw(st.sampled_from(sorted(EDITS)))
    if kind not in ("add", "frame", "reframe", "group", "recipe", "variants") and not ids:
        kind = "add"
    return EDITS[kind](draw, design, where, ids)


def _add(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    made = edits.new_node(design, where, draw(st.sampled_from(BLOCKS)), x=draw(places), y=draw(places))
    return edits.add_node(design, where, made)


def _use(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    if not design.groups:
        return design
    group = draw(st.sampled_from(sorted(design.group_by_name)))
    return edits.add_node(design, where, edits.new_group_node(design, where, group))


def _connect(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    graph = design.graph(where)
    outs = [End(n.id, p.name) for n in graph.nodes for p in ports(design, graph, n, CATALOGUE).outputs]
    ins = [End(n.id, p.name) for n in graph.nodes for p in ports(design, graph, n, CATALOGUE).inputs]
    if not outs or not ins:
        return design
    source, target = draw(st.sampled_from(outs)), draw(st.sampled_from(ins))
    return edits.connect(design, where, source, target, CATALOGUE, replace_wire=draw(st.booleans()))


def _some(draw: Any, ids: list[str]) -> list[str]:
    return draw(st.lists(st.sampled_from(ids), min_size=1, max_size=4, unique=True))  # type: ignore[no-any-return]


def _remove(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    wires = design.graph(where).wires
    gone: list[Wire] = draw(st.lists(st.sampled_from(wires), max_size=2)) if wires else []
    return edits.remove(design, where, _some(draw, ids)[:2], gone)


def _set(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    node = design.graph(where).by_id[draw(st.sampled_from(ids))]
    known = edits.settings_of(design, node, CATALOGUE)
    name = draw(st.sampled_from([s.name for s in known])) if known else "anything"
    value = draw(values | st.sampled_from(["pyramid", "scalar", 1, 2, 5, (3, 3)]))
    return edits.set_setting(design, where, node.id, name, value, CATALOGUE)


def _collapse(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    framed = sorted(design.graph(where).frame_by_id)[:1]
    return grouping.collapse(design, where, _some(draw, ids), draw(names), CATALOGUE, framed)[0]


def _ungroup(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    return grouping.ungroup(design, where, draw(st.sampled_from(ids)))[0]


def _paste(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    source = design.graph(draw(st.sampled_from(graphs(design))))
    chosen: list[Node] = draw(st.lists(st.sampled_from(source.nodes), max_size=3, unique=True)) if source.nodes else []
    return edits.paste(design, where, chosen, source.wires, dx=24, dy=24)[0]


def _insert(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    wires = design.graph(where).wires
    if not wires:
        return design
    made = edits.new_node(design, where, "Conv")
    return edits.insert_on_wire(design, where, draw(st.sampled_from(wires)), made, "x", "out", CATALOGUE)


def _repeat(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    count: Any = draw(st.integers(-1, 4) | st.just(Expression("depth")) | st.just(2.5))
    groups = [id for id in ids if design.graph(where).by_id[id].group]
    return edits.set_repeat(design, where, draw(st.sampled_from(groups or ids)), count)


def _frame(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    graph = design.graph(where)
    made = frames.new_frame(graph, draw(texts), draw(places), draw(places), draw(st.floats(0, 900)), 240, "Stem")
    return frames.add_frame(design, where, made)


def _reframe(draw: Any, design: Design, where: str, ids: list[str]) -> Design:
    known = sorted(design.graph(where).frame_by_id)
    if not known:
        return design
    id = draw(st.sampled_from(known))
    if draw(st.booleans()):
        return frames.remove_frames(design, where, [id])
    return frames.change_frame(design, where, id, title=draw(texts), text=draw(texts), width=draw(st.floats()))


EDITS: dict[str, Any] = {
    "add": _add, "add2": _add, "use": _use, "connect": _connect, "connect2": _connect, "remove": _remove, "set": _set,
    "collapse": _collapse, "ungroup": _ungroup, "paste": _paste, "insert": _insert, "repeat": _repeat,
    "frame": _frame, "reframe": _reframe,
    "move": lambda d, g, w, ids: edits.move(g, w, {d(st.sampled_from(ids)): (d(st.floats()), d(places))}),
    "rename": lambda d, g, w, ids: edits.rename(g, w, d(st.sampled_from(ids)), d(names | texts)),
    "freeze": lambda d, g, w, ids: edits.set_frozen(g, w, d(st.sampled_from(ids)), d(st.booleans())),
    "share": lambda d, g, w, ids: edits.set_shares(g, w, d(st.sampled_from(ids)), d(st.sampled_from(["", *ids]))),
    "follow": lambda d, g, w, ids: edits.set_follows(g, w, d(st.sampled_from(ids)), d(st.sampled_from(["", *ids]))),
    "expose": lambda d, g, w, ids: edits.set_group_settings(g, w, d(exposed)) if w else g,
    "recipe": lambda d, g, w, ids: edits.set_recipe(g, d(recipes)),
    "variants": lambda d, g, w, ids: edits.set_variants(g, d(variants)),
    "group": lambda d, g, w, ids: g,
}  # fmt: skip


def node(id: str, block: str = "Conv", **settings: Any) -> Node:
    return Node(id=id, block=block, settings=Settings(settings))


def use(id: str, group: str, repeat: int | Expression = 1, **settings: Any) -> Node:
    return Node(id=id, group=group, repeat=repeat, settings=Settings(settings))


def wire(path: str) -> Wire:
    """`a.out>b.x` as a wire; `a>b` stands for those ports."""
    source, target = path.split(">")
    a, _, out = source.partition(".")
    b, _, x = target.partition(".")
    return Wire(End(a, out or "out"), End(b, x or "x"))


def small() -> Design:
    nodes = (node("a"), node("b"), node("c"), node("add", "Add"))
    return Design(nodes=nodes, wires=(wire("a>b"), wire("b>c"), wire("b>add.a"), wire("c>add.b")))


def grouped() -> Design:
    """Two nodes that use one Group, whose ports are `x` and `out`."""
    block = Group(
        name="block", settings=(Setting("width", "int", 8, min=1),),
        nodes=(node("x", "GroupInput"), node("conv", channels=Expression("width")), node("out", "GroupOutput")),
        wires=(wire("x>conv"), wire("conv>out")),
    )  # fmt: skip
    nodes = (node("a"), use("one", "block", width=4), use("two", "block"), node("end", "Output"))
    return Design(nodes=nodes, wires=(wire("a>one"), wire("one>two"), wire("two>end")), groups=(block,))


@st.composite
def designs(draw: Any, most: int = 10) -> Design:
    """A random design that edits led to."""
    design = draw(st.sampled_from([Design(), small(), grouped()]))
    for _ in range(draw(st.integers(0, most))):
        try:
            design = any_edit(draw, design)
        except REFUSALS:
            continue
    return design
