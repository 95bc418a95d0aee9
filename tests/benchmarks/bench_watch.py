"""How much time our loop adds to a step, against a plain torch loop on the same module and batches.

Run by hand: `python -m tests.benchmarks.bench_watch [channels ...]`. It prints a ratio of medians of alternating
rounds for each width; 1.00 is a loop that costs nothing.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
from msgspec.structs import replace

from app.engine import checkpoint
from app.engine.compile import Network, compile_design
from app.engine.data import Data, open_data
from app.engine.loop import Loop, Parts
from app.engine.optim import make_optimizer
from app.engine.runs import RunFolder
from app.engine.train import make_fabric
from app.engine.watch import FIRST, SHARE, Watch
from tests.engine.designs import SHORT, digits

ROUNDS = 15
RECIPE = replace(SHORT, epochs=1, batch_size=32)
STEPS = 40
EACH = 0.004
"""Seconds of a measurement, about."""


def plain(channels: int) -> float:
    """Seconds for the steps of one epoch of what one would write by hand: the losses and metrics summed as well."""
    network, data = _made(channels)
    optimizer = make_optimizer(network.module.parameters(), RECIPE)
    network.module.train()
    sums, count = torch.zeros(2, dtype=torch.float64), 0
    start = time.perf_counter()
    for images, labels in data.batches("train", RECIPE.batch_size, epoch=1):
        values = network.module(images, labels)
        loss = values["loss"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        sums += torch.stack((loss.detach(), values["accuracy"])) * len(images)
        count += len(images)
    return time.perf_counter() - start


def ours(channels: int, watched: bool = True) -> float:
    """The same in our loop, with progress, curves and events, and with `watched` with the watch over the nodes."""
    network, data = _made(channels)
    fabric, _ = make_fabric("cpu", 1, 1, "32", 0)
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place) / "run", digits(channels=channels))
        folder.write(0, 0, "train", {"loss": 0.0})  # opens the events, which a run does once
        optimizer = make_optimizer(network.module.parameters(), RECIPE)
        module, optimizer = fabric.setup(network.module, optimizer)
        watch = Watch(network, digits(channels=channels), RECIPE, folder, lambda told: None) if watched else None
        if watch is not None:  # as it is in a run that goes on: the first measurements are made
            watch._made, watch._spent = FIRST, FIRST * EACH
            watch._began -= FIRST * EACH / SHARE
        parts = Parts(fabric, network, module, optimizer, data, RECIPE, folder, watch)
        trainer = Loop(parts, lambda progress: None, lambda: False)
        start = time.perf_counter()
        trainer._train_epoch()
        seconds = time.perf_counter() - start
        folder.close()
    return seconds


def _made(channels: int) -> tuple[Network, Data]:
    checkpoint.seed_all(0)
    network = compile_design(digits(channels=channels), "training")
    return network, open_data("digits", network.inputs, network.targets, 0)


def main() -> None:
    torch.set_num_threads(int(os.environ.get("NETLOOM_THREADS", "1")))
    for channels in map(int, sys.argv[1:] or ("8", "32", "128")):
        plain(channels), ours(channels)
        rounds = [(plain(channels), ours(channels, False), ours(channels)) for _ in range(ROUNDS)]
        theirs, own, _ = (statistics.median(times) * 1000 / STEPS for times in zip(*rounds, strict=True))
        ratio = statistics.median(b / a for a, b, _ in rounds)
        watched = statistics.median(c / b for _, b, c in rounds)
        print(f"{channels:4d} channels: plain {theirs:.2f} ms a step, ours {own:.2f} ms, ratio {ratio:.2f}; "
              f"with the nodes watched {watched:.3f} of that")  # fmt: skip


if __name__ == "__main__":
    main()
