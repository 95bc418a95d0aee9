"""The blocks of the YOLO family: partial stages of bottlenecks, with SiLU and the norms that all of them have."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.channels import SplitInTwo
from blocks.layers.composite import ConvNormAct
from blocks.stages.darknet import CHANNELS, DEPTH, MAPS, DarknetBlock
from blocks.stages.repvgg import RepVGGBlock

YoloStage = Literal["c2f", "c3"]

V5 = "Jocher et al. 2020, github.com/ultralytics/yolov5"
V8 = "Jocher et al. 2023, github.com/ultralytics/ultralytics"
NORMS = {"eps": 1e-3, "momentum": 0.03}
"""Of every batch norm in the family, from YOLOv5 on."""
SKIP = setting("Connect around each bottleneck; necks of the family leave it out.")
SHARE = setting("Channels of the bottlenecks, as a share of those that come out.", min=0.01, max=4)


def conv(
    C: int, channels: int, kernel_size: int = 1, stride: int = 1, groups: int = 1, activation: Activation = "silu"
) -> ConvNormAct:  # fmt: skip
    """The family's convolution: no bias, its norm, SiLU."""
    return ConvNormAct(C, channels, kernel_size, stride, groups=groups, activation=activation, **NORMS)  # type: ignore[arg-type]


@block(
    "Re-parameterised bottleneck", category="Backbone", paper="Wang et al. 2024, arXiv:2402.13616", icon="git-merge",
    helps="The bottlenecks of YOLOv9's stages, on the narrow channels inside them: the 1x1 branch helps training and "
          "is gone once folded.",
    hurts="At full width it has 18 C^2 weights and more, where a Darknet block with windows of 1 and 3 has 5 C^2. "
          "Unfolded it is slower than a plain pair of 3x3 convolutions.",
    aliases=("repconv", "yolov9", "gelan", "residual"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    skip=setting("Add what comes in to what comes out."),
)  # fmt: skip
class RepBottleneck(nn.Module):
    """Two 3x3 convolutions with a connection around them; the first has a 1x1 one beside it while it learns.

    The two that stand side by side can be folded into one after training. YOLOv9 has it in its stages.
    """

    def __init__(self, C: int, skip: bool = True) -> None:
        super().__init__()
        self.conv1 = RepVGGBlock(C, C, activation="silu", identity=False, **NORMS)  # type: ignore[arg-type]
        self.conv2 = conv(C, C, 3)
        self.skip = skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv2(self.conv1(x))
        return y + x if self.skip else y


@block(
    "C3", category="Backbone", paper=V5, icon="split", aliases=("csp", "yolov5", "cross stage partial", "repcsp"),
    helps="YOLOv5 and its many offshoots, and devices whose compilers want nothing but convolutions and one join. "
          "With `reparameterised` it is the inner stage of GELAN.",
    hurts="The last convolution hears of the final bottleneck alone; C2f joins all of them and is more accurate in "
          "detectors. At a depth of 1 nearly half of the weights are in the three 1x1 convolutions.",
    inputs={"x": "B C H W"}, outputs={"out": MAPS}, channels=CHANNELS, depth=DEPTH, skip=SKIP, share=SHARE,
    reparameterised=setting("Bottlenecks of two 3x3 convolutions, the first with a 1x1 one beside it (YOLOv9)."),
)  # fmt: skip
class C3(nn.Module):
    """Two 1x1 convolutions make two narrow views; one passes the bottlenecks, and a third joins both.

    The cross stage partial stage of YOLOv5. Half the channels go around the bottlenecks, which makes it cheap.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 1,
        skip: bool = True,
        share: float = 0.5,
        reparameterised: bool = False,
    ) -> None:
        super().__init__()
        width = max(int(channels * share), 1)
        self.conv1 = conv(C, width)
        self.conv2 = conv(C, width)
        self.blocks = nn.Sequential(
            *(
                RepBottleneck(width, skip)
                if reparameterised
                else DarknetBlock(width, width, (1, 3), skip, activation="silu", **NORMS)  # type: ignore[arg-type]
                for _ in range(depth)
            )
        )
        self.conv3 = conv(2 * width, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv3(torch.cat([self.blocks(self.conv1(x)), self.conv2(x)], 1))


@block(
    "C2f", category="Backbone", paper=V8, icon="split", aliases=("csp", "yolov8", "cross stage partial"),
    helps="The first choice in a YOLO-like backbone or neck: each bottleneck has a direct way to the loss, and one "
          "1x1 convolution does what two do in C3.",
    hurts="All 2 + depth parts are kept until the join, whose cost grows with the depth. Two 3x3 windows a bottleneck "
          "make it heavier than C3; YOLO11 made its bottlenecks narrower for that reason (C3k2).",
    inputs={"x": "B C H W"}, outputs={"out": MAPS}, channels=CHANNELS, depth=DEPTH, skip=SKIP, share=SHARE,
)  # fmt: skip
class C2f(nn.Module):
    """Split the channels, pass one half through bottlenecks, and join both halves with what each bottleneck gave.

    The stage of YOLOv8. Unlike in C3 the last convolution sees the result of every bottleneck, so that gradients reach
    each of them directly.
    """

    def __init__(
        self, C: int, channels: int = 64, depth: int = 1, skip: bool = True, share: float = 0.5
    ) -> None:
        super().__init__()
        width = max(int(channels * share), 1)
        self.conv1 = conv(C, 2 * width)
        self.split = SplitInTwo(2 * width)
        self.blocks = nn.ModuleList(
            DarknetBlock(width, width, (3, 3), skip, activation="silu", **NORMS)  # type: ignore[arg-type]
            for _ in range(depth)
        )
        self.conv2 = conv((2 + depth) * width, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first, second = self.split(self.conv1(x))
        seen = [first, second]
        for part in self.blocks:
            seen.append(part(seen[-1]))
        return self.conv2(torch.cat(seen, 1))


def make_stage(kind: YoloStage, C: int, channels: int, depth: int, skip: bool) -> nn.Module:
    """The stage of that name."""
    return (C2f if kind == "c2f" else C3)(C, channels, depth, skip)
