"""The curve of an activation and of its derivative, from the module itself."""

from __future__ import annotations

import torch
from torch import nn

from app.messages.reckoning import Curve
from blocks.card import Card
from blocks.patterns import parse

REACH, STEPS = 6, 20
"""How far the curve goes to both sides of 0, and at how many places between whole numbers it is told."""
POINTS = 2 * REACH * STEPS + 1


def curve(module: nn.Module, card: Card, shape: tuple[int, ...]) -> Curve | None:
    """The curve of an activation that takes each number by itself; None for any other block.

    `module` lies on the CPU, `shape` is what is wired to it. A block with channels shows the curve of the first. At a
    kink the slope is autograd's.
    """
    if card.section != "Activation" or len(card.inputs) != 1:
        return None
    x = torch.arange(-REACH * STEPS, REACH * STEPS + 1, dtype=torch.float64) / STEPS
    module = module.double().eval()
    sizes = [2] * max(len(shape) - 1, 1)
    if any(dim.name == "C" for dim in parse(card.inputs[0].pattern).dims):
        sizes = [2, shape[1], *sizes[2:]]
    given = x.expand(*sizes, POINTS).clone().requires_grad_()  # the numbers in the last size, equal rows beside them
    made = module(given)
    if made.shape != given.shape or not _each_by_itself(module, given, made):
        return None
    (slope,) = torch.autograd.grad(made.sum(), given)
    return Curve(*(tuple(_first(values).tolist()) for values in (given, made, slope)))


def _first(values: torch.Tensor) -> torch.Tensor:
    return values.detach().reshape(-1, POINTS)[0]


def _each_by_itself(module: nn.Module, given: torch.Tensor, made: torch.Tensor) -> bool:
    """Whether a number's result is the same whatever stands beside it: a softmax' is not."""
    with torch.no_grad():
        other = torch.full_like(given, 1.5)
        other.view(-1, POINTS)[0, 1::2] = _first(given)[1::2]
        return torch.equal(_first(module(other))[1::2], _first(made)[1::2])
