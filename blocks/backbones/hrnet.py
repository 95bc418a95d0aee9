"""High-resolution backbones (HRNet)."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import PYRAMID
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages.hrnet import DEPTH, HRNET, KEPT, HighResolutionModule, HighResolutionTransition
from blocks.stages.residual import ResidualStage


@block(
    "High-resolution backbone", category="Backbone", paper=HRNET, icon="boxes",
    helps="Human poses, facial landmarks, street scenes: the finest branch is never rebuilt from a coarse one, and "
          "all four branches come out as a pyramid.",
    hurts="Fine branches to the end cost much memory in training, and several small branches at a time leave a GPU "
          "idle. For whole images or for boxes a ResNet, with FPN, is as good and faster.",
    aliases=("hrnet", "pose", "segmentation", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    width=setting("Channels of the finest branch; each coarser one has twice as many as the one before.", min=1,
                  shown=True),
    modules=setting("How many times branches work and exchange: first with two branches, then with one more each.",
                    min=1, max=100, shown=True),
    depth=DEPTH,
    first_depth=setting("Bottlenecks of the first stage, which has a single branch.", min=1, max=1000),
    first_width=setting("Channels of the 3x3 convolutions of the first stage.", min=1),
    attention=ATTENTION, activation=ACTIVATION, levels=KEPT,
)  # fmt: skip
class HRNetBackbone(nn.Module):
    """Keep a fine branch to the end, begin coarser ones beside it, and let all exchange what they see.

    Other backbones get smaller and smaller; this one never loses the places of things, which serves poses and
    segmentation. Its stem leaves a quarter of the image, the size of the first level. The default is a small one.
    """

    def __init__(
        self,
        C: int,
        width: int = 16,
        modules: tuple[int, ...] = (1, 1, 1),
        depth: int = 2,
        first_depth: int = 1,
        first_width: int = 32,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        if not modules:
            raise ValueError("modules has no number, but it needs one or more: 1, 4, 3, say")
        self.stage1 = ResidualStage(
            C, first_width, first_depth, kind="bottleneck", attention=attention, activation=activation
        )
        widths = [self.stage1.channels]
        self.transitions = nn.ModuleList()
        self.stages = nn.ModuleList()
        for stage, count in enumerate(modules, 2):
            before, widths = widths, [width * 2**i for i in range(stage)]
            self.transitions.append(HighResolutionTransition(before, tuple(widths), activation))
            last = [()] * (count - 1) + [levels if stage > len(modules) else ()]
            self.stages.append(
                nn.ModuleList(HighResolutionModule(widths, depth, attention, activation, only) for only in last)
            )

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        branches = [self.stage1(x)]
        for transition, modules in zip(self.transitions, self.stages, strict=True):
            branches = transition(branches)
            for module in modules.children():
                branches = module(branches)
        return branches
