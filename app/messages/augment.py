"""What crosses about the steps on samples: some samples before and after them."""

from __future__ import annotations

import msgspec

from app.design.values import Design
from app.messages.data import ShownSample


class GetAugmented(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask for `count` training samples before and after the recipe's steps, as chance has it in the `turn`-th epoch."""

    job: str
    design: Design
    variant: str = ""
    turn: int = 1
    count: int = 8


class Pair(msgspec.Struct, frozen=True):
    """A sample as it is read, and as each Input gets it: one, or two views. The label of a mixed sample names both."""

    before: ShownSample
    after: tuple[ShownSample, ...]


class Augmented(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetAugmented. Pictures are shown with values from 0 to 1, whatever Normalise makes of them."""

    job: str
    pairs: tuple[Pair, ...]
    measured: str = ""
    """What Normalise works with, in words."""
