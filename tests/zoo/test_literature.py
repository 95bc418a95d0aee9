"""Tables of the literature, layer by layer: what the opened drawings say of each."""

from __future__ import annotations

import pytest

from app.design.paths import set_from_text
from app.engine.compile import shared_analyser
from app.messages.reports import NodeReport
from tests.layers import down_to_layers, drawn

VGG16 = (
    1_792, 36_928,
    73_856, 147_584,
    295_168, 590_080, 590_080,
    1_180_160, 2_359_808, 2_359_808,
    2_359_808, 2_359_808, 2_359_808,
    102_764_544, 16_781_312, 4_097_000,
)  # fmt: skip
"""Weights and biases of configuration D, from the first convolution to the last fully connected layer: Simonyan and
Zisserman 2014, table 1."""


def layers(name: str, *settings: str) -> tuple[NodeReport, ...]:
    """The network's single layers, every block opened."""
    analyser = shared_analyser()
    design = set_from_text(drawn(name), list(settings), analyser.cards)
    analysis = analyser.analyse(down_to_layers(design).design)
    assert analysis.valid
    return analysis.nodes


def test_vgg16_has_the_parameters_of_its_table() -> None:
    found = [(report.block, report.parameters) for report in layers("vgg16") if report.parameters]
    assert tuple(count for _, count in found) == VGG16
    assert [block for block, _ in found] == 13 * ["Conv2d"] + 3 * ["Linear"]
    assert sum(VGG16) == 138_357_544


@pytest.mark.parametrize(("side", "sides"), [(224, [112, 56, 56, 56, 28]), (244, [122, 61, 61, 61, 30])])
def test_googlenet_has_the_maps_of_its_table(side: int, sides: list[int]) -> None:
    """Szegedy et al. 2014, table 1, down to inception 3a, whose four branches end in 64, 128, 32 and 32 channels."""
    found = layers("googlenet_original", f"image.size=3,{side},{side}")
    shapes = {r.id: r.outputs[0].tensors[0].shape for r in found if r.outputs}
    maps = [shape for id, shape in shapes.items() if id.endswith(("conv", "stages_0_0", "stages_1_0"))]
    assert [shape[2] for shape in maps[:5]] == sides
    inside = "backbone/stages_1_1/"
    branches = ("branches_0/conv", "branches_1_1/conv", "branches_2_1/conv", "branches_3_1/conv")
    assert [shapes[inside + branch][1] for branch in branches] == [64, 128, 32, 32]
    assert shapes[f"{inside}concat"] == (1, 256, sides[-1], sides[-1])
