"""Deformable attention against plain loops over tokens, heads, levels and points."""

from __future__ import annotations

import math

import pytest
import torch

from blocks.attention.deformable import (
    DeformableAttention,
    DistanceBias,
    MultiScaleDeformableAttention,
    ReferencePoints,
    SampleMap,
    SamplePyramid,
)
from blocks.connectors.pyramid import JoinLevels

SIZES = ((6, 5), (3, 3), (2, 1))


def blended(grid: torch.Tensor, y: float, x: float) -> torch.Tensor:
    """What lies between the four places around (y, x) of (C, H, W); zeros outside."""
    found = torch.zeros(grid.shape[0])
    for row, column in ((math.floor(y) + i, math.floor(x) + j) for i in (0, 1) for j in (0, 1)):
        if 0 <= row < grid.shape[1] and 0 <= column < grid.shape[2]:
            found += grid[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return found


@pytest.mark.parametrize("known", [2, 4], ids=["points", "boxes"])
def test_a_pyramid_is_sampled_as_a_loop_does_it(known: int) -> None:
    heads, points, tokens, channels = 2, 3, 4, 6
    count = heads * len(SIZES) * points
    reference = torch.rand(2, tokens, known)
    offset, weight = torch.randn(2, tokens, 2 * count), torch.randn(2, tokens, count)
    values = [torch.randn(2, channels, *size) for size in SIZES]
    got = SamplePyramid(heads, points)(reference, offset, weight, values)
    for b in range(2):
        for token in range(tokens):
            rows = []
            for head in range(heads):
                mine = slice(head * len(SIZES) * points, (head + 1) * len(SIZES) * points)
                shares = weight[b, token, mine].softmax(0)
                moves = offset[b, token].view(-1, 2)[mine]
                total = torch.zeros(channels // heads)
                for level, (height, width) in enumerate(SIZES):
                    grid = values[level][b].view(heads, -1, height, width)[head]
                    for point in range(points):
                        i = level * points + point
                        x, y = reference[b, token, :2].tolist()
                        right, down = moves[i].tolist()
                        if known == 2:
                            x, y = x * width + right, y * height + down
                        else:
                            wide, high = reference[b, token, 2:].tolist()
                            x = (x + right / points * wide / 2) * width
                            y = (y + down / points * high / 2) * height
                        total += shares[i] * blended(grid, y - 0.5, x - 0.5)
                rows.append(total)
            torch.testing.assert_close(got[b, token], torch.cat(rows), rtol=1e-4, atol=1e-5)


def test_the_places_of_a_pyramid_look_at_themselves() -> None:
    """With one point that does not move, the tokens of a pyramid get back what stands where they stand."""
    levels = [torch.randn(2, 4, *size) for size in SIZES[:1]]
    reference, tokens = ReferencePoints()(levels), JoinLevels()(levels).transpose(1, 2)
    nothing = torch.zeros(2, tokens.shape[1], 2)
    torch.testing.assert_close(SamplePyramid(1, 1)(reference, nothing, nothing[..., :1], levels), tokens)
    assert reference[0, 0].tolist() == pytest.approx([0.1, 1 / 12])  # x before y, the middle of the first place


def test_heads_begin_in_directions_of_their_own() -> None:
    block = MultiScaleDeformableAttention(8, 8, heads=4, points=2, levels=1)
    begin = block.sampling_offsets.bias.view(4, 2, 2)
    wanted = torch.tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1]])
    torch.testing.assert_close(begin, torch.stack((wanted, 2 * wanted), 1))


def test_wrong_offsets_are_refused_with_a_sentence() -> None:
    values = [torch.randn(1, 4, 3, 3)]
    with pytest.raises(ValueError, match="need 64 and 32"):
        SamplePyramid(4, 8)(torch.rand(1, 2, 2), torch.rand(1, 2, 6), torch.rand(1, 2, 3), values)
    with pytest.raises(ValueError, match=r"2 \(x, y\) or 4"):
        SamplePyramid(1, 1)(torch.rand(1, 2, 3), torch.rand(1, 2, 2), torch.rand(1, 2, 1), values)


@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_a_map_is_sampled_as_a_loop_does_it(reach: float) -> None:
    groups, (height, width), (rows, columns) = 2, (7, 6), (4, 3)
    x, offset = torch.randn(2, 4, height, width), torch.randn(2, 2 * groups, rows, columns)
    seen, at = SampleMap(groups, reach)(x, offset)
    for b in range(2):
        for group in range(groups):
            for i in range(rows):
                for j in range(columns):
                    down, right = offset[b, 2 * group : 2 * group + 2, i, j].tolist()
                    y, x_ = 2 * (i + 0.5) / (rows - 1) - 1, 2 * (j + 0.5) / (columns - 1) - 1
                    if reach:
                        y += math.tanh(down) * reach / (rows - 1)
                        x_ += math.tanh(right) * reach / (columns - 1)
                    else:
                        y, x_ = min(max(y + down, -1), 1), min(max(x_ + right, -1), 1)
                    assert at[b, 2 * group : 2 * group + 2, i, j].tolist() == pytest.approx([y, x_], abs=1e-5)
                    wanted = blended(
                        x[b, 2 * group : 2 * group + 2], (y + 1) / 2 * (height - 1), (x_ + 1) / 2 * (width - 1)
                    )
                    got = seen[b, 2 * group : 2 * group + 2, i, j]
                    torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-4)


def test_a_bias_is_read_off_the_table_by_distance() -> None:
    heads, (height, width) = 4, (5, 4)
    block = DistanceBias(height, width, heads)
    torch.nn.init.normal_(block.rpe_table)
    at = torch.rand(1, 4, 2, 3) * 2 - 1
    bias = block(torch.zeros(1, 8, height, width), at)
    for head in range(heads):
        y, x = at[0, 2 * (head // 2) : 2 * (head // 2) + 2].flatten(1)
        for place in range(height * width):
            i, j = 2 * (place // width) / (height - 1) - 1, 2 * (place % width) / (width - 1) - 1
            for point in range(6):
                down, right = ((i - y[point]) / 2 + 1) * (height - 1), ((j - x[point]) / 2 + 1) * (width - 1)
                wanted = blended(block.rpe_table[head : head + 1], float(down), float(right))
                torch.testing.assert_close(bias[0, head, place, point], wanted[0], rtol=1e-3, atol=1e-4)


def test_the_parameters_of_dats_third_stage() -> None:
    """DAT-tiny's third stage: 384 channels, 12 heads of 3 groups, keys as many as places, on a map of 14 by 14."""
    with torch.device("meta"):
        block = DeformableAttention(384, 14, 14, heads=12, groups=3, stride=1)
    around = 4 * (384 * 384 + 384)
    branch = 128 * 25 + 128 + 2 * 128 + 2 * 128
    assert sum(p.numel() for p in block.parameters()) == around + branch + 12 * 27 * 27
