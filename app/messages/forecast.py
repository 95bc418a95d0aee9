"""How much memory a training step will take: the question and its answer."""

from __future__ import annotations

from typing import Literal

import msgspec

from app.design.values import Design

Moment = Literal["forward", "backward", "optimizer"]


class ForecastMemory(msgspec.Struct, frozen=True, tag=True):
    """Ask what one training step takes: `batch` samples, and `precision`, `optimizer` as a Recipe names them.

    With `limit` (bytes) the largest batch that fits is looked for as well.
    """

    job: str
    design: Design
    variant: str = ""
    batch: int = 64
    precision: str = "32"
    optimizer: str = "adamw"
    limit: int = 0
    device: str = "auto"


class MemoryParts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Bytes that lie in memory at one moment, by what they are for."""

    parameters: int = 0
    buffers: int = 0
    gradients: int = 0
    """Of the parameters, as far as they are made by then."""
    optimizer: int = 0
    """What the optimizer keeps from step to step."""
    inputs: int = 0
    """The batch: inputs and targets."""
    activations: int = 0
    """What the forward pass made and nothing has freed yet."""
    temporary: int = 0
    """Gradients of activations, what the optimizer works with, and the scratch memory of kernels."""

    @property
    def total(self) -> int:
        return sum(msgspec.structs.astuple(self))


class MemoryForecast(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to ForecastMemory, in bytes.

    `peak` is the most memory at one time in a step after the first; it falls into `moment`, and `at_peak` says what
    lies there then. The four after it are whole sizes: what a step has of each, whether or not at the peak.
    """

    job: str
    device: str
    batch: int
    peak: int
    moment: Moment
    at_peak: MemoryParts
    parameters: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    """What the forward pass leaves for the backward pass."""
    stand_in: bool = False
    """The drawing has no loss: half the sum of the outputs' squares stood in for one."""
    largest_batch: int | None = None
    """The most samples whose step fits into the limit; None without a limit, 0 where no batch fits."""
