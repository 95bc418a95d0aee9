"""Export as a `torch.export` program (.pt2): torch's own graph with its weights, for a batch of any size.

A file is done once `torch.export.load` has read it again and its outputs equal the network's.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path

import torch

from app.engine.certify.samples import inputs_for
from app.engine.compile import Network
from app.engine.meta import tensors_in
from app.engine.to_onnx import ExportError, Report
from app.engine.to_onnx.errors import NotWrittenError, reason
from app.engine.to_onnx.trace import quiet

BATCHES = (1, 3)
"""Of these sizes are the batches on which program and network are compared; it is traced with 2."""
OWN = "netloom."
"""How the names of our own operators begin in a graph: where they stand, `import blocks.operators` goes first."""


def export_program(network: Network, path: Path, samples: Sequence[torch.Tensor] | None = None) -> Report:
    """Write the inference network as a program, read it again and compare. `samples` are real inputs, one tensor for
    each Input; without them random ones are used. Raises ExportError."""
    module = network.module.eval()
    batch = torch.export.Dim("batch", min=1)
    examples = tuple(inputs_for(network.inputs, 2, samples))
    with torch.random.fork_rng(devices=[]), torch.no_grad(), quiet():
        torch.manual_seed(0)
        try:
            shapes = tuple({0: batch} for _ in examples)
            program = torch.export.export(module, examples, dynamic_shapes=shapes)
            content = io.BytesIO()
            torch.export.save(program, content)
        except Exception as error:  # the tracer raises whatever a block does
            raise ExportError(f"The network cannot be exported as a program: {reason(error)}") from error
        difference = _compared(module, content, network, samples)
    try:
        path.write_bytes(content.getvalue())
    except OSError as error:
        raise NotWrittenError.of(path, error) from None
    own = sorted({str(n.target) for n in program.graph.nodes if str(n.target).startswith(OWN)})
    what = "real samples" if samples is not None else "random samples"
    sizes = " and ".join(map(str, BATCHES))
    lines = [
        f"A program of torch {torch.__version__}, batch of any size: `torch.export.load({path.name!r}).module()`.",
        f"Read again, it differs from the network by {difference:.1e} at most, on {what} at batch {sizes}.",
    ]
    if own:
        lines.append(f"It calls {', '.join(own)}: `import blocks.operators` before it is loaded.")
    return Report(path, len(content.getvalue()), tuple(lines), difference)


def _compared(
    module: torch.nn.Module, content: io.BytesIO, network: Network, samples: Sequence[torch.Tensor] | None
) -> float:
    """The largest difference of the program, read again, to the network."""
    worst = 0.0
    for batch in BATCHES:
        content.seek(0)
        inputs = inputs_for(network.inputs, batch, samples)
        try:
            again = torch.export.load(content).module()
            given = tensors_in(again(*inputs))
        except Exception as error:
            raise ExportError(f"The program, read again, does not run at batch {batch}: {reason(error)}") from error
        for ours, theirs in zip(tensors_in(module(*inputs)), given, strict=True):
            if ours.shape != theirs.shape:
                raise ExportError(f"The program gives {list(theirs.shape)}, but the network {list(ours.shape)}.")
            gap = float((ours.double() - theirs.double()).abs().max()) if ours.numel() else 0.0
            if not math.isfinite(gap):
                raise ExportError("The network gives what is no number: check its weights. Nothing is written.")
            scale = float(ours.abs().max()) if ours.numel() else 0.0
            if gap > 1e-4 * max(1.0, scale):
                raise ExportError(f"The program differs from the network by {gap:.2g}: it is not written.")
            worst = max(worst, gap)
    return worst
