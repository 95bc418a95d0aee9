"""Whatever is edited, the code of the edited drawing read back against the drawing before it gives that edit."""

from __future__ import annotations

import random
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.design import edits
from app.design.compare import compare, in_order
from app.design.edits import EditError
from app.design.grouping import collapse
from app.design.names import NamingError
from app.design.ports import letter
from app.design.read_back import Base, read_back
from app.design.values import Design, End, Graph, Node, Settings, Wire
from app.design.wires import WiringError
from tests.design.made_code import CARDS, ENDS, code_of

REFUSALS = (EditError, NamingError, WiringError)
LAYERS = ("Conv2d", "Linear", "BatchNorm2d", "MaxPool2d", "Dropout", "ReLU", "GELU", "Gate", "Flatten")
JOINS = ("Add", "Concat")
VALUES: dict[str, Any] = {
    "int": st.integers(1, 64), "pair": st.tuples(st.integers(1, 7), st.integers(1, 7)), "bool": st.booleans(),
    "float": st.sampled_from([0.0, 0.125, 0.5, 1e-5, 1.0]),
}  # fmt: skip


@st.composite
def any_settings(draw: Any, block: str) -> Settings:
    card = CARDS[block]
    chosen = draw(st.lists(st.sampled_from(card.settings), max_size=2)) if card.settings else []
    return Settings({s.name: draw(value_of(s)) for s in chosen})


def value_of(setting: Any) -> Any:
    return st.sampled_from(setting.choices) if setting.type == "choice" else VALUES[setting.type]


@st.composite
def drawings(draw: Any) -> Design:
    """One input, layers and joins that each take what stands before them, one output."""
    nodes, wires = [Node("image", "Input")], []
    for i in range(draw(st.integers(1, 7))):
        block = draw(st.sampled_from([*LAYERS, *JOINS]))
        node = Node(f"n{i}", block, settings=draw(any_settings(block)))
        ports = ("a", "b", "c")[: draw(st.integers(2, 3))] if block in JOINS else ("x",)
        for port in ports:
            wires.append(Wire(End(draw(st.sampled_from([n.id for n in nodes])), "out"), End(node.id, port)))
        nodes.append(node)
    nodes.append(Node("scores", "Output"))
    wires.append(Wire(End(nodes[-2].id, "out"), End("scores", "x")))
    design = Design(nodes=tuple(nodes), wires=tuple(wires))
    if draw(st.booleans()):
        inner = [n.id for n in nodes if n.block not in ENDS and draw(st.booleans())]
        try:
            design, id = collapse(design, "", inner, "stage", CARDS)
        except EditError:
            return design
        if len(design.into.get(id, ())) == 1 and draw(st.booleans()):
            design = edits.set_repeat(design, "", id, draw(st.integers(1, 3)))
    return design


@st.composite
def edited(draw: Any, design: Design) -> Design:
    """What a hand makes of a drawing, every input wired."""
    for i in range(draw(st.integers(1, 4))):
        where = draw(st.sampled_from(["", *(g.name for g in design.groups)]))
        graph = design.graph(where)
        inner = [n for n in graph.nodes if n.block not in ENDS]
        kind = draw(st.sampled_from(["set", "insert", "remove", "rename", "wire", "more", "repeat", "share"]))
        try:
            if kind == "insert":
                design = insert(draw, design, where, f"new{i}")
            elif not inner:
                continue
            else:
                node = draw(st.sampled_from(inner))
                design = change(draw, design, where, node, kind, i)
        except REFUSALS:
            continue
    return design


def change(draw: Any, design: Design, where: str, node: Node, kind: str, i: int) -> Design:
    graph = design.graph(where)
    declared = CARDS[node.block].settings if node.block else ()
    match kind:
        case "set" if declared:
            setting = draw(st.sampled_from(declared))
            return edits.set_setting(design, where, node.id, setting.name, draw(value_of(setting)), CARDS)
        case "rename":
            return edits.rename(design, where, node.id, draw(st.sampled_from([f"named{i}", "stem", "head"])))
        case "remove":
            sources = [w.source for w in graph.into.get(node.id, ())]
            fed = graph.out_of.get(node.id, ())
            if not sources or len(inner_of(graph)) < 2:
                return design
            design = edits.remove(design, where, [node.id])
            for wire in fed:
                design = edits.connect(design, where, sources[0], wire.target, CARDS)
            return design
        case "wire":
            wire = draw(st.sampled_from(graph.into.get(node.id, ()) or graph.wires))
            source = draw(st.sampled_from([n for n in graph.nodes if n.block not in ("Output", "GroupOutput")]))
            if source.group:
                return design
            return edits.connect(design, where, End(source.id, "out"), wire.target, CARDS, replace_wire=True)
        case "more" if node.block in JOINS:
            feeding = [n for n in graph.nodes if n.block and n.block not in ("Output", "GroupOutput")]
            source = draw(st.sampled_from(feeding))
            port = letter(len(graph.into.get(node.id, ())))
            return edits.connect(design, where, End(source.id, "out"), End(node.id, port), CARDS)
        case "repeat" if node.group and node.repeat != 1:
            return edits.set_repeat(design, where, node.id, draw(st.integers(2, 5)))
        case "share" if node.block in LAYERS and node.block != "Flatten" and not node.shares:
            if (source := graph.into.get(node.id)) is None or any(n.shares == node.id for n in graph.nodes):
                return design
            name = f"twice{i}"
            design = edits.add_node(design, where, Node(name, node.block, settings=node.settings))
            for wire in source:
                design = edits.connect(design, where, wire.source, End(name, wire.target.port), CARDS)
            return edits.set_shares(design, where, name, node.id)
    return design


