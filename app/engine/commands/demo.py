"""`netloom demo`: the main job on real digits, start to end, no window needed."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from app.engine.commands import pictures
from app.engine.commands.common import console, layer_table, load, user_errors
from app.engine.commands.train import values_text, with_progress
from app.engine.compile import shared_analyser
from app.engine.export import export
from app.engine.runs import load_run
from app.exits import FINE, STOPPED


def run(arguments: argparse.Namespace) -> int:
    out = console()
    analyser = shared_analyser()
    design = load("digits", analyser.cards)
    analysis = analyser.analyse(design)
    out.print(layer_table(analysis, "digits: 1,797 handwritten digits of 8 x 8 pixels"))
    out.print(f"\n{analysis.parameters:,} parameters, {analysis.macs:,} MACs\n", markup=False)
    begun = time.perf_counter()
    folder = Path(arguments.run) if arguments.run else None
    with user_errors():
        trained = with_progress(design, design.recipe, as_json=False, name="digits", run=folder, resume=False)
    seconds = time.perf_counter() - begun
    if trained.stopped:
        out.print(f"stopped after {trained.epochs} epochs; the run is in {trained.run}", markup=False)
        return STOPPED
    out.print(f"trained {trained.epochs} epochs in {seconds:.1f} s", markup=False)
    out.print(f"test {values_text(trained.values)}", markup=False)
    with user_errors():
        report = export(design, "onnx", load_run(Path(trained.run)), Path(trained.run))
    model = Path(trained.run) / "model.onnx"
    if report.file != model:
        report.file.replace(model)
    for line in report.lines:
        out.print(line, markup=False)
    try:
        pictures.drawing(design, analysis, tuple(analyser.cards.values()), Path(trained.run) / "drawing.png")
        pictures.curves(Path(trained.run) / "metrics.csv", Path(trained.run) / "curves.png")
    except pictures.PictureError as error:
        # The network is trained and exported all the same: say what is missing and how to get it.
        out.print(str(error), markup=False)
    out.print(f"all of it is in {trained.run}", markup=False)
    return FINE


