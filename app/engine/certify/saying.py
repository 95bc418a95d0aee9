"""A certificate in words and as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from app.engine.certify.gaps import detections
from app.messages.onnx import Certificate, Compared, Judged

SUFFIX = ".certificate.json"
MOST_OPERATORS = 8
"""So many kinds of operators a line names."""


def path_of(model: Path) -> Path:
    """Where the certificate of a model stands: `model.certificate.json` beside `model.onnx`."""
    return model.with_name(model.stem + SUFFIX)


def as_json(certificate: Certificate) -> bytes:
    return msgspec.json.format(msgspec.json.encode(certificate), indent=2) + b"\n"


def difference(certificate: Certificate) -> float:
    """The largest absolute difference of any output."""
    return max((row.largest for row in certificate.compared), default=0.0)


def failure(certificate: Certificate, inside: str = "") -> str:
    """Why a file does not pass: how far which output is off, and where on the canvas that begins."""
    beyond = [row for row in certificate.compared if not row.within]
    way_out = "." if certificate.judged == "equality" else ": choose more bits."
    if beyond:
        row = max(beyond, key=lambda each: each.relative)
        stem = row.output.removesuffix("/count")
        if certificate.judged != "equality" and stem in detections([each.output for each in certificate.compared]):
            return f"With 8 bits {_alone(row, stem)}: the model is not written{way_out}"
        said = f"`{row.output}` differs by {row.largest:.2g} between ONNX Runtime and torch"
        if (first := certificate.diverged) is not None:
            within = f", in its {inside}" if inside else ""
            said += f"; it begins at `{first.node}` ({first.block}{within}), which becomes {first.operator}"
        return f"{said}: the model is not written{way_out}"
    if not certificate.shapes:
        return "ONNX's strict shape inference does not reach the shapes of the outputs: the model is not written."
    said = " ".join(certificate.remarks)
    return f"{certificate.precision} costs too much: {said} The model is not written: choose more bits."


def unequal(rows: Sequence[Compared], judged: Judged) -> list[str]:
    """Of a file of 8 bits: by how much it is not equal to torch, and what it was passed by."""
    stems = detections([row.output for row in rows])
    said = []
    plain = [row for row in rows if row.output.rpartition("/")[0] not in stems]
    for name in dict.fromkeys(row.output for row in plain if row.decisions):
        row = max((row for row in plain if row.output == name), key=lambda each: each.batch)
        said.append(f"8 bits decide otherwise: {row.relative:.1%} of `{name}` at batch {row.batch} are not torch's.")
    plain = [row for row in plain if not row.decisions]
    if plain:
        row = max(plain, key=lambda each: each.relative)
        said.append(
            f"8 bits are not equal to 32: `{row.output}` differs most, by {row.relative:.2g} of its largest value "
            f"({row.largest:.2g})."
        )
    for stem in stems:
        row = max((row for row in rows if row.output == f"{stem}/count"), key=lambda each: each.batch)
        pixels = max(each.largest for each in rows if each.output == f"{stem}/boxes")
        said.append(f"8 bits are not equal to 32: {_alone(row, stem)}; pairs are up to {pixels:.2g} pixels apart.")
    if judged == "bound":
        said.append(
            "No metric was measured, so that it was only looked whether it is broken. Export a run whose design has a "
            "metric, or try it on samples of your own."
        )
    return said


def _alone(row: Compared, stem: str) -> str:
    return (
        f"at batch {row.batch} {row.relative:.0%} of the detections of `{stem}`, torch's and the file's, have no like "
        "on the other side that is of the same class and overlaps by half"
    )


def lines(certificate: Certificate, what: str = "random samples") -> list[str]:
    """What was checked, a line each. `what` the comparison was made on."""
    said = ["Passed the ONNX checker with full shape inference." if certificate.shapes else "Passed the ONNX checker."]
    if certificate.compared:
        batches, sizes = batches_of(certificate), sizes_of(certificate)
        more = f", and with images of {' and '.join('×'.join(map(str, s)) for s in sizes[1:])}" if sizes[1:] else ""
        said.append(
            f"Largest difference between torch and ONNX Runtime {difference(certificate):.1e}, on {what} at batch "
            f"{', '.join(map(str, batches))}{more}."
        )
    if certificate.milliseconds is not None and certificate.torch_milliseconds is not None:
        said.append(
            f"One sample takes {_time(certificate.milliseconds)} in ONNX Runtime and "
            f"{_time(certificate.torch_milliseconds)} in torch."
        )
    counts = sorted(certificate.operators.items(), key=lambda item: -item[1])
    named = ", ".join(f"{count} {name}" for name, count in counts[:MOST_OPERATORS])
    rest = f" and {len(counts) - MOST_OPERATORS} more kinds" if len(counts) > MOST_OPERATORS else ""
    said.append(f"{sum(certificate.operators.values())} operators: {named}{rest}.")
    return [*said, *certificate.remarks]


def batches_of(certificate: Certificate) -> list[int]:
    return sorted({row.batch for row in certificate.compared})


def sizes_of(certificate: Certificate) -> list[tuple[int, ...]]:
    """Heights and widths of the first image that were tried, the drawing's first."""
    found: dict[tuple[int, ...], None] = {}
    for row in certificate.compared:
        image = next((shape for shape in row.inputs if len(shape) == 4), None)
        if image is not None:
            found.setdefault(image[2:])
    return list(found)


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.3g} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.3g} s"
