"""`netloom evaluate`: the metrics of a run on a split of its data."""

from __future__ import annotations

import argparse

from app.engine.commands.common import console, print_json, user_errors
from app.engine.commands.train import values_text
from app.engine.train import evaluate_run
from app.exits import FINE


def run(arguments: argparse.Namespace) -> int:
    with user_errors():
        values = evaluate_run(arguments.run, arguments.split)
    if arguments.json:
        print_json({"run": arguments.run, "split": arguments.split, "values": dict(values)})
    else:
        console().print(f"{arguments.split} {values_text(values)}", markup=False)
    return FINE