def inner_of(graph: Graph) -> list[Node]:
    return [n for n in graph.nodes if n.block not in ENDS]


def insert(draw: Any, design: Design, where: str, name: str) -> Design:
    """Put a layer into a wire."""
    graph = design.graph(where)
    if not graph.wires:
        return design
    wire = draw(st.sampled_from(graph.wires))
    block = draw(st.sampled_from(LAYERS))
    node = Node(name, block, settings=draw(any_settings(block)))
    design = edits.disconnect(design, where, [wire])
    design = edits.add_node(design, where, node)
    design = edits.connect(design, where, wire.source, End(name, "x"), CARDS)
    return edits.connect(design, where, End(name, "out"), wire.target, CARDS)


def told(design: Design) -> dict[str, object]:
    """A drawing by its names: nodes with all that is set, and what feeds each of their inputs, in order."""
    found: dict[str, object] = {}
    for graph in (design, *design.groups):
        where = getattr(graph, "name", "")
        for node in in_order(graph):
            declared = CARDS[node.block].settings if node.block else ()
            values = {s.name: s.accept(node.settings.get(s.name, s.default)) for s in declared}
            wires = sorted(graph.into.get(node.id, ()), key=lambda w: (len(w.target.port), w.target.port))
            sources = [(graph.by_id[w.source.node].name, w.source.port) for w in wires]
            names = [w.target.port for w in wires if node.block not in JOINS]
            owner = graph.by_id[node.shares].name if node.shares else ""
            if not owner or node.block:
                found[f"{where}/{node.name}"] = (
                    node.block, node.group, Settings(values), node.repeat, owner, sources, names
                )  # fmt: skip
    return found


def codable(design: Design) -> bool:
    """Whether every node is fed, and no sharing node has other settings than its owner."""
    for graph in (design, *design.groups):
        if sum(node.block in ("Output", "GroupOutput") for node in graph.nodes) != 1:
            return False
        for node in graph.nodes:
            wired = {w.target.port for w in graph.into.get(node.id, ())}
            if node.block not in ("Input", "GroupInput") and not wired:
                return False
            if node.block in JOINS and wired != {letter(i) for i in range(max(len(wired), 2))}:
                return False
            if node.shares and node.settings != graph.by_id[node.shares].settings:
                return False
    return True


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data())
def test_the_code_of_any_edit_reads_back_as_that_edit(data: st.DataObject) -> None:
    before = data.draw(drawings())
    after = data.draw(edited(before))
    if not codable(before) or not codable(after):
        return
    base = Base(*code_of(before))
    text, _ = code_of(after)
    read = read_back(text, base, before, CARDS)
    assert read.troubles == (), text
    assert told(read.design) == told(after), (base.text, text)
    if before == after:
        assert read.design is before
    assert read_back(base.text, Base(*code_of(read.design)), read.design, CARDS).design is not None


WORDS = (
    "self", "nn", "torch", "(", ")", "[", "]", ",", "=", "+", "*", "1", "-1", "None", "'x'", "stem", "self.n0(image)",
    "for i in range(3):", "lambda: 0", "return", "yield x", "*image", "...", "f'{image}'", "image[0]", "class",
    "nn.Sequential(*[nn.ReLU() for _ in range(3)])", "getattr(self, 'n0')(image)", "def f(): pass", "StageGroup()",
    "2**70", "10**400", "{1: 2}", "if image:", "del x", "x.y.z", "image if image else stem",
)  # fmt: skip


def test_whatever_stands_in_the_text_is_read_or_pointed_at() -> None:
    hand = random.Random(7)
    design = Design(
        nodes=(
            Node("image", "Input"), Node("n0", "Conv2d"), Node("n1", "Gate"), Node("sum", "Add"), Node("y", "Output")
        ),
        wires=tuple(Wire(End(a, "out"), End(b, p)) for a, b, p in (
            ("image", "n0", "x"), ("n0", "n1", "x"), ("n0", "sum", "a"), ("n1", "sum", "b"), ("sum", "y", "x"))),
    )  # fmt: skip
    design, _ = collapse(design, "", ["n1"], "stage", CARDS)
    base = Base(*code_of(design))
    for _ in range(100):
        lines = base.text.split("\n")
        for _ in range(hand.randint(1, 3)):
            i, j = hand.randrange(len(lines)), hand.randrange(len(lines))
            match hand.randrange(5):
                case 0:
                    del lines[i]
                case 1:
                    lines.insert(i, lines[j])
                case 2:
                    lines[i], lines[j] = lines[j], lines[i]
                case 3:
                    words = re.findall(r"\w+|\W", lines[i]) or [""]
                    words[hand.randrange(len(words))] = hand.choice(WORDS)
                    lines[i] = "".join(words)
                case _:
                    indent = lines[i][: len(lines[i]) - len(lines[i].lstrip())]
                    lines.insert(i, f"{indent}{hand.choice(WORDS)}{hand.choice(['', ' = ', '('])}{hand.choice(WORDS)}")
        text = "\n".join(lines)
        for way in (0, -1):
            read = read_back(text, base, design, CARDS, way)
            compare(design, read.design, CARDS)
            assert all(0 < t.line <= len(lines) + 1 and t.message for t in read.troubles), text
