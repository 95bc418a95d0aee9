"""Every block of the catalogue explains itself: each formula that is shown gives what the module gives."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from app.design.build import wire
from app.design.edits import set_repeat, set_setting
from app.design.expand import Call
from app.design.grouping import collapse
from app.design.values import Design, Settings
from app.engine import questions
from app.engine.compile import compile_design, shared_analyser
from app.engine.reckoning import reckon, reckon_step
from app.engine.reckoning.formulas import Formula, line
from app.engine.reckoning.rules import Seen
from app.engine.reckoning.weights import neurons
from app.engine.walk import Step
from app.messages.parts import Fields, GetFields
from app.messages.reckoning import Reckoning
from app.messages.reports import Tensor
from blocks.card import Card
from blocks.patterns import parse
from tests.blocks.samples import CARDS, SIZES, others, sample
from tests.drawing import OUTPUT, chain, node
from tests.engine.reckoned import about, check, counted_macs
from tests.layers import drawn

# the catalogue --------------------------------------------------------------------------------------------------------

REASONED = [id for id, card in CARDS.items() if card.inputs and card.outputs]


def step_of(card: Card, sizes: dict[str, Any], values: dict[str, Any]) -> Step:
    """The block wired to random tensors, as a drawing's walk would leave it."""
    given = iter(sample(card, sizes).inputs)
    inputs: dict[str, Any] = {}
    for port in card.inputs:
        for i in range(3 if port.many else 1):
            name = "abc"[i] if port.many else port.name
            value = next(given)
            levels = value if isinstance(value, list) else [] if value is None else [value]
            made = tuple(
                Tensor(tuple(t.shape), str(t.dtype).removeprefix("torch."), 8.0 * 2**level if len(levels) > 1 else None)
                for level, t in enumerate(levels)
            )
            inputs[name] = made or None
    used = tuple(inputs)
    chosen = Settings(values)
    measured = shared_analyser().measurer.measure(card.id, chosen, tuple(inputs.values()), used)
    call = Call(card.id, card.id, "", card.id, card.id, chosen, card.id, False)
    return Step(call, card, inputs, (), used, measured)


def changed(step: Step, shape: tuple[int, ...]) -> list[int]:
    """The axes, the batch apart, on which an output is no copy of what came in."""
    came = [t.shape for value in step.inputs.values() for t in value or ()]
    if shape in came:
        return []
    like = next((s for s in came if len(s) == len(shape)), None)
    return [i for i in range(1, len(shape)) if like is None or like[i] != shape[i]]


def check_block(id: str, values: dict[str, Any], sizes: dict[str, Any]) -> None:
    step = step_of(CARDS[id], sizes, values)
    assert step.measured is not None
    if step.measured.refusal is not None and values:
        return
    assert step.measured.refusal is None, step.measured.refusal
    told = reckon_step(shared_analyser(), step)
    check(told.lines)
    several = len(step.measured.outputs) > 1
    for port, levels in enumerate(step.measured.outputs):
        for level, tensor in enumerate(levels, 1):
            for axis in changed(step, tensor.shape):
                fits = [
                    each for each in told.lines
                    if each.numbers and each.result == each.measured == tensor.shape[axis]
                    and each.of.endswith(f"level {level}" if len(levels) > 1 else each.of)
                    and (not several or each.of)
                ]  # fmt: skip
                assert fits, f"{id}: output {port}, level {level}, size {axis} of {tensor.shape} is not explained"
    for what, measured in (("parameters", step.measured.parameters), ("MACs", step.measured.macs)):
        if measured:
            explained_by = about(told.lines, what)
            assert explained_by.numbers and explained_by.result == measured, explained_by
            if told.parts:
                assert sum(p.times * getattr(p, what.lower()) for p in told.parts) == measured
    named = {each.part for each in told.lines if each.about == "not counted"}
    assert named == set(step.measured.uncounted)
    assert told.sentence.endswith(".")


@pytest.mark.parametrize("id", REASONED)
def test_each_block_explains_itself(id: str) -> None:
    check_block(id, {}, SIZES[1])


