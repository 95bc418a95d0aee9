"""Losses for images that are made: their style, and how smooth they are."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.losses.common import NO_EXPORT, WEIGHT, wide

Steps = Literal["absolute", "squared"]


@block(
    "Style loss", category="Loss", paper="Gatys et al. 2015, arXiv:1508.06576; Johnson et al. 2016, arXiv:1603.08155",
    icon="sparkles",
    helps="Style transfer and texture synthesis: one on each of several levels of a frozen VGG, beside an MSE loss on "
          "one deep level for the content.",
    hurts="It says nothing of where things are, so alone it makes texture. The features must come from a trained, "
          "frozen network; and 512 channels make a matrix of 262,144 numbers for each image.",
    aliases=("gram", "texture", "style transfer", "perceptual"),
    inputs={"x": port("B C H W", "Features of the image that is made."),
            "target": port("B C H W", "Features of the image whose style is wanted.")},
    outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT}, weight=WEIGHT,
)  # fmt: skip
class StyleLoss(nn.Module):
    """The squared difference of the Gram matrices of both: which patterns go together, wherever they are.

    The matrices are divided by the number of values, the squares are summed up, and the mean is taken over the images.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        apart = _gram(wide(x)) - _gram(wide(target))  # (B, C, C)
        return self.weight * apart.square().sum((1, 2)).mean()


def _gram(x: torch.Tensor) -> torch.Tensor:
    rows = x.flatten(2)  # (B, C, H * W)
    return rows @ rows.transpose(1, 2) / x[0].numel()


@block(
    "Total variation", category="Loss", paper="Rudin et al. 1992, doi:10.1016/0167-2789(92)90242-F", icon="activity",
    helps="A small weight of it beside another loss takes noise and checkerboards out of images that are made: "
          "denoising, style transfer, super-resolution, masks.",
    hurts="Alone its best answer is one even colour. Too much of it flattens fine texture along with the noise, and "
          "`squared` blurs edges, which `absolute` leaves sharp.",
    aliases=("tv", "smoothness", "denoising", "regularisation"),
    inputs={"x": port("B C H W", "The image that is made.")}, outputs={"loss": "scalar"}, exempt={"onnx": NO_EXPORT},
    weight=WEIGHT, steps=setting("How a step from a pixel to the next counts: by its size or by its square."),
)  # fmt: skip
class TotalVariation(nn.Module):
    """How much neighbouring pixels differ: the mean step downwards and the mean step to the right, added.

    It needs no target.
    """

    def __init__(self, weight: float = 1.0, steps: Steps = "absolute") -> None:
        super().__init__()
        self.weight = weight
        self.steps = steps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if min(x.shape[2:]) < 2:
            raise ValueError(f"`x` is {x.shape[2]}x{x.shape[3]}, but a step needs two pixels each way")
        both = [wide(x).diff(dim=2), wide(x).diff(dim=3)]
        down, right = ((d.abs() if self.steps == "absolute" else d.square()).mean() for d in both)
        return self.weight * (down + right)
