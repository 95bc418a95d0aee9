"""What a command may run: the code that the user has allowed in the window, all of it with `--allow-code`, and own
blocks."""

from __future__ import annotations

import argparse
from pathlib import Path

from app import trust
from app.engine import own
from app.engine.commands.common import console
from app.engine.compile import shared_analyser
from app.exits import CallError


def give(arguments: argparse.Namespace) -> None:
    """Let this process run what the command line and the user's folder of settings allow. Raises CallError."""
    allowed = trust.read()
    shared_analyser().measurer.trusted = trust.Everything() if arguments.allow_code else frozenset(allowed.code)
    folder = arguments.blocks or allowed.blocks
    try:
        if arguments.blocks and not Path(folder).is_dir():
            raise CallError(f"--blocks {folder}: there is no such folder")
        own.load(trust.own_files(Path(folder)) if folder else ())
    except OSError as error:
        raise CallError(f"the blocks in {folder} cannot be read: {error.strerror or error}") from None
    for trouble in own.troubles():
        console(stderr=True).print(f"own blocks: {trouble.message}", markup=False)
