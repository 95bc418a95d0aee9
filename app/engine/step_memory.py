"""The memory of a training step, reckoned from what analysis knows of each call: quick, and near the forecast.

`app.engine.forecast` runs the step itself. Over twelve networks of the zoo at 1, 8 and 24 samples this gives 28 % less
(an LSTM, 24 samples) to 30 % more (a ViT: on meta, attention keeps its weights) and for nine of them stays within 14 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

STATE, SCRATCH = 2, 2
"""Numbers that Adam keeps for each parameter, and those that it works with on one parameter at a time."""
NUMBER = 4
"""Bytes of a float32."""


class StepCost(NamedTuple):
    """One call, in the order of the forward pass. In bytes: its weights (0 where they were counted), what it keeps for
    the backward pass, and what stands at its ports. In numbers: its trainable parameters, and those of the largest."""

    weights: int
    activations: int
    ports: int
    trainable: int
    largest: int


def training_step(costs: Sequence[StepCost]) -> int:
    """Bytes at the fullest moment of a step with Adam: in the backward pass, where gradients of weights come and
    activations go, or as the optimizer works on the largest parameter."""
    held = sum(c.weights for c in costs) + NUMBER * STATE * sum(c.trainable for c in costs)
    kept = sum(c.activations for c in costs)
    gradients, peak = 0, held + kept
    for cost in reversed(costs):
        gradients += NUMBER * cost.trainable
        peak = max(peak, held + kept + gradients + cost.ports)  # the gradients of what came in and of what went out
        kept -= cost.activations
    scratch = NUMBER * SCRATCH * max((c.largest for c in costs), default=0)
    return max(peak, held + gradients + scratch)
