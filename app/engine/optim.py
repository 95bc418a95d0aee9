"""The recipe's optimizer over a network's weights. What each of them is good for stands in `optim_pages`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from app.design.schedule import SCHEDULES, decays_all, eps_of, frozen_in, momentum_of, rate_at, rule_for
from app.design.values import Recipe

__all__ = ["OPTIMIZERS", "SCHEDULES", "make_optimizer", "own_options", "pulled", "rate_at", "set_frozen", "use_fused"]


def _sgd(groups: Any, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=momentum_of(recipe), nesterov=recipe.nesterov)


def _adam(groups: Any, recipe: Recipe, kind: type[torch.optim.Adam] = torch.optim.Adam) -> torch.optim.Optimizer:
    return kind(groups, lr=recipe.learning_rate, betas=(recipe.beta1, recipe.beta2), eps=eps_of(recipe))


def _rmsprop(groups: Any, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(
        groups, lr=recipe.learning_rate, alpha=recipe.alpha, eps=eps_of(recipe), momentum=momentum_of(recipe)
    )


def _adagrad(groups: Any, recipe: Recipe) -> torch.optim.Optimizer:
    return torch.optim.Adagrad(groups, lr=recipe.learning_rate, eps=eps_of(recipe))


OPTIMIZERS: dict[str, Callable[[Any, Recipe], torch.optim.Optimizer]] = {
    "adamw": lambda groups, recipe: _adam(groups, recipe, torch.optim.AdamW),
    "sgd": _sgd,
    "adam": _adam,
    "rmsprop": _rmsprop,
    "adagrad": _adagrad,
}

FACTOR, PULLED = "factor", "pulled"
"""What the optimizer's groups say besides torch's own: a factor of the rate, and whether decay pulls on them."""


def make_optimizer(
    weights: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]], recipe: Recipe
) -> torch.optim.Optimizer:
    """The recipe's optimizer over those weights that are trained at any time; rules for nodes need the weights' names.

    A group of the optimizer holds what has one factor of the rate and is pulled on alike.
    """
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for each in weights:
        key, weight = each if isinstance(each, tuple) else ("", each)
        rule = rule_for(recipe, key)
        if weight.requires_grad or (rule is not None and rule.unfreeze):
            groups.setdefault((rule.rate if rule else 1.0, pulled(key, weight, recipe)), []).append(weight)
    options = [
        {"params": held, FACTOR: factor, PULLED: pull, "weight_decay": recipe.weight_decay if pull else 0.0}
        for (factor, pull), held in groups.items()
    ]
    return OPTIMIZERS[recipe.optimizer](options, recipe)


def use_fused(optimizer: torch.optim.Optimizer) -> None:
    """On the CPU let Adam's kin step in one kernel: torch's usual way there goes from weight to weight in Python, which
    takes a small network a tenth of its time. Elsewhere its usual way is quick, and so is SGD's, which copes with
    weights that join later."""
    if not isinstance(optimizer, torch.optim.Adam):
        return
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    if all(type(w.data) is torch.Tensor and w.device.type == "cpu" and w.is_floating_point() for w in weights):
        for group in optimizer.param_groups:
            group["fused"], group["foreach"] = True, False


def pulled(key: str, weight: torch.Tensor, recipe: Recipe) -> bool:
    """Whether weight decay and penalties pull on a weight. Norms and biases are those of one dimension at most."""
    return decays_all(recipe) or (weight.ndim > 1 and key.rpartition(".")[2] != "bias")


def own_options(optimizer: Any) -> list[dict[str, Any]]:
    """What the recipe has set in each group: a checkpoint's state brings the values of the time when it was written."""
    return [{k: v for k, v in group.items() if k not in ("params", "lr")} for group in optimizer.param_groups]


def set_frozen(weights: Iterable[tuple[str, nn.Parameter]], begun: frozenset[str], recipe: Recipe, epoch: int) -> None:
    """Freeze and unfreeze for `epoch` what the recipe's rules name; `begun` are the weights whose nodes are frozen."""
    for key, weight in weights:
        rule = rule_for(recipe, key)
        if rule is not None:
            weight.requires_grad_(not frozen_in(rule, epoch, key in begun))
            if not weight.requires_grad:
                weight.grad = None
