"""Connectors: where wires meet, and where a pyramid's levels part."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import pairwise
from operator import add

import torch
from torch import nn

from blocks.declare import block, port, setting

_FPN = "Lin et al. 2017, arXiv:1612.03144"


@block(
    "Add", category="Connector", paper="torch.add", icon="plus", aliases=("sum", "skip", "residual", "+"),
    inputs={"xs*2": port("number:*S", "Tensors of equal shape.")}, outputs={"out": "*S"},
)  # fmt: skip
class Add(nn.Module):
    """Add tensors of equal shape, place by place.

    It closes a residual connection: what goes around some layers is added to what they give, so they need to learn
    only the difference.
    """

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return reduce(add, xs)


@block(
    "Multiply", category="Connector", paper="torch.mul", icon="x", aliases=("gate", "scale", "mul", "product"),
    inputs={
        "x": port("number:B C *S", "What is scaled."),
        "gate": port(
            "number:B C *g", "By what: a number a channel (B x C or B x C x 1 x 1), or a value for every place."
        ),
    },
    outputs={"out": "B C *S"},
)  # fmt: skip
class Multiply(nn.Module):
    """Scale a tensor by a gate, channel by channel or place by place.

    With a sigmoid before the gate, the network decides from what it sees which channels to let through.
    """

    def forward(self, x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        if gate.dim() == 2:
            gate = gate.reshape(*gate.shape, *(1,) * (x.dim() - 2))
        if gate.dim() != x.dim() or any(g not in (1, s) for g, s in zip(gate.shape[2:], x.shape[2:], strict=True)):
            raise ValueError(
                f"`gate` is {_show(gate)} but `x` is {_show(x)}: a gate needs one number a channel or the same sizes"
            )
        return x * gate


@block(
    "Concat", category="Connector", paper="torch.cat", icon="combine", aliases=("join", "cat", "concatenate"),
    inputs={"xs*2": port("number:B c *S", "Tensors that differ in channels only.")},
    outputs={"out": port("B C *S", "All channels, in the order of the ports.")},
)  # fmt: skip
class Concat(nn.Module):
    """Put the channels of several tensors behind one another.

    Nothing is mixed: the next layer sees all of them and chooses. The other sizes must be equal.
    """

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        return torch.cat(xs, 1)


@block(
    "Pick level", category="Connector", paper=_FPN, icon="list", aliases=("pyramid", "select", "level"),
    inputs={"x": port("number:[B c h w]", "A pyramid, finest level first.")}, outputs={"out": "B C H W"},
    level=setting("Which level: 1 is the finest, -1 the coarsest.", min=-32, max=32, shown=True),
)  # fmt: skip
class PickLevel(nn.Module):
    """Take one level out of a pyramid.

    It leads from a backbone or a neck, which give several feature maps, to a block that takes a single one.
    """

    def __init__(self, c: list[int], level: int = 1) -> None:
        super().__init__()
        if level == 0 or abs(level) > len(c):
            raise ValueError(
                f"level is {level}, but the pyramid has {len(c)} level{'s' if len(c) > 1 else ''}: "
                f"use 1 (finest) to {len(c)}, or -1 for the coarsest"
            )
        self.index = level - 1 if level > 0 else level

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        return x[self.index]


@block(
    "Bundle levels", category="Connector", paper=_FPN, icon="pyramid", aliases=("pyramid", "levels", "collect"),
    inputs={"xs*": port("number:B c h w", "The levels, finest first.")},
    outputs={"out": port("[B c h w]", "A pyramid of them, finest level first.")},
)  # fmt: skip
class BundleLevels(nn.Module):
    """Make a pyramid of feature maps that you wire one by one, finest first.

    With it any stages become a backbone for a neck that takes a pyramid.
    """

    def forward(self, *xs: torch.Tensor) -> list[torch.Tensor]:
        for i, (fine, coarse) in enumerate(pairwise(xs), 1):
            if coarse.shape[2] > fine.shape[2] or coarse.shape[3] > fine.shape[3]:
                raise ValueError(
                    f"level {i + 1} is {_show(coarse)} but level {i} is {_show(fine)}: wire the finest level first"
                )
        return list(xs)


def _show(x: torch.Tensor) -> str:
    return "x".join(map(str, x.shape))
