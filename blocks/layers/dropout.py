"""Layers that forget on purpose."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, setting


@block(
    "Dropout", category="Layer", paper="torch.nn.Dropout (Hinton et al. 2012, arXiv:1207.0580)", icon="droplets",
    helps="Wide Linear layers and transformers on little data: AlexNet and VGG use 0.5 before their last layers, most "
          "transformers 0.1.",
    hurts="On feature maps a missing value is guessed from its neighbours: use Spatial dropout 2d or DropBlock. "
          "Before a batch norm it makes the variance in use another than in training (Li et al. 2018).",
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
    helps="Segmentation and pose networks, whose maps repeat themselves from place to place: a channel that is gone "
          "cannot be guessed from its own neighbours. ENet uses rates of 0.01 to 0.1.",
    hurts="At the default of 0.5, or with few channels, it takes away too much at once. It never hides a region, as "
          "DropBlock does; in deep residual networks Drop path is the usual choice.",
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
    helps="Between the layers of a network of SELUs, whose mean and variance ordinary zeros would move off 0 and 1. "
          "Its authors recommend rates of 0.05 to 0.1.",
    hurts="Behind any other activation its fill value of -1.76 stands for nothing and shifts the mean: use Dropout "
          "behind ReLU or GELU. The default of 0.5 is five times the most that was recommended.",
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
    helps="ResNets and detectors that train for long on maps clearly larger than the block: with blocks of 7x7 a "
          "ResNet-50 gained 1.6 points on ImageNet in the paper.",
    hurts="At full rate from the first epoch it holds learning back: the paper lets `p` grow from 0 over training. On "
          "maps no larger than the block it drops whole channels, which is Spatial dropout 2d.",
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
    helps="Residual networks and transformers of many layers: DeiT, Swin and ConvNeXt take rates of 0.1 to 0.5, "
          "growing from 0 at the first block to the full rate at the last.",
    hurts="Off a residual branch it sets whole samples to 0 and all later layers see nothing of them: it belongs "
          "right before Add. In shallow networks or short runs it only slows learning; use Dropout.",
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
