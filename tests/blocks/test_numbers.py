"""What single blocks compute, against torch's own functions and published numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.squeeze import SqueezeExcitation
from blocks.backbones.residual import ResidualBackbone
from blocks.connectors import Add, BundleLevels, Concat, Multiply, PickLevel
from blocks.heads.classification import ClassificationHead
from blocks.layers.activation import Softmax
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import MaxPool2d
from blocks.layers.shape import Interpolate
from blocks.losses.classes import CrossEntropy
from blocks.metrics.classes import Accuracy
from blocks.necks.fpn import FPN
from blocks.stages.residual import BasicBlock
from blocks.stems import ConvStem


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


def test_stem_backbone_and_head_are_resnet_18() -> None:
    """11,689,512 parameters, as published for ImageNet's 1000 classes; strides 4, 8, 16, 32."""
    stem, backbone, head = ConvStem(3), ResidualBackbone(64), ClassificationHead(512, 1000)
    assert count(stem, backbone, head) == 11_689_512
    levels = backbone(stem(torch.randn(2, 3, 64, 96)))
    assert [tuple(level.shape) for level in levels] == [
        (2, 64, 16, 24), (2, 128, 8, 12), (2, 256, 4, 6), (2, 512, 2, 3),
    ]  # fmt: skip
    assert head(levels[-1]).shape == (2, 1000)


def test_a_basic_block_adds_its_input() -> None:
    block = BasicBlock(8, 8).eval()
    x = torch.randn(2, 8, 6, 6)
    with torch.no_grad():
        block.conv2.norm.weight.zero_()
        assert torch.equal(block(x), F.relu(x))
    assert block.shortcut is None
    assert BasicBlock(8, 16).shortcut is not None
    assert BasicBlock(8, 8, stride=2).shortcut is not None


def test_squeeze_and_excitation_is_the_formula() -> None:
    block = SqueezeExcitation(32, reduction=4)
    x = torch.randn(3, 32, 5, 7)
    squeezed = x.mean((2, 3))
    hidden = F.relu(F.linear(squeezed, block.reduce.weight.flatten(1), block.reduce.bias))
    gate = torch.sigmoid(F.linear(hidden, block.expand.weight.flatten(1), block.expand.bias))
    torch.testing.assert_close(block(x), x * gate[:, :, None, None])
    assert block.reduce.out_channels == 8
    assert SqueezeExcitation(4, reduction=16).reduce.out_channels == 1


def test_fpn_is_top_down() -> None:
    block = FPN([8, 16, 32], channels=12)
    levels = [torch.randn(2, 8, 12, 20), torch.randn(2, 16, 6, 10), torch.randn(2, 32, 3, 5)]
    sides = [F.conv2d(x, m.weight, m.bias) for x, m in zip(levels, block.laterals, strict=True)]
    middle = sides[1] + F.interpolate(sides[2], size=(6, 10), mode="nearest")
    fine = sides[0] + F.interpolate(middle, size=(12, 20), mode="nearest")
    merged = zip((fine, middle, sides[2]), block.smooths, strict=True)
    wanted = [F.conv2d(x, m.weight, m.bias, padding=1) for x, m in merged]
    torch.testing.assert_close(block(levels), wanted)


def test_fpn_meets_odd_sizes() -> None:
    levels = [torch.randn(1, 8, 13, 9), torch.randn(1, 8, 7, 5)]
    assert [tuple(x.shape) for x in FPN([8, 8], channels=4)(levels)] == [(1, 4, 13, 9), (1, 4, 7, 5)]


def test_connectors() -> None:
    a, b, c = torch.randn(3, 2, 4, 5, 6).unbind(0)
    torch.testing.assert_close(Add()(a, b, c), a + b + c)
    assert torch.equal(Concat()(a, b[:, :1]), torch.cat((a, b[:, :1]), 1))
    gate = torch.rand(2, 4)
    wanted = a * gate[:, :, None, None]
    assert torch.equal(Multiply()(a, gate), wanted)
    assert torch.equal(Multiply()(a, gate[:, :, None, None]), wanted)
    assert torch.equal(Multiply()(a, b), a * b)
    levels = BundleLevels()(a, a[:, :, :2, :2])
    assert PickLevel([4, 4], -1)(levels) is levels[1]
    assert PickLevel([4, 4], 1)(levels) is a


def test_interpolate_takes_the_size_of_another_map() -> None:
    x, like = torch.randn(2, 3, 4, 5), torch.randn(2, 7, 9, 11)
    assert Interpolate()(x).shape == (2, 3, 8, 10)
    assert Interpolate(0.5, "bilinear")(x).shape == (2, 3, 2, 2)
    assert torch.equal(Interpolate()(x, like), F.interpolate(x, size=(9, 11), mode="nearest"))


@pytest.mark.parametrize("shape", [(), (3, 5)])
def test_cross_entropy_and_accuracy(shape: tuple[int, ...]) -> None:
    scores, target = torch.randn(6, 4, *shape), torch.randint(0, 4, (6, *shape))
    torch.testing.assert_close(
        CrossEntropy(4, 0.5, 0.1)(scores, target), 0.5 * F.cross_entropy(scores, target, label_smoothing=0.1)
    )
    hits = (scores.argmax(1) == target).float().mean()
    torch.testing.assert_close(Accuracy(4)(scores, target), hits)
    assert Accuracy(4, top=4)(scores, target) == 1
    assert hits <= Accuracy(4, top=2)(scores, target) <= 1


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Conv2d(8, 10, groups=4), "out_channels is 10, but it needs a multiple of groups = 4"),
        (lambda: ConvNormAct(8, kernel_size=4), "kernel_size is 4, but it needs an odd number"),
        (lambda: ConvStem(3, kernel_size=2), "use 3"),
        (lambda: MaxPool2d((2, 2), padding=(2, 2)), "padding is 2, but a window of 2 takes at most 1"),
        (lambda: Softmax(0), "use 1 (classes) or -1"),
        (lambda: PickLevel([8, 8], 3), "the pyramid has 2 levels: use 1 (finest) to 2"),
        (lambda: PickLevel([8], 0), "the pyramid has 1 level: "),
        (lambda: ResidualBackbone(8, widths=(8, 16), depths=(1,)), "widths has 2 stages and depths 1"),
        (lambda: ResidualBackbone(8, widths=(), depths=()), "one or more"),
        (lambda: Accuracy(3, top=5), "top is 5, but there are only 3 classes"),
        (lambda: BundleLevels()(torch.ones(1, 1, 2, 2), torch.ones(1, 1, 4, 4)), "wire the finest level first"),
        (lambda: Multiply()(torch.ones(1, 2, 4, 4), torch.ones(1, 2, 3, 3)), "`gate` is 1x2x3x3 but `x` is 1x2x4x4"),
    ],
)
def test_refusals_say_what_would_do(wrong: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        wrong()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
