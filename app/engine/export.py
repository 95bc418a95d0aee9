"""A design in other forms: one function for each format, found in `FORMATS`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from safetensors import SafetensorError
from safetensors.torch import save_file

from app.design.values import Design, Recipe
from app.engine import checkpoint, tables
from app.engine.augment.joining import PREPROCESSING, preprocessing
from app.engine.checkpoint import CheckpointError
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.runs import Run, load_run
from app.engine.to_onnx import ExportError, Report, export_onnx
from app.engine.to_onnx.errors import NotWrittenError, reason
from app.engine.to_onnx.given import gather
from app.engine.to_onnx.write import Notify
from app.engine.to_python import generate
from app.engine.to_script import write_script
from app.engine.weights import load as load_file
from app.messages.onnx import OnnxOptions

__all__ = ["FORMATS", "SUFFIXES", "ExportError", "Report", "Wishes", "export"]


class Wishes(NamedTuple):
    """What can be asked of an export besides its format. `file` is the file's name where it is not the usual one,
    `name` the design's; `notify` is told of each step, and may raise to end the export; `partly`: what the file
    of weights lacks may stay new."""

    file: str = ""
    name: str = ""
    variant: str = ""
    onnx: OnnxOptions = OnnxOptions()
    notify: Notify = lambda step, done, total: None
    partly: bool = False


class Job(NamedTuple):
    """What a format's function gets."""

    design: Design
    run: Run | None
    file: Path
    weights: Path | None = None
    wishes: Wishes = Wishes()


class Format(NamedTuple):
    """A form that a design is written in: the file's name and what writes it."""

    name: str
    write: Callable[[Job], Report]


def export(
    design: Design, to: str, run: Run | Path | str | None, folder: Path, weights: Path | None = None,
    wishes: Wishes = Wishes(),  # noqa: B008 (frozen)
) -> Report:  # fmt: skip
    """Write `design` as `to` into `folder`, with the trained weights of `run` or those of the file `weights`. These
    are matched as the design's recipe says.

    Each file is written aside and renamed, the main one last: it never stands without what belongs to it. Raises
    ExportError, WeightsError, InvalidDesignError, or what `load_run` raises.
    """
    if to not in FORMATS:
        raise ExportError(f"There is no format `{to}`: choose one of {', '.join(FORMATS)}.")
    form = FORMATS[to]
    folder = Path(folder)
    if not folder.is_dir():
        raise ExportError(f"There is no folder {folder}: make it, or choose another place.")
    loaded = load_run(run) if isinstance(run, str | Path) else run
    target = folder / (wishes.file or form.name)
    try:
        target = target.resolve()  # through a link: the link stays
        if target.exists() and not target.is_file():  # a rename would put a file in the place of /dev/null, say
            raise ExportError(f"{target} is {'a folder' if target.is_dir() else 'no plain file'}: choose another name.")
        with tempfile.TemporaryDirectory(prefix=".export-", dir=target.parent) as aside:
            report = form.write(Job(design, loaded, Path(aside) / target.name, weights, wishes))
            for file in (*report.beside, Path(aside) / target.name):
                file.replace(target.with_name(file.name))
    except NotWrittenError as error:  # it names the place aside
        raise NotWrittenError(target, error.why) from None
    except OSError as error:
        raise NotWrittenError.of(target, error) from None
    beside = tuple(target.with_name(file.name) for file in report.beside)
    named = folder / (wishes.file or form.name)
    return report._replace(file=named, beside=beside)


def _network(job: Job) -> tuple[Network, str]:
    """The design for inference with the run's weights, else new ones; and a line that says which."""
    checkpoint.seed_all(job.design.recipe.seed)
    network = compile_design(job.design, "inference")
    network.module.eval()
    if job.weights is not None:
        by = job.design.recipe.weights_by
        return network, " ".join(load_file(network.root, job.weights, partly=job.wishes.partly, by=by))
    if job.run is None:
        return network, "The weights are untrained: export a run for trained ones."
    try:
        checkpoint.fill(network.root, checkpoint.weights_of(job.run.root), str(job.run.path))
    except CheckpointError as error:
        raise ExportError(f"{error} Train the design as it is now, or export the run's own design.") from None
    return network, f"The weights are those of {job.run.path.name}, epoch {job.run.epoch}."


