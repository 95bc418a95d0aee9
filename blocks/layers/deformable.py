"""Convolutions whose windows bend to what they see."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.convolution import BIAS, DILATION, GROUPS, KERNEL, MAPS, OUT_CHANNELS, STRIDE, Conv2d, check_groups
from blocks.layers.initialisation import INIT, Init, initialise
from blocks.layers.sizes import Size, pair

Version = Literal["v1", "v2"]


@block(
    "Deformable conv 2d", category="Layer", paper="Zhu et al. 2018, arXiv:1811.11168", icon="spline",
    helps="Detection and segmentation of things whose shape and size vary, in late stages: DCNv2 puts it in place of "
          "the 3x3 convolutions of ResNet's last three stages.",
    hurts="All points are read before the product, which takes k x k times the input's memory, and reads at scattered "
          "places are slow on phones. The paper leaves the early stages to Conv 2d.",
    aliases=("dcn", "dcnv1", "dcnv2", "conv", "modulated", "offsets"),
    inputs={"x": port("B C%groups H W", "Feature maps.")}, outputs={"out": MAPS},
    out_channels=OUT_CHANNELS, kernel_size=KERNEL, stride=STRIDE,
    padding=setting("Zeros at each edge: half the kernel keeps the size.", min=0), dilation=DILATION, groups=GROUPS,
    offset_groups=setting("Into how many groups the channels are split that move their points together.", min=1),
    version=setting("`v2` also weighs each point by what it sees (modulated); `v1` only moves it.", shown=True),
    bias=BIAS, init=INIT,
    leaf="its windows are worked out from sizes and a learned field, which no drawing of layers says",
)  # fmt: skip
class DeformConv2d(nn.Module):
    """A convolution that moves each point of its window by a learned offset before it looks.

    A plain convolution of the same input tells every place where its points lie, so that windows follow an object's
    shape and size. Offsets begin at 0. Version 1 is Dai et al. 2017, arXiv:1703.06211; version 2 gives each point a
    weight from 0 to 1 too.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size = 1,
        dilation: Size = 1,
        groups: int = 1,
        offset_groups: int = 1,
        version: Version = "v2",
        bias: bool = True,
        init: Init = "default",
    ) -> None:
        super().__init__()
        check_groups(out_channels, groups)
        if C % offset_groups:
            raise ValueError(f"there are {C} channels, but they need a multiple of offset_groups = {offset_groups}")
        self.stride, self.padding, self.dilation = pair(stride), pair(padding), pair(dilation)
        self.groups = groups
        self.points = offset_groups * pair(kernel_size)[0] * pair(kernel_size)[1]
        fields = 3 if version == "v2" else 2
        self.conv_offset = Conv2d(
            C, fields * self.points, kernel_size, stride, padding, dilation=dilation, init="zero"
        )
        made = nn.Conv2d(C, out_channels, kernel_size, groups=groups, bias=bias)
        self.weight, self.bias = made.weight, made.bias
        initialise(self, init)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        field = self.conv_offset(x)
        offset, gate = field[:, : 2 * self.points], field[:, 2 * self.points :]
        return deform_conv2d(
            x, offset, self.weight, self.bias, gate.sigmoid() if gate.shape[1] else None,
            self.stride, self.padding, self.dilation, self.groups,
        )  # fmt: skip


def deform_conv2d(
    x: torch.Tensor, offset: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None,
    mask: torch.Tensor | None = None, stride: tuple[int, int] = (1, 1), padding: tuple[int, int] = (0, 0),
    dilation: tuple[int, int] = (1, 1), groups: int = 1,
) -> torch.Tensor:  # fmt: skip
    """The deformable convolution of `x` (B, C, H, W) with `weight` (K, C / groups, kh, kw).

    `offset` is (B, 2 * n * kh * kw, h, w): for each of n groups of channels and each point of the window how far it
    moves down and to the right; `mask` (B, n * kh * kw, h, w) multiplies what the points see. Outside lie zeros.
    """
    (kh, kw), (height, width), (h, w) = weight.shape[2:], x.shape[2:], offset.shape[2:]
    n = offset.shape[1] // (2 * kh * kw)
    moved = offset.unflatten(1, (n, kh * kw, 2))  # (B, n, k, 2, h, w)
    down = _line(kh, dilation[0], 0, x).repeat_interleave(kw)[:, None, None]
    right = _line(kw, dilation[1], 0, x).repeat(kh)[:, None, None]
    rows = moved[:, :, :, 0] + (down + _line(h, stride[0], -padding[0], x)[:, None])  # (B, n, k, h, w)
    columns = moved[:, :, :, 1] + (right + _line(w, stride[1], -padding[1], x))
    grid = torch.stack(((2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1), -1)
    grouped = x.unflatten(1, (n, -1)).flatten(0, 1)  # (B * n, C / n, H, W)
    seen = F.grid_sample(grouped, grid.flatten(0, 1).flatten(1, 2), align_corners=False)  # (B * n, C / n, k * h, w)
    seen = seen.unflatten(2, (kh * kw, h)).unflatten(0, (-1, n))  # (B, n, C / n, k, h, w)
    if mask is not None:
        seen = seen * mask.unflatten(1, (n, 1, kh * kw))
    seen = seen.flatten(1, 2).unflatten(2, (kh, kw)).permute(0, 1, 4, 2, 5, 3)  # (B, C, h, kh, w, kw)
    return F.conv2d(seen.flatten(4, 5).flatten(2, 3), weight, bias, stride=(kh, kw), groups=groups)


def _line(count: int, step: int, start: int, like: torch.Tensor) -> torch.Tensor:
    return torch.arange(count, dtype=like.dtype, device=like.device) * step + start
