"""Which class is taken for which, as a ConfusionMatrix block counts it over a split."""

from __future__ import annotations

import msgspec


class Confusion(msgspec.Struct, frozen=True):
    """`counts` has a row for each right class, and in it how often each class was named; `name` is the block's node.

    `classes` names both: those of the data where there are as many, else their numbers.
    """

    name: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
