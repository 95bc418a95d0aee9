"""Xception, as first published and as DeepLab aligned it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage, chosen
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS
from blocks.stages.separable import DepthwiseSeparable
from blocks.stages.xception import ALIGNED, XCEPTION, AlignedXceptionBlock, SeparableNorm, XceptionBlock

WIDTHS = setting("Channels of the stages of the entry flow, first to last; the middle flow has the last.", min=1)
MIDDLE = setting("Blocks of the middle flow, at one size.", min=0, max=1000, shown=True)
EXIT = setting("Channels of the exit flow: the block with the step, then the convolutions after it.", min=1)


@block(
    "Xception backbone", category="Backbone", paper=XCEPTION, icon="boxes", aliases=("separable", "depthwise"),
    helps="Classification at 299 pixels and detectors of forged faces, where it became the usual baseline: 79.0 % "
          "top-1 with 23 M weights.",
    hurts="Depthwise windows on 728 channels wait for memory on GPUs. For DeepLab take the aligned one; for phones a "
          "MobileNet; EfficientNet-B1 has its accuracy with a third of the weights.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    widths=WIDTHS, middle=MIDDLE, exit=EXIT, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class XceptionBackbone(Backbone):
    """Entry, middle and exit flow of Xception; each halving gives one level of a pyramid.

    All convolutions are split into depthwise and 1x1 ones, with connections around every two or three. Widths 128,
    256, 728 with 8 blocks between and the exit 1024, 1536, 2048 are the published network.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (64, 128, 256),
        middle: int = 2,
        exit: tuple[int, ...] = (384, 512),
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        _check(widths, exit)
        stages: list[Stage] = []
        for i, width in enumerate(widths):
            # the stem has just bent what comes in
            row: list[nn.Module] = [XceptionBlock(C, width, 2, 2, i > 0, False, attention, activation)]
            if i + 1 == len(widths):
                row += [XceptionBlock(width, width, 3, 1, True, False, attention, activation) for _ in range(middle)]
            stages.append(Stage(row, 2, width))
            C = width
        row = [XceptionBlock(C, exit[0], 2, 2, True, True, attention, activation)]
        row += [SeparableNorm(a, b, activation) for a, b in pairwise(exit)]
        stages.append(Stage(row, 2, exit[-1]))
        super().__init__(stages, levels)


@block(
    "Aligned Xception backbone", category="Backbone", paper=ALIGNED, icon="boxes",
    helps="DeepLabv3+ as published, with ASPP and its head: the levels are taken before each step, sharp, and the "
          "steps are learned convolutions.",
    hurts="Heavy and slow: Xception-65 has nearly 40 M weights, and no dilation can be set to keep the last maps "
          "finer. Residual backbone with output_stride 16 is the lighter base for DeepLab.",
    aliases=("xception41", "xception65", "xception71", "deeplab", "separable"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=setting("Blocks of each stage of the entry flow; the last of each takes the step.", min=1, shown=True),
    widths=WIDTHS, middle=MIDDLE, exit=EXIT, attention=ATTENTION, activation=ACTIVATION, eps=EPS, levels=LEVELS,
)  # fmt: skip
class AlignedXceptionBackbone(nn.Module):
    """Entry, middle and exit flow of the Xception that DeepLab uses; the levels are taken before each halving.

    Depths 1, 1, 1, widths 128, 256, 728, 16 blocks between and the exit 1024, 1536, 1536, 2048 make Xception-65;
    depths 1, 2, 2 Xception-71. A level has the size of what comes into its stage, with all that is known before the
    step is taken; the last level is what the exit gives.
    """

    stages: Any

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 1),
        widths: tuple[int, ...] = (64, 128, 256),
        middle: int = 2,
        exit: tuple[int, ...] = (384, 512, 512, 512),
        attention: MapAttention = "none",
        activation: Activation = "relu",
        eps: float = 1e-3,
        levels: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        _check(widths, exit)
        if len(depths) != len(widths):
            raise ValueError(
                f"depths has {len(depths)} stages and widths {len(widths)}, but both need the same number: "
                "give each stage a depth and a width"
            )
        stages: list[Stage] = []
        for depth, width in zip(depths, widths, strict=True):
            row: list[nn.Module] = []
            for i in range(depth):
                stride = 2 if i + 1 == depth else 1
                row.append(AlignedXceptionBlock(C, width, None, stride, attention, activation, eps))
                C = width
            stages.append(Stage(row, 2, width))
        row = [AlignedXceptionBlock(C, C, None, 1, attention, activation, eps) for _ in range(middle)]
        row.append(AlignedXceptionBlock(C, exit[0], (C, exit[0]), 2, attention, activation, eps))
        stages.append(Stage(row, 2, exit[0]))
        last = [DepthwiseSeparable(a, b, activation=activation, eps=eps) for a, b in pairwise(exit)]
        stages.append(Stage(last, 2, exit[-1]))
        self.levels = chosen(stages, levels)
        deepest = max(self.levels)
        self.stages = nn.ModuleList(nn.ModuleList(stage.blocks) for stage in stages[: min(deepest, len(stages) - 1)])
        if deepest == len(stages):
            self.exit: nn.Module | None = nn.Sequential(*last)
        else:
            self.exit = None
            if deepest:  # of the last block only what comes before its step is seen
                self.stages[-1][-1] = self.stages[-1][-1].fine

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        reached = [x]
        for stage in self.stages:
            fine = x
            for part in stage:
                if isinstance(part, AlignedXceptionBlock):
                    x, fine = part(x)
                else:
                    fine = part(x)
            reached.append(fine)
        if self.exit is not None:
            reached.append(self.exit(x))
        return [reached[level] for level in self.levels]


def _check(widths: tuple[int, ...], exit: tuple[int, ...]) -> None:
    if not widths or not exit:
        raise ValueError("widths and exit need one number or more each: give every stage its channels")
