"""Is a compiled drawing as fast as the network written by hand? Forward, and forward with backward.

Run by hand: `python -m tests.benchmarks.bench_compiled [name ...]`. Both hold the same weights and give the same
outputs. For each it prints the ratio of the medians of alternating runs (ours by theirs), and beside it the ratio of
the hand-written network's own copy to it, measured in the same rounds: what the machine's noise makes of 1.00.
"""

from __future__ import annotations

import copy
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from app.design.paths import set_from_text
from app.engine.compile import compile_design, shared_analyser
from tests.benchmarks.hand_written import MobileNetV2, ResNet50, UNet, ViTSmall
from tests.layers import drawn

ROUNDS = 41
NETWORKS: dict[str, tuple[int, Callable[[int], nn.Module]]] = {
    "resnet50": (160, lambda side: ResNet50()),
    "mobilenet_v2": (160, lambda side: MobileNetV2()),
    "vit_small_patch16_224": (224, ViTSmall),
    "unet_same": (96, lambda side: UNet()),
}
"""Zoo name -> the image's side, and the network written by hand."""


def compiled(name: str, side: int) -> nn.Module:
    design = set_from_text(drawn(name), [f"image.size=3,{side},{side}"], shared_analyser().cards)
    return compile_design(design, "inference").module


def give(theirs: nn.Module, ours: nn.Module) -> None:
    """Copy our weights into theirs, in the order in which both hold them. Raises ValueError where a shape differs."""
    names, values = list(theirs.state_dict()), list(ours.state_dict().values())
    theirs.load_state_dict(dict(zip(names, values, strict=True)))


def seconds(step: Callable[[], object]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def medians(steps: list[Callable[[], object]]) -> list[float]:
    """Medians of runs that take turns, each round beginning with another."""
    times: list[list[float]] = [[] for _ in steps]
    for i in range(ROUNDS + 2):
        for k in range(len(steps)):
            which = (i + k) % len(steps)
            took = seconds(steps[which])
            if i > 1:  # the first two rounds warm up
                times[which].append(took)
    return [statistics.median(t) for t in times]


def learn(module: nn.Module, x: torch.Tensor) -> None:
    module.zero_grad(set_to_none=True)
    module(x).square().mean().backward()


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(f"{'network':24}{'side':>5}  {'pass':18}{'by hand':>10}{'compiled':>10}{'ratio':>8}{'its copy':>10}")
    for name in sys.argv[1:] or NETWORKS:
        side, make = NETWORKS[name]
        ours, theirs = compiled(name, side), make(side)
        give(theirs, ours)
        twin = copy.deepcopy(theirs)
        x = torch.randn(1, 3, side, side)
        with torch.no_grad():
            torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))
            twin.eval()
            forward = medians([partial(m, x) for m in (theirs, ours, twin)])
        x = torch.randn(2, 3, side, side)
        for module in (theirs, ours, twin):
            module.train()
        both = medians([partial(learn, m, x) for m in (theirs, ours, twin)])
        for what, (hand, mine, copied) in (("forward", forward), ("forward, backward", both)):
            print(
                f"{name:24}{side:5}  {what:18}{hand * 1e3:8.2f}ms{mine * 1e3:8.2f}ms{mine / hand:8.3f}"
                f"{copied / hand:10.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