@pytest.mark.slow
@pytest.mark.parametrize("id", [id for id in REASONED if CARDS[id].section != "Backbones"])
def test_each_block_explains_itself_with_other_settings(id: str) -> None:
    check_block(id, {}, SIZES[0])
    for setting in CARDS[id].settings:
        for candidates in others(setting):
            for value in candidates:
                check_block(id, {setting.name: value}, SIZES[1])


# what the issue asks for, word by word --------------------------------------------------------------------------------


def stem() -> Design:
    conv = node("conv", "Conv2d", out_channels=64, kernel_size=(7, 7), stride=(2, 2), padding=(3, 3), bias=False)
    return chain(node("image", "Input", size=(3, 224, 224)), conv, OUTPUT)


def test_the_first_layer_of_a_resnet() -> None:
    told = reckon(shared_analyser(), stem(), "", "conv", job="j")
    assert told.job == "j"
    assert about(told.lines, "height").text == "floor((224 + 2*3 - 7)/2) + 1 = 112"
    assert about(told.lines, "height").symbols == "floor((H + 2*padding - kernel)/stride) + 1"
    assert about(told.lines, "parameters").text == "7*7*3*64 = 9,408"
    assert about(told.lines, "MACs").text == "112*112*7*7*3*64 = 118,013,952"
    assert "9,408 parameters" in told.sentence and "64 × 112 × 112" in told.sentence


def test_lenet_as_its_paper_counts() -> None:
    """LeCun et al. 1998, section II.B: C1 has 156 parameters and 122,304 connections, S2 12 and 5,880, F6 10,164."""
    design = chain(
        node("image", "Input", size=(1, 32, 32)), node("c1", "Conv2d", out_channels=6, kernel_size=(5, 5), padding=0),
        node("s2", "TrainedSubsampling"), node("c3", "TableConv2d"), OUTPUT,
    )  # fmt: skip
    told = {id: reckon(shared_analyser(), design, "", id).lines for id in ("c1", "s2", "c3")}
    assert about(told["c1"], "parameters").result == 156
    assert about(told["c1"], "neurons").text == "6*28*28 = 4,704"
    assert about(told["c1"], "connections").result == 122_304
    assert about(told["s2"], "parameters").result == 12
    assert about(told["s2"], "connections").result == 5_880
    assert about(told["c3"], "parameters").result == 1_516
    assert about(told["c3"], "connections").result == 151_600
    dense = chain(node("f5", "Input", size=(120,)), node("f6", "Linear", out_features=84), OUTPUT)
    lines = reckon(shared_analyser(), dense, "", "f6").lines
    assert about(lines, "connections").result == about(lines, "parameters").result == 10_164


def test_a_whole_network_has_the_connections_of_its_paper() -> None:
    """LeCun et al. 1998, section II.B: LeNet-5 has 340,908 connections; a network's composites are counted inside."""
    told = questions.answer(GetFields("", drawn("lenet5_original")))
    assert isinstance(told, Fields)
    assert sum(told.connections.values()) == 340_908
    assert list(told.connections.values()) == [122_304, 5_880, 151_600, 2_000, 48_120, 10_164, 840]
    vgg = questions.answer(GetFields("", drawn("vgg16")))
    assert isinstance(vgg, Fields)
    network = compile_design(drawn("vgg16")).module
    biases: list[int] = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda m, x, made: biases.append(made[0].numel()))
    with torch.no_grad():
        network.to("meta")(torch.empty(1, 3, 224, 224, device="meta"))
    macs = shared_analyser().analyse(drawn("vgg16")).macs
    assert sum(vgg.connections.values()) == macs + sum(biases), "each weight at each place, and a bias a neuron"


def joined(module: nn.Module, x: torch.Tensor) -> int:
    """How many pairs of a number that comes in and one that goes out depend on each other."""
    rows = torch.autograd.functional.jacobian(module, x)
    return int((rows != 0).sum())


