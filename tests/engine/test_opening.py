"""Opening blocks up: every composite becomes a Group of the same parameters and, weights copied, the same outputs."""

from __future__ import annotations

import operator
from typing import Any

import pytest
import torch

from app.design.build import chain, node, wire
from app.design.ports import letter
from app.design.values import Design, Node, Settings, Wire
from app.engine.compile import compile_design, shared_analyser
from app.engine.measure import Value
from app.engine.opening import OpeningError, open_node, open_up
from app.messages.reports import Tensor
from blocks.card import Card
from tests.blocks.samples import CARDS, SIZES, build, composite, flat, others, sample
from tests.layers import down_to_layers, drawn

COMPOSITES = [card for card in CARDS.values() if composite(card.id)]
OPENING = [card for card in COMPOSITES if not card.leaf]


def test_few_composites_stay_closed(capsys: pytest.CaptureFixture[str]) -> None:
    closed = [card for card in COMPOSITES if card.leaf]
    with capsys.disabled():
        print(f"\n{len(COMPOSITES)} composite blocks, {len(closed)} of them closed")
        print("\n".join(f"  {card.id}: {card.leaf}" for card in closed))
    assert len(closed) <= 0.2 * len(COMPOSITES)
    assert all(len(card.leaf) > 15 for card in closed)


@pytest.mark.parametrize("card", OPENING, ids=operator.attrgetter("id"))
def test_a_composite_opens_into_the_same_network(card: Card) -> None:
    given = sample(card, SIZES[0])
    block = build(card, given.reads).eval()
    ports, values = spelled(card, given.inputs)
    opened = open_up(card, Settings(), ports, [described(v) for v in values], "inside")
    network = compile_design(around(card, opened.group, ports, values), "inference")
    inside = network.root.get_submodule("block")
    assert sum(p.numel() for p in inside.parameters()) == sum(p.numel() for p in block.parameters())
    inside.load_state_dict(
        {
            f"{name}.{key}": tensor
            for name, path in opened.keys.items()
            for key, tensor in block.get_submodule(path).state_dict().items()
        }
    )
    with torch.no_grad():
        wanted = flat(block(*given.inputs))
        got = flat(network.module.eval()(*flat([v for v in values if v is not None])))
    assert len(got) == len(wanted)
    assert all(map(torch.equal, got, wanted))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("card", OPENING, ids=operator.attrgetter("id"))
def test_it_opens_with_any_setting(card: Card) -> None:
    """Each setting by itself at another value that the block takes: valid, and with the same number of parameters."""
    given = sample(card, SIZES[0])
    ports, values = spelled(card, given.inputs)
    for setting in card.settings:
        for candidates in others(setting):
            for value in candidates:
                try:
                    block = build(card, given.reads, {setting.name: value}).eval()
                    block(*given.inputs)
                except (ValueError, RuntimeError, IndexError, TypeError):  # the contract test sees that one is taken
                    continue
                settings = Settings({setting.name: value})
                try:
                    opened = open_up(card, settings, ports, [described(v) for v in values], "inside")
                except OpeningError as error:
                    assert "never reads" in str(error) or not list(block.children()), error
                    break
                analysis = shared_analyser().analyse(around(card, opened.group, ports, values), with_fixes=False)
                assert analysis.valid, (settings, analysis.problems)
                assert analysis.parameters == sum(p.numel() for p in block.parameters()), settings
                break


def spelled(card: Card, inputs: tuple[Any, ...]) -> tuple[list[str], list[Any]]:
    """The node's ports, a repeated one lettered, and what is wired to each."""
    names: list[str] = []
    rest = len(inputs) - len(card.inputs) + 1
    for port in card.inputs:
        names += [letter(i) for i in range(rest)] if port.many else [port.name]
    return names, list(inputs)


def described(value: Any) -> Value | None:
    if value is None:
        return None
    levels = value if isinstance(value, list) else [value]
    strides = [2.0 ** (3 + i) for i in range(len(levels))] if isinstance(value, list) else [None]
    return tuple(
        Tensor(tuple(t.shape), str(t.dtype).removeprefix("torch."), stride)
        for t, stride in zip(levels, strides, strict=True)
    )


def around(card: Card, group: Any, ports: list[str], values: list[Any]) -> Design:
    """A design of the Group alone, with an Input a tensor."""
    nodes: list[Node] = [Node("block", group=group.name)]
    wires: list[Wire] = []
    for port, value in zip(ports, values, strict=True):
        if value is None:
            continue
        tensors = value if isinstance(value, list) else [value]
        ids = [f"in_{port}_{i}" for i in range(len(tensors))]
        for id, tensor in zip(ids, tensors, strict=True):
            dtype = "float32" if tensor.is_floating_point() else "int64"
            nodes.append(Node(id, block="Input", settings=Settings(size=tuple(tensor.shape[1:]), dtype=dtype)))
        if isinstance(value, list):
            nodes.append(Node(f"bundle_{port}", block="BundleLevels"))
            wires += [wire(id, f"bundle_{port}.{letter(i)}") for i, id in enumerate(ids)]
            wires.append(wire(f"bundle_{port}", f"block.{port}"))
        else:
            wires.append(wire(ids[0], f"block.{port}"))
    for port in card.outputs:
        nodes.append(Node(f"to_{port.name}", block="Output"))
        wires.append(wire(f"block.{port.name}", f"to_{port.name}"))
    design = Design(nodes=tuple(nodes), wires=tuple(wires), groups=(group,))
    assert shared_analyser().analyse(design, with_fixes=False).valid, shared_analyser().analyse(design).problems
    return design


def test_opening_goes_on_down_to_single_layers_and_the_totals_stay() -> None:
    design = drawn("resnet18")
    before = shared_analyser().analyse(design)
    design, opened, closed = down_to_layers(design)
    assert all("single layer" in why for _, why in closed)
    assert all(variant.settings == Settings() for variant in design.variants)
    after = shared_analyser().analyse(design)
    # the stem and its conv; the backbone, its stages, their blocks, the blocks' convs and shortcuts; the head
    assert opened == 2 + 1 + 4 + 8 + 8 * 2 + 3 + 1
    assert after.problems == ()
    assert (after.parameters, after.macs) == (before.parameters, before.macs) == (11_689_512, 1_814_073_344)
    assert [o.tensors[0].shape for o in after.outputs] == [(1, 1000)]
    assert {n.block for n in after.nodes} >= {"Conv2d", "BatchNorm2d", "ReLU", "Add", "Linear"}
    assert not {n.block for n in after.nodes} & {"ConvNormAct", "BasicBlock", "ResidualStage", "ResidualBackbone"}


def test_what_cannot_be_opened_says_why() -> None:
    design = chain(node("image", "Input", size=(3, 8, 8)), node("conv", "Conv2d"), node("output", "Output"))
    with pytest.raises(OpeningError, match="Conv 2d is a single layer"):
        open_node(design, "", "conv")
    spare = node("backbone", "EfficientNetBackbone", spare_conv=True)
    design = chain(node("image", "Input", size=(3, 64, 64)), spare, node("output", "Output"))
    with pytest.raises(OpeningError, match="holds weights that it never reads"):
        open_node(design, "", "backbone")
    broken = Design(nodes=(node("block", "BasicBlock"),))
    with pytest.raises(OpeningError, match="block has an error or an open input"):
        open_node(broken, "", "block")
