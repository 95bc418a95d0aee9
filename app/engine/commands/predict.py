"""`netloom predict`: what a trained network says of images."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.engine.commands.common import console, print_json, user_errors
from app.engine.predict import predict
from app.engine.runs import load_run
from app.exits import FINE


def run(arguments: argparse.Namespace) -> int:
    with user_errors():
        loaded = load_run(Path(arguments.run))
        predictions = [(name, predict(loaded, [Path(name)])[0]) for name in arguments.files]
    out = console()
    for name, prediction in predictions:
        if arguments.json:
            answers = [{"label": a.label, "probability": a.probability} for a in prediction.answers]
            print_json({"file": name, "answers": answers})
        else:
            best = "  ".join(f"{a.label} {a.probability:.1%}" for a in prediction.answers[:3])
            out.print(f"{name}: {best}", markup=False)
    return FINE
