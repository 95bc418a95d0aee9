"""Whether a recipe can be followed, the batch that fits, and a sentence for what breaks training."""

from __future__ import annotations

import math

import torch
from msgspec.structs import replace
from torch import nn

from app.design.schedule import RISES, SCHEDULES, frozen_in, rule_for
from app.design.values import Design, Recipe
from app.design.variants import rule_steps
from app.engine.compile import compile_trainable
from app.engine.data import Data, open_data, options_of
from app.engine.loop import TrainingError
from app.engine.matching import BY
from app.engine.optim import OPTIMIZERS
from app.engine.room import free_memory

PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed", "64": "64-true"}
HALF_NEEDS_GPU = "Precision 16 needs a GPU: use 32 or bf16 on the CPU."
SHARE = 0.8
"""Of the free memory that the largest batch may take: kernels and the reading of data need some."""
MOST_WORKERS = 64
FEWEST = 10
"""Steps that an epoch keeps however much memory there is."""


def check_recipe(recipe: Recipe) -> None:
    """Raise TrainingError where the recipe cannot be followed."""

    def refuse(what: str) -> None:
        raise TrainingError(what)

    def number(name: str, low: float, high: float, wanted: str) -> None:
        value = getattr(recipe, name)
        if value is not None and not (math.isfinite(value) and low <= value <= high):
            refuse(f"{name} is {value}, but it needs {wanted}.")

    endless = float("inf")
    if recipe.epochs < 1:
        refuse(f"epochs is {recipe.epochs}, but training needs at least 1.")
    if recipe.batch_size < 0:
        refuse(f"batch_size is {recipe.batch_size}, but it needs at least 1, or 0 for the largest that fits.")
    if not (math.isfinite(recipe.learning_rate) and recipe.learning_rate > 0):
        refuse(f"learning_rate is {recipe.learning_rate}, but it needs a number above 0, such as 0.001.")
    if recipe.optimizer not in OPTIMIZERS:
        refuse(f"There is no optimizer `{recipe.optimizer}`: choose one of {', '.join(OPTIMIZERS)}.")
    if recipe.schedule not in SCHEDULES:
        refuse(f"There is no schedule `{recipe.schedule}`: choose one of {', '.join(SCHEDULES)}.")
    if recipe.precision not in PRECISIONS:
        refuse(f"There is no precision `{recipe.precision}`: choose one of {', '.join(PRECISIONS)}.")
    if recipe.weights_by not in BY:
        refuse(f"Weights are matched by {', '.join(BY[:-1])} or {BY[-1]}, not by {recipe.weights_by[:20]!a}.")
    for name in ("weight_decay", "l1", "l2", "warm_up", "every", "clip_norm", "clip_value", "eps"):
        number(name, 0, endless, "0 or more")
    for name in ("momentum", "beta1", "beta2", "alpha", "ema"):
        number(name, 0, math.nextafter(1.0, 0.0), "a number from 0 to less than 1")
    number("gamma", math.ulp(0.0), 1, "a number above 0 and at most 1")
    number("final", 0, 1, "a number from 0 to 1")
    number("accumulate", 1, endless, "at least 1")
    number("plateau", 0, endless, "0 or more")
    number("early_stop", 0, endless, "0 or more")
    number("truncate", 0, endless, "0 or more")
    number("workers", 0, MOST_WORKERS, f"a number from 0 to {MOST_WORKERS}")
    if recipe.nesterov and (recipe.optimizer != "sgd" or recipe.momentum == 0):
        refuse("Nesterov's look ahead needs SGD with a momentum above 0: choose them, or set nesterov to false.")
    if recipe.warm_up is not None and recipe.warm_up >= recipe.epochs:
        refuse(f"The warm-up takes {recipe.warm_up:g} of {recipe.epochs} epochs: it needs to be shorter than the run.")
    if recipe.warm_up and recipe.schedule in RISES:
        refuse(f"The schedule {recipe.schedule} has a rise of its own: leave warm_up out.")
    for rule in recipe.nodes:
        if not (math.isfinite(rule.rate) and rule.rate > 0):
            refuse(f"The rate of `{rule.node}` is {rule.rate}, but it needs a factor above 0: to keep it, freeze it.")
        if min(rule.unfreeze, rule.freeze) < 0 or 0 < rule.freeze <= rule.unfreeze:
            refuse(f"`{rule.node}` is unfrozen in epoch {rule.unfreeze} and frozen in {rule.freeze}: freeze it later.")


