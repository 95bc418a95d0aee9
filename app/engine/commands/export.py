"""`netloom export`: writes a design in another form."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from msgspec.structs import replace

from app.design import file
from app.engine import questions
from app.engine.commands import pictures
from app.engine.commands.common import console, prepared, print_json, user_errors
from app.engine.commands.train import checked
from app.engine.compile import shared_analyser
from app.engine.export import SUFFIXES, export
from app.engine.runs import load_run
from app.exits import FINE, INVALID, CallError
from app.messages.parts import Fields, GetFields


def run(arguments: argparse.Namespace) -> int:
    analyser = shared_analyser()
    design = prepared(arguments, arguments.design, analyser.cards)
    if (arguments.match or arguments.partly) and not arguments.weights:
        raise CallError("--match and --partly say how the weights of --weights FILE are taken: name a file")
    if arguments.run and arguments.weights:
        raise CallError("the weights come from --run DIR or from --weights FILE, not from both")
    drawing = arguments.to in pictures.KINDS
    look = pictures.look(arguments, Path(arguments.design.removeprefix("block:")).stem)
    if not drawing and not checked(design):
        return INVALID
    suffix = f".{arguments.to}" if drawing else SUFFIXES[arguments.to]
    target = Path(arguments.output or Path(arguments.design.removeprefix("block:")).stem + suffix)
    with tempfile.TemporaryDirectory() as folder, user_errors():
        if drawing:
            written = Path(folder) / target.with_suffix(suffix).name
            analysis = analyser.analyse(design, with_fixes=False)
            fields: Fields | None = None
            if arguments.overlay == "field":
                told = questions.answer(GetFields("", design))
                assert isinstance(told, Fields)
                fields = told
            pictures.drawing(design, analysis, tuple(analyser.cards.values()), written, look, fields)
            lines: tuple[str, ...] = ()
            difference = None
        else:
            loaded = load_run(Path(arguments.run)) if arguments.run else None
            weights = Path(arguments.weights) if arguments.weights else None
            if arguments.match:
                design = replace(design, recipe=replace(design.recipe, weights_by=arguments.match))
            report = export(design, arguments.to, loaded, Path(folder), weights, partly=arguments.partly)
            written, lines, difference = report.file, report.lines, report.difference
        data = written.read_bytes()
        file.write_atomically(target, data)
    if arguments.json:
        print_json({
            "file": str(target), "to": arguments.to, "bytes": len(data), "report": lines, "difference": difference,
        })  # fmt: skip
    else:
        out = console()
        for line in lines:
            out.print(line, markup=False)
        out.print(f"{target} written ({len(data):,} bytes)", markup=False)
    return FINE
