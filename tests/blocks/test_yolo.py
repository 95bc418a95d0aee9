"""Partial, dense and aggregated stages, necks and heads of detectors, against the papers' formulas and known counts."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from app.design.build import chain, node, wire
from app.engine.compile import compile_design, shared_analyser
from blocks.backbones.densenet import DenseBackbone
from blocks.backbones.xception import AlignedXceptionBackbone
from blocks.connectors.fusion import WeightedFusion
from blocks.connectors.pyramid import JoinLevels
from blocks.heads.yolo import DistributionIntegral, YOLOHead, YOLOSegmentationHead
from blocks.necks.bifpn import BiFPN, HalveOverlapping
from blocks.necks.pafpn import CSPPAN, PAFPN
from blocks.necks.spp import SPP, SPPF
from blocks.stages.csp import CSPStage
from blocks.stages.dense import DenseBlock
from blocks.stages.elan import ELAN, GELAN, MSBlock, RepHMS
from blocks.stages.yolo import C3, C2f


def parameters(block: nn.Module) -> int:
    return sum(p.numel() for p in block.parameters())


def pyramid(*channels: int, side: int = 32, batch: int = 1) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(batch, c, side >> i, side >> i, generator=generator) for i, c in enumerate(channels)]


@pytest.mark.parametrize(
    ("channels", "block", "count", "macs"),
    [
        (128, lambda: RepHMS(128, 96, 3, 1, 9, 3.0), 203_424, 313_344_000),
        (64, lambda: RepHMS(64, 64, 2, 1, 5, 3.0), 32_512, 48_435_200),
    ],
)
def test_rephms_is_as_large_as_its_authors_code(channels: int, block: type[nn.Module], count: int, macs: int) -> None:
    with torch.device("meta"):
        made = block()
        with FlopCounterMode(display=False) as counter:
            made(torch.empty(1, channels, 40, 40))
    assert parameters(made) == count
    assert counter.get_total_flops() // 2 == macs


def test_bifpn_is_as_large_as_that_of_efficientdet_d0() -> None:
    """3,880,067 less EfficientNet-B0's features and both heads."""
    assert parameters(BiFPN([40, 112, 320], channels=64, depth=3)) == 196_281


