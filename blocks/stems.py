"""Stems: the first layers, which turn an image into feature maps."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, EPS, ConvNormAct
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.pooling import MaxPool2d


@block(
    "Conv stem", category="Stem", paper="He et al. 2015, arXiv:1512.03385", icon="layers",
    helps="The usual start of ResNets and DenseNets on images of 128 pixels and more: it leaves a quarter of each "
          "side, so that every later convolution costs a sixteenth.",
    hurts="Of a 32x32 image only 8x8 places reach the first stage unless stride and pool go. On large images Deep "
          "stem is a little more accurate: by 0.2 points of top-1 in a ResNet-50.",
    aliases=("conv", "resnet", "stem"), inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    kernel_size=setting("Height and width of the window; odd.", min=1, shown=True),
    stride=setting("Steps of the convolution: 2 halves height and width, 1 suits small images.", min=1, shown=True),
    pool=setting("Halve the size once more by a 3x3 max pool."),
    activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class ConvStem(nn.Module):
    """One convolution that sees the raw image, with a norm, an activation and a pool.

    It makes a large image small at once, before the costly layers. For images of less than about 64 pixels use
    kernel 3, stride 1 and no pool.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        kernel_size: int = 7,
        stride: int = 2,
        pool: bool = True,
        activation: Activation = "relu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.conv = ConvNormAct(C, channels, kernel_size, stride, activation=activation, eps=eps)
        self.pool = MaxPool2d(3, 2, 1) if pool else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x if self.pool is None else self.pool(x)


@block(
    "Deep stem", category="Stem", paper="He et al. 2018, arXiv:1812.01187", icon="layers",
    helps="For ResNets and segmentation networks on large images. It takes a ResNet-50 from 4.1 to 4.3 GMACs and "
          "gains 0.2 points of top-1; with a pooled shortcut it makes the D form that many later ResNets keep.",
    hurts="Three maps at half the image's size have to be kept in training, where Conv stem has one. Published "
          "weights of a plain ResNet do not fit it; before a patch transformer it must still reach a stride of 4 or "
          "more.",
    aliases=("conv", "resnet-c", "resnet-d", "senet", "stem"), inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    inner=setting("Channels of the first convolutions, in order; the last one gives `channels`.", min=1, shown=True),
    stride=setting("Steps of the first convolution: 2 halves height and width.", min=1, shown=True),
    pool=setting("Halve the size once more by a 3x3 max pool."),
    activation=ACTIVATION, eps=EPS,
)  # fmt: skip
class DeepStem(nn.Module):
    """Small convolutions in a row that see the raw image, in place of one with a large window.

    Three of 3x3 see as far as one of 7x7, with two more bends between them. ResNet-C, ResNet-D and SENet-154 begin
    with it.
    """

    def __init__(
        self,
        C: int,
        channels: int = 64,
        inner: tuple[int, ...] = (32, 32),
        stride: int = 2,
        pool: bool = True,
        activation: Activation = "relu",
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        convs = []
        for i, width in enumerate((*inner, channels)):
            convs.append(ConvNormAct(C, width, 3, 1 if i else stride, activation=activation, eps=eps))
            C = width
        self.convs = nn.Sequential(*convs)
        self.pool = MaxPool2d(3, 2, 1) if pool else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.convs(x)
        return x if self.pool is None else self.pool(x)


@block(
    "Patch stem", category="Stem", paper="Dosovitskiy et al. 2020, arXiv:2010.11929", icon="grid-3x3",
    helps="ViT, Mixer, Swin and ConvNeXt begin so. As windows do not overlap it is a single matrix product, and L "
          "falls with the square of the patch: 196 tokens for 224 pixels and patches of 16.",
    hurts="A patch of 16 leaves no fine level for small things. ViTs train more steadily, and depend less on the "
          "optimiser, with a few 3x3 convolutions in its place (Xiao et al. 2021).",
    aliases=("patchify", "patch embedding", "vit", "swin", "convnext"), inputs={"x": "B C H W"},
    outputs={"out": port("B K H W", "A place for each patch, with the channels that you set.")},
    channels=setting("How many channels come out.", min=1, shown=True),
    patch_size=setting("Height and width of a patch: 16 for ViT, 4 for Swin and ConvNeXt.", min=1, shown=True),
    norm=setting("Normalise the channels of each patch."),
    eps=setting("A small number added to the norm's variance.", min=0, when={"norm": True}),
)  # fmt: skip
class PatchStem(nn.Module):
    """Cut an image into square patches and describe each by a linear layer.

    It is a convolution whose steps are as long as its window, so that patches do not overlap. What does not fill a
    patch at the right and lower edge is left out.
    """

    def __init__(
        self, C: int, channels: int = 192, patch_size: int = 4, norm: bool = False, eps: float = 1e-6
    ) -> None:
        super().__init__()
        self.conv = Conv2d(C, channels, patch_size, patch_size, padding=0)
        self.norm = LayerNorm2d(channels, eps) if norm else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)
