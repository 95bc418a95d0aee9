"""Sizes in letters, evaluated here and compared with what torch's own modules give at sizes unseen; and what works."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import cache

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from app import trust
from app.design.file import dec_hook, enc_hook
from app.design.values import Design, Node
from app.engine.analysis import Analyser
from app.engine.compile import shared_analyser
from app.engine.symbols import check_sizes, symbols
from app.messages.symbols import Symbols
from blocks import catalogue
from tests.drawing import OUTPUT, chain, node, wire
from tests.layers import drawn

TOKEN = re.compile(r"\d+|[A-Z]\d*|\S")


def evaluate(text: str, sizes: Mapping[str, int]) -> Fraction:
    """The value of one size, by the grammar of app.messages.symbols."""
    tokens = TOKEN.findall(text)

    def total() -> Fraction:
        sign = -1 if tokens and tokens[0] == "-" else 1
        if sign < 0:
            tokens.pop(0)
        value = sign * term()
        while tokens and tokens[0] in "+-":
            sign = 1 if tokens.pop(0) == "+" else -1
            value += sign * term()
        return value

    def term() -> Fraction:
        value = Fraction(1)
        while tokens and tokens[0] not in "+-/)⌉⌋":
            value *= factor()
        if tokens and tokens[0] == "/":
            tokens.pop(0)
            value /= int(tokens.pop(0))
        return value

    def factor() -> Fraction:
        token = tokens.pop(0)
        if token in "(⌈⌊":
            inside = total()
            tokens.pop(0)
            return inside if token == "(" else Fraction(math.ceil(inside) if token == "⌈" else math.floor(inside))
        return Fraction(int(token)) if token.isdigit() else Fraction(sizes[token])

    value = total()
    assert not tokens, text
    return value


def shape(text: str, sizes: Mapping[str, int]) -> tuple[Fraction, ...]:
    return tuple(evaluate(part, sizes) for part in text.split(" × "))


def asked(design: Design) -> Symbols:
    return symbols(shared_analyser(), design)


@cache
def known(name: str) -> Symbols:
    """Of a network of the zoo."""
    return asked(drawn(name))


def texts(found: Symbols, id: str, port: str = "out") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said of an output: the short texts, and the exact ones where they are others."""
    (said,) = (p for n in found.nodes if n.id == id for p in n.outputs if p.port == port)
    return said.tensors, said.exact


# known networks -------------------------------------------------------------------------------------------------------

