"""The drawing as PyTorch code, for the window to show beside the canvas."""

from __future__ import annotations

import msgspec

from app.design.values import Design


class GetCode(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """Ask for the design as a module that needs only torch. `name` is what the design is called: its class follows."""

    job: str
    design: Design
    variant: str = ""
    name: str = "Network"


class Code(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to GetCode. Where the design has errors there is no text, and `problem` says why."""

    job: str
    text: str
    places: dict[str, tuple[int, ...]] = {}
    """Which lines (from 1) stand for a node: by its id, in a Group behind the Group's name (`Encoder/conv`)."""
    name: str = ""
    """The design's class."""
    problem: str = ""
