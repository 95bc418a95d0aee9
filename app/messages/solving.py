"""What crosses between the window and an engine when a size is typed at a node: which settings would give it?"""

from __future__ import annotations

import msgspec

from app.design.changes import Change
from app.design.values import Design, Settings


class Solve(msgspec.Struct, frozen=True, tag=True):
    """Ask for the settings with which `port` of the node `node`, in the Group `where` ("" for the top), gives `wanted`.

    `wanted` has one size for each dimension behind the batch; None: any. Where several levels leave a port, the last
    and coarsest is meant. With `variant` the drawing is taken as that variant has it.
    """

    job: str
    design: Design
    where: str
    node: str
    port: str
    wanted: tuple[int | None, ...]
    variant: str = ""


class Solution(msgspec.Struct, frozen=True, omit_defaults=True):
    """Settings that give the wanted size. They were put into the drawing and the whole of it was run."""

    title: str
    """In words: `stride 2, padding 1`; with the names of the nodes where others than the asked one are changed."""
    settings: Settings
    """The settings that change and their new values; keys are `NODE.SETTING` where another node is changed."""
    changes: tuple[Change, ...]
    """The edits, to be made as one."""
    shape: tuple[int, ...]
    """What comes out then, the batch first."""
    parameters: int = 0
    """Change in the drawing's parameters."""
    macs: int = 0
    """Change in the drawing's multiply-adds."""
    errors: int = 0
    """How many errors the drawing would have that it does not have now, at later nodes mostly."""


class Solved(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to Solve: the simplest first, those that make new errors last.

    `sentence` says what is to be said besides: why there is none and which sizes are near, why other nodes are changed,
    that nothing is to be done.
    """

    job: str
    solutions: tuple[Solution, ...] = ()
    sentence: str = ""