KNOWN = {
    ("resnet18", "stem"): [("B × 64 × H/2 × W/2", "B × 64 × ⌈H/2⌉ × ⌈W/2⌉")],
    ("resnet18", "backbone"): [
        ("B × 64 × H/4 × W/4", "B × 64 × ⌈H/4⌉ × ⌈W/4⌉"), ("B × 128 × H/8 × W/8", "B × 128 × ⌈H/8⌉ × ⌈W/8⌉"),
        ("B × 256 × H/16 × W/16", "B × 256 × ⌈H/16⌉ × ⌈W/16⌉"), ("B × 512 × H/32 × W/32", "B × 512 × ⌈H/32⌉ × ⌈W/32⌉"),
    ],
    ("resnet18", "head"): [("B × 1000", "")],
    ("vit_b_16", "tokens"): [("B × HW/256 × 768", "B × ⌊H/16⌋⌊W/16⌋ × 768")],
    ("vit_b_16", "backbone"): [("B × HW/256 + 1 × 768", "B × ⌊H/16⌋⌊W/16⌋ + 1 × 768")],
    ("unet_same", "bottom"): [("B × 1024 × H/16 × W/16", "B × 1024 × ⌊H/16⌋ × ⌊W/16⌋")],
    ("unet_same", "head"): [("B × 21 × H × W", "")],
    ("unet_original", "down2"): [("B × 128 × H/2 - 6 × W/2 - 6", "B × 128 × ⌊H/2⌋ - 6 × ⌊W/2⌋ - 6")],
    ("unet_original", "up1"): [("B × 64 × H - 184 × W - 184", "B × 64 × 16⌈(H + 5)/16⌉ - 204 × 16⌈(W + 5)/16⌉ - 204")],
    ("yolov8n", "neck"): [
        ("B × 64 × H/8 × W/8", "B × 64 × ⌈H/8⌉ × ⌈W/8⌉"), ("B × 128 × H/16 × W/16", "B × 128 × ⌈H/16⌉ × ⌈W/16⌉"),
        ("B × 256 × H/32 × W/32", "B × 256 × ⌈H/32⌉ × ⌈W/32⌉"),
    ],
    ("alexnet", "stem"): [("B × 64 × H/4 - 1 × W/4 - 1", "B × 64 × ⌊(H - 3)/4⌋ × ⌊(W - 3)/4⌋")],
    ("alexnet", "flatten"): [("B × 9216", "")],
    ("vgg16", "fit"): [("B × 512 × 7 × 7", "")],
    ("bert_base", "backbone"): [("B × L × 768", "")],
    ("lstm_text_classifier", "embedding"): [("B × L × 128", "")],
    ("lstm_text_classifier", "backbone"): [("B × 256", "")],
    ("transformer_base", "source_embedding"): [("B × L × 512", "")],
    ("dcgan_generator", "up5"): [("B × 3 × 16H + 48 × 16W + 48", "")],
}  # fmt: skip
"""(network, node) -> (text, exact text where it is another) of each tensor: worked out by hand from the papers' layers.
U-Net's: 572 -> 388 in its figure 1; AlexNet's kernel of 11, stride 4 and padding 2; YOLOv8's pyramid of 8, 16, 32."""


def quick(names: list[str], *slow: str) -> list[object]:
    """The names as parameters; those of networks that take long are left to full runs."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in names]


STEPS = {"resnet18": 32, "vit_b_16": 16, "unet_same": 16, "unet_original": 16, "yolov8n": 32, "alexnet": 32}


@pytest.mark.parametrize("name", quick(sorted({name for name, _ in KNOWN}), "lstm_text_classifier", "bert_base"))
def test_known_networks_have_known_sizes(name: str) -> None:
    found = known(name)
    for (network, id), said in KNOWN.items():
        if network == name:
            tensors, exact = texts(found, id)
            assert tensors == tuple(text for text, _ in said)
            assert exact == (tuple(other or text for text, other in said) if any(other for _, other in said) else ())
    if name in STEPS:
        assert [(letter.name, letter.step, letter.accepts) for letter in found.letters] == [
            ("H", STEPS[name], 1), ("W", STEPS[name], 1)
        ]  # fmt: skip


def test_the_detector_counts_its_places_on_all_levels() -> None:
    """One place a cell of the grids of strides 8, 16 and 32: 1/64 + 1/256 + 1/1024 = 21/1024 of the pixels."""
    (tensor,), _ = texts(known("yolov8n"), "head", "scores")
    assert shape(tensor, {"B": 1, "H": 640, "W": 480}) == (1, 80, 80 * 60 + 40 * 30 + 20 * 15)


# any chain of layers --------------------------------------------------------------------------------------------------

SIDES = st.integers(36, 70)


@st.composite
def layer(draw: st.DrawFn, number: int) -> tuple[Node, nn.Module]:
    """A layer as a node and as torch's own module; height and width are treated differently."""
    id, kind = f"n{number}", draw(st.sampled_from(["conv", "conv", "max", "avg", "up", "resize", "pad"]))
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    small = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride = draw(pair), draw(small)
    if kind == "conv":
        padding, dilation = draw(st.tuples(st.integers(0, 3), st.integers(0, 3))), draw(small)
        drawn = node(
            id, "Conv2d", out_channels=2, kernel_size=kernel, stride=stride, padding=padding, dilation=dilation
        )
        return drawn, nn.LazyConv2d(2, kernel, stride, padding, dilation)
    if kind in ("max", "avg"):
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        ceil = draw(st.booleans())
        block, own = ("MaxPool2d", nn.MaxPool2d) if kind == "max" else ("AvgPool2d", nn.AvgPool2d)
        drawn = node(id, block, kernel_size=kernel, stride=stride, padding=padding, ceil_mode=ceil)
        return drawn, own(kernel, stride, padding, ceil_mode=ceil)
    if kind == "up":
        extra = tuple(draw(st.integers(0, s - 1)) for s in stride)
        drawn = node(id, "ConvTranspose2d", out_channels=2, kernel_size=kernel, stride=stride, output_padding=extra)
        return drawn, nn.LazyConvTranspose2d(2, kernel, stride, output_padding=extra)
    if kind == "resize":
        scale = draw(st.sampled_from([0.5, 2.0, 3.0, 1.5]))
        return node(id, "Interpolate", scale=scale), nn.Upsample(scale_factor=scale)
    top, bottom, left, right = (draw(st.integers(0, 3)) for _ in range(4))
    drawn = node(id, "Pad", top=top, bottom=bottom, left=left, right=right)
    return drawn, nn.ZeroPad2d((left, right, top, bottom))


