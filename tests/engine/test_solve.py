"""Solve for: what is offered gives the wanted size in a real network, the simplest is first, and none is missed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch import nn

from app.design import changes
from app.design.build import chain, node, wire
from app.design.values import Design, Expression, Group, Node, Settings, Variant
from app.engine.compile import compile_design, shared_analyser
from app.engine.solve import answer, search, solve
from app.messages.solving import Solution, Solve
from blocks.card import Setting
from tests.drawing import OUTPUT

Wanted = tuple[int | None, ...]


@pytest.fixture(scope="module", autouse=True)
def unhurried() -> Iterator[None]:
    """A busy machine must not change what is found: the clock is left out of all but the one test of it."""
    before, search.SECONDS = search.SECONDS, 60.0
    yield
    search.SECONDS = before


def image(*size: int) -> Node:
    return node("image", "Input", size=size)


def found(design: Design, id: str, *wanted: int | None, where: str = "") -> tuple[tuple[Solution, ...], str]:
    return solve(shared_analyser(), design, where, id, "out", wanted)


def real(design: Design) -> tuple[int, ...]:
    """The sizes behind the batch that the whole network gives for real numbers."""
    network = compile_design(design)
    inputs = [torch.zeros(2, *i.shape, dtype=getattr(torch, i.dtype)) for i in network.inputs]
    with torch.no_grad():
        out = network.module.eval()(*inputs)
    return tuple(out.shape[1:])


def check(design: Design, solutions: tuple[Solution, ...], wanted: Wanted) -> None:
    """Each solution, put into the drawing, gives the wanted sizes and the costs that it says."""
    analyser = shared_analyser()
    before = analyser.analyse(design, with_fixes=False)
    for solution in solutions:
        after = changes.apply(design, solution.changes, analyser.cards)
        shape = real(after)
        assert shape == solution.shape[1:], solution.title
        assert all(w in (None, n) for w, n in zip(wanted, shape, strict=True)), solution.title
        weights = sum(p.numel() for p in compile_design(after).root.parameters())
        assert weights - before.parameters == solution.parameters, solution.title
        assert analyser.analyse(after).macs - before.macs == solution.macs, solution.title


CONV = node("it", "Conv2d", kernel_size=(7, 7))
TEXTBOOK: dict[str, tuple[Design, Wanted, str]] = {
    "ResNet's first layer": (chain(image(3, 224, 224), CONV, OUTPUT), (64, 112, 112), "stride 2, padding 3"),
    "the same, padded before": (
        chain(image(3, 224, 224), node("it", "Conv2d", kernel_size=(7, 7), padding=(3, 3)), OUTPUT), (64, 112, 112),
        "stride 2",
    ),
    "AlexNet's first layer": (
        chain(image(3, 227, 227), node("it", "Conv2d", kernel_size=(11, 11), padding=(0, 0)), OUTPUT), (64, 55, 55),
        "stride 4",
    ),
    "kept": (chain(image(3, 32, 32), node("it", "Conv2d", padding=(0, 0)), OUTPUT), (64, 32, 32), "padding 1"),
    "kept by a wide kernel": (
        chain(image(3, 32, 32), node("it", "Conv2d", kernel_size=(5, 5)), OUTPUT), (64, 32, 32), "padding 2",
    ),
    "halved": (chain(image(3, 32, 32), node("it", "Conv2d"), OUTPUT), (64, 16, 16), "stride 2"),
    "doubled": (
        chain(image(3, 8, 8), node("it", "ConvTranspose2d", stride=(1, 1)), OUTPUT), (64, 16, 16), "stride 2",
    ),
    "doubled with an odd kernel": (
        chain(image(3, 8, 8), node("it", "ConvTranspose2d", kernel_size=(3, 3), padding=(1, 1)), OUTPUT), (64, 16, 16),
        "output padding 1",
    ),
    "AlexNet's last pool": (
        chain(image(3, 13, 13), node("it", "MaxPool2d", kernel_size=(3, 3), padding=(1, 1)), OUTPUT), (3, 6, 6),
        "padding 0",
    ),
    "a pool of odd rows": (
        chain(image(3, 13, 13), node("it", "MaxPool2d", stride=(1, 1)), OUTPUT), (3, 6, 6), "stride 2",
    ),
    "channels": (chain(image(3, 16, 16), node("it", "Conv2d"), OUTPUT), (128, None, None), "out channels 128"),
    "channels and size": (
        chain(image(3, 32, 32), node("it", "Conv2d"), OUTPUT), (32, 16, 16), "out channels 32, stride 2",
    ),
    "depthwise": (chain(image(8, 8, 8), node("it", "DepthwiseConv2d"), OUTPUT), (24, 8, 8), "multiplier 3"),
    "features": (chain(image(16), node("it", "Linear"), OUTPUT), (10,), "out features 10"),
    "adaptive": (chain(image(4, 16, 16), node("it", "AdaptiveAvgPool2d"), OUTPUT), (4, 7, 5), "output size 7×5"),
    "Interpolate": (chain(image(4, 16, 16), node("it", "Interpolate"), OUTPUT), (4, 24, 24), "scale 1.5"),
    "Crop": (chain(image(4, 16, 16), node("it", "Crop"), OUTPUT), (4, 12, 10), "size 12×10"),
    "pixel unshuffle": (chain(image(3, 32, 32), node("it", "PixelUnshuffle"), OUTPUT), (48, 8, 8), "factor 4"),
    "Reshape": (chain(image(3, 32, 32), node("it", "Reshape"), OUTPUT), (96, None), "size 96×-1"),
    "Input": (chain(node("it", "Input", size=(3, 32, 32)), OUTPUT), (1, 28, 28), "size 1×28×28"),
    "Conv 1d": (chain(image(2, 100), node("it", "Conv1d"), OUTPUT), (64, 50), "stride 2"),
    "Conv 3d": (chain(image(1, 8, 16, 16), node("it", "Conv3d"), OUTPUT), (64, 8, 8, 8), "stride 1×2×2"),
    "a composite": (chain(image(3, 32, 32), node("it", "ConvNormAct"), OUTPUT), (64, 16, 16), "stride 2"),
    "a residual block": (
        chain(image(8, 32, 32), node("it", "BasicBlock"), OUTPUT), (16, 16, 16), "channels 16, stride 2",
    ),
    "a dense block": (chain(image(3, 8, 8), node("it", "DenseBlock"), OUTPUT), (99, 8, 8), "growth 24"),
    "patches": (chain(image(3, 32, 32), node("it", "Patchify"), OUTPUT), (16, 192), "patch 8"),
    "Flatten": (
        chain(image(3, 8, 8), node("conv", "Conv2d"), node("it", "Flatten"), OUTPUT), (1024,),
        "conv: out channels 16",
    ),
    "ReLU": (
        chain(image(3, 8, 8), node("conv", "Conv2d"), node("norm", "BatchNorm2d"), node("it", "ReLU"), OUTPUT),
        (32, 8, 8), "conv: out channels 32",
    ),
    "Output": (chain(image(3, 8, 8), node("conv", "Conv2d"), node("it", "Output")), (64, 4, 4), "conv: stride 2"),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_simplest_comes_first(name: str) -> None:
    design, wanted, title = TEXTBOOK[name]
    solutions, _ = found(design, "it", *wanted)
    assert solutions[0].title == title
    assert not any(s.errors for s in solutions)
    assert len({s.changes for s in solutions}) == len(solutions) <= 8
    check(design, solutions, wanted)


KINDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "Conv2d": (2, ("kernel_size", "stride", "padding", "dilation")),
    "MaxPool2d": (2, ("kernel_size", "stride", "padding", "dilation")),
    "AvgPool1d": (1, ("kernel_size", "stride", "padding")),
    "Conv3d": (3, ("kernel_size", "stride", "padding")),
    "ConvTranspose2d": (2, ("kernel_size", "stride", "padding", "dilation")),
    "ConvNormAct": (2, ("kernel_size", "stride", "dilation")),
    "LPPool2d": (2, ("kernel_size", "stride")),
}
LEAST = {"padding": 0}
MOST = {"kernel_size": 5, "stride": 3, "padding": 2, "dilation": 2}


@st.composite
def questions(draw: st.DrawFn) -> tuple[Design, Wanted]:
    """A layer with settings at random, which may not even run, and sizes near those that it takes."""
    block = draw(st.sampled_from(list(KINDS)))
    axes, names = KINDS[block]
    chosen: dict[str, object] = {}
    for name in names:
        numbers = st.integers(LEAST.get(name, 1), MOST[name])
        chosen[name] = draw(numbers if axes == 1 else st.tuples(*[numbers] * axes))
    sides = draw(st.tuples(*[st.integers(4, 20)] * axes))
    sizes = [draw(st.none() | st.integers(1, 2 * side)) for side in sides]
    channels = draw(st.none() | st.just(4 if "Pool" in block else 6))
    assume(any(n is not None for n in (channels, *sizes)))
    return chain(image(4, *sides), node("it", block, **chosen), OUTPUT), (channels, *sizes)


@settings(max_examples=18, suppress_health_check=[HealthCheck.filter_too_much])
@given(question=questions())
def test_each_solution_gives_the_size(question: tuple[Design, Wanted]) -> None:
    design, wanted = question
    solutions, sentence = found(design, "it", *wanted)
    check(design, solutions, wanted)
    assert solutions or sentence
    order = [s.errors > 0 for s in solutions]
    assert order == sorted(order)


def _brute(n: int, wanted: int) -> bool:
    """Whether any convolution of the grid makes `wanted` places of `n`, by torch itself."""
    x = torch.empty(1, 1, n, device="meta")
    for k, s, p, d in product(range(1, 8), range(1, 5), range(4), range(1, 3)):
        if n + 2 * p > d * (k - 1):
            layer = nn.Conv1d(1, 1, k, s, p, d, device="meta")
            if layer(x).shape[2] == wanted:
                return True
    return False


@settings(max_examples=12)
@given(n=st.integers(1, 24), wanted=st.integers(1, 32), k=st.integers(1, 7), s=st.integers(1, 4))
def test_what_a_search_of_all_finds_is_found(n: int, wanted: int, k: int, s: int) -> None:
    layer = node("it", "Conv1d", out_channels=2, kernel_size=k, stride=s)
    solutions, sentence = found(chain(image(2, n), layer, OUTPUT), "it", 2, wanted)
    own = [x for x in solutions if all(c.node == "it" for c in x.changes)]  # type: ignore[union-attr]
    if _brute(n, wanted):
        assert own or sentence.endswith("already")
    for solution in own:
        chosen = {"kernel_size": k, "stride": s, "padding": 1, "dilation": 1, **solution.settings}
        made = nn.Conv1d(2, 2, *(chosen[x] for x in ("kernel_size", "stride", "padding", "dilation")))  # type: ignore[arg-type]
        assert made(torch.zeros(1, 2, n)).shape == solution.shape


def two_branches() -> Design:
    return Design(
        nodes=(image(3, 32, 32), node("a", "Conv2d"), node("b", "Conv2d"), node("add", "Add"), OUTPUT),
        wires=(wire("image", "a"), wire("a", "b"), wire("a", "add.a"), wire("b", "add.b"), wire("add", "output")),
    )


def test_a_sum_changes_both_of_its_branches() -> None:
    solutions, sentence = found(two_branches(), "add", 128, 32, 32)
    assert solutions[0].title == "a: out channels 128; b: out channels 128"
    assert not solutions[0].errors
    assert sentence.startswith("add cannot give 128×32×32: no setting of Add changes its channels of 64")
    check(two_branches(), solutions, (128, 32, 32))
    solutions, _ = found(two_branches(), "add", 64, 16, 16)
    assert solutions[0].title == "a: stride 2"
    check(two_branches(), solutions, (64, 16, 16))


def test_a_solution_that_breaks_later_nodes_says_so() -> None:
    solutions, _ = found(two_branches(), "a", 128, 32, 32)
    analyser = shared_analyser()
    (only,) = solutions
    after = analyser.analyse(changes.apply(two_branches(), only.changes, analyser.cards), with_fixes=False)
    assert only.errors == sum(p.severity == "error" for p in after.problems) == 1


def grouped() -> Design:
    """A Group whose one convolution is as wide as the Group's setting says."""
    inner = node("conv", "Conv2d", out_channels=Expression("width * 2"))
    group = Group(
        name="Stage", settings=(Setting("width", "int", 16, min=1),),
        nodes=(node("x", "GroupInput"), inner, node("out", "GroupOutput")),
        wires=(wire("x", "conv"), wire("conv", "out")),
    )  # fmt: skip
    return Design(
        nodes=(image(3, 8, 8), node("stage", group="Stage"), OUTPUT),
        wires=(wire("image", "stage"), wire("stage", "output")),
        groups=(group,), variants=(Variant("wide", Settings({"stage.width": 32})),),
    )  # fmt: skip


