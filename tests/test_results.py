"""The table of what training reaches: it stands in the README as it was measured, and each design of it learns."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.design import file
from app.engine.compile import shared_analyser
from app.engine.runs import read_metrics
from app.engine.train import train
from app.window import theme as themes
from app.window.canvas.scene import Scene
from app.window.document import Document
from tests import results
from tests.readable import covered, crossed

DRAWINGS = sorted(results.FOLDER.glob("*.netloom"))
STEPS = {"digits": 30}
"""How far each is trained, by its data; else 12."""


def test_the_table_holds_every_design_as_it_was_measured() -> None:
    found = results.stored()
    assert set(found) == set(results.WISHES) >= {path.stem for path in DRAWINGS}
    assert results.PAGE.read_text(encoding="utf-8") == results.page(found)
    readme = (results.ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == results.with_table(readme, found), "run `python -m tests.results` for what has changed"
    assert all(f"[{name}](" in readme for name in results.WISHES)
    assert results.PICTURE.exists()


@pytest.mark.parametrize("name", results.WISHES)
def test_what_was_measured_is_what_is_wished_of_the_design_as_it_is(name: str) -> None:
    row = results.stored()[name]
    assert results.WISHES[name].holds(row["value"])
    design = file.load(results.drawing(name), shared_analyser().cards)
    assert row["parameters"] == shared_analyser().analyse(design).parameters
    assert row["epochs"] <= design.recipe.epochs and row["data"] == design.recipe.data.partition(":")[0]
    if name == "characters":
        assert row["value"] < row["first"] / 2, "the perplexity has fallen"
    for way, value in row["compared"]["trained"].items() if name == "simclr" else ():
        others = row["compared"]["untrained"][way], row["compared"]["raw pixels"][way]
        assert value >= max(others) + 0.05


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_the_loss_falls_in_a_few_steps(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever folder one stands: what a design is trained on comes with it."""
    monkeypatch.chdir(tmp_path)
    design = file.load(path, shared_analyser().cards)
    recipe = replace(design.recipe, schedule="constant", warm_up=None)
    wanted = STEPS.get(recipe.data, 12)
    asked = iter(range(1, wanted + 1))
    trained = train(design, recipe, run=tmp_path / "run", device="cpu", cancelled=lambda: next(asked) == wanted)
    assert trained.stopped
    rows = read_metrics(tmp_path / "run" / "metrics.csv")
    first, *_, last = (row.value for row in rows if row.name == "loss" and row.split == "train")
    assert last < 0.95 * first


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_nothing_lies_over_another_thing(path: Path, qapp: object) -> None:
    themes.load_fonts()
    document = Document()
    document.set_catalogue(tuple(shared_analyser().cards.values()))
    document.load(file.load(path), None)
    scene = Scene(document)
    assert not covered(scene) and not crossed(scene)
    scene.blockSignals(True)
    document.setParent(scene)
