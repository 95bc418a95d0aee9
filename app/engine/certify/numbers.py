"""The file beside the network: both on the same inputs, and how long each takes."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from app.engine.certify.gaps import gaps
from app.engine.compile import InputSpec
from app.engine.meta import tensors_in
from app.engine.to_onnx.errors import ExportError, reason
from app.messages.onnx import Compared

BATCHES = (1, 3, 64)
"""Those that are tried where the file takes any."""
MOST_MACS = 2 * 10**10
"""Larger batches than the second are left out where they would take more multiply-adds than this: some seconds."""
TIMED_SECONDS = 0.1
"""So long may timing go on; small networks are run more often in it, the largest twice in all."""
RUNS = 9

Module = Callable[..., Any]


class Pair(NamedTuple):
    """What is compared: the network, and a session of ONNX Runtime that holds the file. `names` are the outputs'."""

    module: Module
    session: Any
    specs: tuple[InputSpec, ...]
    names: tuple[str, ...]

    def expected(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        with torch.no_grad():
            return tensors_in(self.module(*inputs))

    def given(self, inputs: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        feed = {spec.name: value.numpy() for spec, value in zip(self.specs, inputs, strict=True)}
        return [torch.from_numpy(value) for value in self.session.run(list(self.names), feed)]


def session_of(model: Path | bytes) -> Any:
    """ONNX Runtime with the file in it, on as many threads as torch has. Raises ExportError."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = torch.get_num_threads()
    given = model if isinstance(model, bytes) else str(model)
    try:
        return onnxruntime.InferenceSession(given, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class
        raise ExportError(f"ONNX Runtime does not load the model: {reason(error)}") from error


class Times(NamedTuple):
    """Seconds of runs at one form of input, in ONNX Runtime and in torch."""

    given: list[float]
    expected: list[float]


def compare(
    pair: Pair, inputs: Sequence[torch.Tensor], tolerance: float, times: Times | None = None
) -> list[Compared]:  # fmt: skip
    """Each output of the file beside torch's; `times` takes down how long that took. Raises ExportError where the file
    does not run, gives another shape, or torch itself gives no numbers."""
    batch = len(inputs[0])
    shapes = tuple(tuple(value.shape) for value in inputs)
    at = f"batch {batch}" if [s[1:] for s in shapes] == [s.shape for s in pair.specs] else _words(shapes)
    begun = time.perf_counter()
    ours = pair.expected(inputs)
    ran = time.perf_counter() - begun
    for name, value in zip(pair.names, ours, strict=True):
        if value.is_floating_point() and value.isnan().any():
            raise ExportError(f"`{name}` is not a number at {at}: check the network's weights.")
    begun = time.perf_counter()
    try:
        theirs = pair.given(inputs)
    except Exception as error:
        raise ExportError(f"ONNX Runtime does not run the model at {at}: {reason(error)}") from error
    if times is not None:
        times.expected.append(ran)
        times.given.append(time.perf_counter() - begun)
    for name, one, other in zip(pair.names, ours, theirs, strict=True):
        if one.shape != other.shape:
            raise ExportError(f"`{name}` is {list(other.shape)} in ONNX Runtime, but {list(one.shape)} in torch.")
    found = gaps(pair.names, ours, theirs, tolerance)
    return [
        Compared(name, batch, shapes, gap.largest, gap.relative, gap.relative <= tolerance, gap.decisions)
        for name, gap in found.items()
    ]


def _words(shapes: Sequence[Sequence[int]]) -> str:
    return " and ".join("×".join(map(str, shape)) for shape in shapes)


class Flops(TorchDispatchMode):
    """Counts the floating point operations of what is run in it, as far as torch knows them. torch's own counter looks
    at modules too, and refuses one that gives its parameter while no gradients are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        count = flop_registry.get(func._overloadpacket)
        self.total += count(*args, **(kwargs or {}), out_val=result) if count is not None else 0
        return result


def affordable(macs: float, batches: Sequence[int] = BATCHES) -> list[int]:
    """The first two of `batches`, and those after them that take MOST_MACS at most, where a sample takes `macs`."""
    return [batch for i, batch in enumerate(batches) if i < 2 or batch * macs <= MOST_MACS]


def time_both(pair: Pair, inputs: Sequence[torch.Tensor], times: Times) -> tuple[float, float]:
    """Milliseconds of a run in ONNX Runtime and in torch by the median, with the runs that `times` has."""
    end = time.perf_counter() + TIMED_SECONDS
    while len(times.given) < 2 or (len(times.given) < RUNS and time.perf_counter() < end):
        compare(pair, inputs, float("inf"), times)
    return statistics.median_low(times.given) * 1e3, statistics.median_low(times.expected) * 1e3
