"""Branches side by side, from a table: what Inception modules are made of. Not a block itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from blocks.layers.activation import Activation
from blocks.layers.composite import ConvNormAct
from blocks.layers.normalisation import Norm
from blocks.layers.pooling import AvgPool2d, MaxPool2d
from blocks.layers.sizes import Size


class Conv(NamedTuple):
    """A convolution of a branch; `valid` ones have no padding."""

    channels: int
    kernel: Size = 1
    stride: int = 1
    valid: bool = False


class Pool(NamedTuple):
    """A 3x3 pool of a branch. `edges`: an average counts the zeros at the edges; `padded`: so is one that strides."""

    kind: str
    stride: int = 1
    edges: bool = True
    padded: bool = False


class Fork(NamedTuple):
    """Convolutions side by side at the end of a branch."""

    convs: tuple[Conv, ...]


Branch = Sequence[Conv | Pool | Fork]


class Look(NamedTuple):
    """How every convolution of a module is finished."""

    norm: Norm = "batch"
    activation: Activation = "relu"
    eps: float = 1e-3


class Branches(nn.Module):
    """Runs branches on one input and puts their channels behind one another; `channels` come out."""

    def __init__(self, C: int, branches: Sequence[Branch], look: Look) -> None:
        super().__init__()
        rows, counts = zip(*(_row(C, branch, look) for branch in branches), strict=True)
        self.branches = nn.ModuleList(rows)
        self.channels = sum(counts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


def _row(C: int, branch: Branch, look: Look) -> tuple[nn.Module, int]:
    modules: list[nn.Module] = []
    for part in branch:
        match part:
            case Conv():
                padding = 0 if part.valid else None
                modules.append(_conv(C, part, padding, look))
                C = part.channels
            case Pool():
                padding = 1 if part.stride == 1 or part.padded else 0
                modules.append(
                    MaxPool2d(3, part.stride, padding)
                    if part.kind == "max"
                    else AvgPool2d(3, part.stride, padding, count_include_pad=part.edges)
                )
            case Fork():
                fork = Branches(C, [(conv,) for conv in part.convs], look)
                modules.append(fork)
                C = fork.channels
    return (modules[0] if len(modules) == 1 else nn.Sequential(*modules)), C


def _conv(C: int, conv: Conv, padding: int | None, look: Look) -> nn.Module:
    return ConvNormAct(
        C, conv.channels, conv.kernel, conv.stride, padding, norm=look.norm, activation=look.activation, eps=look.eps
    )
