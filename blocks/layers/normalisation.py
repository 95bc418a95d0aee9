"""Layers that keep activations in a healthy range."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting

Norm = Literal["batch", "layer", "group", "instance", "none"]
"""What a composite block for images offers as its normalisation."""

_EPS = setting("A small number added to the variance, against division by zero.", min=0)
_MOMENTUM = setting("How fast the running averages follow the batches.", min=0, max=1, shown=True)
_AFFINE = setting("Learn a scale and an offset after normalising.")


@block(
    "Batch norm 2d", category="Layer", paper="torch.nn.BatchNorm2d (Ioffe and Szegedy 2015, arXiv:1502.03167)",
    helps="Convolutional networks that see 16 images or more at once on a device. It allows high learning rates, and "
          "after training it can be folded into the convolution before it, so that it costs nothing in use.",
    hurts="At 2 images a batch a ResNet-50 made 10.6 points more errors than with Group norm, and one image on a 1x1 "
          "map cannot train at all. Running averages mislead where training and use see other data.",
    icon="chart-no-axes-combined", aliases=("bn", "batchnorm", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    eps=_EPS,
    momentum=_MOMENTUM,
    affine=_AFFINE,
)  # fmt: skip
class BatchNorm2d(nn.BatchNorm2d):
    """Bring each channel to mean 0 and variance 1 over the batch.

    In training it uses the batch's own statistics, afterwards running averages of them. It lets networks train faster
    and deeper; with very small batches its statistics are poor.
    """

    def __init__(self, C: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        super().__init__(C, eps=eps, momentum=momentum, affine=affine)


@block(
    "Layer norm", category="Layer", paper="torch.nn.LayerNorm (Ba et al. 2016, arXiv:1607.06450)", icon="rows-3",
    helps="Tokens and recurrent states: each vector of D features stands by itself, so that padding, L and B change "
          "nothing. In front of each branch it lets deep transformers train without warm-up.",
    hurts="It cannot be folded away: mean and variance are computed in use as well, of which RMS norm saves the mean. "
          "Given B x C x H x W it would normalise along W, the last size: take Layer norm 2d.",
    aliases=("ln", "layernorm", "normalisation", "normalization"),
    inputs={"x": port("B *S D", "Features in the last size.")}, outputs={"out": "B *S D"},
    eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class LayerNorm(nn.LayerNorm):
    """Bring the features of the last size to mean 0 and variance 1, each sample and place by itself.

    It does not look at the batch, so it works with any batch size and is the same in training and afterwards. It is
    the usual normalisation for sequences and transformers.
    """

    def __init__(self, D: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(D, eps=eps, elementwise_affine=affine)


@block(
    "Layer norm 2d", category="Layer", paper="Ba et al. 2016, arXiv:1607.06450", icon="rows-3",
    helps="ConvNeXt-like blocks and attention on maps, where B is small or running averages are unwanted: C values of "
          "one place are enough for its statistics.",
    hurts="How strong a place is beside others is erased, and C is moved to the end and back in memory. Put into a "
          "ResNet it does worse than Batch norm 2d, which also folds into the convolution.",
    aliases=("ln", "layernorm", "channels first", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class LayerNorm2d(nn.LayerNorm):
    """Bring the channels at each place of an image to mean 0 and variance 1.

    It is layer norm for feature maps: it does not look at the batch nor at other places. ConvNeXt is built with it.
    """

    def __init__(self, C: int, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__(C, eps=eps, elementwise_affine=affine)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps).permute(0, 3, 1, 2)


@block(
    "Group norm", category="Layer", paper="torch.nn.GroupNorm (Wu and He 2018, arXiv:1803.08494)", icon="rows-3",
    helps="Detection, segmentation and video with 1 to 4 samples on a device: from 32 down to 2 images a batch its "
          "error stays the same. The paper's default is 32 `groups`.",
    hurts="With large batches it stands half a point behind Batch norm 2d on ImageNet (24.1 against 23.6% error), and "
          "it cannot be folded into a convolution. Weights trained with batch norm do not fit it.",
    aliases=("gn", "groupnorm", "normalisation", "normalization"),
    inputs={"x": "B C%groups *S"}, outputs={"out": "B C *S"},
    groups=setting("Into how many groups the channels are split; 1 takes all together.", min=1, shown=True),
    eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class GroupNorm(nn.GroupNorm):
    """Bring each group of channels of a sample to mean 0 and variance 1.

    It does not look at the batch, so it suits detectors and other networks that train with a few large images.
    """

    def __init__(self, C: int, groups: int = 8, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(groups, C, eps=eps, affine=affine)


@block(
    "Batch norm 1d", category="Layer", paper="torch.nn.BatchNorm1d (Ioffe and Szegedy 2015, arXiv:1502.03167)",
    helps="Between Linear and ReLU on tables and in the projection heads of self-supervised training, and on signals "
          "B x C x L. After training it folds into the layer before it.",
    hurts="The channels are the second size: given tokens B x L x D it normalises each place over features and batch, "
          "where Layer norm is meant. A training batch of one vector is refused.",
    icon="chart-no-axes-combined", aliases=("bn", "batchnorm", "normalisation", "normalization"),
    inputs={"x": port("B C *S", "Vectors (B x C) or signals (B x C x L).")}, outputs={"out": "B C *S"},
    eps=_EPS, momentum=_MOMENTUM, affine=_AFFINE,
)  # fmt: skip
class BatchNorm1d(nn.BatchNorm1d):
    """Bring each feature of vectors, or each channel of signals, to mean 0 and variance 1 over the batch.

    In training it uses the batch's own statistics, afterwards running averages of them. It stands between the linear
    layers of projection heads and of networks for tables.
    """

    def __init__(self, C: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        super().__init__(C, eps=eps, momentum=momentum, affine=affine)

    def _check_input_dim(self, input: torch.Tensor) -> None:
        pass  # the port has said how many sizes there may be; further ones are places too


@block(
    "Batch norm 3d", category="Layer", paper="torch.nn.BatchNorm3d (Ioffe and Szegedy 2015, arXiv:1502.03167)",
    helps="3d convolutional networks of which 8 clips or more fit on a device: each channel's mean is taken over B x "
          "L x H x W values, and after training it folds into the Conv 3d before it.",
    hurts="Scans and long clips leave memory for one or two samples, whose places all look alike, so that the running "
          "averages miss the data: Group norm takes volumes too, and with C groups is an instance norm.",
    icon="chart-no-axes-combined", aliases=("bn", "batchnorm", "video", "volume", "normalisation", "normalization"),
    inputs={"x": "B C L H W"}, outputs={"out": "B C L H W"}, eps=_EPS, momentum=_MOMENTUM, affine=_AFFINE,
)  # fmt: skip
class BatchNorm3d(nn.BatchNorm3d):
    """Bring each channel of videos or volumes to mean 0 and variance 1 over the batch.

    In training it uses the batch's own statistics, afterwards running averages of them.
    """

    def __init__(self, C: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        super().__init__(C, eps=eps, momentum=momentum, affine=affine)


@block(
    "Instance norm 1d", category="Layer", paper="torch.nn.InstanceNorm1d (Ulyanov et al. 2016, arXiv:1607.08022)",
    helps="Speech and sensor signals whose gain and offset differ between recordings: both are taken out of each "
          "channel over L, in training and in use alike.",
    hurts="It also erases loudness and level where these are the answer: Batch norm 1d keeps them. Over a short L its "
          "statistics are noise, and L = 1 is refused.",
    icon="rows-3", aliases=("in", "instancenorm", "normalisation", "normalization"),
    inputs={"x": "B C L"}, outputs={"out": "B C L"}, eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class InstanceNorm1d(nn.InstanceNorm1d):
    """Bring each channel of each signal by itself to mean 0 and variance 1.

    What differs between recordings, such as loudness, is taken out; it does not look at the batch.
    """

    def __init__(self, C: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__(C, eps=eps, affine=affine)


@block(
    "Instance norm 2d", category="Layer", paper="torch.nn.InstanceNorm2d (Ulyanov et al. 2016, arXiv:1607.08022)",
    helps="Style transfer and image translation, as in CycleGAN: the contrast of each image is its own, and another "
          "image of the batch must not change it.",
    hurts="Contrast and mean of a map tell classes apart: in a ResNet-50 on ImageNet it makes 28.4% errors where "
          "Group norm makes 24.1 and Batch norm 2d 23.6. Maps of 1 x 1 are refused.",
    icon="rows-3", aliases=("in", "instancenorm", "style", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, eps=_EPS, affine=_AFFINE,
)  # fmt: skip
class InstanceNorm2d(nn.InstanceNorm2d):
    """Bring each channel of each image by itself to mean 0 and variance 1.

    It takes out contrast and style, and is usual in networks that paint images. It does not look at the batch.
    """

    def __init__(self, C: int, eps: float = 1e-5, affine: bool = False) -> None:
        super().__init__(C, eps=eps, affine=affine)


@block(
    "RMS norm", category="Layer", paper="torch.nn.RMSNorm (Zhang and Sennrich 2019, arXiv:1910.07467)", icon="rows-3",
    helps="Language models in the line of T5 and Llama: as good as Layer norm in the paper, in 7 to 64% less time, "
          "with D weights rather than 2 x D.",
    hurts="An offset that all features share stays in, which Layer norm takes out; that layer's weights do not carry "
          "over, since there is no bias. ONNX has an operator for it only from opset 23 on.",
    aliases=("rmsnorm", "root mean square", "normalisation", "normalization"),
    inputs={"x": port("B *S D", "Features in the last size.")}, outputs={"out": "B *S D"},
    eps=setting("A small number added to the mean square, against division by zero.", min=0),
    affine=setting("Learn a scale after normalising."),
)  # fmt: skip
class RMSNorm(nn.RMSNorm):
    """Divide the features of the last size by the root of their mean square.

    A layer norm without the mean and the offset: cheaper, and as good in most transformers.
    """

    def __init__(self, D: int, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__(D, eps=eps, elementwise_affine=affine)


@block(
    "Local response norm", category="Layer", paper="torch.nn.LocalResponseNorm (Krizhevsky et al. 2012)",
    helps="Rebuilding AlexNet or GoogLeNet as published: a strong response damps the channels around it, which "
          "lowered AlexNet's top-1 error by 1.4 points.",
    hurts="VGG's authors found no gain in it, and Batch norm 2d, which folds away, has replaced it. `alpha` is "
          "divided by `neighbours`: AlexNet's 1e-4 over 5 channels is 5e-4 here, and its `k` is 2.",
    icon="chart-no-axes-combined", aliases=("lrn", "alexnet", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    neighbours=setting("How many channels beside one another are summed up.", min=1, shown=True),
    alpha=setting("How strongly the neighbours damp; their sum is divided by their number first."),
    beta=setting("The exponent of the divisor."), k=setting("What the divisor begins with.", min=0),
)  # fmt: skip
class LocalResponseNorm(nn.LocalResponseNorm):
    """Damp each channel by the strength of its neighbours at the same place.

    AlexNet and GoogLeNet had it before batch norm came up. It has no weights.
    """

    def __init__(self, neighbours: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__(neighbours, alpha=alpha, beta=beta, k=k)


@block(
    "Global response norm", category="Layer", paper="Woo et al. 2023, arXiv:2301.00808",
    helps="The wide middle of a ConvNeXt block, between GELU and the narrowing layer: under masked pre-training it "
          "revived channels that had died or become alike, and made Layer scale needless.",
    hurts="It centres nothing and bounds no variance, so that a Layer norm 2d must stay in the block. As it looks at "
          "the whole map, an image cut into tiles gives other answers than the whole image.",
    icon="chart-no-axes-combined", aliases=("grn", "convnext v2", "normalisation", "normalization"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
)  # fmt: skip
class GlobalResponseNorm(nn.Module):
    """Scale each channel by how strongly it responds to the whole image, compared with the other channels.

    Channels that respond alike then compete, so that none falls silent. Scale and offset begin at 0, and what comes
    in is added: at first it changes nothing.
    """

    def __init__(self, C: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(C))
        self.bias = nn.Parameter(torch.zeros(C))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        response = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
        share = response / (response.mean(1, keepdim=True) + 1e-6)
        return x + self.weight[:, None, None] * (x * share) + self.bias[:, None, None]


def make_norm(name: Norm, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> nn.Module | None:
    """The normalisation of that name for feature maps, for a composite block; None for "none"."""
    match name:
        case "batch":
            return BatchNorm2d(channels, eps, momentum)
        case "layer":
            return LayerNorm2d(channels, eps)
        case "group":
            return GroupNorm(channels, math.gcd(32, channels), eps)  # 32 groups, or as many as divide the channels
        case "instance":
            return InstanceNorm2d(channels, eps, affine=True)
    return None
