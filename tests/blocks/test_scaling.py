"""The connectors between a neck's levels: sizes and parameters as their references have them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks.connectors.scaling import BiFusion, ConvDown, DeformDown


def count(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_bifusion_is_yolov6s() -> None:
    """The first fusion of YOLOv6-s: 128, 256 and 128 channels come in, 128 out."""
    block = BiFusion([128, 256, 128], 128)
    norms = 4 * 2 * 128
    up = 4 * 128 * 128 + 128
    convolutions = 256 * 128 + 128 * 128 + 9 * 128 * 128 + 3 * 128 * 128
    assert count(block) == up + convolutions + norms
    fine, middle, coarse = torch.randn(1, 128, 32, 40), torch.randn(1, 256, 16, 20), torch.randn(1, 128, 8, 10)
    assert block(fine, middle, coarse).shape == (1, 128, 16, 20)


@pytest.mark.parametrize("make", [ConvDown, DeformDown])
def test_a_map_is_halved_and_keeps_its_channels(make: type[nn.Module]) -> None:
    assert make(6)(torch.randn(2, 6, 9, 12)).shape == (2, 6, 5, 6)
    assert make(6, 8)(torch.randn(2, 6, 9, 12)).shape == (2, 8, 5, 6)


def test_a_new_deformable_convolution_down_is_a_half_of_a_plain_one() -> None:
    """Offsets begin at 0 and every point counts for a half."""
    block = DeformDown(4, activation="none").eval()
    x = torch.randn(1, 4, 7, 6)
    plain = nn.functional.conv2d(x, block.conv.weight, stride=2, padding=1) / 2
    torch.testing.assert_close(block(x), plain / (1 + block.norm.eps) ** 0.5, rtol=1e-4, atol=1e-5)
