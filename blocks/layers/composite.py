"""The small composite that most larger blocks are built of."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.convolution import FIT, Conv2d, Fit
from blocks.layers.initialisation import INIT, Init
from blocks.layers.normalisation import Norm, make_norm
from blocks.layers.sizes import Size, half, pair

ACTIVATION = setting("The bend after the layers; `none` leaves it out.")
NORM = setting("The normalisation after a convolution; with `none` the convolution has a bias instead.")
EPS = setting("A small number added to the norm's variance, against division by zero.", min=0)
MOMENTUM = setting("How fast a batch norm's running averages follow the batches.", min=0, max=1)


@block(
    "Conv, norm, activation", category="Layer", paper="Ioffe and Szegedy 2015, arXiv:1502.03167", icon="combine",
    helps="The unit that convolutional networks repeat: one node for three, padding that keeps H x W at stride 1, and "
          "no bias that the norm would cancel.",
    hurts="At a network's end, or right before Add, its activation cuts off half the range: set it to `none`. "
          "Networks that normalise first want Pre-activation basic block, and tiny batches the norm `group`.",
    aliases=("conv", "cba", "cbr", "convolution"),
    inputs={"x": "B C%groups H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    kernel_size=setting("Height and width of the window; odd, unless you set the padding.", min=1, shown=True),
    stride=setting("Steps between windows: 2 halves height and width.", min=1, shown=True),
    padding=setting("Zeros added at each edge; empty: as many as keep the size.", min=0),
    dilation=setting("Distance between the window's points: 2 skips every other one and so sees farther.", min=1),
    groups=setting("Into how many groups the channels are split; as many as channels is a depthwise conv.", min=1),
    norm=NORM, activation=ACTIVATION, eps=EPS, momentum=MOMENTUM,
    bias=setting("Add a learned number to each channel of the convolution; empty: only where no norm follows."),
    fit=FIT, norm_last=setting("Normalise after the activation rather than before it."), init=INIT,
)  # fmt: skip
class ConvNormAct(nn.Module):
    """A convolution, a norm and an activation, as most networks for images repeat it.

    The padding keeps the size, so only the stride makes the image smaller. The convolution has no bias where a norm
    follows, because the norm has one.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: Size = 3,
        stride: Size = 1,
        padding: Size | None = None,
        dilation: Size = 1,
        groups: int = 1,
        norm: Norm = "batch",
        activation: Activation = "relu",
        eps: float = 1e-5,
        momentum: float = 0.1,
        bias: bool | None = None,
        fit: Fit = "padding",
        norm_last: bool = False,
        init: Init = "default",
    ) -> None:
        super().__init__()
        self.norm_last = norm_last
        if padding is None:
            if fit == "padding":
                check_odd("kernel_size", *pair(kernel_size))
            padding = half(kernel_size, dilation)
        bias = norm == "none" if bias is None else bias
        self.conv = Conv2d(C, channels, kernel_size, stride, padding, dilation, groups, bias, fit, init)
        self.norm = make_norm(norm, channels, eps, momentum)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        for layer in (self.act, self.norm) if self.norm_last else (self.norm, self.act):
            if layer is not None:
                x = layer(x)
        return x


def check_odd(name: str, *sizes: int) -> None:
    """Raise ValueError for an even kernel, whose padding could not keep the size."""
    for size in sizes:
        if size % 2 == 0:
            raise ValueError(f"{name} is {size}, but it needs an odd number, so that it has a middle: use {size + 1}")
