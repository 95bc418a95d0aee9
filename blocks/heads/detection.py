"""What the dense detection heads share: towers of convolutions over all levels, and predictions in rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import Norm

CLASSES = setting("How many classes there are to tell apart.", min=1, shown=True)
CONVS = setting("How many 3x3 convolutions stand before the predictions, in each of the two towers.", min=0, max=32)
WIDTH = setting(
    "Channels of the towers; empty: those of the levels, or 256 where the levels differ. A level with other channels "
    "is brought to them by a 1x1 convolution.", min=1,
)  # fmt: skip
PRIOR = setting("The score that every place begins with: small, as most places show nothing.", min=0.0001, max=0.9999)
SCORES = port("B L K", "One score a class of each prediction, before any sigmoid; all levels, finest first.")


@block(
    "Prediction rows", category="Postprocess", paper="Lin et al. 2017, arXiv:1708.02002", icon="rows-3",
    helps="Heads of your own with anchors: RetinaNet's and FCOS's rows come by it, in the order in which Anchors "
          "lists them. Join the levels' rows by Concat along L.",
    hurts="The numbers of an anchor must lie behind one another in C; a head that lists number after number gets its "
          "boxes shuffled without an error. For YOLOv8's B K L take Join levels.",
    aliases=("flatten", "anchors", "detections"),
    inputs={"x": port("B C%values H W", "Predictions of all anchors at every place, anchor after anchor.")},
    outputs={"out": port("B L K", "A row of `values` numbers a prediction: place after place, anchor after anchor.")},
    values=setting("How many numbers belong to one prediction: 4 for a box.", min=1, shown=True),
)  # fmt: skip
class PredictionRows(nn.Module):
    """Write what a detection head predicts at each place of a map as rows, one a prediction.

    So the predictions of several levels can be joined behind one another. The anchors come in the same order.
    """

    def __init__(self, values: int = 4) -> None:
        super().__init__()
        self.values = values

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.unflatten(1, (-1, self.values))  # (B, A, values, H, W)
        return x.permute(0, 3, 4, 1, 2).flatten(1, 3)


class DenseHead(nn.Module):
    """Two towers with weights that all levels share: `classify` and `regress`. A family adds its predictions."""

    def __init__(
        self, c: Sequence[int], width: int | None, convs: int, norm: Norm, bias: bool | None, classes: int, prior: float
    ) -> None:
        super().__init__()
        if width is None:
            width = c[0] if len(set(c)) == 1 and (norm != "group" or c[0] % 32 == 0) else 256
        fits = any(width != C for C in c)
        self.fits = nn.ModuleList(Conv2d(C, width, 1, padding=0) for C in c if fits)
        self.classify = tower(width, convs, norm, bias)
        self.regress = tower(width, convs, norm, bias)
        self.rows = PredictionRows(classes)
        self.box_rows = PredictionRows(4)
        self.width = width
        self.prior = prior

    def start(self, scores: Conv2d) -> None:
        """Small weights everywhere but before the norms, and scores that begin at the prior (Lin et al., 3.3)."""
        for part in self.modules():
            if isinstance(part, Conv2d) and part not in set(self.fits):
                nn.init.normal_(part.weight, std=0.01)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        assert scores.bias is not None
        nn.init.constant_(scores.bias, -math.log((1 - self.prior) / self.prior))

    def fitted(self, x: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The levels, each with `width` channels."""
        return [fit(level) for fit, level in zip(self.fits, x, strict=True)] if self.fits else list(x)


def tower(width: int, convs: int, norm: Norm, bias: bool | None) -> nn.Sequential:
    return nn.Sequential(*(ConvNormAct(width, width, 3, norm=norm, bias=bias) for _ in range(convs)))
