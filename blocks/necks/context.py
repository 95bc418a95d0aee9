"""Necks that show the coarsest level a wider view: atrous and pyramid pooling."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.dropout import Dropout
from blocks.layers.pooling import AdaptiveAvgPool2d, GlobalAvgPool
from blocks.layers.shape import Interpolate
from blocks.necks.levels import LEVELS_IN

_OUT = port("[B c h w]", "The same levels; the coarsest is the new one.")


@block(
    "ASPP", category="Neck", paper="Chen et al. 2017, arXiv:1706.05587", icon="focus",
    helps="Semantic segmentation with DeepLab heads on a backbone dilated to stride 16 or 8: rates 6, 12, 18 at "
          "stride 16, the doubled ones at 8.",
    hurts="Where a rate nears the map's side only the window's middle hits the map, and it becomes a 1x1 convolution. "
          "On 2048 channels the dilated windows hold 14 M weights and run slowly: LR-ASPP head has none.",
    aliases=("atrous spatial pyramid pooling", "dilated", "deeplab", "context"),
    inputs={"x": LEVELS_IN}, outputs={"out": _OUT},
    channels=setting("Channels of every branch, and of the coarsest level that comes out.", min=1, shown=True),
    rates=setting("Dilations of the 3x3 branches; halve them for an output stride of 16.", min=1, shown=True),
    dropout=setting("The share of features set to 0 in training, against learning by heart.", min=0, max=1),
    exempt={"settings:rates": "the sample's coarsest level is smaller than any of the dilations"},
)  # fmt: skip
class ASPP(nn.Module):
    """Look at the coarsest level through windows of several widths at once.

    A 1x1 convolution, dilated 3x3 convolutions and the mean of the whole image are joined and brought to one width.
    So each place sees its surroundings at several scales. The finer levels are handed on as they are.
    """

    def __init__(
        self, c: list[int], channels: int = 256, rates: tuple[int, ...] = (12, 24, 36), dropout: float = 0.5
    ) -> None:
        super().__init__()
        C = c[-1]
        self.windows = nn.ModuleList(
            [ConvNormAct(C, channels, 1), *(ConvNormAct(C, channels, 3, dilation=rate) for rate in rates)]
        )
        self.pool = GlobalAvgPool(keep_size=True)
        self.whole = ConvNormAct(C, channels, 1)
        self.resize = Interpolate(mode="bilinear")
        self.project = ConvNormAct((len(rates) + 2) * channels, channels, 1)
        self.dropout = Dropout(dropout)

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        coarse = x[-1]
        seen = [window(coarse) for window in self.windows]
        seen.append(self.resize(self.whole(self.pool(coarse)), coarse))
        return [*x[:-1], self.dropout(self.project(torch.cat(seen, 1)))]


@block(
    "PPM", category="Neck", paper="Zhao et al. 2016, arXiv:1612.01105", icon="focus",
    helps="Scenes whose classes depend on the whole picture: a boat belongs on water. Pools and 1x1 convolutions cost "
          "little beside ASPP, and bins of 1, 2, 3 and 6 need no tuning by size.",
    hurts="Means know no outlines, so it must be followed by a 3x3 head such as PSP head, on a dilated backbone. "
          "Pooling to 1 leaves one value a sample: its batch norm fails in training with a batch of 1.",
    aliases=("pyramid pooling module", "psp", "pspnet", "context"), inputs={"x": LEVELS_IN}, outputs={"out": _OUT},
    bins=setting("Into how many rows and columns each branch divides the image.", min=1, shown=True),
    channels=setting("Channels of every branch; empty: the coarsest level's, divided by their number.", min=1),
)  # fmt: skip
class PPM(nn.Module):
    """Add to the coarsest level its means over the whole image and over grids of parts of it.

    Every place then knows what the image as a whole and its regions hold. The means stand behind the level's own
    channels. The finer levels are handed on as they are.
    """

    def __init__(self, c: list[int], bins: tuple[int, ...] = (1, 2, 3, 6), channels: int | None = None) -> None:
        super().__init__()
        if not bins:
            raise ValueError("bins is empty, but it needs one number or more, such as 1, 2, 3, 6")
        channels = channels or max(c[-1] // len(bins), 1)
        self.pools = nn.ModuleList(AdaptiveAvgPool2d(size) for size in bins)
        self.convs = nn.ModuleList(ConvNormAct(c[-1], channels, 1) for _ in bins)
        self.resize = Interpolate(mode="bilinear")

    def forward(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        coarse = x[-1]
        seen = [coarse]
        for pool, conv in zip(self.pools, self.convs, strict=True):
            seen.append(self.resize(conv(pool(coarse)), coarse))
        return [*x[:-1], torch.cat(seen, 1)]
