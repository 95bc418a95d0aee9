"""Networks of the zoo open up, node by node, until only single layers are left, and compute the same.

The default run opens those that once did not; the smallest of every other family is marked slow.
"""

from __future__ import annotations

from typing import Any

import pytest

from app.engine.compile import shared_analyser
from tests.layers import down_to_layers
from tests.zoo.references import SMALLEST
from tests.zoo.test_runs import small

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


@pytest.mark.parametrize("name", names())
def test_it_opens_down_to_single_layers_and_computes_the_same(name: str) -> None:
    cards, design = shared_analyser().cards, small(name)
    before = shared_analyser().analyse(design, with_fixes=False)
    design, count, closed = down_to_layers(design, alike=False)
    for block, why in closed:
        assert any(reason in why for reason in (*CLOSED, cards[block].leaf or "single layer")), why
    after = shared_analyser().analyse(design, with_fixes=False)
    assert count or name in SINGLE
    assert after.valid and after.problems == ()
    assert (after.trainable_parameters, after.macs) == (before.trainable_parameters, before.macs)
    assert after.outputs == before.outputs
    # YOLO's fixed integral is left out where nothing is wired to the distances that it gives.
    assert after.parameters == before.parameters - INTEGRAL * name.startswith("yolo")
