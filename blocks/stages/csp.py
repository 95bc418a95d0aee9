"""Cross stage partial networks: only a part of the channels passes a stage's blocks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.channels import SplitInTwo
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.stages.darknet import CHANNELS, DEPTH, DROP_PATH, MAPS, STRIDE, DarknetBlock
from blocks.stages.residual import Bottleneck

CSPBlock = Literal["darknet", "bottleneck"]
CSPForm = Literal["csp", "csp3"]

CSP = "Wang et al. 2019, arXiv:1911.11929"
KIND = setting(
    "The blocks: `darknet` a 1x1 and a 3x3 convolution; `bottleneck` those of ResNet: 1x1, 3x3 and 1x1.", shown=True
)
FORM = setting(
    "`csp`: the second half passes the blocks and a 1x1 convolution, as published; `csp3`: the first half passes the "
    "blocks alone, one convolution less, as YOLOv5 has it.", shown=True,
)  # fmt: skip
WIDTH = setting("Channels within the blocks, as a share of those that pass them.", min=0.01, max=16)
EXPAND = setting("By how much the 1x1 convolution before the split multiplies `channels`.", min=0.1, max=16)
GROUPS = setting("Groups of the 3x3 convolutions: 32 with bottlenecks for a CSPResNeXt.", min=1)
GROW = setting("Bring the channels already by the convolution with the step, not by the one before the split.")
LINEAR = setting("Leave out the bend before the split.")


@block(
    "CSP stage", category="Backbone", paper=CSP, icon="split", aliases=("cross stage partial", "cspnet", "yolo", "c3"),
    helps="Where a detector's backbone has to get cheaper without losing accuracy: made partial, the paper's networks "
          "did with a fifth less computation on ImageNet at the same or better accuracy.",
    hurts="With one or two blocks the three 1x1 convolutions cost what the split saves: take a residual stage. Later "
          "YOLOs prefer C2f, whose join sees every block and not the last one alone.",
    inputs={"x": "B C H W"}, outputs={"out": MAPS}, channels=CHANNELS, depth=DEPTH, stride=STRIDE, kind=KIND, form=FORM,
    width=WIDTH, expand=EXPAND, groups=GROUPS, grow=GROW, linear=LINEAR, attention=ATTENTION, activation=ACTIVATION,
    drop_path=DROP_PATH,
)  # fmt: skip
class CSPStage(nn.Module):
    """Split the channels, send one half through the blocks, and join both again.

    What goes around keeps the gradient's path short, and the blocks cost half. Any stage can be made partial so: the
    accuracy stays and a good part of the work goes.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 1,
        stride: int = 2,
        kind: CSPBlock = "darknet",
        form: CSPForm = "csp",
        width: float = 1.0,
        expand: float = 1.0,
        groups: int = 1,
        grow: bool = False,
        linear: bool = False,
        attention: MapAttention = "none",
        activation: Activation = "leaky_relu",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        half = round(channels * expand) // 2
        if half < 1:
            raise ValueError(f"channels is {channels}, but both halves need one or more: use at least 2")
        self.down: nn.Module | None = None
        if stride > 1:
            grown = channels if grow else C
            self.down = ConvNormAct(C, grown, 3, stride, groups=groups, activation=activation)
            C = grown
        self.expand = ConvNormAct(C, 2 * half, 1, activation="none" if linear else activation)
        self.split = SplitInTwo(2 * half)
        middle = max(round(half * width), 1)
        self.blocks = nn.Sequential(
            *(
                DarknetBlock(
                    half, middle, groups=groups, attention=attention, activation=activation, drop_path=drop_path
                )
                if kind == "darknet"
                else Bottleneck(
                    half, half, middle, groups=groups, attention=attention, activation=activation, drop_path=drop_path
                )
                for _ in range(depth)
            )
        )
        self.after = ConvNormAct(half, half, 1, activation=activation) if form == "csp" else None
        self.join = ConvNormAct(2 * half, channels, 1, activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.down is not None:
            x = self.down(x)
        first, second = self.split(self.expand(x))
        if self.after is None:
            return self.join(torch.cat([self.blocks(first), second], 1))
        return self.join(torch.cat([first, self.after(self.blocks(second))], 1))
