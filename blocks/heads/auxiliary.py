"""Auxiliary classifiers, which help to train the middle of a deep network."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.heads.classification import CLASSES, DROPOUT
from blocks.layers.activation import ReLU
from blocks.layers.composite import NORM, ConvNormAct
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.normalisation import Norm
from blocks.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, GlobalAvgPool
from blocks.layers.shape import Flatten

_SCORES = port("B K", "One score a class, before any softmax.")


@block(
    "Auxiliary classifier", category="Head", paper="Szegedy et al. 2014, arXiv:1409.4842", icon="badge-check",
    helps="Deep networks without norms or connections, GoogLeNet in its published form above all: two of them, behind "
          "4a and 4d. It also serves to see how much the middle layers know already.",
    hurts="In networks with batch norms and connections it brings little, and its linear layers add 2 M weights at "
          "1024 features. Take it out before export: its scores are of no use then.",
    aliases=("googlenet", "aux", "deep supervision"), inputs={"x": "B C H W"}, outputs={"out": _SCORES},
    classes=CLASSES, hidden=setting("Features of the layer between.", min=1), dropout=DROPOUT, norm=NORM,
)  # fmt: skip
class AuxiliaryClassifier(nn.Module):
    """A small classifier on feature maps in the middle of a network.

    Its loss, weighted by about 0.3, sends a gradient to the early layers; after training it is not needed.
    """

    def __init__(
        self, C: int, classes: int = 10, hidden: int = 1024, dropout: float = 0.7, norm: Norm = "batch"
    ) -> None:
        super().__init__()
        self.pool = AdaptiveAvgPool2d(4)
        self.conv = ConvNormAct(C, 128, 1, norm=norm, eps=1e-3)
        self.flatten = Flatten()
        self.hidden = Linear(2048, hidden)
        self.act = ReLU()
        self.dropout = Dropout(dropout)
        self.linear = Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.flatten(self.conv(self.pool(x)))
        return self.linear(self.dropout(self.act(self.hidden(x))))


@block(
    "Auxiliary classifier, v3", category="Head", paper="Szegedy et al. 2015, arXiv:1512.00567", icon="badge-check",
    helps="Training Inception v3 from scratch or loading its whole published weights: it stands on the last 17x17 "
          "map, and its loss usually counts 0.4 beside the main one.",
    hurts="Maps of less than 17x17 are too small for its pool and unpadded 5x5 window. Its authors saw no faster "
          "training, only a slight gain at the end: elsewhere dropout or label smoothing is cheaper.",
    aliases=("inception v3", "aux", "deep supervision"),
    inputs={"x": port("B C H W", "Feature maps of 17x17 at least.")}, outputs={"out": _SCORES}, classes=CLASSES,
)  # fmt: skip
class InceptionV3Auxiliary(nn.Module):
    """The auxiliary classifier of Inception v3: a pool, two convolutions and a linear layer.

    It regularises more than it speeds up, its authors found.
    """

    def __init__(self, C: int, classes: int = 10) -> None:
        super().__init__()
        self.pool = AvgPool2d(5, 3)
        self.reduce = ConvNormAct(C, 128, 1, eps=1e-3)
        self.conv = ConvNormAct(128, 768, 5, padding=0, eps=1e-3)
        self.average = GlobalAvgPool()
        self.linear = Linear(768, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.average(self.conv(self.reduce(self.pool(x)))))
