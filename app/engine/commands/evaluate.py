"""`netloom evaluate`: the metrics of a run on a split of its data."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli import FINE, CallError
from app.engine.commands.common import console, print_json
from app.engine.commands.train import values_text
from app.engine.runs import evaluate, load_run


def run(arguments: argparse.Namespace) -> int:
    try:
        values = evaluate(load_run(Path(arguments.run)), arguments.split)
    except ValueError as error:
        if not type(error).__module__.startswith("app."):
            raise
        raise CallError(str(error)) from None
    if arguments.json:
        print_json({"run": arguments.run, "split": arguments.split, "values": dict(values)})
    else:
        console().print(f"{arguments.split} {values_text(values)}", markup=False)
    return FINE
