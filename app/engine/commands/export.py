"""`netloom export`: writes a design in another form."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from msgspec.structs import replace

from app.design import file
from app.design.values import Design
from app.engine import questions
from app.engine.analysis import Analyser
from app.engine.commands import pictures
from app.engine.commands.common import console, prepared, print_json, user_errors
from app.engine.commands.onnx_options import Bar, onnx_options
from app.engine.commands.train import checked
from app.engine.compile import shared_analyser
from app.engine.export import SUFFIXES, ExportError, Report, Wishes, export
from app.engine.matching import matched
from app.engine.runs import Run, load_run
from app.exits import FINE, INVALID, CallError
from app.messages.onnx import Certificate
from app.messages.parts import Fields, GetFields


def run(arguments: argparse.Namespace) -> int:
    analyser = shared_analyser()
    design = prepared(arguments, arguments.design, analyser.cards)
    if (arguments.match or arguments.partly) and not arguments.weights:
        raise CallError("--match and --partly say how the weights of --weights FILE are taken: name a file")
    if arguments.run and arguments.weights:
        raise CallError("the weights come from --run DIR or from --weights FILE, not from both")
    drawing = arguments.to in pictures.KINDS
    options = onnx_options(arguments)
    look = pictures.look(arguments, Path(arguments.design.removeprefix("block:")).stem)
    if not drawing and not checked(design):
        return INVALID
    suffix = f".{arguments.to}" if drawing else SUFFIXES[arguments.to]
    name = Path(arguments.design.removeprefix("block:")).stem
    target = Path(arguments.output or name + suffix)
    with user_errors():
        if drawing:
            return _done(arguments, target, *_drawn(arguments, design, analyser, target, suffix, look))
        loaded = load_run(Path(arguments.run)) if arguments.run else None
        weights = Path(arguments.weights) if arguments.weights else None
        if arguments.weights:
            design = replace(design, recipe=matched(design.recipe, arguments.weights, arguments.match or ""))
        with Bar() as bar:
            wishes = Wishes(target.name, name, arguments.variant or "", options, bar.show, arguments.partly)
            report = _certified(arguments, design, loaded, target.parent, weights, wishes)
    return _done(
        arguments, target, report.bytes, report.lines, report.difference, report.beside, report.certificate
    )  # fmt: skip


def _certified(
    arguments: argparse.Namespace, design: Design, run: Run | None, folder: Path, weights: Path | None, wishes: Wishes
) -> Report:
    """Export. Where the file's numbers are not torch's nothing is written, and the certificate says where they part."""
    try:
        return export(design, arguments.to, run, folder, weights, wishes)
    except ExportError as error:
        if error.certificate is None:
            raise
        if arguments.json:
            print_json({"file": None, "to": arguments.to, "error": str(error), "certificate": error.certificate})
        raise CallError(str(error), INVALID) from None


def _drawn(
    arguments: argparse.Namespace, design: Design, analyser: Analyser, target: Path, suffix: str, look: list[str]
) -> tuple[int]:
    """Paint the drawing. Returns how many bytes it has."""
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / f"drawing{suffix}"
        analysis = analyser.analyse(design, with_fixes=False)
        fields: Fields | None = None
        if arguments.overlay == "field":
            told = questions.answer(GetFields("", design))
            assert isinstance(told, Fields)
            fields = told
        pictures.drawing(design, analysis, tuple(analyser.cards.values()), written, look, fields)
        data = written.read_bytes()
    file.write_atomically(target, data)
    return (len(data),)


def _done(
    arguments: argparse.Namespace, target: Path, size: int, lines: tuple[str, ...] = (),
    difference: float | None = None, beside: tuple[Path, ...] = (), certificate: Certificate | None = None,
) -> int:  # fmt: skip
    """Say what was written."""
    if arguments.json:
        print_json({
            "file": str(target), "to": arguments.to, "bytes": size, "report": lines, "difference": difference,
            "beside": [str(target.with_name(each.name)) for each in beside], "certificate": certificate,
        })  # fmt: skip
    else:
        out = console()
        for line in lines:
            out.print(line, markup=False)
        out.print(f"{target} written ({size:,} bytes)", markup=False)
    return FINE
