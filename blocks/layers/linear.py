"""Fully connected layers."""

from __future__ import annotations

from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.initialisation import INIT, Init, initialise

_OUT_FEATURES = setting("How many features come out.", min=1, shown=True)
_BIAS = setting("Add a learned number to each feature.")


@block(
    "Linear", category="Layer", paper="torch.nn.Linear", icon="network", aliases=("fc", "dense", "fully connected"),
    helps="Mixing features token by token or place by place, and the last step to class scores. It acts on the last "
          "size, whatever stands before it, so that B x L x D needs no flattening.",
    hurts="Behind a flattened map it takes C x H x W x K weights and fixes the image's size: 103 of VGG-16's 138 "
          "million weights are one such layer. Pool before it, or mix maps with Pointwise conv 2d.",
    inputs={"x": port("B *S D", "Features in the last size.")},
    outputs={"out": port("B *S K", "The new features in the last size.")},
    out_features=_OUT_FEATURES, bias=_BIAS, init=INIT,
)  # fmt: skip
class Linear(nn.Linear):
    """Mix all features of the last size into new ones.

    Every output is a weighted sum of all inputs, with weights that are learned. It ends most classifiers; before it,
    flatten or pool an image.
    """

    def __init__(self, D: int, out_features: int = 128, bias: bool = True, init: Init = "default") -> None:
        super().__init__(D, out_features, bias=bias)
        initialise(self, init)


@block(
    "Bilinear", category="Layer", paper="torch.nn.Bilinear", icon="network", aliases=("product", "interaction"),
    helps="Two inputs that matter through products of their features, such as the ends of a relation, or an image and "
          "a question, at sizes D and d of some tens.",
    hurts="With 512 features on either side and 512 out it holds 134 million weights. For such sizes narrow both by "
          "Linear and join them with Multiply, or Concat them before one Linear.",
    inputs={
        "a": port("B *S D", "Features in the last size."), "b": port("B *S d", "Other features of the same things."),
    },
    outputs={"out": port("B *S K", "The new features in the last size.")},
    out_features=_OUT_FEATURES, bias=_BIAS, init=INIT,
)  # fmt: skip
class Bilinear(nn.Bilinear):
    """Weigh every pair of a feature of one input and a feature of the other.

    It finds out how two things go together, such as a question and an answer. The weights are as many as features
    times features times outputs: keep the sizes small.
    """

    def __init__(
        self, D: int, d: list[int], out_features: int = 64, bias: bool = True, init: Init = "default"
    ) -> None:
        super().__init__(D, d[0], out_features, bias=bias)
        initialise(self, init)
