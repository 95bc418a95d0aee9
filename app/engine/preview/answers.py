"""What the network answers, and which pixels moved it."""

from __future__ import annotations

from collections.abc import Collection

import torch

from app.engine.preview import looks
from app.engine.readings import probabilities
from app.engine.walk import Walk
from app.messages.preview import Chance, Saliency

LIKELIEST = 20
"""So many classes are named."""


def scores_of(results: list[object]) -> torch.Tensor | None:
    """The first Output that gives one number a class: (1, classes)."""
    for result in results:
        if isinstance(result, torch.Tensor) and result.ndim == 2 and result.shape[1] > 1 and result.is_floating_point():
            return result
    return None


def expected(walk: Walk, valid: Collection[str]) -> bool:
    """Whether an Output that runs gives one number a class."""
    for id in valid:
        value = walk.steps[id].inputs.get("x") if walk.steps[id].call.block == "Output" else None
        if value is not None and len(value) == 1 and len(value[0].shape) == 2 and value[0].shape[1] > 1:
            return True
    return False


def named(index: int, count: int, classes: tuple[str, ...]) -> str:
    """The class's name, where the data has as many as the network gives numbers."""
    return classes[index] if len(classes) == count else str(index)


def answers(scores: torch.Tensor, classes: tuple[str, ...]) -> tuple[Chance, ...]:
    """The likeliest classes, in order. Nothing where the scores are no numbers."""
    if not torch.isfinite(scores).all():
        return ()
    chances = probabilities(scores.detach()[0])
    order = sorted(range(len(chances)), key=lambda i: -chances[i])[:LIKELIEST]
    return tuple(Chance(i, named(i, len(chances), classes), chances[i]) for i in order)


def saliency(
    id: str, scores: torch.Tensor, pixels: torch.Tensor, target: int | None, classes: tuple[str, ...]
) -> Saliency | None:
    """The size of the gradient of a class's score with respect to each pixel, the largest of its channels (Simonyan et
    al. 2013, arXiv:1312.6034). `target` None: the likeliest. None where no gradient reaches the pixels."""
    count = scores.shape[1]
    chosen = int(scores.detach()[0].argmax()) if target is None or not 0 <= target < count else target
    if not scores.requires_grad:
        return None
    (gradient,) = torch.autograd.grad(scores[0, chosen], pixels, allow_unused=True)
    if gradient is None:
        return None
    strength = gradient[0].abs()
    strength = strength.amax(0) if strength.ndim == 3 else strength
    if strength.ndim == 1:  # an Input that takes a picture as one row of numbers
        side = round(len(strength) ** 0.5)
        strength = strength.reshape(side, -1) if side * side == len(strength) else strength[None]
    look = looks.look(strength[None], looks.LARGE)
    return Saliency(id, chosen, named(chosen, count, classes), look)
