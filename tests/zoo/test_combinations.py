"""Any backbone of three strides or more, any neck, any dense head: they connect, check, and run both ways."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.design import changes
from app.design.build import chain, node, wire
from app.design.paths import set_from_text
from app.design.values import Design
from app.engine.compile import compile_design, shared_analyser
from blocks.card import Card
from blocks.patterns import parse
from tests.blocks.samples import CARDS, flat

SIDE = 128


def takes_pyramid(card: Card) -> bool:
    return bool(card.inputs) and card.inputs[0].kind == "pyramid" and all(p.optional for p in card.inputs[1:])


def gives_pyramid(card: Card) -> bool:
    return [p.kind for p in card.outputs] == ["pyramid"]


BACKBONES = [c.id for c in CARDS.values() if c.category == "Backbone" and gives_pyramid(c) and not takes_pyramid(c)]
NECKS = [c.id for c in CARDS.values() if c.category == "Neck" and gives_pyramid(c) and takes_pyramid(c)]
HEADS = [c.id for c in CARDS.values() if c.category == "Head" and takes_pyramid(c)]


def drawn(backbone: str, *rest: str, side: int = SIDE) -> Design:
    """image -> stem -> backbone -> ... with default settings, and an Output for each output of the last block."""
    parts = [node("image", "Input", size=(3, side, side)), node("stem", "ConvStem", pool=False)]
    parts += [node(f"part{i}", id) for i, id in enumerate((backbone, *rest))]
    last = CARDS[(backbone, *rest)[-1]]
    ends = tuple(node(f"to_{p.name}", "Output", at=(1500, 200 * i)) for i, p in enumerate(last.outputs))
    wires = tuple(wire(f"{parts[-1].id}.{p.name}", f"to_{p.name}") for p in last.outputs)
    return chain(*parts, more=ends, wires=wires)


def strides(backbone: str) -> list[float | None]:
    (output,) = shared_analyser().analyse(drawn(backbone)).outputs
    return [t.stride for t in output.tensors]


def errors(design: Design) -> list[Any]:
    return [p for p in shared_analyser().analyse(design).problems if p.severity == "error"]


def needs_several(id: str) -> bool:
    return parse(CARDS[id].inputs[0].pattern).levels > 1


def test_there_are_many_of_each() -> None:
    assert len(BACKBONES) > 25 and len(NECKS) >= 8 and len(HEADS) > 8


@pytest.mark.parametrize("backbone", BACKBONES)
def test_a_backbone_gives_levels_each_coarser_than_the_one_before(backbone: str) -> None:
    assert errors(drawn(backbone)) == []
    found = strides(backbone)
    assert None not in found
    assert found == sorted(found), "finest first"  # type: ignore[type-var]
    assert len(set(found)) == len(found), "by default one level a size"


@given(st.sampled_from(BACKBONES), st.sampled_from(NECKS), st.sampled_from(HEADS))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_backbone_neck_and_head_fit_together(backbone: str, neck: str, head: str) -> None:
    design = drawn(backbone, neck, head)
    if len(strides(backbone)) == 1 and needs_several(neck):
        assert [p.code for p in errors(design)][:1] == ["levels"]
        return
    assert [p.message for p in errors(design)] == []
    network = compile_design(design, "inference")
    outputs = flat(network.module.train()(torch.randn(2, 3, SIDE, SIDE)))
    sum(o.float().square().mean() for o in outputs if o.is_floating_point()).backward()  # type: ignore[union-attr]
    stem = network.root.get_submodule("stem")
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in stem.parameters())


@pytest.mark.parametrize("part", [id for id in (*NECKS, *HEADS) if needs_several(id)])
@pytest.mark.parametrize(
    ("backbone", "title"),
    [
        ("ViTBackbone", "Make several levels by a simple feature pyramid"),
        ("ResidualBackbone", "Let part0 give all its levels"),
    ],
)
def test_too_few_levels_are_a_problem_whose_first_fix_mends_it(backbone: str, title: str, part: str) -> None:
    design = drawn(backbone, part)
    if backbone == "ResidualBackbone":
        design = set_from_text(design, ["part0.levels=4"], CARDS)
    (problem,) = [p for p in errors(design) if p.code == "levels"]
    assert "`x` has 1 level, but it needs 2 or more" in problem.message
    assert problem.fixes[0].title == title
    mended = changes.apply(design, problem.fixes[0].changes, CARDS)
    assert errors(mended) == []
    if backbone == "ViTBackbone":
        pyramid = next(n for n in shared_analyser().analyse(mended).nodes if n.block == "SimpleFeaturePyramid")
        levels = [t.stride for t in pyramid.outputs[0].tensors]
        assert [fine / levels[0] for fine in levels] == [1, 2, 4, 8]  # type: ignore[operator]
