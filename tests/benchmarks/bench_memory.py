"""Is the memory of a training step what was forecast? Forecast and the profiler's peak, and analysis's cheap figure.

Run by hand: `python -m tests.benchmarks.bench_memory [--precision P] [--optimizer O] [name ...]`. Each network of the
zoo makes two real steps on the CPU at two batch sizes, one thread; the peak is that of the second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._pytree import tree_leaves

from app.design.paths import set_from_text
from app.design.values import Design, Recipe
from app.engine.compile import InvalidDesignError, Network, compile_design, shared_analyser
from app.engine.evaluation import total_loss
from app.engine.forecast import Forecaster
from app.engine.optim import make_optimizer
from app.engine.passes import stand_in_loss
from app.engine.recipe import PRECISIONS
from app.engine.stepping import set_training
from tests.layers import drawn

BATCHES = (8, 24)
NETWORKS: dict[str, int | None] = {
    "resnet18": 64,
    "mobilenet_v2": 96,
    "vgg11": 64,
    "vit_tiny_patch16_224": 224,
    "swin_t": 224,
    "convnext_atto": 64,
    "unet_same": 64,
    "efficientnet_b0": 64,
    "densenet121": 64,
    "gpt2_small": None,
    "yolov8n": 64,
    "lstm_text_classifier": None,
}
"""Zoo name -> the image's side; None: no image."""
MARK = "netloom step"


def small(name: str, side: int | None) -> Design:
    """The network of the zoo, for images of that side."""
    sizes = [f"image.size=3,{side},{side}"] if side else []
    return set_from_text(drawn(name), sizes, shared_analyser().cards)


def compiled(design: Design) -> Network:
    try:
        return compile_design(design, "training")
    except InvalidDesignError:  # without a loss
        return compile_design(design, "inference")


def batch_of(network: Network, count: int, precision: str) -> list[torch.Tensor]:
    """Random numbers for the Inputs and zeros for the Targets and tokens."""
    kind = torch.float64 if precision == "64" else torch.float32
    ends = [(end.shape, end.dtype) for end in network.inputs] + [(end.shape, end.dtype) for end in network.targets]
    return [
        torch.randn(count, *shape, dtype=kind) if dtype == "float32" else torch.zeros(count, *shape, dtype=torch.int64)
        for shape, dtype in ends
    ]


class Stepper(NamedTuple):
    """`step` takes a training step with fresh samples; `held` gives the bytes that lie there between two steps."""

    step: Callable[[], None]
    held: Callable[[], int]


def stepper(design: Design, count: int, precision: str, optimizer: str, device: str = "cpu") -> Stepper:
    """Training steps, made by Fabric as `app.engine.loop` makes them."""
    from lightning_fabric import Fabric

    fabric = Fabric(accelerator=device, devices=1, precision=PRECISIONS[precision])  # type: ignore[arg-type]
    fabric.launch()
    network = compiled(design)
    set_training(network.module)
    made = make_optimizer(network.module.parameters(), Recipe(optimizer=optimizer))
    module, descend = fabric.setup(network.module, made)

    def loss_of(samples: list[torch.Tensor]) -> torch.Tensor:
        values = module(*fabric.to_device(samples))
        if network.losses:
            return total_loss(values, network.losses)
        outputs = tree_leaves(values)
        return stand_in_loss([t for t in outputs if isinstance(t, torch.Tensor) and t.requires_grad])

    def step() -> None:
        samples = batch_of(network, count, precision)
        fabric.backward(loss_of(samples))
        descend.step()
        descend.zero_grad()

    def held() -> int:
        kept = [*network.module.parameters(), *network.module.buffers(), *tree_leaves(list(made.state.values()))]
        tensors = {id(t): t for t in kept if isinstance(t, torch.Tensor)}
        return sum(t.numel() * t.element_size() for t in tensors.values())

    return Stepper(step, held)


def measured(design: Design, count: int, precision: str = "32", optimizer: str = "adamw") -> int:
    """The most bytes that torch's CPU allocator holds during a step: those that lie there before it, and on top the sum
    of the profiler's `[memory]` events in the order of their time. The profiler misses events as it begins, at times
    all of a run, so that a step goes before the one that counts, and what shows nothing is measured again."""
    shared_analyser().analyse(design)
    step, held = stepper(design, count, precision, optimizer)
    step()
    for _ in range(3):
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            for _ in range(2):
                with record_function(MARK):
                    step()
        events = profiler.profiler.kineto_results.events()  # type: ignore[union-attr]
        second = max((event.start_ns() for event in events if event.name() == MARK), default=0)
        changes = sorted((event.start_ns(), event.nbytes()) for event in events if event.name() == "[memory]")
        live = peak = 0
        for change in (change for when, change in changes if when >= second):
            live += change
            peak = max(peak, live)
        if second and peak:
            return held() + peak
    raise RuntimeError("the profiler showed no memory event three times over")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", default="32", choices=PRECISIONS)
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("names", nargs="*", default=list(NETWORKS))
    wish = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'network':22} batch  forecast  measured  off by  analysis  moment      forecast in")
    for name in wish.names:
        design = small(name, NETWORKS.get(name))
        forecaster = Forecaster(design, wish.precision, wish.optimizer, "cpu")
        for count in BATCHES:
            start = time.perf_counter()
            peak = forecaster.peak(count)
            took = time.perf_counter() - start
            truth = measured(design, count, wish.precision, wish.optimizer)
            cheap = shared_analyser().analyse(design, batch=count, with_fixes=False).memory.training
            sizes = f"{peak.bytes / 2**20:7.1f} M {truth / 2**20:7.1f} M"
            off = f"{peak.bytes / truth - 1:+7.1%} {cheap / truth - 1:+9.1%}"
            print(f"{name:22} {count:5} {sizes} {off}  {peak.moment:10} {took:6.1f} s", flush=True)


if __name__ == "__main__":
    main()
