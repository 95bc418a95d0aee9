"""Plain convolutional stages: convolutions in a row, before residual connections."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, NORM, ConvNormAct
from blocks.layers.normalisation import Norm
from blocks.layers.pooling import MaxPool2d

VGG = "Simonyan and Zisserman 2014, arXiv:1409.1556"


@block(
    "Plain stage", category="Backbone", paper=VGG, icon="square-stack", aliases=("vgg", "convolutions", "stage"),
    helps="Perceptual and style losses, teaching, and shallow networks: dense 3x3 convolutions are what GPUs and all "
          "runtimes do best, and without norms no batch matters.",
    hurts="With nothing around the convolutions, the error on the training set itself rises again past some 20 "
          "layers. A residual stage cures that, a RepVGG block does at a plain stage's speed.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    depth=setting("How many 3x3 convolutions follow one another.", min=1, max=100, shown=True),
    pool=setting("Begin with a 2x2 max pool that halves height and width."),
    norm=NORM, activation=ACTIVATION,
)  # fmt: skip
class PlainStage(nn.Module):
    """3x3 convolutions in a row, at one size.

    Two of them see as far as one 5x5 convolution, with fewer weights and one more bend. VGG is made of such stages.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        depth: int = 2,
        pool: bool = False,
        norm: Norm = "none",
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        self.pool = MaxPool2d(2, 2) if pool else None
        convs = [
            ConvNormAct(channels if i else C, channels, 3, norm=norm, activation=activation, bias=True)
            for i in range(depth)
        ]
        self.convs = nn.Sequential(*convs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.convs(x if self.pool is None else self.pool(x))
