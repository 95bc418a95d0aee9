"""Edited code, read back: what was changed by hand is an edit of the drawing, and what is none is pointed at."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from app.design.compare import compare
from app.design.grouping import collapse
from app.design.read_back import MAX_BYTES, Base, ReadBack, read_back
from app.design.values import Design, End, Node, Settings, Wire
from tests.design.made_code import CARDS, code_of


def node(id: str, block: str, **settings: Any) -> Node:
    return Node(id=id, block=block, settings=Settings(settings))


def wire(source: str, target: str) -> Wire:
    one, _, out = source.partition(".")
    other, _, into = target.partition(".")
    return Wire(End(one, out or "out"), End(other, into or "x"))


DESIGN = Design(
    nodes=(
        node("image", "Input"), node("stem", "Conv2d", out_channels=16), node("act", "ReLU"),
        node("conv", "Conv2d", out_channels=16, kernel_size=(1, 1), padding=(0, 0)), node("gate", "Gate", reduction=4),
        node("skip", "Add"), node("both", "Concat"), node("flat", "Flatten"), node("head", "Linear", out_features=10),
        node("scores", "Output"),
    ),
    wires=(
        wire("image", "stem"), wire("stem", "act"), wire("act", "conv"), wire("conv", "gate"), wire("gate", "skip.a"),
        wire("act", "skip.b"), wire("skip", "both.a"), wire("stem", "both.b"), wire("both", "flat"),
        wire("flat", "head"), wire("head", "scores"),
    ),
)  # fmt: skip

DROP = "        self.drop = nn.Dropout(0.25)\n"
MORE = """        self.norm = nn.BatchNorm2d(16, eps=0.001)
        self.more = nn.Conv2d(16, 8, 3)
        self.pool = nn.MaxPool2d(4)
