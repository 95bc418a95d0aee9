"""Finds a learning rate by training for some steps while the rate rises (Smith 2015, Cyclical learning rates,
arXiv:1506.01186, section 3.3), the loss smoothed and the run ended as in fastai."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from msgspec.structs import replace

from app.design.values import Design, Recipe
from app.engine import checkpoint
from app.engine.augment.joining import for_training
from app.engine.compile import compile_design
from app.engine.data import open_data, options_of
from app.engine.evaluation import has_batch_norm, total_loss
from app.engine.loop import TrainingError
from app.engine.optim import make_optimizer, set_frozen
from app.engine.recipe import check_recipe, check_rules
from app.engine.stepping import Stepper, set_training
from app.engine.train import make_fabric, step_work
from app.engine.truncation import truncate
from app.messages.recipe import RateFound

SMOOTH = 0.9
"""How slowly the mean of the losses forgets."""
BLOWN = 4.0
"""It ends where the mean is so many times the lowest one."""
BELOW = 10.0
"""The rate of the lowest loss is divided by this: there the loss no longer falls."""
FEWEST = 10
"""Steps before it may end, and points that an advice needs."""


def find_rate(
    design: Design, recipe: Recipe, *, device: str = "auto", low: float = 1e-7, high: float = 10.0, steps: int = 100,
    cancelled: Callable[[], bool] = lambda: False, job: str = "",
) -> RateFound:  # fmt: skip
    """Train new weights for up to `steps` steps with rates from `low` to `high`, each the same factor above the last.

    Raises what `train` raises. Nothing is kept: neither weights nor a run folder.
    """
    check_recipe(recipe)
    if not (0 < low < high and math.isfinite(high)) or steps < FEWEST:
        raise TrainingError(f"The finder needs 0 < low < high and at least {FEWEST} steps.")
    recipe = replace(recipe, batch_size=recipe.batch_size or 64)
    fabric, _ = make_fabric(device, 1, 1, recipe.precision, step_work(design, recipe))
    checkpoint.seed_all(recipe.seed)
    network = compile_design(design, "training")
    data = open_data(recipe.data, network.inputs, network.targets, recipe.seed, options_of(recipe))
    check_rules(design, recipe, network.module)
    truncate(network.root, recipe.truncate)
    optimizer = make_optimizer(network.module.named_parameters(), recipe)
    module, optimizer = fabric.setup(for_training(network, recipe), optimizer)
    weights = tuple(network.module.named_parameters())
    set_frozen(weights, frozenset(n for n, w in weights if not w.requires_grad), recipe, 1)
    set_training(network.module)
    stepper = Stepper(optimizer, fabric.strategy.precision, recipe)
    least = 2 if has_batch_norm(network.module) else 1
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    try:
        for step, batch in zip(range(steps), _endless(data, recipe.batch_size, least), strict=False):
            if cancelled():
                raise TrainingError("The search for a learning rate was stopped.")
            rate = low * (high / low) ** (step / (steps - 1))
            loss = total_loss(module(*fabric.to_device(batch)), network.losses)
            value = float(loss.detach())
            if not math.isfinite(value):
                break
            mean = SMOOTH * mean + (1 - SMOOTH) * value
            rates.append(rate)
            losses.append(mean / (1 - SMOOTH ** (step + 1)))
            if step >= FEWEST and losses[-1] > BLOWN * min(losses):
                break
            fabric.backward(loss)
            stepper.set_rate(rate)
            stepper.step(measure=False)
    finally:
        network.root.to("cpu")
    return RateFound(job, tuple(rates), tuple(losses), *_advice(rates, losses))


def _endless(data: Any, batch_size: int, least: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """The batches of one epoch after the other."""
    return itertools.chain.from_iterable(
        data.batches("train", batch_size, epoch=epoch, least=least) for epoch in itertools.count(1)
    )


def _advice(rates: list[float], losses: list[float]) -> tuple[float | None, str]:
    """A tenth of the rate with the lowest loss, where the loss still falls, to one digit; and why."""
    if len(losses) < FEWEST:
        return None, "The loss was no number after a few steps: look at the data and the design."
    lowest = min(range(len(losses)), key=losses.__getitem__)
    if losses[lowest] > 0.98 * losses[0]:
        return None, "The loss did not fall at any rate: look at the design, or search with a larger batch."
    rate = float(f"{rates[lowest] / BELOW:.1g}")
    return rate, (
        f"The loss is lowest at a rate of {rates[lowest]:.2g}, shortly before it rises: a tenth of that, {rate:g}, "
        "still falls fast and leaves room."
    )
