"""What crosses between the window and an engine while a wire is drawn: what would come out if it were let go here?"""

from __future__ import annotations

import msgspec

from app.design.values import Design
from app.messages.reports import PortShape


class TryOut(msgspec.Struct, frozen=True, tag=True):
    """Ask what the node at the path `id` would give in `design`, which is the drawing with the wire already in it."""

    job: str
    design: Design
    id: str
    variant: str = ""


class TriedOut(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to TryOut: what comes out, or in a sentence why nothing does. Neither where more wires are needed."""

    job: str
    outputs: tuple[PortShape, ...] = ()
    sentence: str = ""
