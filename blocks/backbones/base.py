"""What all backbones have in common: stages in a row, of which some are handed on as levels of a pyramid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from blocks.attention.choice import MapAttention, make_attention
from blocks.declare import port, setting

LEVELS = setting(
    "Which stages to hand on: 1 is the first, 0 what comes in; empty: the last one of each size. Stages after the last "
    "of them are left out.", min=0,
)  # fmt: skip
PYRAMID = port("[B c h w]", "The levels that you choose, finest first.")


class Stage(NamedTuple):
    """The blocks of one stage, in order; the step by which it makes the image smaller; its channels at the end."""

    blocks: Sequence[nn.Module]
    stride: int
    channels: int


class Backbone(nn.Module):
    """Runs its stages one after another and gives the chosen levels as a pyramid.

    A family's backbone is a table of numbers turned into `Stage`s. Keys read `stages.0.1.conv1...`: stage 1, block 2.
    A `pool` stands before the first stage: level 0 is what comes in, unpooled. With `attention` every block is
    followed by it; a family whose blocks hold theirs inside (as ResNets do, before the addition) passes it to them.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        levels: tuple[int, ...] = (),
        attention: MapAttention = "none",
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.pool = pool
        self.levels = chosen(stages, levels)
        kept = stages[: max(self.levels)]
        self.stages = nn.ModuleList(_row(_attended(stage, attention)) for stage in kept)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        reached = [x]
        if self.pool is not None:
            x = self.pool(x)
        for stage in self.stages:
            x = stage(x)
            reached.append(x)
        return [reached[level] for level in self.levels]


def chosen(stages: Sequence[Stage], levels: tuple[int, ...]) -> tuple[int, ...]:
    """The levels as they are, or with none given the last stage of each size. Raises ValueError where one is not."""
    if not stages:
        raise ValueError("the backbone has no stage, but it needs one or more: give it a depth and a width")
    count = len(stages)
    if not levels:
        return tuple(i + 1 for i in range(count) if i + 1 == count or stages[i + 1].stride > 1)
    if list(levels) != sorted(set(levels)) or levels[-1] > count:
        raise ValueError(
            f"levels is {', '.join(map(str, levels))}, but it needs numbers from 0 to {count}, the number of stages, "
            "each once and rising"
        )
    return levels


def _attended(stage: Stage, attention: MapAttention) -> list[nn.Module]:
    modules: list[nn.Module] = []
    for module in stage.blocks:
        modules.append(module)
        gate = make_attention(attention, stage.channels)
        if gate is not None:
            modules.append(gate)
    return modules


def _row(modules: list[nn.Module]) -> nn.Module:
    return modules[0] if len(modules) == 1 else nn.Sequential(*modules)
