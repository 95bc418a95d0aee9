"""How a node's numbers come about: formulas in symbols and with the numbers put in, beside what the module gave."""

from __future__ import annotations

import re

import msgspec

from app.design.values import Design


class Reckon(msgspec.Struct, frozen=True, tag=True):
    """Ask how the numbers of the node `node`, in the Group `where` ("" for the top), come about."""

    job: str
    design: Design
    where: str
    node: str
    variant: str = ""


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number and the formula that gives it.

    `symbols` and `numbers` are arithmetic: names or numbers, `+ - * / ( )`, `floor`, `ceil`, `min`, `max`, `sqrt`. Both
    are empty where there is no formula but only what was measured. `of` says which output (a port, a level of a
    pyramid; "" where there is one); `part` is the path of the module inside that makes the number ("" for the block).
    """

    about: str
    """height, width, channels, parameters, MACs, neurons, weights, connections, ..."""
    symbols: str
    numbers: str
    result: int
    """What the formula gives; without a formula what was measured."""
    measured: int | None = None
    """What the module itself gave; None for what no run shows (connections, a convolution that is not there)."""
    of: str = ""
    part: str = ""
    note: str = ""

    @property
    def agrees(self) -> bool:
        """Whether nothing that was measured says otherwise."""
        return self.measured is None or self.measured == self.result

    @property
    def text(self) -> str:
        """`floor((224 + 2*3 - 7)/2) + 1 = 112`, with commas between thousands."""
        formula = f"{with_commas(self.numbers)} = " if self.numbers else ""
        return f"{formula}{self.result:,}"


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One module inside a composite block, or several equal ones: each has these parameters and MACs."""

    name: str
    """Its path in the block (`conv1.conv`), of several equal ones the first's."""
    kind: str
    """Its block or class."""
    times: int = 1
    parameters: int = 0
    macs: int = 0


class Curve(msgspec.Struct, frozen=True):
    """An activation and its derivative at the same places, as autograd gives it."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    slope: tuple[float, ...]


class Reckoning(msgspec.Struct, frozen=True, tag=True, omit_defaults=True):
    """The answer to Reckon. `sentence` says in words what the node does to shapes and what it costs; `curve` is there
    for activations, `parts` for what is made of modules."""

    job: str
    lines: tuple[Line, ...] = ()
    curve: Curve | None = None
    parts: tuple[Part, ...] = ()
    sentence: str = ""


def with_commas(text: str) -> str:
    """The text with commas between the thousands of its whole numbers."""
    return re.sub(r"(?<![\w.])\d{4,}(?![\w.])", lambda found: f"{int(found[0]):,}", text)