@pytest.mark.parametrize(
    ("module", "size"),
    [
        (nn.Conv2d(4, 6, (3, 2), stride=2, groups=2, bias=False), (1, 4, 9, 8)),
        (nn.Conv1d(3, 5, 3, dilation=2, bias=False), (1, 3, 11)),
        (nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2, bias=False), (1, 2, 4, 3)),
        (nn.Linear(7, 5, bias=False), (1, 7)),
        (nn.Linear(7, 5, bias=False), (1, 3, 7)),
    ],
)
def test_connections_are_those_that_the_gradient_shows(module: nn.Module, size: tuple[int, ...]) -> None:
    x = torch.randn(size)
    made = module(x)
    found = neurons(module, Seen([size], [tuple(made.shape)]))
    check(found)
    assert about(found, "connections").result == joined(module, x)
    assert about(found, "neurons").result == made.numel()


def test_a_separable_convolution_tells_what_it_stands_for() -> None:
    design = chain(
        node("image", "Input", size=(32, 28, 28)), node("conv", "DepthwiseSeparableConv2d", out_channels=64), OUTPUT
    )
    told = reckon(shared_analyser(), design, "", "conv")
    check(told.lines)
    full = nn.Conv2d(32, 64, 3, padding=1, bias=False, device="meta")
    assert about(told.lines, "weights of the full convolution").result == full.weight.numel()
    counted = about(told.lines, "MACs of the full convolution")
    assert counted.result == counted_macs(full, torch.empty(1, 32, 28, 28, device="meta"))
    ratio = 1 / (1 / 64 + 1 / 9)  # Howard et al. 2017, section 3.1
    assert f"{ratio:.2f} times fewer" in counted.note