@st.composite
def chains(draw: st.DrawFn) -> tuple[tuple[int, int], list[tuple[Node, nn.Module]], bool]:
    count = draw(st.integers(1, 4))
    return (draw(SIDES), draw(SIDES)), [draw(layer(i)) for i in range(count)], draw(st.booleans())


@settings(max_examples=12)
@given(case=chains(), seed=st.integers(0, 2**32))
def test_every_expression_holds_for_torchs_own_layers(
    case: tuple[tuple[int, int], list[tuple[Node, nn.Module]], bool], seed: int
) -> None:
    (height, width), layers, flat = case
    nodes = [n for n, _ in layers]
    modules = [m for _, m in layers]
    if flat:
        nodes, modules = [*nodes, node("flat", "Flatten")], [*modules, nn.Flatten()]
    found = asked(chain(node("image", "Input", size=(2, height, width)), *nodes, OUTPUT))
    said = {n.id: n.outputs[0] for n in found.nodes if n.outputs}
    assert [(letter.name, letter.size) for letter in found.letters] == [("H", height), ("W", width)]
    steps = [letter.step for letter in found.letters]
    draw = random.Random(seed)
    for turn in range(8):
        by = [draw.randint(0, 150) if turn % 2 else step * draw.randint(0, 150 // step + 1) for step in steps]
        sizes = {"B": draw.randint(1, 2), "H": height + by[0], "W": width + by[1]}
        x = torch.zeros(sizes["B"], 2, sizes["H"], sizes["W"])
        with torch.no_grad():
            for n, module in zip(nodes, modules, strict=True):
                if n.id not in said:  # it does not run at the drawn size
                    break
                x = module(x)
                port = said[n.id]
                if port.only:
                    continue
                texts = [port.exact[0] if port.exact else port.tensors[0]]
                if turn % 2 == 0:
                    texts.append(port.tensors[0])
                for text in texts:
                    for part, size in zip(text.split(" × ") if text else (), x.shape, strict=bool(text)):
                        assert part.startswith("f(") or evaluate(part, sizes) == size, (text, sizes, tuple(x.shape))


def test_forms_of_convolutions_are_found_and_not_given_up() -> None:
    """The test above would pass if nothing were ever claimed."""
    claimed = given_up = 0
    draw = random.Random(7)
    for _ in range(4):
        nodes = []
        for i in range(3):
            kernel, stride, dilation = draw.randint(1, 4), draw.choice((1, 2, 3)), draw.randint(1, 2)
            nodes.append(
                node(f"n{i}", "Conv2d", out_channels=2, kernel_size=(kernel, kernel), stride=(stride, stride),
                     padding=(kernel // 2, kernel // 2), dilation=(dilation, dilation))
            )  # fmt: skip
        found = asked(chain(node("image", "Input", size=(2, 90, 77)), *nodes, OUTPUT))
        for port in (port for n in found.nodes for port in n.outputs):
            exact = (port.exact or port.tensors)[0]
            claimed += bool(exact)
            given_up += not exact or "f(" in port.tensors[0]
    assert claimed >= 15
    assert given_up <= 1


def test_what_no_expression_fits_says_on_what_it_hangs() -> None:
    """A resize by 1.5 between strides: its steps come at no regular places."""
    nodes = [node("up", "Interpolate", scale=0.7), node("down", "Interpolate", scale=1.3)]
    found = asked(chain(node("image", "Input", size=(2, 64, 48)), *nodes, OUTPUT))
    for id in ("up", "down"):
        (text,), _ = texts(found, id)
        for side, letter, part in ((64, "H", text.split(" × ")[2]), (48, "W", text.split(" × ")[3])):
            assert part == f"f({letter})" or evaluate(part, {letter: side}).denominator == 1


# letters --------------------------------------------------------------------------------------------------------------


def joined(block: str, *inputs: Node) -> Design:
    letters = "abc"
    wires = tuple(wire(n.id, f"join.{letters[i]}") for i, n in enumerate(inputs))
    return Design(nodes=(*inputs, node("join", block), OUTPUT), wires=(*wires, wire("join", "output")))


def test_inputs_of_one_size_share_their_letters() -> None:
    found = asked(joined("Add", node("a", "Input", size=(3, 20, 30)), node("b", "Input", size=(3, 20, 30))))
    assert [(letter.name, letter.inputs) for letter in found.letters] == [("H", ("a", "b")), ("W", ("a", "b"))]
    assert texts(found, "join")[0] == ("B × 3 × H × W",)


def test_inputs_of_other_sizes_have_letters_of_their_own() -> None:
    design = Design(
        nodes=(node("a", "Input", size=(3, 20, 30)), node("b", "Input", size=(3, 40, 60)), node("out_a", "Output"),
               node("small", "MaxPool2d"), node("out_b", "Output")),
        wires=(wire("a", "out_a"), wire("b", "small"), wire("small", "out_b")),
    )  # fmt: skip
    found = asked(design)
    assert [letter.name for letter in found.letters] == ["H", "W", "H2", "W2"]
    assert texts(found, "small") == (("B × 3 × H2/2 × W2/2",), ("B × 3 × ⌊H2/2⌋ × ⌊W2/2⌋",))


@pytest.mark.parametrize(
    ("first", "size", "dtype", "text"),
    [
        (node("n", "Embedding"), (12,), "int64", "B × L"),
        (node("n", "Conv1d"), (8, 400), "float32", "B × 8 × L"),
        (node("n", "Linear"), (12, 5), "float32", "B × L × 5"),
        (node("n", "Linear"), (9,), "float32", "B × 9"),
        (node("n", "ReLU"), (1, 900), "float32", "B × 1 × L"),
        (node("n", "ReLU"), (9, 4), "float32", "B × L × 4"),
        (node("n", "Conv3d"), (2, 8, 20, 24), "float32", "B × 2 × L × H × W"),
    ],
)
def test_what_may_change_is_told_by_kind(first: Node, size: tuple[int, ...], dtype: str, text: str) -> None:
    found = asked(chain(node("in", "Input", size=size, dtype=dtype), first, OUTPUT))
    assert texts(found, "in")[0] == (text,)
    assert bool(found.problem) == ("L" not in text)


def test_the_resolution_of_an_input_is_part_of_its_size() -> None:
    design = chain(node("image", "Input", size=(3, 64, 64), resolution=0.5), node("pool", "MaxPool2d"), OUTPUT)
    assert [letter.size for letter in asked(design).letters] == [32, 32]
    assert check_sizes(shared_analyser(), design, [(64, 32)]).tried[0].valid


def test_the_batch_may_be_part_of_another_size() -> None:
    """Windows of 8 x 8 are stacked in the batch, as inside of windowed attention; here by lines of code."""
    source = "w = a.unfold(2, 8, 8).unfold(3, 8, 8)\nreturn w.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)"
    analyser = Analyser(catalogue.load(), catalogue.classes())
    analyser.measurer.trusted = trust.Everything()
    design = Design(
        nodes=(node("image", "Input", size=(4, 16, 24)), node("windows", "Code", source=source), OUTPUT),
        wires=(wire("image", "windows.a"), wire("windows", "output")),
    )
    found = symbols(analyser, design)
    assert texts(found, "windows") == (("BHW/64 × 4 × 8 × 8",), ("B⌊H/8⌋⌊W/8⌋ × 4 × 8 × 8",))
    wary = symbols(Analyser(catalogue.load(), catalogue.classes()), design)  # not trusted there: it is not run
    assert texts(wary, "image")[0] == ("B × 4 × H × W",)
    assert [n.outputs for n in wary.nodes if n.id == "windows"] == [()]


def test_the_design_is_not_changed_and_the_answer_crosses_the_pipe() -> None:
    design = drawn("resnet18")
    before = hash(design)
    found, tried = known("resnet18"), check_sizes(shared_analyser(), design, [(32, 64)])
    assert hash(design) == before
    for answer in (found, tried):
        line = msgspec.json.encode(answer, enc_hook=enc_hook)
        assert msgspec.json.decode(line, type=type(answer), dec_hook=dec_hook) == answer


# parts that run, and designs that are none ----------------------------------------------------------------------------


def test_a_partial_design_has_symbols_for_the_part_that_runs() -> None:
    image, bad = node("image", "Input", size=(3, 32, 32)), node("bad", "Conv2d", groups=5)
    found = asked(chain(image, node("half", "MaxPool2d"), bad, node("after", "ReLU"), OUTPUT))
    assert texts(found, "half")[0] == ("B × 3 × H/2 × W/2",)
    assert [n.outputs for n in found.nodes if n.id in ("bad", "after")] == [(), ()]


def test_without_an_input_a_sentence_says_so() -> None:
    assert "no Input" in asked(chain(node("conv", "Conv2d"), OUTPUT)).problem
    assert "no Input" in check_sizes(shared_analyser(), chain(node("conv", "Conv2d"), OUTPUT)).summary


def test_the_evaluator_agrees_with_torch() -> None:
    """The evaluator's floors against torch, so that a mistake of it cannot hide one of ours."""
    for side in range(20, 40):
        assert F.max_pool2d(torch.zeros(1, 1, side, side), 3, 2).shape[2] == evaluate("⌊(H - 3)/2⌋ + 1", {"H": side})


def test_letters_that_the_user_gave_are_used() -> None:
    layers = (node("conv", "Conv2d", out_channels=8, stride=2), node("pool", "MaxPool2d"))

    def said(letters: tuple[str, ...], size: tuple[int, ...] = (3, 64, 48)) -> tuple[list[tuple[str, int]], str]:
        found = asked(chain(node("image", "Input", size=size, letters=letters), *layers, OUTPUT))
        (port,) = next(n.outputs for n in found.nodes if n.id == "pool")
        return [(letter.name, letter.size) for letter in found.letters], port.tensors[0]

    assert said(("", "Y", "X")) == ([("Y", 64), ("X", 48)], "B × 8 × Y/4 × X/4")
    assert said(("", "", "W")) == ([("W", 48)], "B × 8 × 16 × W/4"), "what has no letter stays"
    assert said(("C", "H", "")) == ([("C", 3), ("H", 64)], "B × 8 × H/4 × 12"), "channels too"
    assert said(("", "H")) == said(()), "letters for another rank are none"
    two = asked(Design(
        nodes=(node("a", "Input", size=(3, 20, 30), letters=("", "H", "W")),
               node("b", "Input", size=(3, 40, 60), letters=("", "H", "")), node("out_a", "Output"),
               node("out_b", "Output")),
        wires=(wire("a", "out_a"), wire("b", "out_b")),
    ))  # fmt: skip
    assert [(x.name, x.size, x.inputs) for x in two.letters] == [
        ("H", 20, ("a",)), ("W", 30, ("a",)), ("H2", 40, ("b",)),
    ]  # fmt: skip
