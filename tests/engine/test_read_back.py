"""Generated code, edited and read back: the code of an edited drawing gives that edit, and the table of torch's layers
is torch's."""

from __future__ import annotations

import ast
import inspect
from contextlib import suppress

import pytest
from torch import nn

import examples
from app.design import edits, file
from app.design.build import chain, node, wire
from app.design.compare import compare
from app.design.edits import EditError
from app.design.paths import choose_variant
from app.design.read_back import Base, ReadBack, read_back, verify
from app.design.read_back import torch_layers as table
from app.design.values import Design, Node
from app.design.wires import WiringError
from app.engine.compile import InvalidDesignError, shared_analyser
from app.engine.to_python import generate
from examples import zoo


def test_the_table_of_layers_is_that_of_torch() -> None:
    cards = shared_analyser().cards
    for layer in table.SIGNATURES:
        known = table.parameters(layer)
        assert known is not None
        if not issubclass(cls := getattr(nn, layer), nn.RNNBase):
            given = list(inspect.signature(cls.__init__).parameters.values())[1:]
            real = {
                p.name: p.default for p in given
                if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name[0] != "_"
            }  # fmt: skip
            for away in ("device", "dtype"):
                real.pop(away, None)
            assert list(known) == list(real), layer
            for name, default in known.items():
                shown = ast.literal_eval(default) if default is not None else inspect.Parameter.empty
                assert shown == real[name] and type(shown) is type(real[name]), (layer, name)
        card = cards.get(layer)
        assert card is not None, layer
        names = {setting.name for setting in card.settings}
        renamed = {setting for (owner, _), setting in table.SETTINGS.items() if owner == layer}
        assert renamed <= names, (layer, renamed - names)
        assert not table.SIZES & known.keys() & names


def base_of(design: Design) -> Base:
    made = generate(design, name="net")
    return Base(made.text, made.places)


def read(design: Design, base: Base, text: str) -> ReadBack:
    """As the window reads: what is a guess is held against the code that it gives."""
    cards = shared_analyser().cards
    way = 0
    while (found := read_back(text, base, design, cards, way)).guesses:
        try:
            wrong = verify(text, generate(found.design, name="net").text, found.guesses)
        except InvalidDesignError:
            wrong = ["it does not run"]  # type: ignore[list-item]
        if not wrong:
            break
        way = way + 1 if 0 <= way + 1 < found.ways else -1
    return found


def load(name: str) -> Design:
    known = examples.find(name)
    assert known is not None
    cards = shared_analyser().cards
    design = file.load(known[0], cards)
    return choose_variant(design, known[1], cards) if known[1] else design


def said(before: Design, after: Design) -> set[tuple[str, ...]]:
    """What differs, by the names of nodes."""
    found = compare(before, after, shared_analyser().cards)
    return {
        (d.kind, d.name, *((x.what, x.before, x.after) if x else ()))
        for d in found.differences
        for x in (d.details or (None,))
    }


def assert_read(design: Design, changes: list[tuple[str, str]], words: set[tuple[str, ...]]) -> None:
    """The code of the design with these places changed is read back whole, as edits that say these words."""
    base = base_of(design)
    text = base.text
    for before, after in changes:
        assert before in text, text
        text = text.replace(before, after)
    found = read(design, base, text)
    assert found.troubles == () and said(design, found.design) == words


DROP = "        self.drop = nn.Dropout(0.3)\n"


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("digits", [("nn.Linear(C, 10)", "nn.Linear(C, 7)")], {("changed", "head", "classes", "10", "7")}),
        ("digits", [("ConvNormAct(1, 24)", "ConvNormAct(1, 32)")], {("changed", "stem", "channels", "24", "32")}),
        ("digits", [("ResidualStage(24, 48, 2)", "ResidualStage(24, 64, 1)")],
         {("changed", "backbone/stage2", "channels", "= width * 2", "64"),
          ("changed", "backbone/stage2", "stride", "2", "1")}),
        ("digits", [("        self.head =", f"{DROP}        self.head ="),
                    ("self.head(attention)", "self.head(self.drop(attention))")],
         {("added", "drop"), ("changed", "head", "input x", "attention.out", "drop.out")}),
        ("digits", [("return self.stage2(stage1)", "return self.stage2(self.stage1(stage1))")],
         {("added", "backbone/stage1_2"), ("changed", "backbone/stage2", "input x", "stage1.out", "stage1_2.out")}),
        ("resnet18", [("backbone[-1]", "backbone[-2]")], {("changed", "last", "level", "-1", "-2")}),
    ],
)  # fmt: skip
def test_generated_code_edited_by_hand(name: str, changes: list[tuple[str, str]], words: set[tuple[str, ...]]) -> None:
    assert_read(load(name), changes, words)


