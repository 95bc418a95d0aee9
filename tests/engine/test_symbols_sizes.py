"""At which sizes a drawing works, against the real networks: what fails, why, and whose weights still fit."""

from __future__ import annotations

import pytest
import torch

from app.design.values import Design, End, Group, Wire
from app.engine.compile import compile_design, shared_analyser
from app.engine.symbols import SizeError, check_sizes, symbols
from app.messages.symbols import SizesChecked, Symbols
from tests.drawing import OUTPUT, chain, node, wire
from tests.layers import drawn


def checked(design: Design, *sizes: tuple[int, ...]) -> SizesChecked:
    return check_sizes(shared_analyser(), design, sizes)


def asked(design: Design) -> Symbols:
    return symbols(shared_analyser(), design)


def texts(found: Symbols, id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is said of a node's only output: the short texts, and the exact ones where they are others."""
    (said,) = (p for n in found.nodes if n.id == id for p in n.outputs)
    return said.tensors, said.exact


def reshaping(size: tuple[int, ...] = (16,)) -> Design:
    return chain(node("image", "Input", size=(1, 4, 4)), node("form", "Reshape", size=size), OUTPUT)


def test_a_reshape_to_fixed_sizes_works_at_one_size_only() -> None:
    found = checked(reshaping())
    assert found.summary.startswith("Works at 4 × 4 only, because at ")
    assert "form: size is (16,)" in found.summary
    assert not any(t.valid for t in found.tried)
    assert {t.node for t in found.tried} == {"form"}
    (port,) = (p for n in asked(reshaping()).nodes if n.id == "form" for p in n.outputs)
    assert port.only
    assert port.tensors == ("B × 16",)


def with_positions(length: int | None) -> Design:
    positions = node("positions", "LearnedPositions", **({} if length is None else {"length": length}))
    stem = node("stem", "PatchStem", channels=8, patch_size=4)
    return chain(node("image", "Input", size=(3, 32, 32)), stem, node("tokens", "MapToTokens"), positions, OUTPUT)


def test_positions_take_no_more_places_than_they_have() -> None:
    found = checked(with_positions(64), (32, 32), (16, 16), (36, 32), (64, 64))
    assert [t.valid for t in found.tried] == [True, True, False, False]
    assert "there are 72 tokens, but positions for 64" in found.tried[2].message


def test_weights_of_one_size_do_not_fit_others() -> None:
    """Valid at each size when it is built anew, as its positions are read off the wire: but trained ones are 64."""
    found = checked(with_positions(None), (32, 32), (16, 16), (36, 32))
    assert [(t.valid, t.fits) for t in found.tried] == [(True, True), (True, True), (True, False)]
    assert found.tried[2].node == "positions"
    assert "L = 64" in found.tried[2].message
    assert "72" in found.tried[2].message


def test_a_linear_behind_flatten_is_made_for_one_size() -> None:
    nodes = node("conv", "Conv2d", out_channels=4), node("flat", "Flatten"), node("fc", "Linear", out_features=5)
    found = checked(chain(node("image", "Input", size=(3, 8, 8)), *nodes, OUTPUT))
    assert all(t.valid and not t.fits and t.node == "fc" for t in found.tried)
    assert "Weights trained at 8 × 8 fit 8 × 8 only" in found.summary
    assert "256" in found.summary
    pooled = node("pool", "AdaptiveAvgPool2d", output_size=(2, 2))
    found = checked(chain(node("image", "Input", size=(3, 8, 8)), nodes[0], pooled, *nodes[1:], OUTPUT))
    assert all(t.valid and t.fits for t in found.tried)


def test_weights_shared_across_sizes_fail_where_the_sizes_differ() -> None:
    """One Linear is used for the rows of two Inputs: these must stay as long as each other."""
    design = Design(
        nodes=(node("a", "Input", size=(1, 6, 6)), node("flat_a", "Flatten"), node("fc", "Linear", out_features=3),
               node("b", "Input", size=(1, 4, 9)), node("flat_b", "Flatten"),
               node("again", "Linear", out_features=3, shares="fc"), node("add", "Add"), OUTPUT),
        wires=(wire("a", "flat_a"), wire("flat_a", "fc"), wire("b", "flat_b"), wire("flat_b", "again"),
               wire("fc", "add.a"), wire("again", "add.b"), wire("add", "output")),
    )  # fmt: skip
    found = checked(design, (6, 6, 4, 9), (12, 6, 8, 9), (12, 6, 4, 9))
    assert [t.valid for t in found.tried] == [True, True, False]
    assert "it uses the weights of fc" in found.tried[2].message


def fourfold() -> Design:
    """A U of two levels without anything that mends odd sizes: halved twice and doubled twice."""
    down, up = node("down", "MaxPool2d", kernel_size=(4, 4), stride=(4, 4)), node("up", "Interpolate", scale=4.0)
    return Design(
        nodes=(node("image", "Input", size=(3, 32, 32)), down, up, node("add", "Add"), OUTPUT),
        wires=(wire("image", "down"), wire("down", "up"), wire("image", "add.a"), wire("up", "add.b"),
               wire("add", "output")),
    )  # fmt: skip


def test_the_step_and_the_smallest_size_are_said() -> None:
    found = checked(fourfold())
    assert found.summary.startswith("H and W may each be any multiple of 4, from 4 × 4 on.")
    by_size = {t.sizes: t for t in found.tried}
    assert not by_size[33, 33].valid
    assert by_size[33, 33].node == "add"
    assert by_size[64, 32].valid
    symbols_of = asked(fourfold())
    assert [(letter.accepts, letter.step) for letter in symbols_of.letters] == [(4, 4), (4, 4)]
    assert texts(symbols_of, "add") == (("B × 3 × H × W",), ())
    assert texts(symbols_of, "down") == (("B × 3 × H/4 × W/4",), ())  # exact: other sizes are not taken


def test_height_and_width_that_must_be_equal_are_one_letter() -> None:
    design = Design(
        nodes=(node("image", "Input", size=(3, 12, 12)), node("turned", "Permute", order=(1, 3, 2)), node("add", "Add"),
               OUTPUT),
        wires=(wire("image", "turned"), wire("image", "add.a"), wire("turned", "add.b"), wire("add", "output")),
    )  # fmt: skip
    found = asked(design)
    assert [letter.name for letter in found.letters] == ["H"]
    assert texts(found, "add")[0] == ("B × 3 × H × H",)
    assert "as long as they are equal" in checked(design).summary


SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("vit_b_16", "deepface")]