def check_rules(design: Design, recipe: Recipe, module: nn.Module, world: int = 1) -> list[str]:
    """Raise TrainingError where the rules for nodes cannot be followed, or leave nothing to train in an epoch. Returns
    remarks for the log."""
    weights = dict(module.named_parameters())
    rules = {key: rule_for(recipe, key) for key in weights}
    remarks = []
    for rule in recipe.nodes:
        if rule_steps(design, rule) is None:
            raise TrainingError(f"The recipe has a rule for `{rule.node}`, but there is no such node: take it out.")
        if rule not in rules.values():
            remarks.append(f"The rule for `{rule.node}` changes nothing: no weights of its own are trained there.")
        if world > 1 and (rule.freeze or rule.unfreeze):
            raise TrainingError(f"`{rule.node}` is frozen for some epochs, which needs a single device: train on one.")
    for epoch in sorted({1, *(rule.freeze for rule in recipe.nodes if 0 < rule.freeze <= recipe.epochs)}):
        if all(frozen_in(rules[key], epoch, not weight.requires_grad) for key, weight in weights.items()):
            when = "" if epoch == 1 and not recipe.nodes else f" in epoch {epoch}"
            raise TrainingError(
                f"No weight of the design can be trained{when}: add a block with weights, or unfreeze one."
            )
    return remarks


def check_data(recipe: Recipe, data: Data) -> None:
    """Raise TrainingError where the recipe watches what the data has not."""
    if recipe.early_stop and "validation" not in data.splits:
        raise TrainingError(
            "Early stopping watches the validation loss, but the data has no validation split: set early_stop to 0, "
            "or give the data one."
        )


def with_batch(design: Design, recipe: Recipe, samples: int, device: str) -> tuple[Recipe, str]:
    """The recipe with the largest batch that fits into the free memory of `device`, and a sentence that says so.

    An epoch of the `samples` keeps some steps: a batch of everything learns little. Raises TrainingError.
    """
    from app.engine.forecast import MOST, Forecaster, ForecastError, largest_batch  # it needs this module

    free = free_memory(device)
    if free is None:
        raise TrainingError(f"How much memory {device} has is not known: set the batch size.")
    limit = int(SHARE * free)
    try:
        fits = largest_batch(Forecaster(design, recipe.precision, recipe.optimizer, device), limit, 64)
    except ForecastError as error:
        raise TrainingError(f"The largest batch cannot be found: {error}") from None
    if not fits:
        raise TrainingError("Not even one sample fits into memory: use a smaller network, or another device.")
    chosen = min(fits, max(samples // FEWEST, 1))
    chosen = chosen // 8 * 8 if chosen > 8 else chosen
    room = f"{limit / 2**30:.1f} GB" if limit >= 2**29 else f"{limit / 2**20:.0f} MB"
    most = "at least " if fits >= MOST else ""
    why = f"; an epoch of {samples:,} samples keeps {FEWEST} steps" if chosen < fits // 8 * 8 else ""
    sentence = f"Batch size {chosen}: a step with {most}{fits:,} samples fits into {room} of memory{why}."
    return replace(recipe, batch_size=chosen), sentence


def count_samples(design: Design) -> tuple[tuple[str, int], ...]:
    """The splits of the recipe's data and their sizes. Raises DataError, or InvalidDesignError."""
    with torch.device("meta"):  # for what its Inputs and Targets take: no weight is allocated
        network = compile_trainable(design)
    data = open_data(design.recipe.data, network.inputs, network.targets, design.recipe.seed, options_of(design.recipe))
    return tuple((name, split.size) for name, split in data.splits.items())


def explain(error: BaseException, recipe: Recipe) -> str:
    """A sentence for what torch says when training breaks."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in text:
        smaller = max(1, recipe.batch_size // 2)
        return f"Memory ran out at batch size {recipe.batch_size}: try {smaller}, or a smaller network."
    if "more than 1 value per channel" in text:
        return f"A batch norm gets one value a channel at batch size {recipe.batch_size}: use a larger batch size."
    first = (text.strip().splitlines() or [type(error).__name__])[0]
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
        return f"torch.compile does not work here or with this network: train without it ({first[:160]})."
    return f"Training broke off: {first}"
