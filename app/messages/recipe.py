"""What the recipe's panel asks: how many samples there are, and which learning rate is good."""

from __future__ import annotations

import msgspec

from app.design.values import Design


class CountSamples(msgspec.Struct, frozen=True, tag=True):
    """Ask how many samples the data that the design's recipe names has."""

    job: str
    design: Design
    variant: str = ""


class Samples(msgspec.Struct, frozen=True, tag=True):
    """The answer to CountSamples: the splits and their sizes."""

    job: str
    splits: tuple[tuple[str, int], ...]

    @property
    def train(self) -> int:
        return dict(self.splits).get("train", 0)


class FindRate(msgspec.Struct, frozen=True, tag=True):
    """Ask for a learning rate: the design is trained for some steps, from new weights, as the rate rises from `low` to
    `high`. No run folder is made."""

    job: str
    design: Design
    variant: str = ""
    device: str = "auto"
    low: float = 1e-7
    high: float = 10.0
    steps: int = 100


class RateFound(msgspec.Struct, frozen=True, tag=True):
    """The answer to FindRate. `rates` and `losses` (smoothed) are points for a plot, of the steps that were made."""

    job: str
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    rate: float | None
    """What is advised; None where the loss never fell."""
    sentence: str
    """Why."""
