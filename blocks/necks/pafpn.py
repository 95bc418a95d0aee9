"""Necks with a second way, from the fine levels back to the coarse ones: PAFPN and the CSP-PAN of YOLO."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from blocks.backbones.yolo import KIND
from blocks.declare import block, port, setting
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import MaxPool2d
from blocks.layers.shape import Interpolate
from blocks.necks.fpn import FPN
from blocks.necks.levels import SEVERAL_LEVELS_IN
from blocks.stages.yolo import V8, YoloStage, conv, make_stage

_PANET = "Liu et al. 2018, arXiv:1803.01534"


@block(
    "PAFPN", category="Neck", paper=_PANET, icon="pyramid",
    helps="Detection and instance segmentation where large objects profit from sharp edges: it won COCO's instance "
          "segmentation in 2017 as PANet, and two-stage heads take its levels as those of FPN.",
    hurts="A second round of 3x3 convolutions costs time for less than a point of AP over FPN in the paper. Its sums "
          "want equal channels: CSP-PAN keeps each level's own and suits YOLO heads.",
    aliases=("panet", "path aggregation", "feature pyramid", "bottom-up"), inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "As many levels of the same sizes, all with `channels` channels.")},
    channels=setting("Channels of every level that comes out.", min=1, shown=True),
    extra=setting("Add a coarser level of every other place of the last, as Faster R-CNN has it."),
)  # fmt: skip
class PAFPN(nn.Module):
    """A feature pyramid network with a second way: what the fine levels know is carried up to the coarse ones again.

    On the way back each level is made smaller by a 3x3 convolution with stride 2, added to the next coarser one, and
    smoothed by a 3x3 convolution. Edges then reach the coarse levels by a short path.
    """

    def __init__(self, c: list[int], channels: int = 256, extra: bool = False) -> None:
        super().__init__()
        self.fpn = FPN(c, channels)
        self.downs = nn.ModuleList(Conv2d(channels, channels, 3, 2) for _ in c[1:])
        self.smooths = nn.ModuleList(Conv2d(channels, channels) for _ in c[1:])
        self.resize = Interpolate(mode="nearest")  # for backbones without padding, whose levels are no exact halves
        self.pool = MaxPool2d(1, 2) if extra else None

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        top_down = self.fpn(list(x))
        now = top_down[0]
        levels = [now]
        for i, (down, smooth) in enumerate(zip(self.downs, self.smooths, strict=True), 1):
            now = top_down[i] + self.resize(down(now), top_down[i])
            levels.append(smooth(now))
        if self.pool is not None:
            levels.append(self.pool(levels[-1]))
        return levels


@block(
    "CSP-PAN", category="Neck", paper=V8, icon="pyramid",
    helps="With YOLO backbone and YOLOv8 head, after SPPF: every level keeps the channels of its stage, and joining "
          "lets the stage choose what to take from whom.",
    hurts="Joined levels double the channels each stage sees, so with wide ResNet levels of 512 to 2048 it gets far "
          "dearer than FPN at 256. Heads that share weights, FCOS or RetinaNet, want one width.",
    aliases=("yolov8", "yolov5", "pan", "path aggregation", "feature pyramid", "c2f"), inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "As many levels of the same sizes and channels.")},
    kind=KIND,
    depth=setting("Blocks of each stage: 1 for n and s, 2 for m, 3 for l and x.", min=1, max=100, shown=True),
    reduce=setting(
        "Bring a level to the channels of the next finer one before it is enlarged, and join that on the way back, as "
        "YOLOv5 does."
    ),
)  # fmt: skip
class CSPPAN(nn.Module):
    """The neck of the YOLO family: from coarse to fine and back, joining levels and passing each through a stage.

    Unlike in PAFPN levels are joined, not added, and may keep channels of their own. Partial stages without inner
    connections mix what was joined.
    """

    def __init__(self, c: list[int], kind: YoloStage = "c2f", depth: int = 1, reduce: bool = False) -> None:
        super().__init__()
        self.upsample = Interpolate(mode="nearest")
        self.reduces, self.ups, self.downs, self.stages = (nn.ModuleList() for _ in range(4))
        for fine, coarse in zip(c[-2::-1], c[:0:-1], strict=True):  # from coarse to fine
            if reduce:
                self.reduces.append(conv(coarse, fine))
            self.ups.append(make_stage(kind, (fine if reduce else coarse) + fine, fine, depth, False))
        for fine, coarse in pairwise(c):
            self.downs.append(conv(fine, fine, 3, 2))
            self.stages.append(make_stage(kind, fine + (fine if reduce else coarse), coarse, depth, False))

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        now = x[-1]
        kept: list[torch.Tensor] = []
        for i, (up, fine) in enumerate(zip(self.ups, x[-2::-1], strict=True)):
            if self.reduces:
                now = self.reduces[i](now)
            kept.append(now)
            now = up(torch.cat([self.upsample(now, fine), fine], 1))
        levels = [now]
        for down, stage, coarse in zip(self.downs, self.stages, reversed(kept), strict=True):
            # levels of backbones without padding are no exact halves
            levels.append(stage(torch.cat([self.upsample(down(levels[-1]), coarse), coarse], 1)))
        return levels
