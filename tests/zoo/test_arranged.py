"""Networks of the zoo, opened down to single layers on one canvas and laid out there."""

from __future__ import annotations

import pytest

from app.design import edits
from app.design.grouping import ungroup
from app.design.layout import Layout, lay_out
from app.engine.compile import shared_analyser
from app.window import theme as themes
from app.window.canvas.arranging import boxes
from app.window.canvas.scene import Scene
from app.window.document import Document
from tests.layers import down_to_layers, drawn
from tests.readable import covered, crossed


def arranged(name: str) -> tuple[Layout, Scene]:
    design = down_to_layers(drawn(name)).design
    while groups := [node.id for node in design.nodes if node.group]:
        for id in groups:
            design, _ = ungroup(design, "", id)
    themes.load_fonts()
    document = Document()
    document.set_catalogue(tuple(shared_analyser().cards.values()))
    document.load(design, None)
    scene = Scene(document)
    layout = lay_out(design, boxes(scene))
    document.edit("Lay out", lambda d: edits.move(d, "", layout.places))
    scene.blockSignals(True)
    document.setParent(scene)
    return layout, scene


@pytest.mark.parametrize("name", ["resnet18", "unet_original"])
def test_an_opened_network_can_be_read(name: str, qapp: object) -> None:
    layout, scene = arranged(name)
    assert not covered(scene)
    assert not crossed(scene)
    if name == "unet_original":
        assert len(layout.levels) == 4
        tops = [(scene.nodes[a].rect.top(), scene.nodes[b].rect.top()) for a, b in layout.levels]
        assert tops == sorted(tops), "from level to level the encoder goes down, and the decoder comes up"
    else:
        # The trunk goes down step by step where each stage's map leaves for the pyramid, and each skip is level.
        sums = [w for w in scene.wires.values() if w.wire.target.node.startswith("add") and w.wire.target.port == "b"]
        level = [w for w in sums if abs(w.curve.start.y() - w.curve.end.y()) <= 4]
        assert len(sums) == 8 and len(level) >= 7
