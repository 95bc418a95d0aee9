"""An ONNX file in ONNX Runtime beside what it should compute in torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from app.engine.meta import tensors_in
from app.engine.to_onnx.errors import ExportError, reason
from app.engine.to_onnx.trace import example
from app.engine.to_onnx.write import Written


def compare(
    written: Written, batches: Sequence[int], samples: Sequence[torch.Tensor] | None, tolerance: float
) -> tuple[float, list[str]]:  # fmt: skip
    """The largest difference, and what was compared, one line each. Raises ExportError where an output differs by more
    than `tolerance` times its largest value, or times 1 where all are smaller."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(written.file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ExportError(f"ONNX Runtime does not load the model: {reason(error)}") from error
    worst = 0.0
    batches = batches if written.options.any_batch else (1,)
    for batch in batches:
        inputs = _samples(written, samples, batch)
        feed = {spec.name: value.numpy() for spec, value in zip(written.inputs, inputs, strict=True)}
        try:
            given = session.run(list(written.outputs), feed)
        except Exception as error:
            raise ExportError(f"ONNX Runtime does not run the model at batch {batch}: {reason(error)}") from error
        with torch.no_grad():
            expected = tensors_in(written.module(*inputs))
        for name, ours, theirs in zip(written.outputs, expected, given, strict=True):
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
    return worst, [f"Largest difference between torch and ONNX Runtime {worst:.1e}, on {what} at batch {counts}."]


def _samples(written: Written, samples: Sequence[torch.Tensor] | None, batch: int) -> list[torch.Tensor]:
    if samples is None:
        return [example(spec, batch) for spec in written.inputs]
    return [values[torch.arange(batch) % len(values)].contiguous() for values in samples]
