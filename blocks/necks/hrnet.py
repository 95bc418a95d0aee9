"""From the branches of a high-resolution network to one feature map."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.hrnet import HRNET
from blocks.stages.residual import Bottleneck

LEVELS = port("[B c h w]", "Levels, finest first, each half the size of the one before.")


@block(
    "Widen levels", category="Neck", paper=HRNET, icon="pyramid", aliases=("hrnet", "increase", "bottleneck"),
    helps="Classification with HRNet: branches of 18 to 144 channels become 128 to 1024 before Gather levels "
          "downwards adds them.",
    hurts="Dense heads do not need it: at the finest size the bottlenecks cost more than they bring. It mixes nothing "
          "between levels; to bring all to one width FPN does it with an exchange.",
    inputs={"x": LEVELS}, outputs={"out": port("[B c h w]", "As many levels of the same sizes with more channels.")},
    channels=setting("Channels of the finest level; each coarser one has twice as many as the one before.", min=4,
                     shown=True),
    activation=ACTIVATION,
)  # fmt: skip
class WidenLevels(nn.Module):
    """Bring each level to more channels by a bottleneck of its own.

    The branches of a high-resolution network are slim; a classifier needs more.
    """

    def __init__(self, c: list[int], channels: int = 128, activation: Activation = "relu") -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            Bottleneck(C, channels * 2**i, activation=activation) for i, C in enumerate(c)
        )  # fmt: skip

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        return [widen(x[i]) for i, widen in enumerate(self.levels)]


@block(
    "Gather levels downwards", category="Neck", paper=HRNET, icon="pyramid",
    helps="HRNet classifiers, or any pyramid whose fine levels hold what decides: the coarsest map that comes out has "
          "heard of all.",
    hurts="Places are lost, so it is no neck for segmentation or boxes: there go the other way by FPN or U-Net "
          "decoder. A plain ResNet's last level needs none of it, as it has passed all stages already.",
    aliases=("hrnet", "aggregate", "bottom-up", "classifier"),
    inputs={"x": LEVELS}, outputs={"out": port("B K H W", "One feature map of the coarsest level's size.")},
    channels=setting("How many channels come out.", min=1, shown=True), activation=ACTIVATION,
    exempt={"gradient": "a batch norm follows its biases, as published, and takes their gradient away in training"},
)  # fmt: skip
class GatherDown(nn.Module):
    """Add each level, halved by a 3x3 convolution, to the next coarser one; a 1x1 convolution ends it.

    So a classifier hears of every level, not of the coarsest alone.
    """

    def __init__(self, c: list[int], channels: int = 2048, activation: Activation = "relu") -> None:
        super().__init__()
        self.downs = nn.ModuleList(
            ConvNormAct(fine, coarse, 3, 2, activation=activation, bias=True) for fine, coarse in pairwise(c)
        )
        self.project = ConvNormAct(c[-1], channels, 1, activation=activation, bias=True)

    def forward(self, x: Sequence[torch.Tensor]) -> torch.Tensor:
        y = x[0]
        for i, halve in enumerate(self.downs, 1):
            y = x[i] + halve(y)
        return self.project(y)
