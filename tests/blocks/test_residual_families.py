"""Residual families and attention on maps: what the contract does not see."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from blocks.attention.channel import EfficientChannelAttention
from blocks.attention.choice import MapAttention
from blocks.attention.non_local import PlaceAttention, WeightedPool
from blocks.attention.selective import WeighTwo
from blocks.backbones.regnet import quantised
from blocks.backbones.repvgg import RepVGGBackbone
from blocks.backbones.residual import ResidualBackbone
from blocks.stages.repvgg import RepVGGBlock, reparameterised
from blocks.stages.res2net import MultiScaleConv
from blocks.stages.residual import Bottleneck
from blocks.stages.shortcut import ZeroShortcut


def settled(module: nn.Module) -> nn.Module:
    """The module in float64 and eval mode, its norms as they are after some training."""
    generator = torch.Generator().manual_seed(0)
    module = module.double()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if tensor.is_floating_point() and tensor.dim() == 1:
            low = 0.5 if name.endswith(("weight", "running_var")) else -0.5
            tensor.data.uniform_(low, low + 1, generator=generator)
    return module.eval()


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [8, 12])
@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize("attention", ["none", "se"])
def test_a_repvgg_block_is_one_convolution(stride: int, channels: int, groups: int, attention: MapAttention) -> None:
    block = settled(RepVGGBlock(8, channels, stride, groups, attention))
    x = torch.randn(2, 8, 9, 7, dtype=torch.float64)
    fused = reparameterised(block)
    torch.testing.assert_close(fused(x), block(x))
    plain = RepVGGBlock(8, channels, stride, groups, attention, deploy=True).double().eval()
    plain.load_state_dict(fused.state_dict())
    assert torch.equal(plain(x), fused(x))
    assert isinstance(block, RepVGGBlock)
    assert block.fused is None, "the network that was trained is left as it is"


def test_a_repvgg_backbone_is_reparameterised_whole() -> None:
    settings = {"depths": (1, 3), "widths": (8, 12), "groups": 2}
    trained = settled(RepVGGBackbone(6, **settings))  # type: ignore[arg-type]
    plain = RepVGGBackbone(6, **settings, deploy=True).double().eval()  # type: ignore[arg-type]
    plain.load_state_dict(reparameterised(trained).state_dict())
    x = torch.randn(1, 6, 21, 33, dtype=torch.float64)
    for mine, wanted in zip(plain(x), trained(x), strict=True):
        torch.testing.assert_close(mine, wanted)
    assert not any(isinstance(part, nn.BatchNorm2d) for part in plain.modules())


def test_a_zero_shortcut_keeps_every_second_place_and_adds_empty_channels() -> None:
    x = torch.arange(2 * 5 * 4.0).reshape(1, 2, 5, 4)
    out = ZeroShortcut(2, 5, 2)(x)
    assert out.shape == (1, 5, 3, 2)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert not out[:, 2:].any()
    with pytest.raises(ValueError, match="set it to 2 or more"):
        ZeroShortcut(2, 1)


def test_the_widths_of_regnets_are_those_of_the_paper() -> None:
    assert quantised(13, 24, 36.44, 2.49, 8) == [(24, 1), (56, 1), (152, 4), (368, 7)]  # RegNetX-200MF
    assert quantised(16, 48, 27.89, 2.09, 8) == [(48, 1), (104, 3), (208, 6), (440, 6)]  # RegNetY-400MF
    assert quantised(18, 200, 106.23, 2.48, 112) == [(224, 2), (448, 4), (1232, 11), (3024, 1)]  # RegNetY-16GF
    with pytest.raises(ValueError, match="8 divides"):
        quantised(10, 20, 10, 2, 8)


@pytest.mark.parametrize(("channels", "kernel"), [(16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)])
def test_the_filter_of_eca_grows_with_the_channels(channels: int, kernel: int) -> None:
    # The reference rounds down to a whole number first and then up to an odd one: 2048 gives 6, so 7.
    assert EfficientChannelAttention(channels).conv.weight.shape == (1, 1, kernel)


def test_eca_gates_a_channel_by_its_neighbours() -> None:
    block = EfficientChannelAttention(4, 3)
    with torch.no_grad():
        block.conv.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
    means = torch.tensor([0.01, 0.02, -0.03, 0.04])
    x = means.reshape(1, 4, 1, 1).expand(1, 4, 2, 3)
    before, after = torch.tensor([0, 0.01, 0.02, -0.03]), torch.tensor([0.02, -0.03, 0.04, 0])
    gates = (before + 10 * means + 100 * after).sigmoid()
    torch.testing.assert_close(block(x), x * gates.reshape(1, 4, 1, 1))


def test_attention_between_places_is_what_a_loop_gives() -> None:
    q, k, v = torch.randn(2, 3, 2, 5), torch.randn(2, 3, 4, 2), torch.randn(2, 6, 4, 2)
    for softmax in (True, False):
        out = PlaceAttention(softmax)(q, k, v)
        for b in range(2):
            for i in range(2):
                for j in range(5):
                    fit = torch.stack([q[b, :, i, j] @ k[b, :, m, n] for m in range(4) for n in range(2)])
                    weights = fit.softmax(0) if softmax else fit / 8
                    torch.testing.assert_close(out[b, :, i, j], v[b].flatten(1) @ weights)


def test_weighted_pool_and_blend() -> None:
    x = torch.randn(2, 3, 4, 5)
    torch.testing.assert_close(WeightedPool()(x, torch.zeros(2, 1, 4, 5)), x.mean((2, 3), keepdim=True))
    far = torch.full((2, 1, 4, 5), -1e4)
    far[:, :, 1, 2] = 0
    torch.testing.assert_close(WeightedPool()(x, far)[..., 0, 0], x[:, :, 1, 2])
    y, a, b = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 1, 1), torch.randn(2, 3, 1, 1)
    first, second = torch.stack((a, b)).softmax(0)
    torch.testing.assert_close(WeighTwo()(x, y, a, b), x * first + y * second)


def test_each_scale_gets_what_the_one_before_made() -> None:
    block = MultiScaleConv(8, 4).eval()
    x = torch.randn(1, 8, 6, 6)
    shares = x.split(2, 1)
    first = block.convs[0](shares[0])
    second = block.convs[1](shares[1] + first)
    third = block.convs[2](shares[2] + second)
    torch.testing.assert_close(block(x), torch.cat((first, second, third, shares[3]), 1))


def test_bam_stands_between_the_stages_and_other_attention_in_the_blocks() -> None:
    def holders(attention: MapAttention) -> list[str]:
        backbone = ResidualBackbone(8, depths=(1, 1, 1), widths=(8, 8, 8), attention=attention)
        names = {"bam": "BAM", "cbam": "CBAM"}
        return [name for name, part in backbone.named_modules() if type(part).__name__ == names[attention]]

    assert holders("bam") == ["stages.0.1", "stages.1.1"]
    assert holders("cbam") == [f"stages.{i}.blocks.0.attention" for i in range(3)]


def test_the_stride_may_stand_in_the_first_convolution() -> None:
    first, middle = Bottleneck(8, 16, stride=2, strided="first"), Bottleneck(8, 16, stride=2)
    assert (first.conv1.conv.stride, first.conv2.conv.stride) == ((2, 2), (1, 1))
    assert (middle.conv1.conv.stride, middle.conv2.conv.stride) == ((1, 1), (2, 2))
