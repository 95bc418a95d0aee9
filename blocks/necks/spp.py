"""Spatial pyramid pooling at one size, as detectors of the YOLO family have it on their coarsest level."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.composite import check_odd
from blocks.layers.pooling import MaxPool2d
from blocks.necks.levels import LEVELS_IN
from blocks.stages.yolo import V5, conv

_OUT = port("[B c h w]", "The same levels; the coarsest is the new one, with as many channels.")


@block(
    "SPP", category="Neck", paper="He et al. 2014, arXiv:1406.4729", icon="focus",
    helps="YOLOv3-SPP and YOLOv4, or windows of unrelated sizes such as 3, 7 and 11: the view grows at once without a "
          "stride or many weights.",
    hurts="For windows of 5, 9 and 13 SPPF gives the same with little more than a quarter of the comparisons. He's "
          "pool in the paper is another: for a vector of fixed length take Spatial pyramid pool.",
    aliases=("spatial pyramid pooling", "yolov3", "yolov4", "context"), inputs={"x": LEVELS_IN}, outputs={"out": _OUT},
    kernels=setting("Windows of the pools; odd.", min=1, shown=True),
)  # fmt: skip
class SPP(nn.Module):
    """Join the coarsest level with its maxima over windows of several sizes.

    So each place knows what is near it and what is farther off. A 1x1 convolution halves the channels before, another
    brings them back after. The finer levels are handed on as they are.
    """

    def __init__(self, c: list[int], kernels: tuple[int, ...] = (5, 9, 13)) -> None:
        super().__init__()
        check_odd("kernels", *kernels)
        width = max(c[-1] // 2, 1)
        self.conv1 = conv(c[-1], width)
        self.pools = nn.ModuleList(MaxPool2d(kernel, 1, kernel // 2) for kernel in kernels)
        self.conv2 = conv((len(kernels) + 1) * width, c[-1])

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        coarse = self.conv1(x[-1])
        seen = [coarse] + [pool(coarse) for pool in self.pools]
        return [*x[:-1], self.conv2(torch.cat(seen, 1))]


@block(
    "SPPF", category="Neck", paper=V5, icon="focus", aliases=("spatial pyramid pooling", "yolov5", "yolov8", "context"),
    helps="On the coarsest level of YOLOv5, v8 and their kin, before CSP-PAN: a cheap wider view that exports as "
          "three small max pools.",
    hurts="It knows maxima only, no means or directions, and its window reaches 13 places: scenes want PPM, "
          "segmentation ASPP. On maps of 3x3 and less all three pools see the same.",
    inputs={"x": LEVELS_IN}, outputs={"out": _OUT},
    kernel_size=setting("Window of the pool; odd.", min=1, shown=True),
    repeats=setting("How often the pool follows itself; each time it sees farther.", min=1, max=32),
)  # fmt: skip
class SPPF(nn.Module):
    """SPP with one small pool that follows itself, and the result of each time joined.

    Three pools of 5 in a row see as far as windows of 5, 9 and 13, for less work. The finer levels are handed on as
    they are.
    """

    def __init__(self, c: list[int], kernel_size: int = 5, repeats: int = 3) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        width = max(c[-1] // 2, 1)
        self.conv1 = conv(c[-1], width)
        self.pool = MaxPool2d(kernel_size, 1, kernel_size // 2)
        self.repeats = repeats
        self.conv2 = conv((repeats + 1) * width, c[-1])

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        seen = [self.conv1(x[-1])]
        for _ in range(self.repeats):
            seen.append(self.pool(seen[-1]))
        return [*x[:-1], self.conv2(torch.cat(seen, 1))]
