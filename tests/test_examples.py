"""The examples: they check, train a little, export, and the script runs as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
from msgspec.structs import replace

import app
from app.design import file
from app.design.values import Design, Graph
from app.engine.commands.pictures import drawing
from app.engine.compile import shared_analyser
from app.engine.export import export
from app.engine.train import train
from app.messages import Progress
from examples import names, path

HOME = Path(app.__file__).resolve().parent.parent


def blocks_of(design: Design) -> set[str]:
    graphs: tuple[Graph, ...] = (design, *design.groups)
    return {shared_analyser().cards[n.block].category for g in graphs for n in g.nodes if n.block}


def test_the_examples_are_there() -> None:
    objectives = {"siamese", "simclr", "moco", "rotation", "auxiliary", "two_tasks", "autoencoder"}
    assert {"digits", "pyramid", *objectives} <= set(names())


@pytest.mark.parametrize("name", names())
def test_an_example_is_valid_and_written_as_the_file_module_writes_it(name: str) -> None:
    design = file.load(path(name), shared_analyser().cards)
    assert file.dumps(design) == path(name).read_bytes()
    analysis = shared_analyser().analyse(design)
    assert analysis.valid and not analysis.problems and not analysis.uncounted


def test_what_the_examples_are_made_of() -> None:
    assert {"Stem", "Backbone", "Attention", "Head", "Loss"} <= blocks_of(file.load(path("digits")))
    pyramid = blocks_of(file.load(path("pyramid")))
    assert {"Stem", "Backbone", "Attention", "Neck", "Head", "Loss"} <= pyramid
    analysis = shared_analyser().analyse(file.load(path("pyramid")))
    assert any(port.kind == "pyramid" for node in analysis.nodes for port in node.outputs)


def test_the_pyramid_trains_a_few_steps_and_exports(tmp_path: Path) -> None:
    design = file.load(path("pyramid"))
    points: list[float] = []
    steps = 0

    def note(progress: Progress) -> None:
        nonlocal steps
        steps = progress.step
        loss = progress.values["loss"]
        if progress.split == "train" and isinstance(loss, float):
            points.append(loss)

    recipe = replace(design.recipe, epochs=1)
    trained = train(
        design, recipe, run=tmp_path / "run", device="cpu", on_progress=note, cancelled=lambda: steps >= 30
    )
    assert len(points) >= 2 and points[-1] < points[0]
    report = export(design, "onnx", Path(trained.run), tmp_path)
    assert report.difference is not None and report.difference < 1e-4
    session = onnxruntime.InferenceSession(report.file)
    assert [o.name for o in session.get_outputs()] == ["output"]


def test_the_script_builds_checks_trains_and_exports_in_under_30_lines(tmp_path: Path) -> None:
    script = path("digits").parent / "script.py"
    assert len(script.read_text().splitlines()) < 30
    done = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(HOME)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "valid: True" in done.stdout and "def forward(self, image)" in done.stdout
    accuracy = float(done.stdout.split("test accuracy ")[1].split("%")[0])
    assert accuracy > 90
    assert list(tmp_path.glob("runs/*/model.onnx"))


def test_a_drawing_is_painted_without_a_display(tmp_path: Path) -> None:
    from PIL import Image

    design = file.load(path("pyramid"))
    analyser = shared_analyser()
    drawing(design, analyser.analyse(design), tuple(analyser.cards.values()), tmp_path / "it.png")
    picture = Image.open(tmp_path / "it.png").convert("RGB")
    assert picture.width > 1000
    colours = {picture.getpixel((x, y)) for x in range(0, picture.width, 7) for y in range(0, picture.height, 7)}
    assert len(colours) > 30  # nodes, wires and text, not an empty canvas