def test_what_an_expression_says_is_left_alone() -> None:
    for where, id in (("Stage", "conv"), ("", "stage")):
        solutions, _ = found(grouped(), id, 64, 8, 8, where=where)
        assert all(c.setting == "width" for s in solutions for c in s.changes)  # type: ignore[union-attr]
        assert solutions[0].title == ("width 32" if id == "stage" else "stage: width 32")
        check(grouped(), solutions, (64, 8, 8))
    solutions, _ = found(grouped(), "conv", 64, 4, 4, where="Stage")
    assert not solutions or all(len(s.changes) > 1 for s in solutions)
    solutions, _ = found(grouped(), "conv", 33, 8, 8, where="Stage")  # no width gives an odd number
    assert solutions[0].title == "out channels 33"
    solutions, _ = found(grouped(), "conv", 32, 4, 4, where="Stage")
    assert solutions[0].title == "stride 2"
    check(grouped(), solutions, (32, 4, 4))


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ((64, 64, 64), "Conv 2d cannot enlarge 32 rows to 64; use a transposed convolution"),
        ((64, 0, 32), "sizes are whole numbers of at least 1"), ((64, -3, 32), "sizes are whole numbers of at least 1"),
        ((None, None, None), "was asked for any×any×any"), ((64, 32), "64×32×32 behind the batch, 3 sizes, but 2"),
        ((10**9, 10**9, 10**9), "no machine holds that"), ((64, 32, 32), "gives 64×32×32 already"),
        ((), "sizes are whole numbers of at least 1"),
    ],
)  # fmt: skip
def test_what_cannot_be_gets_a_sentence(wanted: Wanted, part: str) -> None:
    design = chain(image(3, 32, 32), node("it", "Conv2d"), OUTPUT)
    solutions, sentence = found(design, "it", *wanted)
    assert part in sentence
    assert "\n" not in sentence
    assert all("image" in s.title for s in solutions)


