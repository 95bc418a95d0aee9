"""What a recipe comes to, in numbers: how many steps, and the learning rate of each, as pure functions. No torch here:
the window draws the curve that the engine follows."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from app.design.values import NodeRule, Recipe

WARM_UP = 0.05
"""The cosine schedule's own warm-up, as a share of the run, in which the rate rises from near 0."""
FIRST = 0.01
"""The share of the rate at which it begins there."""
THIRDS = 3
MILESTONES = (0.5, 0.75)
"""Where multi-step falls if nothing else is said, as shares of the run."""
RISE, START, END = 0.3, 1 / 25, 1 / 25e4
"""One-cycle: the share of the run in which the rate rises, the share of it at which it begins, and at which it ends."""
PLATEAU = "plateau"
_EDGE = 1e-9
"""Steps are whole, epochs are not: what is short of an edge by rounding has reached it."""


class Length(NamedTuple):
    """How long a run is. `epochs` may be 0 where nothing is known of them."""

    steps: int
    epochs: float


def _cosine(recipe: Recipe, t: float, begun: float = 0.0) -> float:
    """Half a cosine over what follows `begun`, to the last bit as runs of older versions have it."""
    return recipe.final + (1 - recipe.final) * (0.5 + 0.5 * math.cos(math.pi * (t - begun) / (1 - begun)))


def _step(recipe: Recipe, t: float, epochs: float) -> float:
    return float(recipe.gamma ** int(_falls(recipe, t, epochs) + _EDGE))


def _falls(recipe: Recipe, t: float, epochs: float) -> float:
    """How many times the rate has been multiplied by gamma at the share `t` of the run; step rounds it down."""
    return t * epochs / recipe.every if recipe.every and epochs else t * THIRDS


def _multi_step(recipe: Recipe, t: float, epochs: float) -> float:
    if not recipe.milestones:
        return float(recipe.gamma ** bisect_right(MILESTONES, t + _EDGE))
    return float(recipe.gamma ** bisect_right(sorted(recipe.milestones), t * epochs + _EDGE))


def _one_cycle(step: int, steps: int) -> float:
    """As torch's OneCycleLR has it: from START to 1 and down to END, along half cosines."""
    top = RISE * steps - 1
    if step <= top:
        low, high, share = START, 1.0, step / top
    else:
        low, high, share = 1.0, END, (step - top) / max(steps - 1 - top, 1e-9)
    return high + (low - high) / 2 * (1 + math.cos(math.pi * min(share, 1.0)))


SCHEDULES: dict[str, Callable[[Recipe, float, float], float]] = {
    "cosine": lambda r, t, epochs: _cosine(r, t),
    "constant": lambda r, t, epochs: 1.0,
    "linear": lambda r, t, epochs: r.final + (1 - r.final) * (1.0 - t),
    "step": _step,
    "multi-step": _multi_step,
    "exponential": lambda r, t, epochs: float(r.gamma ** _falls(r, t, epochs)),
    "one-cycle": lambda r, t, epochs: 1.0,
    PLATEAU: lambda r, t, epochs: 1.0,
}
"""Factors of the learning rate by the share `t` of the run that is over: of what is left after the warm-up for cosine
and linear, which end at its end; else of the whole run. One-cycle counts steps and has a rise of its own."""
_AFTER = frozenset({"cosine", "linear"})
RISES = frozenset({"one-cycle"})
"""Schedules for which no further warm-up can be set."""


def rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of optimizer step `step` (from 0) of `steps`: a pure function, so resuming needs no state.

    What plateau has multiplied it by is the loop's to know.
    """
    steps = max(steps, 1)
    if recipe.schedule in RISES:
        return recipe.learning_rate * _one_cycle(step, steps)
    form, epochs = SCHEDULES[recipe.schedule], float(recipe.epochs)
    t = step / steps
    if recipe.warm_up is None:
        if recipe.schedule != "cosine":
            return recipe.learning_rate * form(recipe, t, epochs)
        factor = min(1.0, FIRST + t / WARM_UP) if t < WARM_UP else _cosine(recipe, t, WARM_UP)
        return recipe.learning_rate * factor
    warm = warm_steps(recipe, steps)
    if step < warm:
        return recipe.learning_rate * (step + 1) / warm
    after = (step - warm) / max(steps - warm, 1) if recipe.schedule in _AFTER else t
    return recipe.learning_rate * form(recipe, after, epochs)


def warm_steps(recipe: Recipe, steps: int) -> int:
    """How many steps the warm-up that is set has: the first has a share of the rate, the last all of it."""
    return round((recipe.warm_up or 0.0) * steps / max(recipe.epochs, 1))


def curve(recipe: Recipe, steps: int, points: int = 400) -> list[tuple[float, float]]:
    """The schedule for drawing: (epochs done, rate) at up to `points` steps of the run, the last one included."""
    steps = max(steps, 1)
    at = sorted({round(i * (steps - 1) / max(points - 1, 1)) for i in range(points)})
    return [(step / steps * recipe.epochs, rate_at(recipe, step, steps)) for step in at]


# how many steps -------------------------------------------------------------------------------------------------------


class Arithmetic(NamedTuple):
    """How samples come to steps."""

    samples: int
    batches: int
    """In an epoch."""
    steps: int
    """Of the optimizer, in an epoch."""
    total: int


def arithmetic(recipe: Recipe, samples: int) -> Arithmetic:
    """How many batches and steps `samples` come to. The last batch may be smaller; where a batch norm leaves out a last
    batch of one sample the loop has one less."""
    batches = -(-samples // max(recipe.batch_size, 1))
    steps = -(-batches // max(recipe.accumulate, 1))
    return Arithmetic(samples, batches, steps, steps * recipe.epochs)


def arithmetic_words(recipe: Recipe, samples: int) -> str:
    """`60,000 samples / 64 = 938 steps, × 10 epochs = 9,380`."""
    if not recipe.batch_size:
        return f"{samples:,} samples in batches as large as fit, × {recipe.epochs:,} epochs"
    found = arithmetic(recipe, samples)
    words = f"{samples:,} samples / {recipe.batch_size:,} = "
    if recipe.accumulate > 1:
        words += f"{found.batches:,} batches, / {recipe.accumulate} = "
    return f"{words}{found.steps:,} steps, × {recipe.epochs:,} epochs = {found.total:,}"


# what is usual --------------------------------------------------------------------------------------------------------

MOMENTUM = 0.9
OPTIMIZERS = ("adamw", "sgd", "adam", "rmsprop", "adagrad")
WITH_MOMENTUM = frozenset({"sgd", "rmsprop"})


def momentum_of(recipe: Recipe) -> float:
    """The momentum that the recipe comes to."""
    return recipe.momentum if recipe.momentum is not None else MOMENTUM if recipe.optimizer == "sgd" else 0.0


def eps_of(recipe: Recipe) -> float:
    """What the optimizer adds below the fraction: torch's own value unless another is set."""
    return recipe.eps if recipe.eps is not None else 1e-10 if recipe.optimizer == "adagrad" else 1e-8


def decays_all(recipe: Recipe) -> bool:
    """Whether weight decay pulls on norms and biases too. BERT, GPT, ViT and most that are trained with AdamW spare
    them; the papers with SGD, and what came before, do not."""
    return recipe.decay_all if recipe.decay_all is not None else recipe.optimizer != "adamw"


def rule_for(recipe: Recipe, key: str) -> NodeRule | None:
    """The rule that holds for the weight `key`, a name in the state_dict; numbers of repetitions are passed over."""
    parts = [part for part in key.split(".") if not part.isdecimal()]
    fitting = [rule for rule in recipe.nodes if (path := rule.node.split("/")) == parts[: len(path)]]
    return max(fitting, key=lambda rule: rule.node.count("/"), default=None)


def frozen_in(rule: NodeRule | None, epoch: int, frozen: bool) -> bool:
    """Whether weights stay as they are in `epoch` (from 1); `frozen` says whether their node is."""
    if rule is None:
        return frozen
    waits = epoch < rule.unfreeze if rule.unfreeze else frozen
    return waits or bool(rule.freeze and epoch >= rule.freeze)
