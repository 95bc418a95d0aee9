"""What the inside of an opened block looks like on the scene."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.design.values import Settings
from app.engine.opening import open_up
from app.window import theme as themes
from app.window.canvas.scene import Scene
from app.window.document import Document
from blocks.card import Card
from tests.blocks.samples import CARDS, SIZES, sample
from tests.engine.test_opening import OPENING, around, described, spelled
from tests.readable import covered, crossed

WIDE = [card for card in OPENING if card.category in ("Neck", "Head")]
"""The composites with the most parts side by side."""


@contextmanager
def opened(card: Card) -> Iterator[Scene]:
    themes.load_fonts()
    given = sample(card, SIZES[0])
    ports, values = spelled(card, given.inputs)
    group = open_up(card, Settings(), ports, [described(v) for v in values], "inside").group
    document = Document()
    document.set_catalogue(tuple(CARDS.values()))
    document.load(around(card, group, ports, values), None)
    document.enter("block")
    scene = Scene(document)
    assert set(scene.nodes) == {node.id for node in group.nodes}
    yield scene
    scene.blockSignals(True)
    document.setParent(scene)


@pytest.mark.parametrize("card", WIDE, ids=operator.attrgetter("id"))
def test_no_node_lies_over_another(card: Card, qapp: object) -> None:
    with opened(card) as scene:
        assert not covered(scene)


@pytest.mark.parametrize(
    "id", ["FPN", "PAFPN", "CSPPAN", "BiFPNCell", "InceptionV3", "Bottleneck", "ResidualBackbone", "RetinaNetHead"]
)
def test_no_wire_runs_over_a_node(id: str, qapp: object) -> None:
    with opened(CARDS[id]) as scene:
        assert not crossed(scene)


def test_a_pyramids_levels_stay_level(qapp: object) -> None:
    """As in figure 3 of the FPN paper: what is finer stands higher, and a lateral's sum stands beside it."""
    with opened(CARDS["FPN"]) as scene:
        tops = {id: item.rect.top() for id, item in scene.nodes.items()}
    assert tops["x_level1"] < tops["x_level2"] < tops["x_level3"]
    assert tops["x_level1"] == tops["laterals_0"] == tops["add_2"] == tops["smooths_0"]
    assert tops["laterals_0"] < tops["laterals_1"] < tops["laterals_2"]
