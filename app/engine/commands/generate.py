"""`netloom generate`: text from a network that was trained to tell the next character or word."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from app.engine.commands.common import print_json, user_errors
from app.engine.generate import generate, joined
from app.engine.runs import load_run
from app.exits import FINE


def run(arguments: argparse.Namespace) -> int:
    with user_errors():
        loaded = load_run(Path(arguments.run))
        end = None if arguments.end is None else arguments.end.replace("\\n", "\n")
        tokens = list(
            generate(loaded, arguments.start, length=arguments.length, temperature=arguments.temperature, end=end,
                     seed=arguments.seed)
        )  # fmt: skip
    text = joined(loaded.data.kind, tokens)
    if arguments.json:
        print_json({"start": arguments.start, "text": text, "tokens": len(tokens)})
    else:
        gap = " " if arguments.start and loaded.data.kind == "words" else ""
        sys.stdout.write(f"{arguments.start}{gap}{text}".rstrip("\n") + "\n")
    return FINE
