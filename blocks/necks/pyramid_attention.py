"""The pyramid attention network: attention on the coarsest level guides the finer ones."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.spatial import ScalePlaces
from blocks.declare import block, port, setting
from blocks.layers.activation import Sigmoid
from blocks.layers.composite import ConvNormAct
from blocks.layers.pooling import GlobalAvgPool
from blocks.layers.shape import Interpolate
from blocks.necks.levels import SEVERAL_LEVELS_IN

_PAN = "Li et al. 2018, arXiv:1805.10180"
_DEAD = {"gradient": "its views have one channel each, and on the sample's few places a ReLU may cut all of it off"}
_CHANNELS = setting("How many channels come out.", min=1, shown=True)


@block(
    "Halve by max", category="Layer", paper="torch.nn.MaxPool2d", icon="minimize-2", aliases=("pooling", "downsample"),
    helps="Pyramids of pools on maps whose size is not known: feature pyramid attention halves three times even where "
          "4x4 is left, and no setting fails.",
    hurts="From a single place on it changes nothing, so three halvings may be none: views then coincide silently. "
          "Elsewhere a Max pool 2d says by an error that the image is too small.",
    inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
)  # fmt: skip
class Halve(nn.Module):
    """Keep the largest of every two by two places; a side of one place stays as it is.

    Unlike a max pool it takes maps of any size, so that it can be repeated on small ones.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        window = (min(2, x.shape[2]), min(2, x.shape[3]))
        return F.max_pool2d(x, window, window)


@block(
    "Feature pyramid attention", category="Attention", paper=_PAN, icon="focus", aliases=("fpa", "pan", "context"),
    helps="The coarsest level of a segmentation network, 16x16 or larger: it sees pixel by pixel at three scales for "
          "a few one-channel convolutions, without ASPP's gridding.",
    hurts="Below 8x8 its two coarser views shrink to a single place. Each view is one channel behind a ReLU, which "
          "may die and leave the gate constant: ASPP has 256 channels a view and is steadier.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=_CHANNELS, exempt=_DEAD,
)  # fmt: skip
class FeaturePyramidAttention(nn.Module):
    """Weigh every place by what windows of 7, 5 and 3 see around it at a half, a quarter and an eighth of the size.

    The three views have one channel each and are added from the coarsest on; the sum multiplies the features. The
    mean of the whole image is added in the end.
    """

    def __init__(self, C: int, channels: int = 32) -> None:
        super().__init__()
        self.pool = GlobalAvgPool(keep_size=True)
        self.whole = _conv(C, channels, 1)
        self.middle = _conv(C, channels, 1)
        self.halve = Halve()
        self.down1 = _conv(C, 1, 7)
        self.down2 = _conv(1, 1, 5)
        self.down3 = nn.Sequential(_conv(1, 1, 3), _conv(1, 1, 3))
        self.conv2 = _conv(1, 1, 5)
        self.conv1 = _conv(1, 1, 7)
        self.resize = Interpolate(mode="bilinear", corners=True)
        self.scale = ScalePlaces()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = self.down1(self.halve(x))
        quarter = self.down2(self.halve(half))
        eighth = self.down3(self.halve(quarter))
        gate = self.conv2(quarter) + self.resize(eighth, quarter)
        gate = self.conv1(half) + self.resize(gate, half)
        return self.scale(self.middle(x), self.resize(gate, x)) + self.resize(self.whole(self.pool(x)), x)


@block(
    "Global attention upsample", category="Attention", paper=_PAN, icon="maximize-2", aliases=("gau", "pan", "decoder"),
    helps="Decoders that stay light: a 3x3 convolution on the fine level and a gate from the coarse one's mean, in "
          "the place of U-Net's joined double convolutions.",
    hurts="Its gate is one number a channel for the whole image, so it chooses details but not places. Large images "
          "with many scenes average it out: U-Net up step decides place by place.",
    inputs={"fine": port("B C H W", "The finer level."), "coarse": port("B K h w", "The coarser level, enlarged.")},
    outputs={"out": port("B K H W", "The finer level's size with the coarser one's channels.")},
)  # fmt: skip
class GlobalAttentionUpsample(nn.Module):
    """Enlarge a coarse level and add to it a fine one, whose channels the coarse one weighs.

    The mean of the coarse level gives a gate for the channels of the fine one: what the whole image holds chooses
    the details.
    """

    def __init__(self, C: int, K: int) -> None:
        super().__init__()
        self.pool = GlobalAvgPool(keep_size=True)
        self.gate = _conv(K, K, 1, "none")
        self.sigmoid = Sigmoid()
        self.conv = _conv(C, K, 3)
        self.resize = Interpolate(mode="bilinear", corners=True)

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        chosen = self.conv(fine) * self.sigmoid(self.gate(self.pool(coarse)))
        return self.resize(coarse, fine) + chosen


def _conv(C: int, channels: int, kernel_size: int, activation: str = "relu") -> ConvNormAct:
    # the reference's convolutions have a bias although a norm follows
    return ConvNormAct(C, channels, kernel_size, activation=activation, bias=True)  # type: ignore[arg-type]


@block(
    "Pyramid attention neck", category="Neck", paper=_PAN, icon="pyramid", aliases=("pan", "fpa", "gau", "decoder"),
    helps="Segmentation on few GPUs: 32 channels throughout and no dilation in the backbone, yet a view of the whole "
          "image at every step down.",
    hurts="The finest level that comes out is the backbone's, a quarter or half of the image: thin outlines need "
          "U-Net decoder. At 32 channels many classes share little room: raise it for more than about 20.",
    inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "As many levels, all with `channels` channels.")},
    channels=setting("Channels of every level that comes out.", min=1, shown=True), exempt=_DEAD,
)  # fmt: skip
class PyramidAttentionNeck(nn.Module):
    """Look at the coarsest level with feature pyramid attention, then carry it down to the finer ones.

    On the way down the mean of each level chooses the details of the next finer one. A 3x3 segmentation head on the
    finest level completes the pyramid attention network.
    """

    def __init__(self, c: list[int], channels: int = 32) -> None:
        super().__init__()
        self.attention = FeaturePyramidAttention(c[-1], channels)
        self.ups = nn.ModuleList(GlobalAttentionUpsample(C, channels) for C in c[:-1])

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        levels = [self.attention(x[-1])]
        for up, fine in zip(reversed(self.ups), reversed(x[:-1]), strict=True):
            levels.insert(0, up(fine, levels[0]))
        return levels
