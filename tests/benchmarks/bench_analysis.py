"""How long does an analysis take beside torchinfo's summary, and how much of it does an edit cost?

Run by hand: `python -m tests.benchmarks.bench_analysis`; it needs torchinfo. Printed are medians of alternating runs.

- ResNet-152 at 3x224x224, opened down to single layers: its first analysis, with and without reuse between equal
  layers, by `torchinfo.summary` of the same network as a module on meta.
- 1,000 layers of which no two are equal: an edit at the end, and its undo, by the whole analysis; and how many modules
  each of them ran.
"""

from __future__ import annotations

import gc
import importlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from app.design.build import chain, node
from app.design.paths import set_at
from app.design.values import Design
from app.engine import meta
from app.engine.analysis import Analyser
from app.engine.compile import compile_design, shared_analyser
from blocks import catalogue
from tests.layers import down_to_layers, drawn

ROUNDS = 11


def main() -> None:
    try:
        torchinfo = importlib.import_module("torchinfo")
    except ImportError:
        raise SystemExit("This needs torchinfo: pip install torchinfo") from None
    design = drawn("resnet152")
    with torch.device("meta"):
        module = compile_design(design, "inference").module.to("meta").eval()
    opened = down_to_layers(design).design
    count = len(shared_analyser().analyse(opened).nodes)

    def theirs() -> None:
        torchinfo.summary(module, input_size=(1, 3, 224, 224), device="meta", verbose=0)

    calls: dict[str, Callable[[], Any]] = {
        "torchinfo": theirs,
        "ours": lambda: fresh().analyse(opened),
        "without reuse": lambda: forgetful().analyse(opened),
    }
    times = alternating(calls)
    print(f"ResNet-152, {count} layers: torchinfo {times['torchinfo'] * 1e3:.0f} ms")
    for name in ("ours", "without reuse"):
        print(f"  {name:<14} {times[name] * 1e3:5.0f} ms  {times[name] / times['torchinfo']:.2f}x")
    edits()


def edits() -> None:
    design, analyser = different(333), fresh()
    whole, runs = clocked(lambda: analyser.analyse(design)), analyser.measurer.runs
    print(f"{len(design.nodes)} different nodes: {whole * 1e3:.0f} ms, {runs} modules ran")
    took, undone = [], []
    before = analyser.measurer.runs
    for i in range(ROUNDS):
        edited = set_at(design, "head.classes", 11 + i, analyser.cards)
        took.append(clocked(lambda edited=edited: analyser.analyse(edited)))  # type: ignore[misc]
        after = analyser.measurer.runs
        undone.append(clocked(lambda: analyser.analyse(design)))
        assert analyser.measurer.runs == after, "an undo ran a module"
    ran = (analyser.measurer.runs - before) / ROUNDS
    edit, undo = statistics.median(took), statistics.median(undone)
    print(f"  an edit at the end {edit * 1e3:5.1f} ms  {edit / whole:.2%}, {ran:g} ran")
    print(f"  its undo           {undo * 1e3:5.1f} ms  {undo / whole:.2%}, 0 ran")


def different(count: int) -> Design:
    """Convolution, norm and ReLU `count` times, no two of one width."""
    nodes = [node("image", "Input", size=(3, 64, 64))]
    for i in range(count):
        nodes += [
            node(f"conv{i}", "Conv2d", out_channels=8 + i, kernel_size=3, padding=1),
            node(f"norm{i}", "BatchNorm2d"), node(f"act{i}", "ReLU"),
        ]  # fmt: skip
    return chain(*nodes, node("head", "ClassificationHead", classes=10), node("output", "Output"))


def fresh() -> Analyser:
    """An analyser that knows nothing."""
    meta.forget()
    return Analyser(catalogue.load(), catalogue.classes())


def forgetful() -> Analyser:
    """An analyser that does not remember a layer either."""
    analyser = fresh()
    analyser.measurer.most = 0
    return analyser


def alternating(calls: dict[str, Callable[[], Any]]) -> dict[str, float]:
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(clocked(call))
    return {name: statistics.median(each) for name, each in times.items()}


def clocked(call: Callable[[], Any]) -> float:
    """Seconds of the processor's time: nothing here waits, and other programs do not count."""
    start = time.process_time()
    call()
    return time.process_time() - start


if __name__ == "__main__":
    torch.set_num_threads(1)
    gc.freeze()  # as an engine does
    main()
