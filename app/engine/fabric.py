"""Lightning Fabric on the devices that are wished for: one, or one of the processes of several."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from app.design.values import Recipe
from app.engine import devices as places
from app.engine import sharding
from app.engine.launch import launched
from app.engine.loop import TrainingError
from app.engine.recipe import HALF_NEEDS_GPU, PRECISIONS

STRATEGIES = ("auto", "ddp", "fsdp")
"""How several devices share the work: each with the whole network, or each with a share of its weights; auto is ddp."""


def check_together(device: str, count: int, strategy: str, recipe: Recipe) -> None:
    """Raise DeviceError or TrainingError where a run on `count` devices of this machine cannot begin: said before any
    process is started."""
    if strategy not in STRATEGIES:
        raise places.DeviceError(f"There is no strategy `{strategy}`: choose one of {', '.join(STRATEGIES)}.")
    kind = places.pick(device).partition(":")[0]
    there = places.count(kind)
    if count > there and kind != "cpu":  # the CPU can run any number, one after another
        raise places.DeviceError(
            f"{count} devices of the kind {kind} are asked for, but there "
            f"{'is' if there == 1 else 'are'} {there}: give --devices {there} or less."
        )
    if recipe.precision == "16" and kind == "cpu":
        raise TrainingError(HALF_NEEDS_GPU)


def make_fabric(
    device: str, count: int, nodes: int, precision: str, work: int, strategy: str = "auto"
) -> tuple[Any, int]:
    """Lightning Fabric on the wished device, launched; and the number of threads for steps of `work` multiply-adds.

    With several devices this process must be one of those that were started for them. Raises DeviceError.
    """
    from lightning_fabric import Fabric  # 2 s: only a process that trains pays it
    from lightning_fabric.plugins.environments import LightningEnvironment

    for name in ("lightning_fabric", "lightning.fabric", "lightning_fabric.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if strategy not in STRATEGIES:
        raise places.DeviceError(f"There is no strategy `{strategy}`: choose one of {', '.join(STRATEGIES)}.")
    place = places.pick(device)
    kind, _, index = place.partition(":")
    if precision == "16" and kind == "cpu":
        raise TrainingError(HALF_NEEDS_GPU)
    threads = places.threads(work, count)
    torch.set_num_threads(threads)
    many = count * nodes > 1
    which: Any = [int(index)] if index and not many else count
    there = launched()
    # Ours say to Fabric what they are; in a job of SLURM it would take them for processes of srun.
    plugins = [LightningEnvironment()] if there is None or there.by == "netloom" else None
    try:
        fabric = Fabric(
            accelerator=kind, devices=which, num_nodes=nodes, strategy=_strategy(strategy, count * nodes),
            precision=PRECISIONS[precision], plugins=plugins,
        )  # fmt: skip
        fabric.launch()
    except (ValueError, RuntimeError) as error:  # fewer devices than wished, and the like: Fabric's own sentence
        raise places.DeviceError(f"{count} × {kind} cannot be used: {str(error).splitlines()[0]}") from error
    return fabric, threads


def setup(fabric: Any, module: nn.Module, optimizer_for: Callable[[], Any], strategy: str) -> tuple[Any, Any]:
    """Module and optimizer as Fabric wraps them."""
    if strategy == "fsdp" and fabric.world_size > 1:  # the optimizer works on the parts
        wrapped = fabric.setup_module(module)
        return wrapped, fabric.setup_optimizers(optimizer_for())
    wrapped, optimizer = fabric.setup(module, optimizer_for())
    return wrapped, optimizer


def _strategy(name: str, world: int) -> Any:
    if world == 1:
        return "auto"
    return sharding.strategy(world) if name == "fsdp" else "ddp"
