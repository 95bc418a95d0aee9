"""Layers that forget on purpose."""

from __future__ import annotations

from torch import nn

from blocks.declare import block, setting


@block(
    "Dropout", category="Layer", paper="torch.nn.Dropout (Hinton et al. 2012, arXiv:1207.0580)", icon="droplets",
    aliases=("regularisation", "regularization"), inputs={"x": "B *S"}, outputs={"out": "B *S"},
    p=setting("The share of values set to 0 in training.", min=0, max=1, shown=True),
)  # fmt: skip
class Dropout(nn.Dropout):
    """Set random values to 0 while training, and nothing afterwards.

    The network cannot lean on any single value, which keeps it from learning the training data by heart.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)
