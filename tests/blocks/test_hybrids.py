"""Attention of the hybrid networks and deformable convolution v3, held against plain loops and plain attention."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from blocks.attention.dcnv3 import DeformableAggregation, DeformConvV3
from blocks.attention.light import CMTAttention, PositionPairBias
from blocks.attention.patchwise import PatchAttend, SeparableAttend
from blocks.attention.reduction import Attend2d
from blocks.attention.routing import RoutedAttend
from blocks.layers.normalisation import GlobalResponseNorm
from blocks.stages.cmt import CMTStage


def maps(count: int, *shape: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def test_routes_to_all_regions_are_attention_to_all_places() -> None:
    q, k, v = maps(3, 2, 8, 6, 9)
    routed = RoutedAttend(heads=2, top_k=9, regions=3)(q, k, v)
    rescaled = q * (8**-0.5 / 4**-0.5)  # the scale is that of all channels, not of a head's
    torch.testing.assert_close(routed, Attend2d(heads=2)(rescaled, k, v))


def test_a_region_looks_at_the_regions_that_fit_it_and_at_no_other() -> None:
    q, k, v = maps(3, 1, 8, 4, 4)
    attend = RoutedAttend(heads=1, top_k=1, regions=2)
    means = [F.avg_pool2d(x, 2).flatten(2)[0].T for x in (q, k)]  # (regions, C)
    chosen = (means[0] @ means[1].T).argmax(1)
    for region in range(4):
        other = v.clone()
        row, column = divmod(int(chosen[region]), 2)
        other[:, :, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2] += 1
        moved = (attend(q, k, other) - attend(q, k, v)).abs().sum(1)[0]
        row, column = divmod(region, 2)
        assert (moved[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] > 0.1).all()
    with pytest.raises(ValueError, match="at most 4"):
        RoutedAttend(top_k=5, regions=2)


def test_places_look_at_their_likes_in_other_patches() -> None:
    q, k, v = maps(3, 2, 8, 6, 4)
    got = PatchAttend(heads=2, patch=2)(q, k, v)
    for row in (0, 1):
        for column in (0, 1):
            one = [x[:, :, row::2, column::2] for x in (q, k, v)]
            torch.testing.assert_close(got[:, :, row::2, column::2], Attend2d(heads=2)(*one))


def test_separable_attention_gives_every_place_the_weighed_sum_of_keys() -> None:
    k, v = maps(2, 2, 8, 6, 4)
    (q,) = maps(1, 2, 1, 6, 4)
    got = SeparableAttend(patch=2)(q, k, v)
    weights = q[:, :, 1::2, ::2].flatten(2).softmax(2)
    context = (k[:, :, 1::2, ::2].flatten(2) * weights).sum(2)
    torch.testing.assert_close(got[:, :, 1::2, ::2], v[:, :, 1::2, ::2].relu() * context[:, :, None, None])


def test_deformable_aggregation_sees_the_points_that_it_is_told() -> None:
    (x,) = maps(1, 1, 4, 5, 6)
    offset, weight = torch.zeros(1, 36, 5, 6), torch.full((1, 18, 5, 6), -100.0)
    weight[:, 7] = weight[:, 9 + 3] = 100.0  # down the columns: point 7 is right of the middle, 3 above it
    offset[:, 2 * 7] = 1.0  # and one further to the right
    offset[:, 18 + 2 * 3 + 1] = 0.5  # and half a place down
    got = DeformableAggregation(groups=2)(x, offset, weight)
    right = F.pad(x, (0, 2))[:, :2, :, 2:]
    above = F.pad(x, (0, 0, 1, 0))[:, 2:, :-1]
    torch.testing.assert_close(got[:, :2], right)
    torch.testing.assert_close(got[:, 2:], (above + x[:, 2:]) / 2)


def test_deformable_convolution_begins_as_a_mean_of_its_window() -> None:
    (x,) = maps(1, 2, 8, 5, 6)
    conv = DeformConvV3(8, groups=2)
    wanted = conv.output(F.avg_pool2d(conv.input(x), 3, 1, 1))
    torch.testing.assert_close(conv(x), wanted, rtol=1e-4, atol=1e-5)


def test_position_pairs_are_added_to_the_scores_shared_in_a_stage_and_resized() -> None:
    (x,) = maps(1, 2, 8, 4, 6)
    attention = CMTAttention(8, heads=2, reduction=2).eval()
    pairs = PositionPairBias(8, 4, 6, heads=2, reduction=2)
    with torch.no_grad():
        pairs.table.zero_()
        torch.testing.assert_close(attention(x, pairs(x)), attention(x))
        pairs.table[:, :, 1:] = -100.0
        only = attention.project(attention.value(attention.reduce(x))[:, :, :1, :1])  # type: ignore[misc]
        torch.testing.assert_close(attention(x, pairs(x)), only.expand(-1, -1, 4, 6), rtol=1e-4, atol=1e-5)
    assert pairs(torch.zeros(3, 8, 8, 12)).shape == (3, 2, 96, 24)
    with pytest.raises(ValueError, match="needs the sizes B x 2 x 24 x 6"):
        attention(x, pairs(torch.zeros(2, 8, 8, 12)))
    names = [name for name, _ in CMTStage(8, 8, 12, depth=3).named_parameters() if name.endswith("table")]
    assert names == ["positions.table"]


def test_global_response_norm_changes_nothing_at_first_and_then_favours_strong_channels() -> None:
    (x,) = maps(1, 2, 8, 5, 6)
    norm = GlobalResponseNorm(8)
    torch.testing.assert_close(norm(x), x)
    with torch.no_grad():
        norm.weight.fill_(1.0)
    strength = x.square().sum((2, 3)).sqrt()
    torch.testing.assert_close(norm(x), x * (1 + strength / strength.mean(1, keepdim=True))[:, :, None, None])
