"""Attention within windows, along axes, by sums and on smaller maps, against attention over all places with a mask."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.axial import AxialAttend
from blocks.attention.dual_resolution import RunAttend
from blocks.attention.linear_attention import LinearAttend2d
from blocks.attention.projections import KeysValues2d, QueriesKeysValues2d
from blocks.attention.reduction import Attend2d, SpatialReductionAttention
from blocks.attention.windows import CosineWindowAttend, CutToSize, WindowAttend, WindowAttention
from blocks.backbones.pvt import PyramidBackbone
from blocks.backbones.swin import SwinBackbone
from blocks.heads.segformer import SegFormerHead
from blocks.stages.feedforward import rates
from blocks.stages.pvt import LearnedPositions2d
from blocks.stages.swin import PatchMerging, SpaceToDepth

HEADS, C = 2, 8


def heads(x: torch.Tensor) -> torch.Tensor:
    """(B, C, H, W) -> (B, heads, places, D)"""
    return x.reshape(len(x), HEADS, C // HEADS, -1).transpose(2, 3)


def map_of(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return x.transpose(2, 3).reshape(len(x), C, height, width)


def maps(height: int, width: int, count: int = 3) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return list(torch.randn(count, 2, C, height, width, generator=generator, dtype=torch.float64))


def random(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    module = module.double().eval()
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return module


def in_full(
    core: nn.Module, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, window: int, shift: int
) -> torch.Tensor:
    """Window attention as attention over all places of a map, in which a mask leaves those of the same window."""
    height, width = q.shape[2:]
    by = [0 if size <= window else shift for size in (height, width)]
    at = torch.cartesian_prod(torch.arange(height), torch.arange(width))  # (places, 2)
    rolled = torch.stack([(at[:, axis] - by[axis]) % size for axis, size in enumerate((height, width))], 1)
    # What the shift brings from one edge to the other is not next to what it meets there.
    group = torch.cat([rolled // window, (at < torch.tensor(by)).long()], 1)
    together = (group[:, None] == group[None]).all(2)
    apart = (rolled[:, None] - rolled[None]).clamp(1 - window, window - 1) + window - 1
    distance = apart[..., 0] * (2 * window - 1) + apart[..., 1]
    q, k, v = map(heads, (q, k, v))
    if isinstance(core, CosineWindowAttend):
        scores = F.cosine_similarity(q[:, :, :, None], k[:, :, None], dim=-1)
        scores = scores * core.logit_scale.clamp(max=math.log(100)).exp()
    else:
        scores = q @ k.transpose(2, 3) / math.sqrt(C / HEADS)
    scores = scores + core.table()[distance].permute(2, 0, 1)  # type: ignore[operator]
    weights = scores.masked_fill(~together, -math.inf).softmax(-1)
    return map_of(weights @ v, height, width)


@pytest.mark.parametrize("core", [WindowAttend, CosineWindowAttend])
@pytest.mark.parametrize(
    ("height", "width", "shift"), [(8, 12, 0), (8, 12, 2), (8, 12, 1), (4, 12, 2), (8, 4, 2), (4, 4, 2)]
)
def test_windows_are_attention_with_a_mask(core: type[nn.Module], height: int, width: int, shift: int) -> None:
    module = random(core(C, HEADS, 4, shift))
    q, k, v = maps(height, width)
    torch.testing.assert_close(module(q, k, v), in_full(module, q, k, v, 4, shift))


@pytest.mark.parametrize("cosine", [False, True])
@pytest.mark.parametrize(("height", "width"), [(9, 6), (3, 7), (3, 3)])
def test_places_outside_an_uneven_map_take_part_with_the_biases_for_keys(cosine: bool, height: int, width: int) -> None:
    module = random(WindowAttention(C, HEADS, 4, 2, cosine))
    (x,) = maps(height, width, 1)
    padded = F.pad(x, (0, -width % 4, 0, -height % 4))
    bias = module.qkv.bias.clone()
    if cosine:
        bias[C : 2 * C] = 0
    q, k, v = F.conv2d(padded, module.qkv.weight, bias).chunk(3, 1)
    wanted = module.proj(in_full(module.attend, q, k, v, 4, 2))[:, :, :height, :width]
    torch.testing.assert_close(module(x), wanted)


def test_the_continuous_positions_are_those_of_swin_v2() -> None:
    """Distances from -3 to 3 at window 4 become sign(d) log2(1 + |8 d / 3|) / 3, so that the farthest is near 1."""
    core = CosineWindowAttend(C, HEADS, 4)
    assert core.coordinates.shape == (7, 7, 2)
    far = math.log2(9) / 3
    torch.testing.assert_close(core.coordinates[0, 6], torch.tensor([-far, far]))
    assert core.coordinates[3, 3].tolist() == [0, 0]
    assert core.logit_scale.exp().flatten().tolist() == pytest.approx([10, 10])


def test_wrong_windows_are_told() -> None:
    with pytest.raises(ValueError, match="shift is 4, but it needs less than the window of 4: use 2"):
        WindowAttention(C, HEADS, 4, 4)
    with pytest.raises(ValueError, match="`x` is 2x2 but `like` is 3x2: nothing can be cut off"):
        CutToSize()(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 3, 2))
    with pytest.raises(ValueError, match="head_width is 32, but the map has 48 channels"):
        SwinBackbone(48)


def test_space_to_depth_goes_down_before_it_goes_across() -> None:
    x = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    assert SpaceToDepth()(x).flatten().tolist() == [1, 3, 2, 4]
    assert PatchMerging(3)(torch.randn(1, 3, 5, 7)).shape == (1, 6, 3, 4)


def test_axial_attention_looks_along_one_line() -> None:
    q, k, v = maps(5, 3)
    at = torch.cartesian_prod(torch.arange(5), torch.arange(3))
    for axis, same in (("height", 1), ("width", 0)):
        mask = at[:, None, same] == at[None, :, same]
        wanted = F.scaled_dot_product_attention(*map(heads, (q, k, v)), attn_mask=mask)
        torch.testing.assert_close(AxialAttend(HEADS, axis)(q, k, v), map_of(wanted, 5, 3))  # type: ignore[arg-type]


def test_linear_attention_is_the_quadratic_one_with_its_kernel() -> None:
    q, k, v = maps(5, 3)
    weights = (F.elu(heads(q)) + 1) @ (F.elu(heads(k)) + 1).transpose(2, 3)
    wanted = weights / weights.sum(-1, keepdim=True) @ heads(v)
    torch.testing.assert_close(LinearAttend2d(HEADS)(q, k, v), map_of(wanted, 5, 3), rtol=1e-5, atol=1e-5)
    weights = heads(q).softmax(3) @ heads(k).softmax(2).transpose(2, 3)
    torch.testing.assert_close(LinearAttend2d(HEADS, "softmax")(q, k, v), map_of(weights @ heads(v), 5, 3))


def test_places_may_look_at_another_map() -> None:
    (q,), (k, v) = maps(5, 3, 1), maps(2, 4, 2)
    wanted = F.scaled_dot_product_attention(heads(q), heads(k), heads(v))
    torch.testing.assert_close(Attend2d(HEADS)(q, k, v), map_of(wanted, 5, 3))
    with pytest.raises(ValueError, match="`k` is 2x4 but `v` is 5x3"):
        Attend2d(HEADS)(q, k, q)


def test_spatial_reduction_sees_a_smaller_map_and_pooling_a_map_of_7_by_7() -> None:
    x = torch.randn(1, C, 28, 14)
    seen: list[torch.Size] = []
    for settings in ({}, {"kind": "pool"}, {"reduction": 1}):
        module = SpatialReductionAttention(C, HEADS, **settings)  # type: ignore[arg-type]
        module.kv.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))
        assert module(x).shape == x.shape
    assert seen == [(7, 3), (7, 7), (28, 14)]


def test_projections_are_one_convolution_cut_in_parts() -> None:
    (x,) = maps(5, 3, 1)
    for module, parts in ((QueriesKeysValues2d(C), 3), (KeysValues2d(C), 2)):
        module = module.double()
        given = F.conv2d(x, module.weight, module.bias)
        torch.testing.assert_close(torch.cat(module(x), 1), given)
        assert len(module(x)) == parts
    module = random(QueriesKeysValues2d(C, key_bias=False))
    torch.testing.assert_close(module(0 * x)[1], 0 * x)


def test_runs_stand_row_by_row_and_mix_nothing_else() -> None:
    module = random(RunAttend(C, 4, HEADS))
    (x,) = maps(2, 6, 1)
    out = module(x)
    x[:, :, 1, 5] += 1  # the last place of the third run
    changed = (module(x) - out).abs().sum((0, 1)).flatten() > 0
    assert changed.tolist() == [False] * 8 + [True] * 4


def test_learned_positions_fit_other_sizes() -> None:
    module = LearnedPositions2d(C, 4, 6)
    assert module.table.shape == (1, 24, C)
    zeros = torch.zeros(1, C, 4, 6)
    torch.testing.assert_close(module(zeros)[0, :, 1, 2], module.table[0, 8])
    assert module(torch.zeros(1, C, 8, 12)).shape == (1, C, 8, 12)


def test_heads_keep_their_width_and_the_pyramid_its_strides() -> None:
    backbone = PyramidBackbone(32, 32, 48)
    levels = backbone(torch.randn(1, 32, 32, 48))
    assert [tuple(level.shape[1:]) for level in levels] == [(32, 32, 48), (64, 16, 24), (160, 8, 12), (256, 4, 6)]
    with pytest.raises(ValueError, match="heads has 3 numbers and depths 4"):
        PyramidBackbone(32, 32, 48, heads=(1, 2, 4))
    with pytest.raises(ValueError, match="heads begins with 3, but the map has 32 channels"):
        PyramidBackbone(32, 32, 48, heads=(3, 6, 12, 24))


def test_drop_path_rises_from_the_first_block_of_all_to_the_last() -> None:
    (a, b), (c, d) = rates(0.3, (2, 2))
    assert (a, b, c, d) == pytest.approx((0, 0.1, 0.2, 0.3))
    assert rates(0.3, (1,)) == [(0.0, 0.0)]


def test_the_segformer_head_joins_the_coarsest_level_first() -> None:
    head = SegFormerHead([8, 16], classes=3, channels=4).eval()
    joined: list[torch.Tensor] = []
    head.fuse.register_forward_pre_hook(lambda _, inputs: joined.append(inputs[0]))
    levels = [torch.randn(1, 8, 6, 8), torch.randn(1, 16, 3, 4)]
    assert head(levels).shape == (1, 3, 6, 8)
    torch.testing.assert_close(joined[0][:, 4:], head.linear_c[0](levels[0]))
    assert head(levels, torch.ones(1, 3, 24, 32)).shape == (1, 3, 24, 32)