def test_an_inverted_bottleneck_tells_what_it_stands_for() -> None:
    design = chain(
        node("image", "Input", size=(16, 14, 14)), node("block", "InvertedResidual", channels=24, stride=2), OUTPUT
    )
    told = reckon(shared_analyser(), design, "", "block")
    check(told.lines)
    (wide,) = {p.parameters // 9 for p in told.parts if p.name.startswith("depthwise") and p.macs}
    full = nn.Conv2d(wide, 24, 3, padding=1, stride=2, bias=False, device="meta")
    assert about(told.lines, "weights of the full convolution").result == full.weight.numel()
    macs = counted_macs(full, torch.empty(1, wide, 14, 14, device="meta"))
    assert about(told.lines, "MACs of the full convolution").result == macs


def test_equal_parts_are_written_once() -> None:
    design = chain(node("image", "Input", size=(64, 8, 8)), node("stage", "PlainStage", channels=64, depth=3), OUTPUT)
    told = reckon(shared_analyser(), design, "", "stage")
    (part,) = told.parts
    assert (part.kind, part.times) == ("Conv2d", 3)
    assert about(told.lines, "parameters").text == f"3*{part.parameters:,} = {3 * part.parameters:,}"


def test_a_size_is_followed_through_a_composite() -> None:
    design = chain(node("image", "Input", size=(3, 224, 224)), node("stem", "ConvStem"), OUTPUT)
    steps = [each for each in reckon(shared_analyser(), design, "", "stem").lines if each.about == "height"]
    assert [each.text for each in steps] == [
        "floor((224 + 2*3 - 7)/2) + 1 = 112", "floor((112 + 2*1 - 3)/2) + 1 = 56",
    ]  # fmt: skip
    assert [each.part for each in steps] == ["conv.conv", "pool"]


def test_what_is_not_counted_is_named() -> None:
    design = Design(
        nodes=(node("a", "Input", size=(8,)), node("b", "Input", size=(8,)), node("pair", "Bilinear"), OUTPUT),
        wires=(wire("a", "pair.a"), wire("b", "pair.b"), wire("pair", "output")),
    )
    told = about(reckon(shared_analyser(), design, "", "pair").lines, "not counted", "aten::_trilinear")
    assert "not in the MACs" in told.note and not told.numbers


def test_a_formula_that_is_wrong_says_so() -> None:
    told = line("height", Formula("H + 1", "4 + 1"), 6)
    assert not told.agrees and told.result == 5 and "6" in told.note


def test_a_node_that_does_not_run_says_why() -> None:
    image = node("image", "Input", size=(3, 8, 8))
    bad = chain(image, node("conv", "Conv2d", kernel_size=(40, 40), padding=(0, 0)), OUTPUT)
    told = reckon(shared_analyser(), bad, "", "conv")
    assert not told.lines and "kernel" in told.sentence
    alone = Design(nodes=(node("conv", "Conv2d"),))
    assert "input" in reckon(shared_analyser(), alone, "", "conv").sentence
    assert reckon(shared_analyser(), bad, "", "image").sentence
    assert reckon(shared_analyser(), bad, "", "output").sentence


def test_a_group_is_the_sum_of_what_is_in_it() -> None:
    design, id = collapse(stem(), "", ["conv"], "Part", CARDS)
    design = set_repeat(set_setting(design, "Part", "conv", "out_channels", 3, CARDS), "", id, 2)
    analysis = shared_analyser().analyse(design)
    told = reckon(shared_analyser(), design, "", id)
    check(told.lines)
    assert about(told.lines, "parameters").text == "441 + 441 = 882"
    assert about(told.lines, "parameters").result == analysis.parameters
    assert about(told.lines, "MACs").result == analysis.macs


def test_it_crosses_the_pipe() -> None:
    told = reckon(shared_analyser(), stem(), "", "conv", job="j")
    assert msgspec.json.decode(msgspec.json.encode(told), type=Reckoning) == told


# curves ---------------------------------------------------------------------------------------------------------------

ACTIVATIONS = [id for id, card in CARDS.items() if card.section == "Activation"]
NOT_BY_ITSELF = {"Softmax", "LogSoftmax", "Maxout"}
KINKS = {"ReLU": (0,), "ReLU6": (0, 6), "LeakyReLU": (0,), "PReLU": (0,), "Hardswish": (-3, 3), "Hardsigmoid": (-3, 3),
         "Hardtanh": (-1, 1), "ELU": (0,), "SELU": (0,), "Softsign": (0,)}  # fmt: skip


def curve_of(id: str, **values: Any) -> Any:
    size = (4, 3, 3) if "C" in {d.name for d in parse(CARDS[id].inputs[0].pattern).dims} else (4,)
    design = chain(node("x", "Input", size=size), node("bend", id, **values), OUTPUT)
    return reckon(shared_analyser(), design, "", "bend").curve


@pytest.mark.parametrize("id", ACTIVATIONS)
def test_activations_show_their_curve(id: str) -> None:
    curve = curve_of(id)
    if id in NOT_BY_ITSELF:
        assert curve is None
        return
    assert (curve.x[0], curve.x[-1]) == (-6, 6)
    assert len(curve.x) == len(curve.y) == len(curve.slope) > 200
    step = curve.x[1] - curve.x[0]
    for i in range(1, len(curve.x) - 1):
        if all(abs(curve.x[i] - kink) > 1.5 * step for kink in KINKS.get(id, ())):
            difference = (curve.y[i + 1] - curve.y[i - 1]) / (2 * step)
            assert curve.slope[i] == pytest.approx(difference, abs=2e-3), (id, curve.x[i])


def test_curves_at_known_places() -> None:
    middle = 120
    assert curve_of("Sigmoid").x[middle] == 0
    assert curve_of("Sigmoid").y[middle] == 0.5 and curve_of("Sigmoid").slope[middle] == 0.25
    assert curve_of("Tanh").slope[middle] == 1
    assert curve_of("ReLU").y[0] == 0 and curve_of("ReLU").y[-1] == 6
    assert curve_of("SiLU").slope[middle] == 0.5
    assert curve_of("GELU").y[-1] == pytest.approx(6 * 0.5 * (1 + math.erf(6 / math.sqrt(2))))


@settings(max_examples=10)
@given(st.floats(0, 1))
def test_a_curve_follows_the_settings(slope: float) -> None:
    told = curve_of("LeakyReLU", negative_slope=slope)
    assert told.slope[0] == pytest.approx(slope) and told.y[0] == pytest.approx(-6 * slope)


@pytest.mark.parametrize("dim", [1, 2, 3, -1])
def test_other_blocks_have_no_curve(dim: int) -> None:
    design = chain(node("x", "Input", size=(4, 3, 3)), node("bend", "Softmax", dim=dim), OUTPUT)
    assert reckon(shared_analyser(), design, "", "bend").curve is None
    assert reckon(shared_analyser(), stem(), "", "conv").curve is None