def _sound(job: Job) -> tuple[Network, str]:
    """The network, once none of its weights is found to be no number: converters and runtimes speak of other things."""
    network, said = _network(job)
    for name, value in checkpoint.weights_of(network.root).items():
        if value.is_floating_point() and bool(value.isnan().any()):
            where = job.weights or (job.run.path if job.run is not None else None)
            of = f" of {where.name}" if where is not None else ""
            raise ExportError(f"The weight `{name}`{of} is not a number (NaN): train again, or take other weights.")
    return network, said


def _onnx(job: Job) -> Report:
    wishes = job.wishes
    wishes.notify("Compiling the network", 0, 5)
    network, said = _sound(job)
    given = gather(job.design, job.run, network, wishes.onnx, wishes.name or job.design.about.title, wishes.variant)
    report = export_onnx(
        network, job.file, wishes.onnx, design=job.design, facts=given.facts, samples=given.held_out,
        calibration=given.calibration, notify=lambda step, done, total: wishes.notify(step, done + 1, total + 1),
    )  # fmt: skip
    return report._replace(lines=(*report.lines, *filter(None, (given.needs,)), *given.remarks, said))


def _recipe(job: Job) -> Recipe:
    """What the weights were trained by, or would be."""
    return (job.run.design if job.run is not None else job.design).recipe


def _safetensors(job: Job) -> Report:
    network, said = _network(job)
    weights = checkpoint.weights_of(network.root)
    needs, facts = preprocessing(_recipe(job).augment, network.inputs)
    try:
        save_file(weights, job.file, {"format": "pt", **({PREPROCESSING: facts} if facts else {})})
    except SafetensorError as error:  # of the disk; what it says of itself goes before that
        raise NotWrittenError(job.file, reason(error).rpartition("I/O error: ")[2].split(" (")[0]) from None
    numbers = sum(value.numel() for value in weights.values())
    lines = (f"{len(weights)} tensors, {numbers:,} numbers.", *filter(None, (needs,)), said)
    return Report(job.file, job.file.stat().st_size, lines)


def _program(job: Job) -> Report:
    from app.engine.to_program import export_program

    network, said = _sound(job)
    given = gather(job.design, job.run, network, OnnxOptions(), job.wishes.name, job.wishes.variant)
    report = export_program(network, job.file, given.held_out)
    return report._replace(lines=(*report.lines, *filter(None, (given.needs,)), *given.remarks, said))


def _text(write: Callable[..., str]) -> Callable[[Job], Report]:
    """A format that is text made of the design and its analysis."""

    def run(job: Job) -> Report:
        analysis = shared_analyser().analyse(job.design, with_fixes=False)
        partial = ("The design has errors: the totals are those of its valid part.",) if analysis.partial else ()
        return _written(job, write(job.design, analysis), partial)

    return run


def _python(job: Job) -> Report:
    made = generate(job.design, name=_class_name(job))
    return _written(job, made.text, (f"The class is {made.name}; weights exported as safetensors load into it.",))


def _script(job: Job) -> Report:
    made = write_script(job.design, _class_name(job))
    return _written(job, made.text, made.remarks or ("It does all that the recipe says.",))


def _class_name(job: Job) -> str:
    return job.wishes.variant or job.wishes.name or job.design.about.title or "Network"


def _written(job: Job, text: str, lines: tuple[str, ...]) -> Report:
    data = text.encode()
    job.file.write_bytes(data)
    return Report(job.file, len(data), lines)


FORMATS: dict[str, Format] = {
    "onnx": Format("model.onnx", _onnx),
    "safetensors": Format("model.safetensors", _safetensors),
    "program": Format("model.pt2", _program),
    "python": Format("model.py", _python),
    "script": Format("train.py", _script),
    "csv": Format("layers.csv", _text(tables.as_csv)),
    "markdown": Format("layers.md", _text(tables.as_markdown)),
    "latex": Format("layers.tex", _text(tables.as_latex)),
    "mermaid": Format("design.mmd", _text(tables.as_mermaid)),
    "dot": Format("design.dot", _text(tables.as_dot)),
}
SUFFIXES: dict[str, str] = {to: Path(form.name).suffix for to, form in FORMATS.items()} | {"script": "_train.py"}