@pytest.mark.parametrize("name", ["resnet18", "unet_original", *SLOW])
def test_what_is_said_of_a_size_is_so_for_the_real_network(name: str) -> None:
    """The network built at the drawing's own size, run by torch on meta at the others."""
    found = checked(drawn(name))
    compiled = compile_design(drawn(name))
    network, channels = compiled.module.to("meta").eval(), compiled.inputs[0].shape[0]
    for tried in found.tried:
        x = torch.empty(1, channels, *tried.sizes, device="meta")
        try:
            network(x)
            runs = True
        except (RuntimeError, ValueError):
            runs = False
        assert runs == (tried.valid and tried.fits), tried


def test_a_wrong_size_is_refused() -> None:
    with pytest.raises(SizeError, match=r"needs 2 numbers from 1 \(H, W\)"):
        checked(fourfold(), (32,))


def test_a_design_with_errors_is_tried_nowhere() -> None:
    found = checked(chain(node("image", "Input", size=(3, 32, 32)), node("bad", "Conv2d", groups=5), OUTPUT))
    assert [t.sizes for t in found.tried] == [(32, 32)]
    assert "bad" in found.summary


def test_what_a_mended_size_says_is_the_problem_of_analysis() -> None:
    """The sentence is that of the same drawing with another size of its Input."""
    (tried,) = checked(fourfold(), (34, 36)).tried
    image = node("image", "Input", size=(3, 34, 36))
    design = fourfold()
    other = Design(nodes=(image, *design.nodes[1:]), wires=design.wires)
    problem = shared_analyser().analyse(other, with_fixes=False).problems[0]
    assert (tried.message, tried.node, tried.where) == (problem.message, problem.node, problem.where)


def test_groups_and_repeats_are_tried_as_a_whole() -> None:
    """A Group that halves the image, three times: 8 x 8 is the smallest image of which anything is left."""
    group = Group(
        name="half",
        nodes=(node("x", "GroupInput"), node("pool", "MaxPool2d"), node("y", "GroupOutput")),
        wires=(wire("x", "pool"), wire("pool", "y")),
    )
    half = node("halves", group="half", repeat=3)
    design = Design(
        nodes=(node("image", "Input", size=(3, 64, 64)), half, OUTPUT),
        wires=(wire("image", "halves.x"), Wire(End("halves", "y"), End("output", "x"))),
        groups=(group,),
    )
    assert "from 8 × 8 on" in checked(design).summary
    (outside,) = asked(design).groups
    assert outside.outputs[0].tensors == ("B × 3 × H/8 × W/8",)
    assert outside.outputs[0].exact == ("B × 3 × ⌊H/8⌋ × ⌊W/8⌋",)
