"""Throughput of the product's training loop, streaming live, against a bare PyTorch loop.

Run by hand: `python -m tests.benchmarks.bench_training [lenet] [resnet18] [--rounds N]`. Both loops train the same
compiled network on the same batches with the same optimizer, from the same weights, and take turns epoch by epoch, so
that what else the machine does falls on both. The bare loop does what one writes by hand for the sake of speed alone:
forward, backward, step, zero_grad. Ours is the real loop: curves written to the run folder and to TensorBoard's events,
gradient norm, metrics, the watch over the nodes, and each message encoded and written into a pipe that another process
reads.

The bare loop's optimizer steps in one kernel as ours does; it is run with torch's usual step besides, as one who writes
it by hand would have it. It prints the median of the ratios of neighbouring epochs with its quartiles, in wall time and
in this process's CPU time, which says more on a busy machine: 1.02 is a loop that costs 2 %. What an epoch's end takes
(validation, checkpoints) is no part of it and is printed beside.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace

from app.design import file
from app.design.build import chain, node, wire
from app.design.values import Design, Recipe
from app.engine import checkpoint
from app.engine.compile import Network, compile_design, shared_analyser
from app.engine.data import Data, open_data
from app.engine.data.base import Split, TensorSource
from app.engine.loop import Loop, Parts
from app.engine.optim import make_optimizer, use_fused
from app.engine.runs import RunFolder
from app.engine.train import make_fabric
from app.engine.watch import Watch
from app.messages import Progress, encode
from examples import path

THREADS = int(os.environ.get("NETLOOM_THREADS", "1"))


class Case(NamedTuple):
    design: Design
    steps: int
    """In an epoch."""
    rounds: int


class Spent(NamedTuple):
    """Seconds of an epoch's steps, and of its end."""

    wall: float
    cpu: float
    end: float = 0.0


def lenet() -> Case:
    """The digits LeNet at batch 64."""
    design = file.load(path("digits_lenet"))
    return Case(replace(design, recipe=replace(design.recipe, batch_size=64)), 19, 350)


def resnet18() -> Case:
    """ResNet-18 at 3x64x64, batch 64, on digits of that size."""
    design = chain(
        node("image", "Input", size=(3, 64, 64)), node("stem", "ConvStem"), node("backbone", "ResidualBackbone"),
        node("last", "PickLevel", level=-1), node("head", "ClassificationHead"), node("output", "Output"),
        more=(node("label", "Target"), node("loss", "CrossEntropy"), node("accuracy", "Accuracy")),
        wires=tuple(wire(a, f"{b}.{c}") for a, c in (("head", "x"), ("label", "target")) for b in ("loss", "accuracy")),
        recipe=Recipe(data="digits", batch_size=64, optimizer="sgd", learning_rate=0.025, weight_decay=1e-4),
    )  # fmt: skip
    return Case(design, 5, 8)


CASES: dict[str, Callable[[], Case]] = {"lenet": lenet, "resnet18": resnet18}


def opened(case: Case) -> tuple[Network, Data]:
    """A network and its data, cut to the steps of an epoch; the same weights each time."""
    checkpoint.seed_all(0)
    network = compile_design(case.design, "training")
    data = open_data(case.design.recipe.data, network.inputs, network.targets, 0)
    size = case.steps * case.design.recipe.batch_size
    whole = data.splits["train"]
    sources = tuple(TensorSource(source.take(torch.arange(size))) for source in whole.sources)
    data.splits["train"] = Split(size, sources, whole.labels)
    return network, data


def bare(case: Case, *, fused: bool) -> Iterator[Spent]:
    """Epochs of a bare loop."""
    network, data = opened(case)
    module, recipe = network.module, case.design.recipe
    optimizer = make_optimizer(module.named_parameters(), recipe)
    if fused:
        use_fused(optimizer)
    for epoch in range(1, sys.maxsize):
        wall, cpu = time.perf_counter(), time.process_time()
        module.train()  # as at the beginning of every hand-written epoch
        for batch in data.batches("train", recipe.batch_size, epoch=epoch):
            loss = module(*batch)["loss"]
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
        yield Spent(time.perf_counter() - wall, time.process_time() - cpu)


def ours(case: Case, sink: int) -> Iterator[Spent]:
    """Epochs of the product's loop; the messages go into `sink`."""
    network, data = opened(case)
    # the rate of the bare loop: other weights have other speeds
    recipe = replace(case.design.recipe, epochs=sys.maxsize, schedule="constant", warm_up=None)
    fabric, _ = make_fabric("cpu", 1, 1, "32", 0)
    torch.set_num_threads(THREADS)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run", case.design)
        folder.write(0, 0, "train", {"loss": 0.0})  # opens the events, which a run does once
        optimizer = make_optimizer(network.module.named_parameters(), recipe)
        module, optimizer = fabric.setup(network.module, optimizer)
        watch = Watch(network, case.design, recipe, folder, lambda told: None)
        parts = Parts(fabric, network, module, optimizer, data, recipe, folder, watch)

        def tell(progress: Progress) -> None:
            os.write(sink, encode(progress) + b"\n")

        loop = Loop(parts, tell, lambda: False)
        while True:
            wall, cpu = time.perf_counter(), time.process_time()
            loop._train_epoch()
            taken = time.perf_counter() - wall, time.process_time() - cpu
            wall = time.perf_counter()
            loop._end_epoch()
            ended = time.perf_counter()
            yield Spent(*taken, ended - wall)
            watch.rest(time.perf_counter() - ended)  # the other loops' turns are none of its time


def spread(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} (quartiles {low:.3f} to {high:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    reader = subprocess.Popen(
        [sys.executable, "-c", "import sys\nfor line in sys.stdin.buffer: pass"], stdin=subprocess.PIPE
    )
    assert reader.stdin is not None
    for name in arguments.cases:
        case = CASES[name]()
        loops = {
            "ours": ours(case, reader.stdin.fileno()),
            "bare": bare(case, fused=True),
            "usual": bare(case, fused=False),
        }
        if case.design.recipe.optimizer == "sgd":  # whose step is the usual one
            del loops["usual"]
        rounds: list[dict[str, Spent]] = []
        for i in range(2 + (arguments.rounds or case.rounds)):
            turn = list(loops) if i % 2 else list(reversed(loops))
            rounds.append({each: next(loops[each]) for each in turn})
        del rounds[:2]  # they warm up
        a_step = {each: statistics.median(r[each].wall for r in rounds) * 1000 / case.steps for each in loops}
        end = statistics.median(r["ours"].end for r in rounds) * 1000
        parameters = shared_analyser().analyse(case.design).parameters
        print(
            f"{name}: {parameters:,} parameters, batch {case.design.recipe.batch_size}, {len(rounds)} rounds of "
            f"{case.steps} steps, {THREADS} threads\n"
            f"  ours {a_step['ours']:.3f} ms a step; the end of an epoch (validation, two checkpoints) {end:.1f} ms"
        )
        for each, words in (("bare", "a bare loop"), ("usual", "one with torch's usual optimizer step")):
            for what in ("wall", "cpu") if each in loops else ():
                ratios = [getattr(r["ours"], what) / getattr(r[each], what) for r in rounds]
                print(f"  against {words} ({a_step[each]:.3f} ms), {what} time: {spread(ratios)}", flush=True)
    reader.stdin.close()
    reader.wait()


if __name__ == "__main__":
    main()
