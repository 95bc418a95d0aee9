"""Networks of the zoo open up, node by node, until only single layers are left, and compute the same.

The default run opens those that once did not; the smallest of every other family is marked slow.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.design.edits import EditError
from app.design.grouping import open_into
from app.design.values import Design, Settings
from app.engine.compile import shared_analyser
from app.engine.opening import OpeningError, open_node
from tests.zoo.references import SMALLEST
from tests.zoo.test_runs import small

ENDS = ("Input", "Output", "Target", "GroupInput", "GroupOutput")
ALWAYS = ("resnet18", "facenet_vggface2", "lraspp_mobilenet_v3_large", "unet_resnet18", "vit_tiny_patch16_224")
CLOSED = ("never reads", "shares its weights")
"""What, besides a leaf's own reason, may keep a block of a network closed."""


INTEGRAL = 16
"""Parameters, none of them trained."""
SINGLE = ("lenet5_original",)
"""Drawn of single layers."""


def names() -> list[Any]:
    slow = [pytest.param(name, marks=pytest.mark.slow) for name in sorted(SMALLEST) if name not in ALWAYS]
    return [*ALWAYS, *slow]


def opened(design: Design) -> Design:
    """The design with every block opened that opens, one of each kind and settings."""
    cards = shared_analyser().cards
    todo = [("", node.id) for node in design.nodes]
    seen: set[tuple[str, Settings]] = set()
    while todo:
        where, id = todo.pop()
        node = design.graph(where).by_id[id]
        if node.group or node.block in ENDS or (node.block, node.settings) in seen:
            continue
        seen.add((node.block, node.settings))
        try:
            design = open_into(design, where, id, open_node(design, where, id).group)
        except (OpeningError, EditError) as error:
            reasons = (*CLOSED, cards[node.block].leaf or "single layer")
            assert any(reason in str(error) for reason in reasons), error
            continue
        name = design.graph(where).by_id[id].group
        todo += [(name, inner.id) for inner in design.group_by_name[name].nodes]
    return design


@pytest.mark.parametrize("name", names())
def test_it_opens_down_to_single_layers_and_computes_the_same(name: str) -> None:
    design = small(name)
    before = shared_analyser().analyse(design, with_fixes=False)
    design = opened(design)
    after = shared_analyser().analyse(design, with_fixes=False)
    assert design.groups or name in SINGLE
    assert after.valid and after.problems == ()
    assert (after.trainable_parameters, after.macs) == (before.trainable_parameters, before.macs)
    assert after.outputs == before.outputs
    # YOLO's fixed integral is left out where nothing is wired to the distances that it gives.
    assert after.parameters == before.parameters - INTEGRAL * name.startswith("yolo")
