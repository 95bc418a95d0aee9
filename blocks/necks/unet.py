"""Decoders of U-Nets: from the coarsest level back to the image's size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, NORM
from blocks.layers.normalisation import Norm
from blocks.layers.shape import Interpolate
from blocks.necks.levels import SEVERAL_LEVELS_IN
from blocks.stages.unet import FIT, UNET, UP, DoubleConv, Fill, UNetUp, Up

_CHANNELS = setting(
    "Channels after each step up, the coarsest first; further steps have the last of them.", min=1, shown=True
)
_STEPS = setting("Doublings after the finest level, which has no map to join: 1 after a stem of stride 2.", min=0)
_LIKE = port("B k h w", "The image: the last step goes to its height and width, not to twice the size before.")
_OUT = port("[B c h w]", "A level for each step, finest first.")


@block(
    "U-Net decoder", category="Neck", paper=UNET, icon="pyramid", aliases=("unet", "u-net", "expanding", "skip"),
    helps="A U-Net on a pre-trained backbone: small data, sharp masks, medical or satellite images. Give it levels 0 "
          "or 1 to 4, so that fine maps are joined too, and `like` for odd sizes.",
    hurts="Two 3x3 convolutions a step at the finest sizes take most of the memory and time; for city scenes Semantic "
          "FPN or SegFormer head suffice at stride 4. Boxes want a pyramid of one width: FPN.",
    inputs={"x": SEVERAL_LEVELS_IN, "like?": _LIKE}, outputs={"out": _OUT},
    channels=_CHANNELS, steps=_STEPS, up=UP, fit=FIT,
    middle=setting("Convolve the coarsest level twice before the first step."),
    norm=NORM, activation=ACTIVATION,
    exempt={"settings:fit": "without padding the sample's coarsest level is smaller than a window"},
)  # fmt: skip
class UNetDecoder(nn.Module):
    """Step by step, enlarge the coarsest level, join it with the next finer one, and convolve both twice.

    It works on any backbone's pyramid. A segmentation head on its finest level completes a U-Net.
    """

    def __init__(
        self,
        c: list[int],
        channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        steps: int = 1,
        up: Up = "nearest",
        fit: Fill = "same",
        middle: bool = False,
        norm: Norm = "batch",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        widths = _widths(channels, len(c) - 1 + steps)
        C = c[-1]
        self.middle = DoubleConv(C, C, fit, norm, activation) if middle else None
        self.ups = nn.ModuleList()
        for K, width in zip(reversed(c[:-1]), widths, strict=False):
            self.ups.append(UNetUp(C, K, width, up, fit, norm, activation))
            C = width
        self.resizes = nn.ModuleList(Interpolate(2.0, "nearest" if up == "transposed" else up) for _ in range(steps))
        self.lasts = nn.ModuleList()
        for width in widths[len(c) - 1 :]:
            self.lasts.append(DoubleConv(C, width, fit, norm, activation))
            C = width

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> list[torch.Tensor]:
        now = x[-1] if self.middle is None else self.middle(x[-1])
        levels: list[torch.Tensor] = []
        for up, skip in zip(self.ups, reversed(x[:-1]), strict=True):
            now = up(now, skip)
            levels.insert(0, now)
        for i, (resize, convs) in enumerate(zip(self.resizes, self.lasts, strict=True), 1):
            now = convs(resize(now, like if i == len(self.resizes) else None))
            levels.insert(0, now)
        return levels


@block(
    "U-Net++ decoder", category="Neck", paper="Zhou et al. 2018, arXiv:1807.10165", icon="pyramid",
    helps="Masks of things of very different size, when memory is at hand: with deep supervision the paper gained 3.9 "
          "points of IoU over a U-Net.",
    hurts="All nested maps of all levels are kept: with four joins it has ten steps up in place of four, at the "
          "finest size four of them. On larger sets or images the plain U-Net decoder is nearly as good.",
    aliases=("unet++", "nested", "unetplusplus", "skip"), inputs={"x": SEVERAL_LEVELS_IN, "like?": _LIKE},
    outputs={"out": _OUT}, channels=_CHANNELS, steps=_STEPS, activation=ACTIVATION,
)  # fmt: skip
class UNetPlusPlusDecoder(nn.Module):
    """A U-Net decoder with further steps up between every two levels, joined densely.

    What a level hands over is not the backbone's map alone: every coarser level adds a map of its own that was
    enlarged to it, so that both sides of a joint know equally much.
    """

    def __init__(
        self,
        c: list[int],
        channels: tuple[int, ...] = (256, 128, 64, 32, 16),
        steps: int = 1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        rows = c[-2::-1]  # the levels that are joined, coarsest first
        widths = _widths(channels, len(rows) + steps)
        # Row r has r + 1 steps up; the last of them, number r, is the decoder's own and has the width that is set.
        self.rows = nn.ModuleList()
        for r, K in enumerate(rows):
            row = nn.ModuleList()
            for j in range(r + 1):
                last = j == r
                below = (c[-1] if j == 0 else widths[r - 1]) if last else rows[r - 1]
                row.append(UNetUp(below, (j + 1) * K, widths[r] if last else K, activation=activation))
            self.rows.append(row)
        self.resizes = nn.ModuleList(Interpolate(2.0) for _ in range(steps))
        self.lasts = nn.ModuleList(
            DoubleConv(below, width, activation=activation)
            for below, width in zip(widths[len(rows) - 1 :], widths[len(rows) :], strict=False)
        )

    def forward(self, x: Sequence[torch.Tensor], like: torch.Tensor | None = None) -> list[torch.Tensor]:
        levels: list[torch.Tensor] = []
        below = [x[-1]]
        for row, skip in zip(self.rows, reversed(x[:-1]), strict=True):
            # step j enlarges the map that step j - 1 of the row below gave; the newest maps are joined first
            given: list[torch.Tensor] = [skip]
            for step, coarse in zip(row.children(), below, strict=True):
                given.insert(0, step(coarse, torch.cat(given, 1) if len(given) > 1 else skip))
            below = [skip, *reversed(given[:-1])]
            levels.insert(0, given[0])
        now = levels[0]
        for i, (resize, convs) in enumerate(zip(self.resizes, self.lasts, strict=True), 1):
            now = convs(resize(now, like if i == len(self.resizes) else None))
            levels.insert(0, now)
        return levels


def _widths(channels: tuple[int, ...], count: int) -> list[int]:
    if not channels:
        raise ValueError("channels is empty, but it needs a number for each step up, or one for all of them")
    return [channels[min(i, len(channels) - 1)] for i in range(count)]
