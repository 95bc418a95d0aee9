"""An ONNX file that was written, checked and compared before anyone sees it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from app.design.values import Design
from app.engine.compile import Network
from app.engine.to_onnx.errors import ExportError
from app.engine.to_onnx.facts import Facts
from app.engine.to_onnx.write import Notify, write
from app.messages.onnx import Certificate, OnnxOptions


class Report(NamedTuple):
    """A file that was exported: its size, what was checked (one line each), the largest difference to torch."""

    file: Path
    bytes: int
    lines: tuple[str, ...]
    difference: float | None = None
    opset: int | None = None
    beside: tuple[Path, ...] = ()
    """What stands beside the file and belongs to it."""
    certificate: Certificate | None = None


def export_onnx(
    network: Network,
    path: Path,
    options: OnnxOptions = OnnxOptions(),  # noqa: B008 (frozen)
    *,
    design: Design | None = None,
    facts: Facts = Facts(),  # noqa: B008 (frozen)
    calibration: tuple[torch.Tensor, ...] | None = None,
    batches: Sequence[int] | None = None,
    samples: Sequence[torch.Tensor] | None = None,
    tolerance: float | None = None,
    notify: Notify = lambda step, done, total: None,
) -> Report:
    """Write the inference network as ONNX, with its certificate beside it: see `app.engine.certify.certify`.

    `samples` are real inputs, one tensor for each Input, as the file takes them; without them random ones are used.
    Raises ExportError, and leaves nothing then: a file whose numbers are not torch's is not written.
    """
    from app.engine.certify import certify, saying  # they import this package
    from app.engine.certify.cost import cost

    network.module.eval()
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix=".onnx-", dir=_folder(path)) as aside:
        written = write(
            network, Path(aside) / path.name, options, design=design, facts=facts, calibration=calibration,
            notify=lambda step, done, total: notify(step, done, total + 1),
        )  # fmt: skip
        drawn = design if options.precision != "fp32" and samples is not None else None
        certificate, inside = certify(
            written, design=facts.design, variant=facts.variant, samples=samples, batches=batches, tolerance=tolerance,
            cost=(lambda pair: cost(written, pair, drawn, network)) if drawn is not None else None,
            step=lambda said: notify(said, 3, 4),
        )  # fmt: skip
        if not certificate.passed:
            raise ExportError(saying.failure(certificate, inside), certificate)
        proof = saying.path_of(written.file)
        proof.write_bytes(saying.as_json(certificate))
        size = written.bytes
        beside = tuple(path.with_name(each.name) for each in (*written.beside, proof))
        for file in (*written.beside, proof, written.file):  # the model last: it must not stand without its data
            file.replace(path.with_name(file.name))
        notify("Written", 4, 4)
    batch = "of any size" if options.any_batch else "of 1"
    lines = [
        f"ONNX opset {written.opset}, batch {batch}, inputs {', '.join(s.name for s in network.inputs)}, "
        f"outputs {', '.join(written.outputs)}.",
        *saying.lines(certificate, "real samples" if samples is not None else "random samples"),
        *written.remarks,
    ]
    if written.beside:
        lines.append(f"The weights stand beside the model in {beside[0].name}: keep the two together.")
    return Report(path, size, tuple(lines), saying.difference(certificate), written.opset, beside, certificate)


def _folder(path: Path) -> Path:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ExportError(f"There is no folder {folder}: make it, or choose another place.")
    return folder
