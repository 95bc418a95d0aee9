"""The totals of a drawing by themselves: to lay its variants side by side nobody needs the reports of their nodes."""

from __future__ import annotations

import msgspec

from app.design.values import Design
from app.messages.reports import Memory, Named


class GetTotals(msgspec.Struct, frozen=True, tag=True):
    """Ask for the totals of a drawing, or of its variant."""

    job: str
    design: Design
    variant: str = ""
    batch: int = 1


class Totals(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetTotals; the figures are those that an Analysis has. `problem` is the first error's sentence:
    the totals are those of the valid part then."""

    job: str
    parameters: int = 0
    macs: int = 0
    memory: Memory = Memory()
    outputs: tuple[Named, ...] = ()
    problem: str = ""
