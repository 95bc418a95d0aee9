"""Backbones: from an image's first feature maps to a pyramid of them."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages import RESNET, ResidualStage


@block(
    "Residual backbone", category="Backbone", paper=RESNET, icon="boxes", aliases=("resnet", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": port("[B c h w]", "One level a stage, finest first.")},
    widths=setting("Channels of each stage, first to last.", min=1, shown=True),
    depths=setting("Basic blocks of each stage, first to last.", min=1, max=1000, shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class ResidualBackbone(nn.Module):
    """The stages of a residual network; each gives one level of a pyramid.

    Every stage after the first halves height and width. Wire the pyramid to a neck such as FPN, or pick its last
    level for a plain classifier. The default is ResNet-18 without its stem.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (64, 128, 256, 512),
        depths: tuple[int, ...] = (2, 2, 2, 2),
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        if not widths or len(widths) != len(depths):
            raise ValueError(
                f"widths has {len(widths)} stages and depths {len(depths)}, but both need the same number, "
                "one or more: give each stage a width and a depth"
            )
        sources = (C, *widths[:-1])
        self.stages = nn.ModuleList(
            ResidualStage(source, width, depth, 2 if i else 1, activation)
            for i, (source, width, depth) in enumerate(zip(sources, widths, depths, strict=True))
        )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        levels = []
        for stage in self.stages:
            x = stage(x)
            levels.append(x)
        return levels