"""


def edited(design: Design, *changes: tuple[str, str]) -> tuple[str, ReadBack]:
    """The code with texts replaced (each must stand there), and what is read back of it."""
    text, places = code_of(design)
    new = text
    for before, after in changes:
        assert before in new, f"{before!r} is not in\n{new}"
        new = new.replace(before, after)
    return new, read_back(new, Base(text, places), design, CARDS)


def said(design: Design, read: ReadBack) -> list[str]:
    """What differs, in words."""
    found = []
    for difference in compare(design, read.design, CARDS).differences:
        if not difference.details:
            found.append(f"{difference.kind} {difference.name} ({difference.block})")
        found += [f"{difference.name}: {d.what} {d.before} -> {d.after}" for d in difference.details]
    return found


def line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.split("\n"), 1) if part in line)


def test_code_that_was_not_edited_is_the_drawing() -> None:
    text, places = code_of(DESIGN)
    assert read_back(text, Base(text, places), DESIGN, CARDS) == ReadBack(DESIGN)
    loose = text.replace("\n        self.act", "\n\n        # an activation\n        self.act").replace(" = ", "  =  ")
    read = read_back(loose, Base(text, places), DESIGN, CARDS)
    assert read == ReadBack(DESIGN), "spaces, lines and comments are no edit"
    other = text.replace("class Network", "class Mine").replace("Network()", "Mine()")
    assert read_back(other, Base(text, places), DESIGN, CARDS) == ReadBack(DESIGN), "what the class is called"
    main = text.replace("    print(", "    import math\n    print(math.pi)\n    print(")
    assert read_back(main, Base(text, places), DESIGN, CARDS) == ReadBack(DESIGN)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([("out_channels=16, kernel_size=(3, 3)", "out_channels=32, kernel_size=5")],
         ["stem: out_channels 16 -> 32", "stem: kernel_size 3×3 -> 5×5"]),
        ([("out_features=10, ", "out_features=10, bias=False) #")], ["head: bias true -> false"]),
        ([("Gate(16, reduction=4)", "Gate(16, 8, kind='hard')")],
         ["gate: reduction 4 -> 8", "gate: kind soft -> hard"]),
        ([("Gate(16, reduction=4)", "Gate(16)")], ["gate: reduction 4 -> 16"]),
        ([("out_features=10", "out_features=2 * 5 + 1")], ["head: out_features 10 -> 11"]),
        ([("self.act", "self.relu"), ("act)", "act)")], ["act: name act -> relu"]),
        ([("gate + act", "gate + stem")], ["skip: input b act.out -> stem.out"]),
        ([("gate + act", "gate + act + stem")], ["skip: input c open -> stem.out"]),
        ([("torch.cat([skip, stem], dim=1)", "torch.cat([stem, skip], dim=1)")],
         ["both: input a skip.out -> stem.out", "both: input b stem.out -> skip.out"]),
        ([("nn.ReLU()", "nn.GELU()")], ["act: block ReLU -> GELU"]),
        ([("        self.gate = Gate(16, reduction=4)\n", ""), ("        gate = self.gate(conv)\n", ""),
          ("gate + act", "conv + act")],
         ["removed gate (Gate)", "skip: input a gate.out -> conv.out"]),
        ([("        skip = gate + act\n", ""), ("[skip, stem]", "[gate, stem]")],
         ["removed skip (Add)", "both: input a skip.out -> gate.out"]),
        ([("        self.gate =", f"{DROP}        self.gate ="), ("self.head(flat)", "self.head(self.drop(flat))")],
         ["added drop (Dropout)", "head: input x flat.out -> drop.out"]),
        ([("self.gate(conv)", "self.gate(conv, mask=act)")], ["gate: input mask open -> act.out"]),
        ([("        return head", "        return head, skip")], ["added skip_output (Output)"]),
        ([("        both =", "        twice = skip + stem\n        both ="), ("[skip, stem]", "[twice, stem]")],
         ["added twice (Add)", "both: input a skip.out -> twice.out"]),
        ([("image: Tensor", "picture: Tensor"), ("self.stem(image)", "self.stem(picture)")],
         ["image: name image -> picture"]),
        ([("flatten(1)", "flatten(2)")], ["flat: start_dim 1 -> 2"]),
        ([("act = self.act(stem)", "act = self.act(stem)\n        again = self.act(conv2)"),
          ("        act =", "        conv2 = self.stem(image)\n        act ="), ("gate + act", "gate + again")],
         ["added conv2 (Conv2d)", "added again (ReLU)", "skip: input b act.out -> again.out"]),
    ],
)  # fmt: skip
def test_an_edit_of_the_text_is_one_of_the_drawing(changes: list[tuple[str, str]], words: list[str]) -> None:
    new, read = edited(DESIGN, *changes)
    assert read.troubles == (), new
    assert sorted(said(DESIGN, read)) == sorted(words)


def test_what_is_added_is_wired_and_has_its_settings() -> None:
    _, read = edited(
        DESIGN, ("        self.gate =", f"{MORE}        self.gate ="),
        ("self.gate(conv)", "self.gate(self.pool(self.more(self.norm(conv))))"),
    )  # fmt: skip
    assert read.troubles == ()
    by_name = read.design.by_name
    assert dict(by_name["norm"].settings) == {"eps": 0.001}
    assert dict(by_name["more"].settings) == {"out_channels": 8, "kernel_size": (3, 3), "padding": (0, 0)}, (
        "torch's padding is none where nothing is said"
    )
    assert dict(by_name["pool"].settings) == {"kernel_size": (4, 4), "stride": (4, 4)}, "torch's stride is the window"
    wires = {(w.source.node, w.target.node) for w in read.design.wires}
    assert {("conv", "norm"), ("norm", "more"), ("more", "pool"), ("pool", "gate")} <= wires
    places = [(n.x, n.y) for n in read.design.nodes]
    assert all(by_name[a].x < by_name[b].x for a, b in (("conv", "norm"), ("norm", "more"), ("more", "pool"))), places


def test_names_that_change_places() -> None:
    text, places = code_of(DESIGN)
    new = re.sub(r"\b(stem|conv)\b", lambda m: {"stem": "conv", "conv": "stem"}[m.group()], text)
    read = read_back(new, Base(text, places), DESIGN, CARDS)
    assert read.troubles == ()
    assert read.design.by_name["stem"].settings["out_channels"] == 16
    again = compare(DESIGN, read.design, CARDS)
    assert {(d.kind, len(d.details)) for d in again.differences} == {("changed", 1)} or not again.empty


@pytest.mark.parametrize(
    ("before", "after", "part", "words"),
    [
        ("Gate(16, reduction=4)", "Gate(16, reduction=0)", "Gate(16, reduction=0)", "at least 1"),
        ("Gate(16, reduction=4)", "Gate(16, reduction='four')", "'four'", "a whole number"),
        ("Gate(16, reduction=4)", "Gate(16, size=4)", "size=4", "no argument `size`"),
        ("Gate(16, reduction=4)", "Gate(32, reduction=4)", "Gate(32", "follows from what feeds it"),
        ("Gate(16, reduction=4)", "Gate(16, reduction=open('x'))", "open", "no number"),
        ("Gate(16, reduction=4)", "Mystery(16)", "Mystery", "no class `Mystery`"),
        ("nn.ReLU()", "nn.Hardtanh()", "Hardtanh", "no block that Netloom knows"),
        ("nn.ReLU()", "nn.Transformer()", "Transformer", "no layer that Netloom has a block for"),
        ("nn.ReLU()", "[1, 2]", "[1, 2]", "only modules"),
        ("        self.act = nn.ReLU()\n", "", "self.act(stem)", "called, but not made"),
        ("act = self.act(stem)", "act = stem", "self.act = ", "made, but not called any more"),
        ("self.act = nn.ReLU()", "self.act = nn.ReLU()\n        self.two = nn.ReLU()", "self.two", "never called"),
        ("self.act = nn.ReLU()", "self.act = nn.ReLU()\n        print('x')", "print('x')", "only `self.NAME"),
        ("y = self.fold(x)", "y = self.fold(x) * 2", "* 2", "the class `Gate` was changed by hand"),
        ("        head =", "        if flat.shape[0] > 1:\n            head =", "if flat", "cannot be drawn"),
        ("gate + act", "gate ** act", "gate ** act", "no block that Netloom knows"),
        ("gate + act", "gate + missing", "missing", "nothing is called `missing`"),
        ("image: Tensor)", "image: Tensor, other: Tensor)", "def forward(self, image", "on the canvas"),
        ("self.act", "self.forward", "self.forward = ", "meaning of its own"),
        ("(self, image", "(self image", "(self image", "this is not Python"),
        ("act = self.act(stem)", "act = self.act(1)", "self.act(1)", "what other nodes give"),
        ("self.act(stem)", "self.act(stem, conv)", "conv)", "nothing is called `conv`"),
        ("        return head", "        return head\n        x = 1", "x = 1", "never run"),
        ("class Network(nn.Module):", "def helper():\n    pass\n\n\nclass Network(nn.Module):", "def helper", "is new"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_pointed_at(before: str, after: str, part: str, words: str) -> None:
    new, read = edited(DESIGN, (before, after))
    assert any(words in t.message for t in read.troubles), read.troubles
    lines = [t.line for t in read.troubles if words in t.message]
    assert line_of(new, part) in lines or "def forward" in part, (lines, new.split("\n")[lines[0] - 1])


def test_what_can_be_read_is_read_beside_what_cannot() -> None:
    _, read = edited(DESIGN, ("out_features=10", "out_features=20"), ("reduction=4", "reduction=-1"))
    assert len(read.troubles) == 1 and said(DESIGN, read) == ["head: out_features 10 -> 20"]


def test_nothing_of_it_is_run(tmp_path: Any) -> None:
    trap = tmp_path / "trap"
    bomb = f"open({str(trap)!r}, 'w')"
    _, read = edited(DESIGN, ("import torch\n", f"import torch\n{bomb}\n"), ("nn.ReLU()", f"nn.ReLU({bomb})"))
    assert read.troubles and not trap.exists()
    text, places = code_of(DESIGN)
    base = Base(text, places)
    for hostile in (
        "(" * 5000 + ")" * 5000, "\0", "x = " + "-" * 50_000 + "1", "a" * (MAX_BYTES + 1), "\ud800",
        "class Network: pass",
        text.replace("init__()\n", "init__()\n        for i in range(10**9):\n            self.a = i\n"),
        text.replace("out_features=10", "out_features=" + "9" * 5000),
        text.replace("out_features=10", "out_features=1e400"),
        text.replace("out_features=10", "out_features=" + "+".join(["1"] * 3000)),
    ):  # fmt: skip
        read = read_back(hostile, base, DESIGN, CARDS)
        assert read.troubles, hostile[:40]


def test_a_group_is_a_class() -> None:
    grouped, _id = collapse(DESIGN, "", ["conv", "gate"], "stage", CARDS)
    text, _ = code_of(grouped)
    assert "class StageGroup" in text
    _, read = edited(grouped, ("reduction=4", "reduction=2"))
    assert read.troubles == () and said(grouped, read) == ["stage/gate: reduction 4 -> 2"]
    _, read = edited(
        grouped, ("        self.gate =", f"{DROP}        self.gate ="),
        ("self.gate(conv)", "self.gate(self.drop(conv))"),
    )  # fmt: skip
    assert read.troubles == ()
    assert sorted(said(grouped, read)) == ["added stage/drop (Dropout)", "stage/gate: input x conv.out -> drop.out"]
    repeated = replace(grouped, nodes=tuple(replace(n, repeat=3) if n.group else n for n in grouped.nodes))
    _, read = edited(repeated, ("range(3)", "range(5)"))
    assert read.troubles == () and said(repeated, read) == ["stage: repeat 3 -> 5"]
