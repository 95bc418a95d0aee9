"""The zoo's drawings can be read: no node covers another, no wire runs over a node that it does not join."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.design import file
from app.window import theme as themes
from app.window.canvas.scene import Scene
from app.window.document import Document
from blocks import catalogue
from examples import zoo


@pytest.mark.parametrize("path", zoo.families(), ids=lambda path: path.stem)
def test_nothing_lies_over_another_thing(path: Path, qapp: object) -> None:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(tuple(catalogue.load().values()))
    document.load(file.load(path), None)
    scene = Scene(document)
    places = {id: item.rect for id, item in scene.nodes.items()}
    names = list(places)
    covered = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if places[a].intersects(places[b])]
    assert not covered, f"these nodes of {path.name} lie over each other: move them apart"
    crossed = [
        (wire.source.node, wire.target.node, id)
        for wire, item in scene.wires.items()
        for id, place in places.items()
        if id not in (wire.source.node, wire.target.node) and item.curve.path().intersects(place.adjusted(4, 4, -4, -4))
    ]
    assert not crossed, f"in {path.name} the wire from the first to the second runs over the third: move it aside"
    scene.blockSignals(True)
    document.setParent(scene)
