"""Recipes that the literature advises, each with its reason and its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from app.design.values import Recipe

KEPT = ("data", "epochs", "batch_size", "seed", "precision", "accumulate", "compile", "early_stop", "truncate",
        "workers", "weights", "nodes", "validation_share", "test_share", "skip_bad_samples",
        "augment")  # fmt: skip
"""What a preset leaves as it is: how much is trained, on what, and where."""


class Preset(NamedTuple):
    """`fields` gives what it sets, by the recipe as it stands: rates hang on the batch."""

    id: str
    title: str
    reason: str
    source: str
    fields: Callable[[Recipe], Mapping[str, Any]]


def _batch(recipe: Recipe) -> int:
    """Samples behind one step. Where the largest batch is yet to be found the usual 256 stand in."""
    return (recipe.batch_size or 256) * recipe.accumulate


def _warm(recipe: Recipe, epochs: float) -> float:
    """A warm-up of so many epochs, but at most a tenth of the run."""
    return min(epochs, recipe.epochs / 10)


def _digits(value: float) -> float:
    """A rate as one writes it: three digits."""
    return float(f"{value:.3g}")


PRESETS = (
    Preset(
        "scratch", "From scratch: SGD with momentum",
        "Convolutional networks trained long from nothing end best with SGD: a rate of 0.1 for batches of 256, scaled "
        "to this batch, divided by 10 after each third.",
        "He et al. 2015, Deep residual learning, arXiv:1512.03385",
        lambda r: {"optimizer": "sgd", "learning_rate": _digits(0.1 * _batch(r) / 256), "weight_decay": 1e-4,
                   "schedule": "step"},
    ),
    Preset(
        "fine-tuning", "Fine-tuning: AdamW, small rate",
        "Weights that are good already are moved little: AdamW at 5e-5, a warm-up of a tenth of the run, then straight "
        "down to 0. AdamW adapts to layers whose gradients differ in size, as those of a new head and old layers do.",
        "Devlin et al. 2018, BERT, arXiv:1810.04805; for images Kumar et al. 2022, arXiv:2211.09359",
        lambda r: {"optimizer": "adamw", "learning_rate": 5e-5, "weight_decay": 0.01, "schedule": "linear",
                   "warm_up": r.epochs / 10},
    ),
    Preset(
        "few-epochs", "Few epochs: AdamW, one cycle",
        "With few epochs to go a large rate that rises and falls once gets farthest, and AdamW needs no search for it.",
        "Smith and Topin 2017, Super-convergence, arXiv:1708.07120; Loshchilov and Hutter 2017, arXiv:1711.05101",
        lambda r: {"optimizer": "adamw", "learning_rate": 3e-3, "weight_decay": 0.01, "schedule": "one-cycle"},
    ),
    Preset(
        "large-batch", "Large batch: SGD, scaled rate",
        "A batch k times as large takes a rate k times as large: 0.1 for each 256 samples, reached over up to 5 "
        "epochs, as it would diverge at once. Norms and biases are spared from weight decay.",
        "Goyal et al. 2017, Accurate, large minibatch SGD, arXiv:1706.02677",
        lambda r: {"optimizer": "sgd", "learning_rate": _digits(0.1 * _batch(r) / 256), "weight_decay": 1e-4,
                   "schedule": "step", "warm_up": _warm(r, 5), "decay_all": False},
    ),
    Preset(
        "transformers", "Transformers: AdamW, warm-up",
        "Attention diverges at full rate in the first steps, so it warms up over up to 5 epochs, then falls along a "
        "cosine; 5e-4 for batches of 512, weight decay 0.05 spares norms and biases, gradients are cut to length 1.",
        "Touvron et al. 2020, DeiT, arXiv:2012.12877; clipping: Dosovitskiy et al. 2020, ViT, arXiv:2010.11929",
        lambda r: {"optimizer": "adamw", "learning_rate": _digits(5e-4 * _batch(r) / 512), "weight_decay": 0.05,
                   "schedule": "cosine", "warm_up": _warm(r, 5), "clip_norm": 1.0},
    ),
    Preset(
        "efficientnet", "EfficientNet: RMSprop",
        "What EfficientNets were trained with: RMSprop with momentum, its rate of 0.256 for batches of 4,096 times "
        "0.97 every 2.4 epochs, and a moving average of the weights. For MobileNet's kin.",
        "Tan and Le 2019, EfficientNet, arXiv:1905.11946, section 5.2; warm-up and average as in its code",
        lambda r: {"optimizer": "rmsprop", "learning_rate": _digits(0.256 * _batch(r) / 4096), "weight_decay": 1e-5,
                   "momentum": 0.9, "alpha": 0.9, "eps": 1e-3, "schedule": "step", "gamma": 0.97, "every": 2.4,
                   "warm_up": _warm(r, 5), "decay_all": False, "ema": 0.9999},
    ),
)  # fmt: skip


def preset(name: str) -> Preset | None:
    """The preset with this id."""
    return next((each for each in PRESETS if each.id == name), None)


def with_preset(recipe: Recipe, chosen: Preset) -> Recipe:
    """The recipe as the preset has it: what it does not name gets its default, what `KEPT` names stays."""
    kept = {name: getattr(recipe, name) for name in KEPT}
    return replace(Recipe(**kept), **chosen.fields(recipe))
