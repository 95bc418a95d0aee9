"""Fully connected layers."""

from __future__ import annotations

from torch import nn

from blocks.declare import block, port, setting


@block(
    "Linear", category="Layer", paper="torch.nn.Linear", icon="network", aliases=("fc", "dense", "fully connected"),
    inputs={"x": port("B *S D", "Features in the last size.")},
    outputs={"out": port("B *S K", "The new features in the last size.")},
    out_features=setting("How many features come out.", min=1, shown=True),
    bias=setting("Add a learned number to each feature."),
)  # fmt: skip
class Linear(nn.Linear):
    """Mix all features of the last size into new ones.

    Every output is a weighted sum of all inputs, with weights that are learned. It ends most classifiers; before it,
    flatten or pool an image.
    """

    def __init__(self, D: int, out_features: int = 128, bias: bool = True) -> None:
        super().__init__(D, out_features, bias=bias)
