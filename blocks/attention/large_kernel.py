"""Attention by a large convolution, as VAN has it."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import GELU
from blocks.layers.composite import check_odd
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d

VAN = "Guo et al. 2022, arXiv:2202.09741"
KERNEL = setting("Height and width of the first, dense window; odd.", min=1, shown=True)
FAR_KERNEL = setting("Points along each side of the second, dilated window; odd.", min=1, shown=True)
DILATION = setting("Distance between the points of the second window.", min=1)


@block(
    "Large kernel attention", category="Attention", paper=VAN, icon="maximize",
    helps="A gate that sees 23 x 23 places for 5 x 5 + 7 x 7 + C weights a channel, as part of Visual attention or in "
          "a block of your own, at any map size and without positions.",
    hurts="The gate has no bound and is multiplied with what it came from, so that large values grow: norm before it, "
          "Layer scale 2d behind. Its weights do not depend on content; Window attention compares places.",
    aliases=("lka", "van", "spatial attention", "dilated", "gate"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=KERNEL, far_kernel=FAR_KERNEL, dilation=DILATION,
)  # fmt: skip
class LargeKernelAttention(nn.Module):
    """Scale every value by a gate that a large convolution computes from its surroundings.

    The large window is split in three: a depthwise convolution for what is near, a dilated depthwise one for what is
    far, and a 1x1 convolution across the channels. The defaults see 23 x 23 places. The gate has no bend.
    """

    def __init__(self, C: int, kernel_size: int = 5, far_kernel: int = 7, dilation: int = 3) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        check_odd("far_kernel", far_kernel)
        self.near = DepthwiseConv2d(C, kernel_size, padding=kernel_size // 2)
        self.far = DepthwiseConv2d(C, far_kernel, padding=dilation * (far_kernel // 2), dilation=dilation)
        self.mix = PointwiseConv2d(C, C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gate: torch.Tensor = self.mix(self.far(self.near(x)))
        return x * gate


@block(
    "Visual attention", category="Attention", paper=VAN, icon="maximize",
    helps="In the place of self-attention in a block with Batch norm 2d before it and Layer scale 2d behind: linear "
          "in H x W, no heads, no positions, convolutions only.",
    hurts="It brings its connection but no norm and no feed-forward: VAN block is complete. Dilated depthwise windows "
          "run slowly on GPUs for their MACs, and beyond 11 places to each side it needs depth.",
    aliases=("van", "large kernel", "lka", "gated"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    kernel_size=KERNEL, far_kernel=FAR_KERNEL, dilation=DILATION,
)  # fmt: skip
class VisualAttention(nn.Module):
    """Large kernel attention between two 1x1 convolutions, with a connection around them.

    It stands in the blocks of VAN where a transformer has self-attention; its cost grows only with the number of
    places.
    """

    def __init__(self, C: int, kernel_size: int = 5, far_kernel: int = 7, dilation: int = 3) -> None:
        super().__init__()
        self.project1 = PointwiseConv2d(C, C)
        self.act = GELU()
        self.gate = LargeKernelAttention(C, kernel_size, far_kernel, dilation)
        self.project2 = PointwiseConv2d(C, C)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.project2(self.gate(self.act(self.project1(x))))
        return x + y
