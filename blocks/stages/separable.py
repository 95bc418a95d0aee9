"""The block of networks whose convolutions are split into space and channels."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, ConvNormAct
from blocks.layers.sizes import Size
from blocks.stages.inverted import CHANNELS, KERNEL, OUT, STRIDE

V1 = "Howard et al. 2017, arXiv:1704.04861"


@block(
    "Depthwise-separable block", category="Backbone", paper=V1, icon="git-fork",
    helps="MobileNet V1, light decoders and anything on CPUs that now has 3x3 convolutions: 8 to 9 times fewer MACs "
          "where channels are many.",
    hurts="No connection around it, and the bend after the depthwise window loses information on few channels: the "
          "inverted residual block cured both. On GPUs it waits for memory.",
    aliases=("mobilenet", "depthwise", "pointwise", "separable convolution"),
    inputs={"x": "B C H W"}, outputs={"out": OUT},
    channels=CHANNELS, kernel_size=KERNEL, stride=STRIDE,
    dilation=setting("Distance between the points of the window: 2 sees farther at the same size.", min=1),
    activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class DepthwiseSeparable(nn.Module):
    """A depthwise convolution looks around in each channel, a 1x1 convolution mixes the channels.

    Both have a norm and an activation. Together they do the work of a full convolution for a fraction of its cost:
    about an eighth for a 3x3 window and many channels.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: Size = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Activation = "relu6",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.depthwise = ConvNormAct(
            C, C, kernel_size, stride, dilation=dilation, groups=C, activation=activation, eps=eps
        )  # fmt: skip
        self.pointwise = ConvNormAct(C, channels, 1, activation=activation, eps=eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.pointwise(self.depthwise(x))
