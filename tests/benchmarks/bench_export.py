"""What does a certificate cost? An export with all its checks beside torch's own exporter alone.

Run by hand: `python -m tests.benchmarks.bench_export [name ...]`, by default for ResNet-50. Both write one file of the
same network with any batch; they take turns, after a round that warms up. Printed are the medians of the clock and of
the processor's time, and their ratios: the goal is 1.3 at most by the clock, which is what one waits. A certificate
runs the network on all threads, so that it takes more of the processor than of the clock.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from app.design.values import Design
from app.engine.compile import Network, compile_design
from app.engine.to_onnx import export_onnx
from app.engine.to_onnx.trace import example, quiet
from blocks.operators import TRANSLATIONS
from tests.layers import drawn

ROUNDS = 7
GOAL = 1.3


def bare(network: Network, folder: Path) -> None:
    """torch's exporter as its manual says, with the batch open and the weights in the file."""
    examples = tuple(example(spec, 2) for spec in network.inputs)
    batch = torch.export.Dim("batch", min=1)
    with quiet():
        torch.onnx.export(
            network.module, examples, str(folder / "bare.onnx"), dynamo=True, external_data=False,
            dynamic_shapes=tuple({0: batch} for _ in examples), custom_translation_table=TRANSLATIONS,
        )  # fmt: skip


def certified(network: Network, design: Design, folder: Path) -> None:
    report = export_onnx(network, folder / "ours.onnx", design=design)
    assert report.certificate is not None and report.certificate.passed


def seconds(step: Callable[[], object]) -> tuple[float, float]:
    """Of the processor, on all threads, and of the clock."""
    gc.collect()  # what the other left behind is not this one's
    start = time.process_time(), time.perf_counter()
    step()
    return time.process_time() - start[0], time.perf_counter() - start[1]


def main() -> None:
    print(f"{torch.get_num_threads()} threads")
    print(f"{'network':24}{'':12}{'bare':>8}{'with certificate':>20}{'ratio':>8}")
    for name in sys.argv[1:] or ["resnet50"]:
        design = drawn(name)
        network = compile_design(design)
        network.module.eval()
        times: list[list[tuple[float, float]]] = [[], []]
        with tempfile.TemporaryDirectory() as place:
            steps = (partial(bare, network, Path(place)), partial(certified, network, design, Path(place)))
            for round in range(ROUNDS + 1):
                for which in (0, 1) if round % 2 else (1, 0):
                    took = seconds(steps[which])
                    if round:
                        times[which].append(took)
        for kind, what in ((1, "clock"), (0, "processor")):
            one, other = (statistics.median(took[kind] for took in both) for both in times)
            print(f"{name:24}{what:12}{one:7.2f}s{other:19.2f}s{other / one:8.2f}", flush=True)
        print(f"{name:24}{'goal':12}{'':28}{GOAL:8.2f}")


if __name__ == "__main__":
    main()
