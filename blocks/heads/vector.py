"""Heads for one vector a sample, and the fully convolutional classifier."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.heads.classification import CLASSES, DROPOUT
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.sizes import Size

HIDDEN = setting("Features of each layer between, first to last.", min=1, shown=True)
_SCORES = port("B K", "One score a class, before any softmax.")


@block(
    "MLP head", category="Head", paper="Krizhevsky et al. 2012, NeurIPS; Simonyan and Zisserman 2014, arXiv:1409.1556",
    helps="VGG and AlexNet with their weights, and vectors whose classes no straight line parts: tabular features, "
          "frozen embeddings.",
    hurts="124 M of VGG-16's 138 M weights are here, and they tie the network to one image size; only dropout keeps "
          "them from learning by heart. Global pooling and one linear layer replaced it from GoogLeNet on.",
    icon="badge-check", aliases=("classifier", "fully connected", "perceptron", "vgg"),
    inputs={"x": "B D"}, outputs={"out": _SCORES},
    classes=CLASSES, hidden=HIDDEN, dropout=DROPOUT, activation=ACTIVATION,
)  # fmt: skip
class MLPHead(nn.Module):
    """Classify a vector by several linear layers with a bend and a dropout after each but the last.

    AlexNet and VGG end so; most of their weights are here.
    """

    def __init__(
        self,
        D: int,
        classes: int = 10,
        hidden: tuple[int, ...] = (4096, 4096),
        dropout: float = 0.5,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in hidden:
            act = make_activation(activation)
            layers += [Linear(D, width), *([act] if act is not None else []), Dropout(dropout)]
            D = width
        self.layers = nn.Sequential(*layers, Linear(D, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


@block(
    "Convolutional classifier", category="Head", paper="Sermanet et al. 2013, arXiv:1312.6229", icon="badge-check",
    helps="Coarse maps of answers over large images: train on crops as a classifier, then run once over the whole "
          "image in place of a sliding window.",
    hurts="Its window must be the map's size at the trained crop, else no single answer comes out. Answers lie a full "
          "stride apart: outlines need a segmentation head, boxes a detection head.",
    aliases=("overfeat", "fully convolutional", "classifier", "sliding window"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Scores a place: 1 by 1 for an image of the usual size.")},
    classes=CLASSES, hidden=HIDDEN,
    kernel_size=setting("Window of the first layer: the size of the feature maps for one answer.", min=1, shown=True),
    dropout=DROPOUT, activation=ACTIVATION,
)  # fmt: skip
class ConvolutionalHead(nn.Module):
    """A classifier of linear layers, written as convolutions.

    Where the image is larger than usual it gives an answer for each place at no extra cost: that is how OverFeat
    localises and detects.
    """

    def __init__(
        self,
        C: int,
        classes: int = 10,
        hidden: tuple[int, ...] = (3072, 4096),
        kernel_size: Size = 6,
        dropout: float = 0.5,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        size: Size = kernel_size
        for width in hidden:
            layers += [ConvNormAct(C, width, size, padding=0, norm="none", activation=activation), Dropout(dropout)]
            C, size = width, 1
        self.layers = nn.Sequential(*layers, Conv2d(C, classes, size, padding=0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)
