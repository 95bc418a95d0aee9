"""The neck of EfficientDet: levels are fused both ways with learned weights, several times."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from blocks.connectors.fusion import BIFPN, WEIGHTS, WeightedFusion, Weights
from blocks.declare import block, port, setting
from blocks.layers.activation import SiLU
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import DepthwiseConv2d, PointwiseConv2d
from blocks.layers.normalisation import BatchNorm2d
from blocks.layers.shape import Interpolate
from blocks.necks.levels import SEVERAL_LEVELS_IN

_NORMS = {"eps": 1e-3, "momentum": 0.01}
_CHANNELS = setting("Channels of every level that comes out.", min=1, shown=True)


@block(
    "Halve by max, windows of 3", category="Layer", paper=BIFPN, icon="minimize-2",
    helps="In BiFPN, where levels made from TensorFlow weights must fall on the same places: windows of 3 overlap, "
          "and odd sizes round up.",
    hurts="At even sizes the padding is lopsided, to the right and below alone, so it does not match torch's own 3x3 "
          "pool with padding 1. Elsewhere take Max pool 2d, or a strided convolution that learns.",
    aliases=("pooling", "downsample", "same padding", "bifpn"), inputs={"x": "B C H W"}, outputs={"out": "B C h w"},
)  # fmt: skip
class HalveOverlapping(nn.Module):
    """Keep the largest value of windows of 3 by 3 at every second place, and half of an odd size rounded up.

    The edges are filled as TensorFlow does, with one place more at the end where their number is odd.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        top, left = (n % 2 for n in x.shape[2:])
        return F.max_pool2d(F.pad(x, (left, 1, top, 1), value=float("-inf")), 3, 2)


@block(
    "BiFPN cell", category="Neck", paper=BIFPN, icon="pyramid", aliases=("efficientdet", "bidirectional", "fusion"),
    helps="Repeats of your own between other layers, or cells with unlike channels; each cell costs only depthwise "
          "and 1x1 convolutions.",
    hurts="It adds no levels and one pass mixes neighbours' views just once each way: BiFPN repeats it and adds "
          "coarser levels. Many small steps and resizes leave a GPU waiting.",
    inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "As many levels of the same sizes, all with `channels` channels.")},
    channels=_CHANNELS, weights=WEIGHTS,
)  # fmt: skip
class BiFPNCell(nn.Module):
    """Fuse every level with the next coarser one, down to the finest, and then with the next finer one back up.

    On the way back a level is fused with what came in as well. Each sum has learned weights, and after it a bend and a
    separable convolution. A level with other channels passes a 1x1 convolution of its own wherever it is used.
    """

    def __init__(self, c: list[int], channels: int = 64, weights: Weights = "fast") -> None:
        super().__init__()
        n = len(c)
        self.shrink = HalveOverlapping()
        self.resize = Interpolate(mode="nearest")  # of what was shrunk too: backbones without padding halve otherwise
        self.first_fits = nn.ModuleList(_fit(C, channels) for C in c)
        self.second_fits = nn.ModuleList(_fit(C, channels) for C in c[1:])
        self.first_sums = nn.ModuleList(WeightedFusion(["level", "coarser"], weights) for _ in range(n - 1))
        # the way down begins with the coarsest level as it is: on the way back it is fused of two
        back = ["level", "fused", "finer"]
        self.second_sums = nn.ModuleList(
            WeightedFusion(back if i < n - 1 else back[::2], weights) for i in range(1, n)
        )  # fmt: skip
        self.first_convs = nn.ModuleList(_after(channels) for _ in range(n - 1))
        self.second_convs = nn.ModuleList(_after(channels) for _ in range(n - 1))

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        fitted = [fit(level) for fit, level in zip(self.first_fits, x, strict=True)]
        down = [fitted[-1]]  # finest first
        for total, after, level in zip(
            reversed(self.first_sums), reversed(self.first_convs), fitted[-2::-1], strict=True
        ):
            down.insert(0, after(total(level, self.resize(down[0], level))))
        levels = [down[0]]
        for i, (total, after, fit) in enumerate(
            zip(self.second_sums, self.second_convs, self.second_fits, strict=True), 1
        ):
            fused = down[i:-1][:1]  # none for the coarsest
            level = fit(x[i])
            levels.append(after(total(level, *fused, self.resize(self.shrink(levels[-1]), level))))
        return levels


@block(
    "BiFPN", category="Neck", paper=BIFPN, icon="pyramid",
    helps="Detectors with few weights and MACs: the sums learn which level counts, and depth replaces width. `fast` "
          "weights run some 30 % faster than a softmax at about the same accuracy.",
    hurts="Separable convolutions and many resizes make it slow on GPUs for its MACs, and its batch norms want real "
          "batches. Where a GPU does the work CSP-PAN or a single PAFPN is quicker.",
    aliases=("efficientdet", "bidirectional", "feature pyramid", "weighted fusion"), inputs={"x": SEVERAL_LEVELS_IN},
    outputs={"out": port("[B c h w]", "The levels and then the extra ones, all with `channels` channels.")},
    channels=_CHANNELS, depth=setting("How many cells follow one another.", min=1, max=64, shown=True),
    extra=setting("How many coarser levels to add, each half as large as the one before.", min=0, max=8),
    weights=WEIGHTS,
)  # fmt: skip
class BiFPN(nn.Module):
    """Carry knowledge from coarse to fine levels and back, several times, by sums with learned weights.

    With separable convolutions it costs less than one plain feature pyramid. EfficientDet takes three levels of its
    backbone and adds two; its compound coefficient sets channels and depth.
    """

    def __init__(
        self, c: list[int], channels: int = 64, depth: int = 2, extra: int = 2, weights: Weights = "fast"
    ) -> None:
        super().__init__()
        self.extra = nn.ModuleList(
            nn.Sequential(nn.Identity() if i else _fit(c[-1], channels), HalveOverlapping()) for i in range(extra)
        )
        cells, widths = [], [*c, *[channels] * extra]
        for _ in range(depth):
            cells.append(BiFPNCell(widths, channels, weights))
            widths = [channels] * len(widths)
        self.cells = nn.ModuleList(cells)

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        levels = list(x)
        for coarser in self.extra:
            levels.append(coarser(levels[-1]))
        count = len(levels)
        for cell in self.cells:
            given = cell(levels)
            levels = [given[i] for i in range(count)]
        return levels


def _fit(C: int, channels: int) -> nn.Module:
    if channels == C:
        return nn.Identity()
    return ConvNormAct(C, channels, 1, activation="none", bias=True, **_NORMS)  # type: ignore[arg-type]


def _after(channels: int) -> nn.Sequential:
    return nn.Sequential(
        SiLU(), DepthwiseConv2d(channels, bias=False), PointwiseConv2d(channels, channels),
        BatchNorm2d(channels, _NORMS["eps"], _NORMS["momentum"]),
    )  # fmt: skip
