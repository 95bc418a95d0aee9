"""Layers with mathematics of their own, against small numbers worked out by hand or by plain loops."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from blocks.connectors.combine import GramMatrix, Stack
from blocks.connectors.form import Crop, Pad, PixelUnshuffle, Reshape
from blocks.connectors.parts import Chunk, Parameter, Slice, Split, StopGradient
from blocks.layers.activation import Maxout
from blocks.layers.convolution import Conv2d, DepthwiseConv2d, DepthwiseSeparableConv2d
from blocks.layers.convolution_forms import Conv1d, Conv3d, ConvTranspose2d
from blocks.layers.deformable import DeformConv2d, deform_conv2d
from blocks.layers.dropout import DropBlock
from blocks.layers.initialisation import Init
from blocks.layers.linear import Linear
from blocks.layers.local import LocallyConnected2d
from blocks.layers.normalisation import BatchNorm1d, make_norm
from blocks.layers.pooling import AdaptiveMaxPool2d
from blocks.layers.pooling_forms import FractionalMaxPool2d, LPPool2d, MaxPoolIndices, MaxUnpool2d, SpatialPyramidPool
from blocks.layers.regions import BoxesToRegions, RoIAlign, RoIPool
from blocks.preparation import Normalise, Patchify, Spectrogram


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


def test_weights_begin_as_the_setting_says() -> None:
    deviations = {"xavier": math.sqrt(2 / 300), "he": math.sqrt(2 / 200), "normal": 0.02, "zero": 0.0}
    for init, deviation in deviations.items():
        layer = Linear(200, 100, init=init)  # type: ignore[arg-type]
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.05)
        assert not layer.bias.any()
    square = Linear(100, 100, init="orthogonal").weight
    torch.testing.assert_close(square @ square.T, torch.eye(100), atol=1e-5, rtol=0)
    assert Conv2d(64, 64, init="truncated_normal").weight.abs().max() <= 0.04


def test_the_default_beginning_is_that_of_torch() -> None:
    torch.manual_seed(5)
    mine = Conv2d(8, 16, 3)
    torch.manual_seed(5)
    torch.testing.assert_close(mine.weight, nn.Conv2d(8, 16, 3).weight, atol=0, rtol=0)
    assert list(mine.state_dict()) == ["weight", "bias"]
    for init in get_args(Init):
        assert list(DeformConv2d(4, 4, init=init).state_dict())[:2] == ["weight", "bias"]
        assert LocallyConnected2d(2, 5, 5, 3, init=init).weight.isfinite().all()


@pytest.mark.parametrize("size", [(7, 8), (10, 11)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 1, 1), (3, 2, 1), (4, 1, 1), (2, 3, 1), (3, 2, 2)])
def test_same_gives_the_size_divided_by_the_stride(
    size: tuple[int, int], kernel: int, stride: int, dilation: int
) -> None:
    out = Conv2d(1, 1, kernel, stride, dilation=dilation, fit="same")(torch.randn(1, 1, *size))
    assert tuple(out.shape[2:]) == tuple(-(-n // stride) for n in size)


def test_same_pads_more_at_the_end() -> None:
    layer = Conv2d(1, 1, 3, 2, bias=False, fit="same")
    x = torch.randn(1, 1, 8, 8)
    torch.testing.assert_close(layer(x), F.conv2d(F.pad(x, (0, 1, 0, 1)), layer.weight, stride=2))
    assert Conv1d(1, 1, 4, fit="same")(torch.randn(1, 1, 9)).shape == (1, 1, 9)
    assert Conv3d(1, 1, (3,), fit="valid")(torch.randn(1, 1, 5, 6, 7)).shape == (1, 1, 3, 4, 5)


def test_forms_of_convolution() -> None:
    assert DepthwiseConv2d(6, multiplier=2).weight.shape == (12, 1, 3, 3)
    separable = DepthwiseSeparableConv2d(8, 16, bias=False)
    assert sum(p.numel() for p in separable.parameters()) == 8 * 9 + 8 * 16
    assert ConvTranspose2d(3, 5, 3, 2, 1, output_padding=1)(torch.randn(1, 3, 4, 6)).shape == (1, 5, 8, 12)
    with pytest.raises(ValueError, match="output_padding is 2, but it needs less than the stride"):
        ConvTranspose2d(3, 5, output_padding=2)
    with pytest.raises(ValueError, match="kernel_size has 2 numbers, but it needs one, or three"):
        Conv3d(1, 1, (3, 3))


def bilinear(image: torch.Tensor, y: float, x: float) -> torch.Tensor:
    """What an image (C, H, W) holds between its places; zeros lie outside."""
    top, left = math.floor(y), math.floor(x)
    out = torch.zeros(image.shape[0])
    for i in (top, top + 1):
        for j in (left, left + 1):
            if 0 <= i < image.shape[1] and 0 <= j < image.shape[2]:
                out += image[:, i, j] * (1 - abs(y - i)) * (1 - abs(x - j))
    return out


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(("n", "groups"), [(1, 1), (2, 1), (2, 4)])
def test_deformable_convolution_is_the_plain_loop(masked: bool, n: int, groups: int) -> None:
    channels, stride, padding, dilation, kh, kw = 4, (2, 1), (1, 2), (1, 2), 3, 2
    x, weight, bias = torch.randn(2, channels, 7, 8), torch.randn(8, channels // groups, kh, kw), torch.randn(8)
    h, w = (7 + 2 - 3) // 2 + 1, 8 + 4 - 3 + 1
    offset = 2 * torch.randn(2, 2 * n * kh * kw, h, w)
    mask = torch.rand(2, n * kh * kw, h, w) if masked else None
    wanted = bias[:, None, None].repeat(2, 1, h, w).reshape(2, 8, h, w)
    for b in range(2):
        for i in range(h):
            for j in range(w):
                for point in range(kh * kw):
                    seen = []
                    for group in range(n):
                        at = group * kh * kw + point
                        down, right = offset[b, 2 * at : 2 * at + 2, i, j].tolist()
                        y = i * stride[0] - padding[0] + point // kw * dilation[0] + down
                        across = j * stride[1] - padding[1] + point % kw * dilation[1] + right
                        part = x[b, group * channels // n : (group + 1) * channels // n]
                        seen.append(bilinear(part, y, across) * (1 if mask is None else mask[b, at, i, j]))
                    parts = torch.cat(seen).split(channels // groups)
                    kernels = weight[:, :, point // kw, point % kw].split(8 // groups)
                    wanted[b, :, i, j] += torch.cat([k @ p for k, p in zip(kernels, parts, strict=True)])
    got = deform_conv2d(x, offset, weight, bias, mask, stride, padding, dilation, groups)
    torch.testing.assert_close(got, wanted, atol=2e-4, rtol=1e-4)


def test_deformable_convolution_begins_as_a_plain_one() -> None:
    x = torch.randn(2, 8, 9, 9)
    plain = DeformConv2d(8, 6, groups=2, version="v1")
    torch.testing.assert_close(
        plain(x), F.conv2d(x, plain.weight, plain.bias, padding=1, groups=2), atol=1e-4, rtol=1e-4
    )
    halved = DeformConv2d(8, 6, bias=False)  # every point weighs a half at first
    torch.testing.assert_close(halved(x), F.conv2d(x, halved.weight, padding=1) / 2, atol=1e-4, rtol=1e-4)
    assert halved.conv_offset.out_channels == 27
    assert plain.conv_offset.out_channels == 18


def test_locally_connected_is_a_convolution_at_each_place() -> None:
    layer = LocallyConnected2d(3, 6, 7, 4, 3, 2, 1)
    x = torch.randn(2, 3, 6, 7)
    assert sum(p.numel() for p in layer.parameters()) == 3 * 4 * (27 * 4 + 4)
    padded, out = F.pad(x, (1, 1, 1, 1)), layer(x)
    for i in range(3):
        for j in range(4):
            window = padded[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].flatten(1)
            torch.testing.assert_close(out[:, :, i, j], window @ layer.weight[4 * i + j] + layer.bias[:, i, j])


def regions(count: int, batch: int, height: float, width: float) -> torch.Tensor:
    corners = torch.rand(count, 2, 2).sort(1).values * torch.tensor([1.4 * width, 1.4 * height]) - 2
    return torch.cat((torch.randint(batch, (count, 1)).float(), corners.flatten(1)), 1)


@pytest.mark.parametrize("aligned", [False, True])
def test_roi_align_reads_evenly_spread_points(aligned: bool) -> None:
    x, boxes, scale, s = torch.randn(2, 3, 9, 11), regions(6, 2, 36, 44), 0.25, 2
    out = RoIAlign((2, 3), scale, s, aligned)(x, boxes)
    for box, got in zip(boxes.tolist(), out, strict=True):
        left, top, right, bottom = (v * scale - aligned / 2 for v in box[1:])
        high, wide = bottom - top, right - left
        if not aligned:
            high, wide = max(high, 1), max(wide, 1)
        for i in range(2):
            for j in range(3):
                seen = torch.zeros(3)
                for p in range(s * s):
                    y, across = top + (i + (p // s + 0.5) / s) * high / 2, left + (j + (p % s + 0.5) / s) * wide / 3
                    if -1 <= y <= 9 and -1 <= across <= 11:
                        seen += bilinear(x[int(box[0])], min(max(y, 0), 8), min(max(across, 0), 10))
                torch.testing.assert_close(got[:, i, j], seen / s / s, atol=1e-4, rtol=1e-4)


def test_roi_pool_keeps_the_largest_of_each_bin() -> None:
    x, boxes, scale = torch.randn(2, 3, 9, 11), regions(12, 2, 36, 44), 0.25
    out = RoIPool((3, 2), scale)(x, boxes)
    for box, got in zip(boxes.tolist(), out, strict=True):
        left, top, right, bottom = (math.floor(abs(v * scale) + 0.5) * (1 if v > 0 else -1) for v in box[1:])
        high, wide = max(bottom - top + 1, 1) / 3, max(right - left + 1, 1) / 2
        for i in range(3):
            for j in range(2):
                y1, y2 = (min(max(n + top, 0), 9) for n in (math.floor(i * high), math.ceil((i + 1) * high)))
                x1, x2 = (min(max(n + left, 0), 11) for n in (math.floor(j * wide), math.ceil((j + 1) * wide)))
                bin = x[int(box[0]), :, y1:y2, x1:x2].flatten(1)
                torch.testing.assert_close(got[:, i, j], bin.amax(1) if bin.numel() else torch.zeros(3))


def test_boxes_get_the_number_of_their_image() -> None:
    boxes = torch.arange(16.0).reshape(2, 2, 4)
    assert BoxesToRegions()(boxes).tolist() == [
        [0, 0, 1, 2, 3], [0, 4, 5, 6, 7], [1, 8, 9, 10, 11], [1, 12, 13, 14, 15]
    ]  # fmt: skip


def test_pooling_in_bins_and_fractions() -> None:
    x = torch.randn(2, 5, 13, 11)
    for size in (1, 2, 3, 6, (4, 7)):
        torch.testing.assert_close(AdaptiveMaxPool2d(size)(x), F.adaptive_max_pool2d(x, size))
    row = SpatialPyramidPool()(x)
    assert row.shape == (2, 5 * 50)
    torch.testing.assert_close(row[:, :5], x.amax((2, 3)))
    torch.testing.assert_close(row[:, 25:70], F.adaptive_max_pool2d(x, 3).flatten(1))
    halves = torch.full((2, 5, 2), 0.5)
    wanted = F.fractional_max_pool2d(x, 2, output_size=(9, 7), _random_samples=halves)
    torch.testing.assert_close(FractionalMaxPool2d(2, 0.7).eval()(x), wanted)
    assert FractionalMaxPool2d(2, 0.7).train()(x).shape == wanted.shape
    torch.testing.assert_close(LPPool2d()(torch.tensor([[[[3.0, 0.0], [0.0, 4.0]]]])), torch.tensor([[[[5.0]]]]))


@pytest.mark.parametrize("size", [(8, 6), (9, 7)])
def test_unpooling_puts_values_back(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size)
    values, places = MaxPoolIndices()(x)
    back = MaxUnpool2d()(values, places, x)
    assert back.shape == x.shape
    torch.testing.assert_close(F.max_pool2d(back, 2), values)
    torch.testing.assert_close(back, torch.where(back > 0, x, 0))
    torch.testing.assert_close(back, F.max_unpool2d(values, places, 2, output_size=size))
    assert MaxUnpool2d()(*MaxPoolIndices()(x[:, :, :8, :6])).shape == (2, 3, 8, 6)


def test_drop_block_drops_squares_and_keeps_the_mean() -> None:
    x = torch.ones(8, 32, 16, 16)
    layer = DropBlock(0.2, 3)
    assert torch.equal(layer.eval()(x), x)
    out = layer.train()(x)
    assert out.mean().item() == pytest.approx(1, abs=1e-4)
    assert 0.12 < (out == 0).float().mean().item() < 0.22
    gone = (out == 0).float()
    squares = F.max_pool2d(F.pad((F.avg_pool2d(gone, 3, 1) > 0.999).float(), (2, 2, 2, 2)), 3, 1)
    assert torch.equal(squares, gone), "what is gone is made of whole squares"


def test_maxout_keeps_the_largest_of_its_pieces() -> None:
    x = torch.tensor([[1.0, 5.0, 2.0, -3.0, -1.0, -2.0]])
    assert Maxout(2)(x).tolist() == [[5, 2, -1]]
    assert Maxout(3)(x).tolist() == [[5, -1]]


def test_a_pure_tone_stands_in_its_row() -> None:
    sound = torch.sin(torch.arange(1600) * (2 * math.pi * 25 / 400))
    image = Spectrogram(400, 100)(sound[None])
    assert image.shape == (1, 1, 201, 17)
    assert (image[0, 0, :, 3:13].argmax(0) == 25).all()
    noise = torch.randn(2, 3, 1000)
    wanted = torch.stft(
        noise.flatten(0, 1), 400, 160, window=torch.hann_window(400), pad_mode="constant", return_complex=True
    )
    got = Spectrogram(400, 160, "magnitude")(noise)
    torch.testing.assert_close(got.flatten(0, 1), wanted.abs(), atol=1e-3, rtol=1e-3)
    assert Spectrogram(400, 160, "decibel", mels=40)(noise).shape == (2, 3, 40, 7)


def test_normalise_takes_the_mean_away() -> None:
    grey = torch.full((1, 3, 2, 2), 0.5)
    wanted = (0.5 - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor([0.229, 0.224, 0.225])
    torch.testing.assert_close(Normalise(3, "imagenet")(grey)[0, :, 0, 0], wanted)
    assert not Normalise(3).state_dict()
    own = Normalise(2, "own", (0.5, 1.0), (2.0,))
    assert own(torch.ones(1, 2)).tolist() == [[0.25, 0.0]]
    with pytest.raises(ValueError, match="there are 4 channels, but the mean of clip has 3 numbers"):
        Normalise(4, "clip")


def test_parts_and_forms() -> None:
    x = torch.arange(2 * 7 * 4.0).reshape(2, 7, 4)
    assert [p.shape[1] for p in Split(7, 3, (1, 4))(x)] == [1, 4, 2]
    assert [p.shape[1] for p in Chunk(3)(x)] == [3, 2, 2]
    assert torch.equal(Slice(1, 1)(x), x[:, 1:])
    assert Reshape((-1, 2, 0))(x[..., None, None].reshape(2, 7, 2, 2)).shape == (2, 7, 2, 2)
    assert Stack(-1)(x, x).shape == (2, 7, 4, 2)
    image = torch.randn(1, 2, 9, 8)
    assert torch.equal(Crop((5, 4))(image), image[:, :, 2:7, 2:6])
    assert torch.equal(Pad(0, 1, 0, 2)(image), F.pad(image, (0, 2, 0, 1)))
    assert PixelUnshuffle(4)(image).shape == (1, 32, 3, 2)
    torch.testing.assert_close(
        GramMatrix()(image)[0], image[0].flatten(1) @ image[0].flatten(1).T / (2 * 9 * 8)
    )
    with pytest.raises(ValueError, match="2 numbers, and some channels left"):
        Split(7, 3, (1, 6))
    with pytest.raises(ValueError, match="28 values a sample do not fit"):
        Reshape((3, -1))(x)


def test_learned_values_learn_and_stopped_gradients_do_not_pass() -> None:
    layer, x = Parameter((2, 3)), torch.randn(4, 5, requires_grad=True)
    layer(x).sum().backward()
    assert layer.value.grad is not None
    assert torch.equal(layer.value.grad, torch.full((2, 3), 4.0))
    assert not StopGradient()(x).requires_grad


def test_norms_for_vectors_and_single_images() -> None:
    assert BatchNorm1d(6)(torch.randn(4, 6)).mean(0).abs().max() < 1e-5
    norm = make_norm("instance", 6)
    assert norm is not None
    assert norm(torch.randn(2, 6, 5, 5)).mean((2, 3)).abs().max() < 1e-5


def test_patches_are_what_a_strided_convolution_sees() -> None:
    """A linear layer on patches is the convolution that a vision transformer begins with."""
    x, conv = torch.randn(2, 3, 8, 12), nn.Conv2d(3, 5, 4, 4)
    tokens = F.linear(Patchify(4)(x), conv.weight.flatten(1), conv.bias)
    torch.testing.assert_close(tokens, conv(x).flatten(2).transpose(1, 2))
    assert Patchify((4, 3))(torch.randn(1, 2, 5, 7)).shape == (1, 2 * 3, 2 * 4 * 3)
