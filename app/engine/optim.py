"""Optimizers and learning-rate schedules by name. What each of them is good for stands in `optim_pages`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import nn

from app.design.values import Recipe

WARM_UP = 0.05
"""The cosine schedule's first part, in which the rate rises from near 0."""
FIRST = 0.01
"""The share of the rate at which it begins there."""
MOMENTUM = 0.9


def _sgd(parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=lr, weight_decay=weight_decay, momentum=MOMENTUM)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adamw": torch.optim.AdamW,
    "sgd": _sgd,
    "adam": torch.optim.Adam,
    "rmsprop": torch.optim.RMSprop,
}

SCHEDULES: dict[str, Callable[[float], float]] = {
    "cosine": lambda t: (
        min(1.0, FIRST + t / WARM_UP) if t < WARM_UP else 0.5 + 0.5 * math.cos(math.pi * (t - WARM_UP) / (1 - WARM_UP))
    ),
    "constant": lambda t: 1.0,
    "linear": lambda t: 1.0 - t,
    "step": lambda t: 0.1 ** (int(t * 3 + 1e-9)),
}
"""Factors of the learning rate; `t` runs from 0 to 1 over the whole run. `step` divides by 10 after each third."""


def make_optimizer(parameters: Iterable[nn.Parameter], recipe: Recipe) -> torch.optim.Optimizer:
    """The recipe's optimizer over those parameters that are trained."""
    trained = [p for p in parameters if p.requires_grad]
    return OPTIMIZERS[recipe.optimizer](trained, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)


def rate_at(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of optimizer step `step` (from 0) of `steps`: a pure function, so resuming needs no state."""
    return recipe.learning_rate * SCHEDULES[recipe.schedule](step / max(steps, 1))
