"""A certificate in words and as a file."""

from __future__ import annotations

from pathlib import Path

import msgspec

from app.messages.onnx import Certificate, Compared

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


def worst(certificate: Certificate) -> Compared | None:
    """The output that differs most by its own scale."""
    return max(certificate.compared, key=lambda row: row.relative, default=None)


def failure(certificate: Certificate, inside: str = "") -> str:
    """Why a file does not pass: how far which output is off, and where on the canvas that begins."""
    row = worst(certificate)
    if row is not None and not row.equal:
        said = f"`{row.output}` differs by {row.largest:.2g} between ONNX Runtime and torch"
        if (first := certificate.diverged) is not None:
            within = f", in its {inside}" if inside else ""
            said += f"; it begins at `{first.node}` ({first.block}{within}), which becomes {first.operator}"
        return f"{said}: the model is not written."
    if not certificate.shapes:
        return "ONNX's strict shape inference does not reach the shapes of the outputs: the model is not written."
    said = " ".join(certificate.remarks)
    return f"{certificate.precision} costs too much: {said} The model is not written: choose more bits."


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
