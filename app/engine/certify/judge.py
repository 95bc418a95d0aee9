"""Puts a certificate together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace

from app import __version__
from app.engine.certify.cost import Cost
from app.engine.certify.divergence import Found, first_divergence
from app.engine.certify.gaps import EQUAL, TOLERANCES
from app.engine.certify.numbers import Flops, Pair, Times, affordable, compare, session_of, time_both
from app.engine.certify.samples import inputs_for, other_sizes
from app.engine.certify.saying import unequal
from app.engine.certify.structure import examine
from app.engine.to_onnx.ranges import ANY, Rule
from app.engine.to_onnx.sizes import dims
from app.engine.to_onnx.trace import example, quiet
from app.engine.to_onnx.write import Written
from app.messages.onnx import Certificate, Compared, Judged
from blocks.operators import TRANSLATIONS


class Certified(NamedTuple):
    """The certificate, and in which part of the block the numbers part; empty where they do not."""

    certificate: Certificate
    inside: str = ""


def certify(
    written: Written,
    *,
    design: str = "",
    variant: str = "",
    samples: Sequence[torch.Tensor] | None = None,
    batches: Sequence[int] | None = None,
    tolerance: float | None = None,
    cost: Callable[[Pair], Cost] | None = None,
    step: Callable[[str], object] = lambda said: None,
) -> Certified:
    """Check the file and compare it with torch at several batches and, where they are open, sizes of image.

    `samples` are real inputs, one tensor for each Input, as the file takes them; without them random ones are used.
    `batches` are those to try besides 1; without them the largest is left out where it would take long. `tolerance` is
    that of the precision (`TOLERANCES`). `cost` measures what fewer bits cost in the design's metrics. `step` is told
    what is done. Raises ExportError where the file cannot be used at all.
    """
    options, module, specs = written.options, written.module, written.inputs
    step("Checking the file")
    with ThreadPoolExecutor(1) as pool:  # each reads all of the file
        loading = pool.submit(session_of, written.file)
        structure = examine(written.file)
        session = loading.result()
    tolerance = TOLERANCES[options.precision] if tolerance is None else tolerance
    remarks: list[str] = []
    rows: list[Compared] = []
    found: Found | None = None
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pair = Pair(module, session, specs, written.outputs)
        one, times = inputs_for(specs, 1, samples), Times([], [])
        step("Comparing with torch at batch 1")
        with Flops() as flops:
            rows += compare(pair, one, tolerance, times)
        tried = affordable(flops.total / 2) if batches is None else list(batches)
        if not all(0 in axes for axes in written.axes.values()):
            tried = [1]
        for batch in tried:
            if batch == 1:
                continue
            step(f"Comparing with torch at batch {batch}")
            rows += compare(pair, inputs_for(specs, batch, samples), tolerance)
        images = [bool(written.axes[spec.name].keys() - {0}) for spec in specs]
        if any(images):
            step("Comparing with torch at another size")
            sizes = other_sizes(module, specs, images, [_rules_of(written, spec.name) for spec in specs])
            if sizes is None:
                remarks.append("Height and width are open, but the network itself takes no other size that was tried.")
            else:
                rows += compare(pair, inputs_for(specs, min(2, max(tried)), samples, sizes), tolerance)
        step("Measuring time")
        theirs, ours = time_both(pair, one, times)
        rows = _taken_together(rows, tolerance)
        passed = structure.shapes and all(row.within for row in rows)
        judged: Judged = "equality" if tolerance < EQUAL else "bound"
        if not all(row.within for row in rows):
            step("Looking for the first block that differs")
            found = _first(written, next((row for row in rows if not row.within), None), samples, tolerance)
        elif cost is not None:
            step("Measuring what it costs")
            said, bearable, measured = cost(pair)
            remarks += said
            passed = passed and bearable
            judged = "metrics" if judged == "bound" and measured else judged
        if judged != "equality":
            remarks[:0] = unequal(rows, judged)
    certificate = Certificate(
        design=design, variant=variant, file=written.file.name, bytes=structure.bytes, sha256=structure.sha256,
        opset=structure.opset, precision=options.precision, passed=passed, judged=judged, checker=True,
        shapes=structure.shapes, compared=tuple(rows), tolerance=tolerance, operators=structure.operators,
        milliseconds=theirs, torch_milliseconds=ours, diverged=found.diverged if found is not None else None,
        remarks=tuple(remarks), versions=versions(),
    )  # fmt: skip
    return Certified(certificate, found.inside if found is not None else "")


def _rules_of(written: Written, name: str) -> list[Rule]:
    """What an Input's open height and width take."""
    return [written.rules.get(axis, ANY) for at, axis in sorted(written.axes[name].items()) if at]


def _taken_together(rows: Sequence[Compared], tolerance: float) -> list[Compared]:
    """The rows, where those of an output that decides are within the tolerance if all of its decisions together are: a
    batch of one is all right or all wrong."""
    taken = []
    for row in rows:
        mine = [other for other in rows if other.output == row.output]
        if all(other.decisions for other in mine):
            share = sum(other.relative * other.batch for other in mine) / sum(other.batch for other in mine)
            row = replace(row, within=share <= tolerance)
        taken.append(row)
    return taken


def versions() -> dict[str, str]:
    return {"netloom": __version__, **{name: version(name) for name in ("torch", "onnx", "onnxruntime")}}


def _first(
    written: Written, row: Compared | None, samples: Sequence[torch.Tensor] | None, tolerance: float
) -> Found | None:  # fmt: skip
    """The first block that differs, on inputs of the form at which an output does."""
    if row is None:
        return None
    inputs = inputs_for(written.inputs, row.batch, samples, [shape[1:] for shape in row.inputs])
    feed = {spec.name: value for spec, value in zip(written.inputs, inputs, strict=True)}

    def plain(file: Path) -> None:
        """As torch writes it, without the optimiser: its notes are needed of where each operator comes from."""
        batch = 2 if any(0 in axes for axes in written.axes.values()) else 1
        with quiet():
            program = torch.onnx.export(
                written.module, tuple(example(spec, batch) for spec in written.inputs), dynamo=True, optimize=False,
                input_names=list(feed), output_names=list(written.outputs), dynamic_shapes=dims(written.axes),
                verbose=False, custom_translation_table=TRANSLATIONS, opset_version=written.opset,
            )  # fmt: skip
            assert program is not None
            program.save(str(file), external_data=bool(written.beside))

    search = plain if written.options.precision == "fp32" else None
    return first_divergence(written.module, written.file, written.calls, written.values, feed, tolerance, search)
