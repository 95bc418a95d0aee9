"""What the contract's small samples cannot show of necks, heads and dilated backbones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks.backbones.residual import ResidualBackbone
from blocks.layers.convolution import Conv2d
from blocks.necks.context import ASPP
from blocks.necks.unet import UNetDecoder


def dilations(module: nn.Module) -> list[int]:
    return [part.dilation[0] for part in module.modules() if isinstance(part, Conv2d) and part.kernel_size == (3, 3)]


@pytest.mark.parametrize(("stride", "first", "wanted"), [
    (16, False, [1, 1, 2, 2]), (16, True, [2, 2, 2, 2]), (8, False, [2, 2, 4, 4]), (8, True, [4, 4, 4, 4]),
])  # fmt: skip
def test_a_stage_that_keeps_the_size_widens_its_windows(stride: int, first: bool, wanted: list[int]) -> None:
    backbone = ResidualBackbone(8, widths=(8, 8, 8, 8), output_stride=stride, dilate_first=first)
    assert dilations(backbone.stages[3]) == wanted
    assert backbone(torch.randn(1, 8, 64, 64))[-1].shape[2] == 64 * 4 // stride


def test_aspp_sees_as_far_as_its_rates_say() -> None:
    x = [torch.zeros(1, 4, 33, 33, requires_grad=True)]
    neck = ASPP([4], 4, rates=(2, 9), dropout=0.0).eval()
    neck.windows.apply(lambda m: nn.init.ones_(m.weight) if isinstance(m, nn.Conv2d) else None)
    middle = torch.stack([window.conv(x[0])[0, 0, 16, 16] for window in neck.windows]).sum()
    (seen,) = torch.autograd.grad(middle, x)
    rows = sorted(set(seen[0, 0].nonzero()[:, 0].tolist()))
    assert rows == [7, 14, 16, 18, 25]


def test_a_u_net_without_padding_loses_its_edges_as_published() -> None:
    sizes = [(64, 568), (128, 280), (256, 136), (512, 64), (1024, 28)]
    with torch.device("meta"):
        decoder = UNetDecoder([c for c, _ in sizes], (512, 256, 128, 64), 0, "transposed", "valid", norm="none")
        levels = decoder([torch.empty(1, c, n, n) for c, n in sizes])
    assert [tuple(level.shape[1:]) for level in levels] == [(64, 388, 388), (128, 196, 196), (256, 100, 100),
                                                           (512, 52, 52)]  # fmt: skip

