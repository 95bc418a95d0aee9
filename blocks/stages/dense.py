"""The blocks of DenseNet: every layer sees what all layers before it gave."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.dropout import Dropout
from blocks.layers.normalisation import BatchNorm2d
from blocks.layers.pooling import AvgPool2d

DENSENET = "Huang et al. 2016, arXiv:1608.06993"
GROWTH = setting("How many channels each layer adds.", min=1, shown=True)
BOTTLENECK = setting("The 1x1 convolution gives this many times `growth` channels.", min=1)
DROPOUT = setting("The share of new values set to 0 in training, against learning by heart.", min=0, max=1)
REDUCTION = setting("Of the channels that come in, one of so many remains.", min=1)


@block(
    "Dense layer", category="Backbone", paper=DENSENET, icon="layers", aliases=("densenet", "growth"),
    helps="The part that a dense block opens into, for joints of your own. A growth of 12 to 48 is enough, since "
          "every earlier map can still be read through Concat.",
    hurts="Alone it hands on its few new channels and the input is gone. It begins with a norm over all C channels, "
          "so deep in a block the norms and the 1x1 convolution cost more than the 3x3 one.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "The new channels alone: `growth` of them.")},
    growth=GROWTH, bottleneck=BOTTLENECK, dropout=DROPOUT, activation=ACTIVATION,
)  # fmt: skip
class DenseLayer(nn.Module):
    """Norm, bend and a 1x1 convolution, then the same with a 3x3 one, which gives a few new channels.

    The 1x1 convolution brings the many channels that come in down first. Concat puts the new ones behind them for the
    next layer.
    """

    def __init__(
        self,
        C: int,
        growth: int = 32,
        bottleneck: int = 4,
        dropout: float = 0.0,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.norm = BatchNorm2d(C)
        self.act = make_activation(activation)
        self.conv1 = ConvNormAct(C, bottleneck * growth, 1, activation=activation)
        self.conv2 = Conv2d(bottleneck * growth, growth, bias=False)
        self.dropout = Dropout(dropout) if dropout else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(x)
        if self.act is not None:
            x = self.act(x)
        x = self.conv2(self.conv1(x))
        return x if self.dropout is None else self.dropout(x)


@block(
    "Dense block", category="Backbone", paper=DENSENET, icon="square-stack", aliases=("densenet", "dense stage"),
    helps="Few weights for the accuracy: a DenseNet-201 of 20 M weights has about the error of a ResNet-101 of more "
          "than 40 M. On CIFAR without augmentation, where data is scarce, its lead was largest.",
    hurts="Every join copies all maps before it: without recomputing, memory in training grows with the square of the "
          "depth, and copying makes it slower than a residual stage of as many MACs.",
    inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "What comes in, and behind it the new channels: C + depth * growth.")},
    depth=setting("How many layers follow one another.", min=1, max=1000, shown=True),
    growth=GROWTH, bottleneck=BOTTLENECK, dropout=DROPOUT, activation=ACTIVATION,
)  # fmt: skip
class DenseBlock(nn.Module):
    """Layers of which each sees what comes in and what all layers before it gave.

    Nothing has to be learned twice, so each layer needs few channels. What all layers gave is joined, not added.
    """

    def __init__(
        self,
        C: int,
        depth: int = 4,
        growth: int = 32,
        bottleneck: int = 4,
        dropout: float = 0.0,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DenseLayer(C + i * growth, growth, bottleneck, dropout, activation) for i in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


@block(
    "Dense transition", category="Backbone", paper=DENSENET, icon="minimize-2", aliases=("densenet", "transition"),
    helps="Between two dense blocks. It is the only place where a DenseNet gets rid of channels; without it each "
          "further layer would see, and cost, more and more.",
    hurts="After a stage that does not grow it throws half of the channels away for nothing: halve the size there by "
          "a strided convolution. The 2x2 pool drops the last row and column of odd maps.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Fewer channels at half the size.")},
    reduction=REDUCTION,
    norm=setting("Norm and bend before the convolution; needless where that was done just before."),
    activation=setting("The bend after the norm; `none` leaves it out.", when={"norm": True}),
)  # fmt: skip
class DenseTransition(nn.Module):
    """Norm, bend, a 1x1 convolution that halves the channels, and an average pool that halves the size.

    It stands between two dense blocks, which only ever add channels and keep the size.
    """

    def __init__(self, C: int, reduction: int = 2, norm: bool = True, activation: Activation = "relu") -> None:
        super().__init__()
        self.norm = BatchNorm2d(C) if norm else None
        self.act = make_activation(activation) if norm else None
        self.conv = Conv2d(C, max(C // reduction, 1), 1, padding=0, bias=False)
        self.pool = AvgPool2d(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.norm is not None:
            x = self.norm(x)
        if self.act is not None:
            x = self.act(x)
        return self.pool(self.conv(x))
