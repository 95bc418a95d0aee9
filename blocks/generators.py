"""The blocks of adversarial networks: a generator's, which make an image larger, and a discriminator's."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, LeakyReLU, make_activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.convolution import Conv2d
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.layers.initialisation import INIT, Init
from blocks.layers.normalisation import Norm, make_norm

_DCGAN = "Radford et al. 2015, arXiv:1511.06434"
_CHANNELS = setting("How many channels come out.", min=1, shown=True)
_KERNEL = setting("Height and width of the window.", min=1)
_NORM = setting("The normalisation after the convolution; the convolution has no bias in any case.")


@block(
    "Generator block", category="Layer", paper=_DCGAN, icon="maximize-2",
    helps="Generators and decoders that must learn how to enlarge: with a kernel of 4 and stride 2 every place of the "
          "result is fed by equally many inputs.",
    hurts="A kernel that the stride does not divide (3 with 2) paints a checkerboard; resizing before a plain "
          "convolution does not. Its batch norm ties the images of a batch together, and is noisy in small ones.",
    aliases=("dcgan", "gan", "transposed convolution", "deconvolution", "upsample"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Larger feature maps.")},
    channels=_CHANNELS, kernel_size=_KERNEL,
    stride=setting("By how much height and width grow.", min=1, shown=True),
    padding=setting("Places taken off at each edge: 1 with a kernel of 4 and stride 2 doubles the size.", min=0),
    norm=_NORM, activation=ACTIVATION, init=INIT,
)  # fmt: skip
class GeneratorBlock(nn.Module):
    """A transposed convolution, a norm and an activation, by which a generator makes its image larger.

    A chain of them turns a random vector of one place into an image: the first with stride 1 and no padding makes
    4x4 places of it, each further one doubles that, and the last one has no norm and bends by tanh.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: int = 4,
        stride: int = 2,
        padding: int = 1,
        norm: Norm = "batch",
        activation: Activation = "relu",
        init: Init = "normal",
    ) -> None:
        super().__init__()
        self.conv = ConvTranspose2d(C, channels, kernel_size, stride, padding, bias=False, init=init)
        self.norm = make_norm(norm, channels)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.act is None else self.act(x)


@block(
    "Discriminator block", category="Layer", paper=_DCGAN, icon="minimize-2",
    helps="Discriminators and critics of adversarial networks: the learned stride and the slope of 0.2 let a gradient "
          "through to the generator where a max pool and ReLU would stop most of it.",
    hurts="With batch norm, real and made images should come in batches of their own, and a critic with a gradient "
          "penalty (WGAN-GP) wants layer norm or none. To classify, blocks with a shortcut train deeper.",
    aliases=("dcgan", "gan", "strided convolution", "critic", "downsample"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Smaller feature maps.")},
    channels=_CHANNELS, kernel_size=_KERNEL,
    stride=setting("Steps between windows: 2 halves height and width.", min=1, shown=True),
    padding=setting("Zeros added at each edge: 1 with a kernel of 4 and stride 2 halves the size.", min=0),
    norm=_NORM, slope=setting("By how much negative values are multiplied.", min=0, max=1), init=INIT,
)  # fmt: skip
class DiscriminatorBlock(nn.Module):
    """A strided convolution, a norm and a leaky ReLU, by which a discriminator makes its image smaller.

    It learns how to make smaller, where a pool would lose what the generator needs to be told. The first one has no
    norm, so that it sees the colours as they are.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: int = 4,
        stride: int = 2,
        padding: int = 1,
        norm: Norm = "batch",
        slope: float = 0.2,
        init: Init = "normal",
    ) -> None:
        super().__init__()
        self.conv = Conv2d(C, channels, kernel_size, stride, padding, bias=False, init=init)
        self.norm = make_norm(norm, channels)
        self.act = LeakyReLU(slope)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return self.act(x)
