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
from tests.readable import covered, crossed


@pytest.mark.parametrize("path", zoo.families(), ids=lambda path: path.stem)
def test_nothing_lies_over_another_thing(path: Path, qapp: object) -> None:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(tuple(catalogue.load().values()))
    document.load(file.load(path), None)
    scene = Scene(document)
    assert not covered(scene), f"these nodes of {path.name} lie over each other: move them apart"
    assert not crossed(scene), f"in {path.name} wires from the first to the second run over the third: move it"
    scene.blockSignals(True)
    document.setParent(scene)
