"""Whole numbers where a block calculates with fractions: torch's meta kernels take them, its real ones do not."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace

from app.engine.commands.common import one_block
from app.engine.compile import compile_design, shared_analyser
from blocks import catalogue
from tests.drawing import IMAGE, OUTPUT, chain, node

BLOCKS = [id for id, card in catalogue.load().items() if card.category not in ("Ends", "Loss", "Metric")]


@pytest.mark.parametrize("id", BLOCKS)
def test_what_analysis_accepts_runs(id: str) -> None:
    design = one_block(id, catalogue.load())
    nodes = tuple(
        replace(n, settings=n.settings.with_("dtype", "int64")) if n.block == "Input" else n for n in design.nodes
    )
    design = replace(design, nodes=nodes)
    analysis = shared_analyser().analyse(design, with_fixes=False)
    if analysis.valid:
        network = compile_design(design)
        network.module.eval()(*(torch.ones(2, *s.shape, dtype=torch.int64) for s in network.inputs))
    else:
        assert {p.code for p in analysis.problems} == {"dtype"}


@pytest.mark.parametrize("id", ["Linear", "Conv2d", "GELU"])
def test_a_layer_says_that_it_needs_fractions_and_mends_it(id: str) -> None:
    image = replace(IMAGE, settings=IMAGE.settings.with_("dtype", "int64"))
    (problem,) = shared_analyser().analyse(chain(image, node("layer", id), OUTPUT)).problems
    assert problem.code == "dtype" and "float32" in problem.message
    assert problem.fixes[0].title == "Set image's dtype to float32"