def test_what_no_setting_gives_is_pointed_at() -> None:
    design = load("digits")
    base = base_of(design)
    text = base.text.replace("padding=kernel_size // 2", "padding=kernel_size // 3")
    found = read(design, base, text)
    (trouble,) = found.troubles
    assert "`ConvNormAct` was changed by hand" in trouble.message and found.design is design
    assert "// 3" in text.split("\n")[trouble.line - 1]


def edited(design: Design) -> list[tuple[str, Design]]:
    """Edits as a hand makes them: a layer in a wire, a node called otherwise, a layer taken out, and settings."""
    cards = shared_analyser().cards
    found: list[tuple[str, Design]] = []
    inner = [n for n in design.nodes if n.block and cards[n.block].category not in ("Ends", "Loss", "Metric")]
    for each in inner[:3]:
        found.append((f"rename {each.name}", edits.rename(design, "", each.id, f"{each.name}_else")))
        into = [w for w in design.out_of.get(each.id, ()) if w.target.node in {n.id for n in inner}]
        for w in into[:1]:
            made = edits.add_node(edits.disconnect(design, "", [w]), "", Node("new", "ReLU", x=each.x))
            with suppress(WiringError):  # a pyramid takes no ReLU
                made = replace_wires(made, w.source.node, w.source.port, w.target.node, w.target.port)
                found.append((f"insert after {each.name}", made))
        for setting in cards[each.block].settings:
            value = each.settings.get(setting.name, setting.default)
            if setting.type == "int" and isinstance(value, int):
                try:
                    found.append((f"{each.name}.{setting.name}", edits.set_setting(
                        design, "", each.id, setting.name, value * 2 if value > 1 else value + 1, cards
                    )))  # fmt: skip
                except EditError:
                    continue
    return found


def replace_wires(design: Design, source: str, output: str, target: str, input: str) -> Design:
    cards = shared_analyser().cards
    for one in (wire(f"{source}.{output}", "new.x"), wire("new.out", f"{target}.{input}")):
        design = edits.connect(design, "", one.source, one.target, cards)
    return design


def round_trips(design: Design, most: int = 100) -> tuple[int, list[str]]:
    """How many edits of a drawing come back as they were, and which come back as another; what is pointed at is
    neither."""
    base = base_of(design)
    right, wrong = 0, []
    for what, after in edited(design)[:most]:
        try:
            text = generate(after, name="net").text
        except InvalidDesignError:
            continue
        found = read(design, base, text)
        if found.troubles:
            continue
        if said(after, found.design):
            wrong.append(f"{what}: {said(after, found.design)}")
        right += not said(after, found.design)
    return right, wrong


@pytest.mark.parametrize("name", ["digits", "two_tasks"])
def test_the_code_of_an_edited_drawing_reads_back_as_that_edit(name: str) -> None:
    right, wrong = round_trips(load(name))
    assert wrong == [] and right >= 4


@pytest.mark.slow
def test_the_code_of_known_networks_can_be_read_back() -> None:
    cards = shared_analyser().cards
    found = {}
    for path in list(zoo.families())[::6]:
        found[path.stem] = round_trips(file.load(path, cards), 3)
    assert {name: wrong for name, (_, wrong) in found.items() if wrong} == {}
    assert [name for name, (right, _) in found.items() if not right] == []


