"""Layers that forget on purpose."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

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


@block(
    "Spatial dropout 2d", category="Layer", paper="torch.nn.Dropout2d (Tompson et al. 2014, arXiv:1411.4280)",
    icon="droplets", aliases=("dropout", "dropout2d", "regularisation", "regularization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    p=setting("The share of channels set to 0 in training.", min=0, max=1, shown=True),
)  # fmt: skip
class Dropout2d(nn.Dropout2d):
    """Set whole random channels to 0 while training, and nothing afterwards.

    Neighbouring places of a feature map say nearly the same, so that leaving single ones out would hide little.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)


@block(
    "Alpha dropout", category="Layer", paper="torch.nn.AlphaDropout (Klambauer et al. 2017, arXiv:1706.02515)",
    icon="droplets", aliases=("dropout", "selu", "regularisation", "regularization"),
    inputs={"x": "B *S"}, outputs={"out": "B *S"},
    p=setting("The share of values set to SELU's lowest value in training.", min=0, max=1, shown=True),
)  # fmt: skip
class AlphaDropout(nn.AlphaDropout):
    """A dropout that keeps mean and variance, for networks of SELUs.

    While training, random values become the lowest value that SELU gives, and the rest is rescaled; afterwards it
    does nothing.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p)


@block(
    "DropBlock", category="Layer", paper="Ghiasi et al. 2018, arXiv:1810.12890", icon="droplets",
    aliases=("dropout", "regularisation", "regularization"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    p=setting("The share of places set to 0 in training, where blocks do not overlap.", min=0, max=1, shown=True),
    block_size=setting("Height and width of a block; at most that of the image.", min=1, shown=True),
)  # fmt: skip
class DropBlock(nn.Module):
    """Set random square regions of feature maps to 0 while training, and nothing afterwards.

    A region hides a part of the object as a whole, where single missing places could be guessed from their
    neighbours. What remains is scaled up so that the mean stays.
    """

    def __init__(self, p: float = 0.1, block_size: int = 7) -> None:
        super().__init__()
        self.p = p
        self.block_size = block_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        height, width = x.shape[2:]
        side = min(self.block_size, height, width)
        corners = (height - side + 1, width - side + 1)  # a block begins only where all of it fits
        chance = min(self.p * height * width / (side * side * corners[0] * corners[1]), 1.0)
        begins = x.new_empty(*x.shape[:2], *corners).bernoulli_(chance)
        dropped = F.max_pool2d(F.pad(begins, [side - 1] * 4), side, stride=1)  # (B, C, H, W)
        kept = 1 - dropped
        return x * kept * (kept.numel() / kept.sum().clamp(min=1))


@block(
    "Drop path", category="Layer", paper="Huang et al. 2016, arXiv:1603.09382", icon="droplets",
    aliases=("stochastic depth", "regularisation", "regularization"), inputs={"x": "B *S"}, outputs={"out": "B *S"},
    p=setting("The share of samples for which the whole branch is left out in training.", min=0, max=1, shown=True),
)  # fmt: skip
class DropPath(nn.Module):
    """Leave a residual branch out for some samples while training, and never afterwards.

    Put it at the end of a branch, before the addition: a deep network then trains as a crowd of shallower ones.
    """

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0:
            return x
        kept = x.new_empty(x.shape[0], *(1,) * (x.dim() - 1)).bernoulli_(1 - self.p)
        return x * kept / max(1 - self.p, 1e-6)