def test_the_nearest_sizes_are_named() -> None:
    design = chain(image(2, 8, 8), node("it", "DepthwiseConv2d"), node("end", "Linear"), OUTPUT)
    _, sentence = found(design, "it", 5, 8, 8)
    assert "the nearest that it can give: 4×8×8 or 6×8×8" in sentence


def test_strange_nodes_and_ports_get_a_sentence() -> None:
    design = chain(image(3, 8, 8), node("it", "Conv2d"), OUTPUT, more=(node("alone", "Conv2d"),))
    assert found(design, "gone", 1, 1, 1) == ((), "There is no node `gone` here: it may have been deleted")
    assert found(design, "it", 1, 1, 1, where="gone")[0] == ()
    assert "does not run yet" in found(design, "alone", 64, 8, 8)[1]
    _, sentence = solve(shared_analyser(), design, "", "it", "side", (1, 1, 1))
    assert sentence == "it has no output `side`: it has out"


def test_a_layer_that_does_not_run_is_mended() -> None:
    design = chain(image(3, 4, 4), node("it", "Conv2d", kernel_size=(9, 9), padding=(0, 0)), OUTPUT)
    assert not shared_analyser().analyse(design).valid
    solutions, _ = found(design, "it", 16, 4, 4)
    assert solutions
    assert not any(s.errors for s in solutions)
    for solution in solutions:
        assert real(changes.apply(design, solution.changes, shared_analyser().cards)) == (16, 4, 4)


def test_a_request_is_answered_in_its_variant() -> None:
    request = Solve("job", grouped(), "Stage", "conv", "out", (128, 8, 8), variant="wide")
    solved = answer(shared_analyser(), request)
    assert solved.job == "job"
    assert solved.solutions[0].title == "stage: width 64"
    assert solved.solutions[0].shape == (1, 128, 8, 8)


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few hundred runs at most, also where a network is deep and there is no answer; and the clock ends it."""
    analyser = shared_analyser()
    layers = [node(f"conv{i}", "Conv2d") for i in range(60)]
    design = chain(image(3, 64, 64), *layers, node("it", "ReLU"), OUTPUT)
    analyser.analyse(design)
    runs = analyser.measurer.runs
    solutions, _ = found(design, "it", 64, 3000, 61)
    assert analyser.measurer.runs - runs < 400
    assert all(s.shape == (1, 64, 3000, 61) for s in solutions)
    monkeypatch.setattr(search, "SECONDS", 0.0)
    runs = analyser.measurer.runs
    assert found(design, "it", 64, 2999, 61)[0] == ()
    assert analyser.measurer.runs - runs < 4