NET = chain(
    node("x", "Input", size=(3, 16, 16)), node("conv", "Conv2d", out_channels=8), node("act", "ReLU"),
    node("pool", "GlobalAvgPool"), node("fc", "Linear", out_features=10), node("output", "Output"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("self.act(conv)", "nn.functional.relu(conv)", {("changed", "act", "name", "act", "relu")}),
        ("self.act(conv)", "F.relu(conv)", {("changed", "act", "name", "act", "relu")}),
        ("act.mean((2, 3))", "act.mean(dim=(2, 3))", set()),
        ("act.mean((2, 3))", "torch.mean(F.max_pool2d(act, 2), dim=[2, 3])", None),
        ("return self.fc(pool)", "return F.softmax(self.fc(pool), 1)",
         {("added", "softmax"), ("changed", "output", "input x", "fc.out", "softmax.out")}),
        ("self.act(conv)", "self.act(F.max_pool2d(conv, 2, 2))",
         {("added", "max_pool2d"), ("changed", "act", "input x", "conv.out", "max_pool2d.out")}),
        ("self.act(conv)", "self.act(conv * 0.5)",
         {("added", "scale"), ("changed", "act", "input x", "conv.out", "scale.out")}),
        ("self.act(conv)", "self.act(conv / 4)",
         {("added", "scale"), ("changed", "act", "input x", "conv.out", "scale.out")}),
        ("self.fc(pool)", "self.fc(F.leaky_relu(pool, 0.2))",
         {("added", "leaky_relu"), ("changed", "fc", "input x", "pool.out", "leaky_relu.out")}),
        ("self.act(conv)", "self.act(F.interpolate(conv, scale_factor=2, mode='bilinear'))",
         {("added", "interpolate"), ("changed", "act", "input x", "conv.out", "interpolate.out")}),
        ("self.act(conv)", "self.act(conv.mean(dim=(-2, -1), keepdim=True))",
         {("added", "global_avg_pool"), ("changed", "act", "input x", "conv.out", "global_avg_pool.out")}),
        ("nn.Conv2d(3, 8, 3, padding=1)", "nn.Conv2d(3, 8, 5, padding='same')",
         {("changed", "conv", "kernel_size", "3×3", "5×5"), ("changed", "conv", "padding", "1×1", "2×2")}),
        ("nn.Conv2d(3, 8, 3, padding=1)", "nn.Conv2d(3, 8, 4, padding='same')", None),
    ],
)  # fmt: skip
def test_functions_of_torch_by_any_of_their_spellings(
    before: str, after: str, words: set[tuple[str, ...]] | None
) -> None:
    base = base_of(NET)
    assert before in base.text
    text = base.text.replace(before, after)
    if before == "self.act(conv)" and before not in after and "self.act(" not in after:
        text = text.replace("        self.act = nn.ReLU()\n", "")
    found = read(NET, base, text)
    if words is None:
        assert [trouble.line for trouble in found.troubles] != []
    else:
        assert found.troubles == () and said(NET, found.design) == words


LISTS = {
    "a layer that has become several": (
        [("self.conv = nn.Conv2d(3, 8, 3, padding=1)",
          "self.conv = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8))")],
        ["conv", "conv_2", "act", "pool", "fc"], {}),
    "lists in a list, with names": (
        [("        self.act =", "        self.more = nn.Sequential(OrderedDict([('wide', nn.Conv2d(8, 32, 1)), "
          "('bend', nn.Sequential(nn.GELU(), nn.Dropout(0.2)))]))\n        self.act ="),
         ("self.act(conv)", "self.act(self.more(conv))")],
        ["conv", "more_wide", "more_bend_1", "more_bend_2", "act", "pool", "fc"], {"more_wide": {"out_channels": 32}}),
    "called by their places": (
        [("        self.act =", "        self.more = nn.ModuleList([nn.Conv2d(8, 8, 3, padding=1), nn.Tanh()])\n"
          "        self.act ="),
         ("self.act(conv)", "self.act(self.more[-1](self.more[0](conv)))")],
        ["conv", "more_1", "more_2", "act", "pool", "fc"], {}),
    "in a loop": (
        [("        self.act =", "        self.more = nn.ModuleList([nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8)])\n"
          "        self.act ="),
         ("        return ", "        for layer in self.more:\n            pool = layer(pool)\n        return ")],
        ["conv", "act", "pool", "more_1", "more_2", "more_3", "fc"], {"more_1": {"out_features": 16}}),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "order", "settings"), LISTS.values(), ids=list(LISTS))
def test_lists_of_different_layers_are_taken_apart(
    changes: list[tuple[str, str]], order: list[str], settings: dict[str, dict[str, int]]
) -> None:
    base = base_of(NET)
    text = base.text
    for before, after in changes:
        assert before in text, text
        text = text.replace(before, after)
    found = read(NET, base, text)
    assert found.troubles == ()
    names = ["x"]
    while (into := [w for n in found.design.out_of.values() for w in n if w.source.node == id_of(found, names[-1])]):
        names.append(next(n.name or n.id for n in found.design.nodes if n.id == into[0].target.node))
    assert names == ["x", *order, "output"]
    analysis = shared_analyser().analyse(found.design)
    assert analysis.valid
    for name, values in settings.items():
        node = next(n for n in found.design.nodes if (n.name or n.id) == name)
        assert values.items() <= dict(node.settings).items()


def id_of(found: ReadBack, name: str) -> str:
    return next(n.id for n in found.design.nodes if (n.name or n.id) == name)
