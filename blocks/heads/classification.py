"""Heads: from features to the answer."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.pooling import GlobalAvgPool

CLASSES = setting("How many classes there are to tell apart.", min=1, shown=True)
DROPOUT = setting("The share of features set to 0 in training, against learning by heart.", min=0, max=1)
_BIAS = setting("Add a learned number to each class.")


@block(
    "Classification head", category="Head", paper="He et al. 2015, arXiv:1512.03385", icon="badge-check",
    helps="Any backbone's last map, of any height and width: with C weights a class there is little to overfit, and "
          "the same weights show where in the map a class fires (CAM).",
    hurts="The mean forgets where things are and how many, and small objects drown in it: use Convolutional "
          "classifier or a detection head there. Tokens want Class-token head.",
    aliases=("classifier", "logits", "softmax"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K", "One score a class, before any softmax.")},
    classes=CLASSES,
    dropout=DROPOUT, bias=_BIAS,
)  # fmt: skip
class ClassificationHead(nn.Module):
    """Average the feature maps and give one score a class.

    The scores are raw (logits): cross-entropy takes them as they are.
    """

    def __init__(self, C: int, classes: int = 10, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        self.pool = GlobalAvgPool()
        self.dropout = Dropout(dropout)
        self.linear = Linear(C, classes, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.dropout(self.pool(x)))


@block(
    "Linear classifier", category="Head", paper="LeCun et al. 1998, doi:10.1109/5.726791", icon="badge-check",
    helps="After Flatten, a recurrent network, a class token or frozen features: the linear probe by which "
          "self-supervised methods are compared.",
    hurts="On a flattened map it has C H W weights a class and ties the network to one size: take Classification head "
          "there. What no straight line parts needs MLP head.",
    aliases=("classifier", "logits", "fully connected"),
    inputs={"x": port("B D", "One vector a sample.")},
    outputs={"out": port("B K", "One score a class, before any softmax.")},
    classes=CLASSES, dropout=DROPOUT, bias=_BIAS,
)  # fmt: skip
class LinearClassifier(nn.Module):
    """Give one score a class, each a weighted sum of a vector's features.

    It ends networks whose last features are a vector already: pooled, flattened or a class token. The scores are raw
    (logits): cross-entropy takes them as they are.
    """

    def __init__(self, D: int, classes: int = 10, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)
        self.linear = Linear(D, classes, bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(self.dropout(x))