def test_bifpn_begins_with_plain_means_and_adds_coarser_levels() -> None:
    xs = [torch.randn(2, 3, 4, 4) for _ in range(3)]
    fusion = WeightedFusion(["a", "b", "c"])
    torch.testing.assert_close(fusion(*xs), sum(xs) / 3.0001, rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        fusion.weight.copy_(torch.tensor([-1.0, 1.0, 3.0]))  # a negative weight takes its tensor out
    torch.testing.assert_close(fusion(*xs), (xs[1] + 3 * xs[2]) / 4.0001, rtol=1e-6, atol=1e-6)
    shapes = [tuple(level.shape[1:]) for level in BiFPN([8, 16, 24], channels=12)(pyramid(8, 16, 24))]
    assert shapes == [(12, 32, 32), (12, 16, 16), (12, 8, 8), (12, 4, 4), (12, 2, 2)]


@pytest.mark.parametrize("side", [1, 6, 7])
def test_overlapping_halves_begin_where_tensorflow_has_them(side: int) -> None:
    x = torch.randn(1, 1, side, side)
    first = 0 if side % 2 == 0 else -1
    starts = range(first, side - 1 if side > 1 else 0, 2)
    windows = [
        [x[0, 0, max(i, 0) : i + 3, max(j, 0) : j + 3].max().item() for j in starts] for i in starts
    ]  # fmt: skip
    assert HalveOverlapping()(x)[0, 0].tolist() == windows


def test_pools_in_a_row_see_as_far_as_large_ones() -> None:
    fast, slow = SPPF([8, 16]).eval(), SPP([8, 16]).eval()
    slow.load_state_dict(fast.state_dict())
    x = pyramid(8, 16)
    assert torch.equal(fast(x)[-1], slow(x)[-1])
    assert fast(x)[0] is x[0]


def test_stages_are_as_large_as_those_of_their_networks() -> None:
    # as their authors' logs print them: YOLOv8n, layers 2 and 4; YOLOv5s, layer 2; YOLOv9-c, layer 2
    assert [parameters(C2f(32, 32)), parameters(C2f(64, 64, depth=2))] == [7_360, 49_664]
    assert parameters(C3(64, 64)) == 18_816
    assert parameters(GELAN(128, 256, 128, 64)) == 212_864
    # YOLOv7, layers 4 to 11: weights and norms of two 1x1, four 3x3 and one 1x1 convolution
    sizes = [(128, 64, 1)] * 2 + [(64, 64, 3)] * 4 + [(256, 256, 1)]
    assert parameters(ELAN(128, 256, 64)) == sum(c * k * size**2 + 2 * k for c, k, size in sizes)


def test_elan_joins_every_other_convolution_last_first() -> None:
    block = ELAN(6, 10, width=4, depth=4).eval()
    x = torch.randn(1, 6, 5, 5)
    first = block.first(x)
    row = [first]
    for layer in block.row:
        row.append(layer(row[-1]))
    assert torch.equal(block(x), block.join(torch.cat([row[4], row[2], first, block.around(x)], 1)))


def test_later_parts_of_an_msblock_hold_what_the_earlier_ones_gave() -> None:
    block = MSBlock(6, 8, kernels=(1, 3, 5), depth=1).eval()
    x = torch.randn(1, 6, 5, 5)
    parts = block.split(block.conv1(x))
    second = block.branches[1](parts[1] + parts[0])
    third = block.branches[2](parts[2] + second)
    assert torch.equal(block(x), block.conv2(torch.cat([parts[0], second, third], 1)))


def test_half_of_the_channels_go_around_the_blocks() -> None:
    for form, kept in (("csp", 0), ("csp3", 1)):
        stage = CSPStage(8, 8, form=form).eval()  # type: ignore[arg-type]
        seen: list[torch.Tensor] = []
        stage.blocks.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
        stage.join.register_forward_pre_hook(lambda _, args, seen=seen: seen.append(args[0]))
        stage(torch.randn(1, 8, 8, 8))
        halves = stage.split(stage.expand.forward(torch.randn(1, 8, 4, 4)))
        assert [h.shape[1] for h in halves] == [4, 4]
        assert not torch.equal(seen[1][:, 4 * kept : 4 * kept + 4], seen[0])


def test_a_dense_block_hands_all_on_and_its_last_level_may_stay_unbent() -> None:
    x = torch.randn(1, 8, 4, 4)
    out = DenseBlock(8, depth=3, growth=4).eval()(x)
    assert out.shape[1] == 8 + 3 * 4
    assert torch.equal(out[:, :8], x)
    image = torch.randn(2, 8, 16, 16)
    assert DenseBackbone(8, bent_last=False)(image)[-1].min() < 0 <= DenseBackbone(8)(image)[-1].min()


@pytest.mark.parametrize("levels", [(1,), (1, 3), (2, 4), (5,), (0, 1)])
def test_xception_holds_nothing_past_its_last_level(levels: tuple[int, ...]) -> None:
    whole = AlignedXceptionBackbone(8, depths=(1, 2, 1), middle=1).eval()
    part = AlignedXceptionBackbone(8, depths=(1, 2, 1), middle=1, levels=levels).eval()
    x = torch.randn(2, 8, 32, 32)
    given = part(x)
    sum(level.sum() for level in given).backward()  # type: ignore[union-attr]
    assert all(p.grad is not None for p in part.parameters())
    shapes = [tuple(x.shape)] + [tuple(level.shape) for level in whole(x)]
    assert [tuple(level.shape) for level in given] == [shapes[level] for level in levels]


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_necks_take_any_number_of_levels(levels: int) -> None:
    channels = [8, 12, 16, 20][:levels]
    x = pyramid(*channels, batch=2)
    for reduce in (False, True):
        assert [y.shape for y in CSPPAN(channels, reduce=reduce)(x)] == [level.shape for level in x]
    given = PAFPN(channels, 12, extra=True)(x)
    assert [tuple(y.shape[1:]) for y in given] == [(12, 32 >> i, 32 >> i) for i in range(levels + 1)]


def test_the_integral_is_the_mean_of_the_steps() -> None:
    scores = torch.randn(2, 4 * 5, 7)
    got = DistributionIntegral(20)(scores)
    for b, side, place in ((0, 0, 0), (1, 3, 6), (1, 2, 4)):
        chances = F.softmax(scores[b, 5 * side : 5 * side + 5, place], 0)
        assert got[b, place, side].item() == pytest.approx(sum(i * c.item() for i, c in enumerate(chances)), rel=1e-5)


def test_levels_are_joined_row_by_row() -> None:
    x = pyramid(3, 3, side=4)
    joined = JoinLevels()(x)
    assert joined.shape == (1, 3, 20)
    assert torch.equal(joined[0, :, 6], x[0][0, :, 1, 2])
    assert torch.equal(joined[0, :, 16 + 3], x[1][0, :, 1, 1])


@pytest.mark.parametrize("kind", [YOLOHead, YOLOSegmentationHead])
def test_all_of_a_head_learns_but_the_steps(kind: type[YOLOHead]) -> None:
    head = kind([8, 16, 24], [8, 16, 32], classes=5)
    outputs = head(pyramid(8, 16, 24, batch=2))
    assert [tuple(o.shape) for o in outputs[:3]] == [(2, 64, 1344), (2, 5, 1344), (2, 1344, 4)]
    sum(o.square().mean() for o in outputs).backward()
    still = [name for name, p in head.named_parameters() if p.grad is None]
    assert still == ["integral.weight"]
    assert not head.integral.weight.requires_grad
    begin = head.class_branches[1][-1].bias[0].item()  # type: ignore[index]
    assert begin == pytest.approx(math.log(5 / 5 / (640 / 16) ** 2), rel=1e-6)


def test_a_small_yolo_gives_detections() -> None:
    drawn = chain(
        node("image", "Input", size=(3, 64, 64)),
        node("stem", "ConvNormAct", channels=8, stride=(2, 2), activation="silu"),
        node("backbone", "YOLOBackbone", levels=(2, 3, 4)),
        node("sppf", "SPPF"),
        node("neck", "CSPPAN"),
        node("head", "YOLOHead", classes=3),
        more=(
            node("grid", "Anchors", scale=1.0, sizes=1, ratios=(1.0,), centred=True), node("decode", "DecodeDistances"),
            node("rows", "Permute", order=(2, 1)), node("sigmoid", "Sigmoid"),
            node("nms", "NMS", detections=10, threshold=0.0), node("found", "Output"),
        ),
        wires=(
            wire("neck", "grid"), wire("head.distances", "decode"), wire("grid", "decode.anchors"),
            wire("head.scores", "rows"), wire("rows", "sigmoid"), wire("sigmoid", "nms.scores"),
            wire("decode", "nms.boxes"), wire("nms", "found"),
        ),
    )  # fmt: skip
    assert shared_analyser().analyse(drawn).problems == ()
    found = compile_design(drawn, "inference").module.eval()(torch.randn(2, 3, 64, 64))
    assert found.boxes.shape == (2, 10, 4)
    assert found.count.min() > 0
