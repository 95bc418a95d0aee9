"""Export to ONNX with a batch of any size, and the proof: checked, and run beside torch in ONNX Runtime."""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from app.engine.compile import InputSpec, Network
from app.engine.meta import tensors_in
from blocks.operators import TRANSLATIONS

ONE_FILE_BYTES = 2 * 10**9 - 2**20
"""A protobuf cannot be larger; heavier weights go into a file beside it."""


class ExportError(RuntimeError):
    """An export that failed, or whose result is wrong; one sentence for the user."""


class Report(NamedTuple):
    """A file that was exported: its size, what was checked (one line each), the largest difference to torch."""

    bytes: int
    lines: tuple[str, ...]
    difference: float | None = None
    opset: int | None = None


def export_onnx(
    network: Network,
    path: Path,
    *,
    batches: Sequence[int] = (1, 3, 64),
    samples: Sequence[torch.Tensor] | None = None,
    tolerance: float = 1e-3,
) -> Report:
    """Write the inference network as ONNX and compare it with torch at each of `batches`.

    `samples` are real inputs, one tensor for each Input; without them random ones are used. An output may differ by
    `tolerance` times its largest value, or times 1 where all are smaller. Raises ExportError.
    """
    module = network.module.eval()
    path = Path(path)
    weights = sum(v.numel() * v.element_size() for v in module.state_dict().values())
    outside = weights > ONE_FILE_BYTES
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory(prefix=".onnx-", dir=_folder(path)) as aside:
        torch.manual_seed(0)
        model = Path(aside) / path.name
        names = _output_names(network)
        with _quiet():
            _write(network, module, model, names, outside)
            opset = _check(model, network, names)
            difference, said = _compare(model, network, names, batches, samples, tolerance)
        size = sum(file.stat().st_size for file in Path(aside).iterdir())
        for file in sorted(Path(aside).iterdir(), reverse=True):  # the model last: it must not stand without its data
            file.replace(path.with_name(file.name))
    lines = [
        f"ONNX opset {opset}, batch of any size, inputs {', '.join(s.name for s in network.inputs)}, "
        f"outputs {', '.join(names)}.",
        "Passed the ONNX checker with full shape inference." if not outside else "Passed the ONNX checker.",
        *said,
    ]
    if outside:
        lines.append(f"The weights have {weights / 1e9:.1f} GB and stand beside the model in {path.name}.data.")
    return Report(size, tuple(lines), difference, opset)


def _folder(path: Path) -> Path:
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ExportError(f"There is no folder {folder}: make it, or choose another place.")
    return folder


def _write(network: Network, module: torch.nn.Module, model: Path, names: list[str], outside: bool) -> None:
    examples = tuple(_random(spec, 2) for spec in network.inputs)
    batch = torch.export.Dim("batch", min=1)
    try:
        program = torch.onnx.export(
            module, examples, dynamo=True, input_names=[spec.name for spec in network.inputs], output_names=names,
            dynamic_shapes=tuple({0: batch} for _ in examples), optimize=True, verbose=False, external_data=outside,
            custom_translation_table=TRANSLATIONS,
        )  # fmt: skip
        if program is None:
            raise ExportError("torch gave no ONNX program.")
        program.save(str(model), external_data=outside)
    except ExportError:
        raise
    except Exception as error:  # the exporter wraps whatever a block raises in errors of its own
        raise ExportError(f"The network cannot be exported to ONNX: {_reason(error)}") from error


def _check(model: Path, network: Network, names: list[str]) -> int:
    """Checker, names and batch axis. Returns the opset."""
    import onnx

    try:
        onnx.checker.check_model(str(model), full_check=True)
        graph = onnx.load(str(model), load_external_data=False)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, ValueError, OSError) as error:
        raise ExportError(f"The exported model does not pass the ONNX checker: {_reason(error)}") from error
    got = [value.name for value in graph.graph.input], [value.name for value in graph.graph.output]
    if got != ([spec.name for spec in network.inputs], names):
        raise ExportError(f"The exported model calls its inputs and outputs {got}, not as the design does.")
    for value in graph.graph.input:
        first = value.type.tensor_type.shape.dim[0]
        if not first.dim_param:
            raise ExportError(f"A block fixes the batch to {first.dim_value}, so the model would take no other.")
    return next(entry.version for entry in graph.opset_import if entry.domain in ("", "ai.onnx"))


def _compare(
    model: Path,
    network: Network,
    names: list[str],
    batches: Sequence[int],
    samples: Sequence[torch.Tensor] | None,
    tolerance: float,
) -> tuple[float, list[str]]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ExportError(f"ONNX Runtime does not load the model: {_reason(error)}") from error
    worst, lines = 0.0, []
    for batch in batches:
        inputs = _samples(network, samples, batch)
        feed = {spec.name: value.numpy() for spec, value in zip(network.inputs, inputs, strict=True)}
        try:
            given = session.run(names, feed)
        except Exception as error:
            raise ExportError(f"ONNX Runtime does not run the model at batch {batch}: {_reason(error)}") from error
        with torch.no_grad():
            expected = tensors_in(network.module(*inputs))
        for name, ours, theirs in zip(names, expected, given, strict=True):
            other = torch.from_numpy(theirs)
            if ours.shape != other.shape:
                raise ExportError(f"`{name}` is {list(other.shape)} in ONNX Runtime, but {list(ours.shape)} in torch.")
            gap = (ours.double() - other.double()).abs()
            largest = float(gap.max()) if gap.numel() else 0.0
            if not largest <= float("inf") or largest == float("inf"):
                raise ExportError(f"`{name}` is not a number at batch {batch}: check the network's weights.")
            scale = float(ours.abs().max()) if ours.numel() else 0.0
            if largest > tolerance * max(1.0, scale):  # each by its own size: pixels beside probabilities
                raise ExportError(
                    f"`{name}` differs by {largest:.2g} between ONNX Runtime and torch: the model is not written."
                )
            worst = max(worst, largest)
    what = "real samples" if samples is not None else "random samples"
    counts = ", ".join(map(str, batches))
    lines.append(f"Largest difference between torch and ONNX Runtime {worst:.1e}, on {what} at batch {counts}.")
    return worst, lines


def _samples(network: Network, samples: Sequence[torch.Tensor] | None, batch: int) -> list[torch.Tensor]:
    if samples is None:
        return [_random(spec, batch) for spec in network.inputs]
    return [values[torch.arange(batch) % len(values)].contiguous() for values in samples]


def _random(spec: InputSpec, batch: int) -> torch.Tensor:
    if spec.dtype.startswith("int"):
        return torch.randint(0, 2, (batch, *spec.shape))
    return torch.randn(batch, *spec.shape)


def _output_names(network: Network) -> list[str]:
    """The Outputs' names; a pyramid's levels are name/0, name/1, ..., detections name/boxes, name/scores, ..."""
    with torch.no_grad():
        given = network.module(*(_random(spec, 2) for spec in network.inputs))
    results = given if len(network.outputs) > 1 else (given,)
    names: list[str] = []
    for name, result in zip(network.outputs, results, strict=True):
        parts = getattr(result, "_fields", range(len(result))) if isinstance(result, list | tuple) else ()
        names += [f"{name}/{part}" for part in parts] or [name]
    return names


def _reason(error: BaseException) -> str:
    """The sentence at the bottom of a chain of errors."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What the exporter prints goes to stderr: stdout belongs to the caller."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
