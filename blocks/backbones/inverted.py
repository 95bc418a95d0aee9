"""What the networks of inverted residual blocks have in common: a table of rows, scaled in width and depth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Literal, NamedTuple

from torch import nn

from blocks.backbones.base import Stage
from blocks.declare import setting
from blocks.layers.activation import Activation
from blocks.layers.sizes import rounded
from blocks.stages.inverted import FusedInvertedResidual, InvertedResidual

SCALE = setting("All channels are multiplied by this and rounded to a multiple of 8.", min=0.01, shown=True)
DEPTH = setting("The number of blocks of each stage is multiplied by this and rounded up.", min=0.01, shown=True)
OUTPUT_STRIDE = setting("The last stages widen their windows rather than go below this share of the image.", min=2)
DROP_PATH = setting(
    "The share of samples for which the last block is left out in training; less for those before it.", min=0, max=1
)  # fmt: skip
SPLIT = setting("Count the first block of a stage and those after it as two stages, so that levels can name it.")


class Row(NamedTuple):
    """A stage as the papers' tables list it. `widths` gives the channels inside each block, else `expansion` does."""

    channels: int
    depth: int = 1
    stride: int = 1
    kernel_size: int = 3
    expansion: float = 6.0
    squeeze: bool = False
    kind: Literal["inverted", "fused"] = "inverted"
    widths: tuple[int, ...] = ()
    activation: Activation | None = None


def quarter(C: int, middle: int) -> int:
    """The usual width of squeeze-and-excitation: a quarter of what comes into the block."""
    return max(C // 4, 1)


def inverted_stages(
    C: int,
    rows: Sequence[Row],
    activation: Activation,
    *,
    width: float = 1.0,
    depth: float = 1.0,
    output_stride: int = 32,
    drop_path: float = 0.0,
    squeeze: Callable[[int, int], int] = quarter,
    make: Callable[..., nn.Module] = InvertedResidual,
    eps: float = 1e-5,
    momentum: float = 0.1,
) -> list[Stage]:
    """The stages of a table. `squeeze` gives the attention's width from the channels before and inside a block."""
    stages: list[Stage] = []
    depths = [len(row.widths) or ceil(row.depth * depth) for row in rows]
    reached, dilation, done = 2, 1, 0  # the stem leaves half of the image
    for row, count in zip(rows, depths, strict=True):
        channels, bend, stride = rounded(row.channels * width), row.activation or activation, row.stride
        if reached * stride > output_stride:
            stride, dilation = 1, dilation * stride
        reached *= stride
        blocks: list[nn.Module] = []
        for i in range(count):
            step, drop = (1 if i else stride), drop_path * done / sum(depths)
            done += 1
            inside = rounded(row.widths[i] * width) if row.widths else None
            if row.kind == "fused":
                blocks.append(
                    FusedInvertedResidual(
                        C, channels, row.expansion, inside, row.kernel_size, step, bend, drop, eps, momentum
                    )
                )
            else:
                middle = inside or (C if row.expansion == 1 else rounded(C * row.expansion))
                gate = squeeze(C, middle) if row.squeeze else 0
                blocks.append(make(
                    C, channels, width=middle, kernel_size=row.kernel_size, stride=step, dilation=dilation,
                    squeeze=gate, activation=bend, drop_path=drop, eps=eps, momentum=momentum,
                ))  # fmt: skip
            C = channels
        stages.append(Stage(blocks, stride, channels))
    return stages


def split_stages(stages: Sequence[Stage]) -> list[Stage]:
    """Every stage of several blocks as two: its first block, which may make the image smaller, and the others."""
    parts = []
    for stage in stages:
        parts.append(stage._replace(blocks=stage.blocks[:1]))
        if len(stage.blocks) > 1:
            parts.append(Stage(stage.blocks[1:], 1, stage.channels))
    return parts
