"""A design in other forms: one function for each format, found in `FORMATS`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save_file

from app.design.values import Design, Recipe
from app.engine import checkpoint, tables
from app.engine.augment.joining import PREPROCESSING, note_in_onnx, preprocessing
from app.engine.checkpoint import CheckpointError
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.data import DataError, open_data, options_of
from app.engine.onnx_export import ExportError, Report, export_onnx
from app.engine.runs import Run, load_run
from app.engine.to_python import generate
from app.engine.weights import load as load_file

__all__ = ["FORMATS", "SUFFIXES", "ExportError", "ExportReport", "export"]

HELD_OUT = 64
"""So many samples of the test split are what torch and ONNX Runtime are compared on."""


class ExportReport(NamedTuple):
    """What was written and what was checked, one line each; `difference` is the largest one to torch."""

    file: Path
    bytes: int
    lines: tuple[str, ...]
    difference: float | None = None
    opset: int | None = None


class Job(NamedTuple):
    """What a format's function gets."""

    design: Design
    run: Run | None
    file: Path
    weights: Path | None = None


class Format(NamedTuple):
    """A form that a design is written in: the file's name and what writes it."""

    name: str
    write: Callable[[Job], Report]


def export(
    design: Design, to: str, run: Run | Path | str | None, folder: Path, weights: Path | None = None
) -> ExportReport:
    """Write `design` as `to` into `folder`, with the trained weights of `run` or those of the file `weights`.

    Raises ExportError, WeightsError, InvalidDesignError, or what `load_run` raises.
    """
    if to not in FORMATS:
        raise ExportError(f"There is no format `{to}`: choose one of {', '.join(FORMATS)}.")
    form = FORMATS[to]
    folder = Path(folder)
    if not folder.is_dir():
        raise ExportError(f"There is no folder {folder}: make it, or choose another place.")
    loaded = load_run(run) if isinstance(run, str | Path) else run
    report = form.write(Job(design, loaded, folder / form.name, weights))
    return ExportReport(folder / form.name, report.bytes, report.lines, report.difference, report.opset)


def _network(job: Job) -> tuple[Network, str]:
    """The design for inference with the run's weights, else new ones; and a line that says which."""
    checkpoint.seed_all(job.design.recipe.seed)
    network = compile_design(job.design, "inference")
    network.module.eval()
    if job.weights is not None:
        return network, " ".join(load_file(network.root, job.weights))
    if job.run is None:
        return network, "The weights are untrained: export a run for trained ones."
    try:
        checkpoint.fill(network.root, checkpoint.weights_of(job.run.root), str(job.run.path))
    except CheckpointError as error:
        raise ExportError(f"{error} Train the design as it is now, or export the run's own design.") from None
    return network, f"The weights are those of {job.run.path.name}, epoch {job.run.epoch}."


def _onnx(job: Job) -> Report:
    network, said = _network(job)
    samples, remark = _held_out(job.run, network)
    report = export_onnx(network, job.file, samples=samples)
    needs, facts = preprocessing(_recipe(job).augment, network.inputs)
    if facts:
        note_in_onnx(job.file, facts)
        report = report._replace(bytes=job.file.stat().st_size)
    return report._replace(lines=(*report.lines, *filter(None, (needs,)), *remark, said))


def _recipe(job: Job) -> Recipe:
    """What the weights were trained by, or would be."""
    return (job.run.design if job.run is not None else job.design).recipe


def _held_out(run: Run | None, network: Network) -> tuple[list[torch.Tensor] | None, tuple[str, ...]]:
    """Samples of the run's test split, where its data is still there; else None and the reason."""
    if run is None:
        return None, ()
    recipe = run.design.recipe
    try:
        data = open_data(recipe.data, network.inputs, (), recipe.seed, options_of(recipe))
        split = data.splits.get("test") or data.splits["train"]
        return list(split.take(torch.arange(min(HELD_OUT, split.size)))), ()
    except DataError as error:
        return None, (f"The comparison used random samples, because the run's data cannot be read: {error}",)


def _safetensors(job: Job) -> Report:
    network, said = _network(job)
    weights = checkpoint.weights_of(network.root)
    try:
        needs, facts = preprocessing(_recipe(job).augment, network.inputs)
        save_file(weights, job.file, {"format": "pt", **({PREPROCESSING: facts} if facts else {})})
    except OSError as error:
        raise ExportError(f"{job.file} cannot be written: {error.strerror or error}.") from None
    numbers = sum(value.numel() for value in weights.values())
    lines = (f"{len(weights)} tensors, {numbers:,} numbers.", *filter(None, (needs,)), said)
    return Report(job.file.stat().st_size, lines)


def _text(write: Callable[..., str]) -> Callable[[Job], Report]:
    """A format that is text made of the design and its analysis."""

    def run(job: Job) -> Report:
        analysis = shared_analyser().analyse(job.design, with_fixes=False)
        data = write(job.design, analysis).encode()
        try:
            job.file.write_bytes(data)
        except OSError as error:
            raise ExportError(f"{job.file} cannot be written: {error.strerror or error}.") from None
        partial = ("The design has errors: the totals are those of its valid part.",) if analysis.partial else ()
        return Report(len(data), partial)

    return run


def _python(job: Job) -> Report:
    made = generate(job.design, name=job.design.about.title or "Network")
    try:
        job.file.write_text(made.text, encoding="utf-8")
    except OSError as error:
        raise ExportError(f"{job.file} cannot be written: {error.strerror or error}.") from None
    lines = (f"The class is {made.name}; weights exported as safetensors load into it.",)
    return Report(job.file.stat().st_size, lines)


FORMATS: dict[str, Format] = {
    "onnx": Format("model.onnx", _onnx),
    "safetensors": Format("model.safetensors", _safetensors),
    "python": Format("model.py", _python),
    "csv": Format("layers.csv", _text(tables.as_csv)),
    "markdown": Format("layers.md", _text(tables.as_markdown)),
    "latex": Format("layers.tex", _text(tables.as_latex)),
    "mermaid": Format("design.mmd", _text(tables.as_mermaid)),
    "dot": Format("design.dot", _text(tables.as_dot)),
}
SUFFIXES: dict[str, str] = {to: Path(form.name).suffix for to, form in FORMATS.items()}
