"""The small composite that most larger blocks are built of."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import BatchNorm2d

ACTIVATION = setting("The bend after the layers; `none` leaves it out.")


@block(
    "Conv, norm, activation", category="Layer", paper="Ioffe and Szegedy 2015, arXiv:1502.03167", icon="combine",
    aliases=("conv", "cba", "cbr", "convolution"),
    inputs={"x": "B C%groups H W"}, outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    kernel_size=setting("Height and width of the window; odd, so that it has a middle.", min=1, shown=True),
    stride=setting("Steps between windows: 2 halves height and width.", min=1, shown=True),
    groups=setting("Into how many groups the channels are split.", min=1),
    activation=ACTIVATION,
)  # fmt: skip
class ConvNormAct(nn.Module):
    """A convolution, a batch norm and an activation, as most networks for images repeat it.

    The padding keeps the size, so only the stride makes the image smaller. The convolution has no bias, because the
    norm has one.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        half = kernel_size // 2
        self.conv = Conv2d(
            C, channels, (kernel_size, kernel_size), (stride, stride), (half, half), groups=groups, bias=False
        )
        self.norm = BatchNorm2d(channels)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return x if self.act is None else self.act(x)


def check_odd(name: str, size: int) -> None:
    """Raise ValueError for an even kernel, whose padding could not keep the size."""
    if size % 2 == 0:
        raise ValueError(f"{name} is {size}, but it needs an odd number, so that it has a middle: use {size + 1}")
