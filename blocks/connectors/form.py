"""What changes the form of a tensor: its sizes, their order, its edges."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.sizes import Size, check_dim, length, pair, shown

Edge = Literal["zeros", "reflect", "replicate", "circular"]

_BETWEEN = setting("By how much height and width change.", min=1, shown=True)


@block(
    "Reshape", category="Connector", paper="torch.reshape", icon="scan", aliases=("view", "form"),
    helps="Where the next layer reads the same numbers in other sizes: a vector as the first map of a generator, "
          "features as heads times width.",
    hurts="It never reorders: used to turn B x C x H x W into B x HW x C it scrambles all values, and nothing says "
          "so. Permute first, or use Map to tokens.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "The same values in the sizes that you set.")},
    size=setting("Sizes without the batch; 0 keeps the size at that place, one -1 takes what remains.", min=-1),
)  # fmt: skip
class Reshape(nn.Module):
    """Write the values of a sample, row after row, in other sizes.

    No value changes. The number of values must be the same: one size may be -1 and is worked out.
    """

    def __init__(self, size: tuple[int, ...] = (1, -1)) -> None:
        super().__init__()
        if size.count(-1) > 1:
            raise ValueError(f"size is {size}, but only one size can be worked out: keep one -1")
        self.size = size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if any(n == 0 and i >= x.dim() for i, n in enumerate(self.size, 1)):
            raise ValueError(f"size is {self.size}, but `x` is {shown(x)}: a 0 keeps a size that is not there")
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(self.size, 1)]
        known = 1
        for n in sizes:
            known *= abs(n)
        values = x[0].numel()
        if (values % known) if -1 in sizes else (values != known):
            raise ValueError(f"size is {self.size}, but `x` is {shown(x)}: {values} values a sample do not fit it")
        return x.reshape(x.shape[0], *sizes)


@block(
    "Permute", category="Connector", paper="torch.permute", icon="shuffle", aliases=("transpose", "swap", "order"),
    helps="Channels last for a layer norm or a linear layer over them, time before features for a recurrent layer, "
          "tokens for attention.",
    hurts="The next layer may have to copy the whole tensor, which costs time on large maps. Where two sizes are "
          "equal a wrong order still fits, and the network trains on mixed-up values.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "The same sizes in another order.")},
    order=setting("The sizes in their new order, 1 being the first after the batch; the batch stays.", min=1),
)  # fmt: skip
class Permute(nn.Module):
    """Put the sizes of a tensor in another order.

    2, 1 turns B x L x D into B x D x L; 2, 3, 1 puts the channels of an image last.
    """

    def __init__(self, order: tuple[int, ...] = (2, 1)) -> None:
        super().__init__()
        if sorted(order) != list(range(1, len(order) + 1)):
            raise ValueError(f"order is {order}, but it needs each of 1 to {len(order)} once")
        self.order = order

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() != len(self.order) + 1:
            raise ValueError(f"order names {len(self.order)} sizes, but `x` is {shown(x)}: name {x.dim() - 1}")
        return x.permute(0, *self.order)


@block(
    "Squeeze", category="Connector", paper="torch.squeeze", icon="minimize-2", aliases=("drop", "remove size"),
    helps="After a pool to one place, or a convolution to one channel, where the next block wants the sizes that "
          "really hold something.",
    hurts="With `dim` empty it also drops a size that is 1 only this time, such as one channel or a sequence of one, "
          "and the next block sees another rank: name the size to be safe.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "The sizes without those of 1.")},
    dim=setting("Which size of 1 to drop; empty: all of them, but not the batch.", shown=True),
    exempt={"settings": "all sizes of the samples are above 1, so that there is nothing to drop"},
)  # fmt: skip
class Squeeze(nn.Module):
    """Drop sizes of 1, which hold no values of their own.

    It turns B x C x 1 x 1, what a pool to one place gives, into B x C.
    """

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim if dim is None else check_dim(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.dim is not None:
            if length(x, self.dim) != 1:
                raise ValueError(f"`x` is {shown(x)}: size {self.dim} is not 1, and no other can be dropped")
            return x.squeeze(self.dim)
        return x.reshape(x.shape[0], *(n for n in x.shape[1:] if n != 1))


@block(
    "Unsqueeze", category="Connector", paper="torch.unsqueeze", icon="maximize-2", aliases=("expand", "add size"),
    helps="The channel that a grey image or spectrogram lacks, a vector as a sequence of one, a mask that is to be "
          "repeated along a size.",
    hurts="It adds no information: over a sequence of one, attention and recurrence do nothing. At the wrong place "
          "channels pass for a length, and the shapes may fit all the same.",
    inputs={"x": "number:B *S"}, outputs={"out": port("B *T", "The sizes with a 1 among them.")},
    dim=setting("Where the new size stands: 1 right after the batch, -1 at the end.", shown=True),
)  # fmt: skip
class Unsqueeze(nn.Module):
    """Add a size of 1.

    A block that wants an image or a sequence then takes what has a size less: a vector as a sequence of one.
    """

    def __init__(self, dim: int = 1) -> None:
        super().__init__()
        self.dim = check_dim(dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not -x.dim() - 1 < self.dim <= x.dim():
            raise ValueError(f"dim is {self.dim}, but `x` is {shown(x)}: use 1 to {x.dim()}, or -1 for the end")
        return x.unsqueeze(self.dim)


@block(
    "Pad", category="Connector", paper="torch.nn.functional.pad", icon="maximize-2",
    helps="Sizes brought to a multiple of a stride or window, the uneven edges of weights from TensorFlow, and "
          "mirrored edges in style transfer and restoration.",
    hurts="Zeros look like content and pull features at the edge down; `reflect` needs more places than it adds. "
          "Where both sides are equal, the layer's own padding does it at no cost.",
    aliases=("padding", "border", "zeros", "reflect"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    top=setting("Rows added above.", min=0), bottom=setting("Rows added below.", min=0),
    left=setting("Columns added at the left.", min=0), right=setting("Columns added at the right.", min=0),
    mode=setting(
        "What the new places hold: zeros, the image mirrored at its edge, its edge repeated, or its other side.",
        shown=True,
    ),
)  # fmt: skip
class Pad(nn.Module):
    """Add places around an image.

    Mirrored edges show no border in networks that paint; unequal ones fit what some networks were trained with.
    """

    def __init__(
        self, top: int = 1, bottom: int = 1, left: int = 1, right: int = 1, mode: Edge = "zeros"
    ) -> None:
        super().__init__()
        self.edges = [left, right, top, bottom]
        self.mode = "constant" if mode == "zeros" else mode

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.pad(x, self.edges, mode=self.mode)


@block(
    "Crop", category="Connector", paper="Ronneberger et al. 2015, arXiv:1505.04597", icon="scissors",
    helps="The skips of the first U-Net, whose convolutions without padding make the decoder's maps smaller; and "
          "cutting off a border that padding has spoilt.",
    hurts="What lies at the edge is gone, objects included. Where two maps differ by a stride and not by a border, "
          "one place in both is no longer one thing: resize instead.",
    aliases=("cut", "centre crop", "center crop", "u-net"),
    inputs={"x": "B C H W", "like?": port("number:B c h w", "A feature map to whose height and width to cut.")},
    outputs={"out": "B C h w"},
    size=setting("Height and width that remain; not used where `like` is wired.", min=1, shown=True),
)  # fmt: skip
class Crop(nn.Module):
    """Keep the middle of an image.

    Convolutions without padding lose the edges: U-Net cuts what goes around them to what they give, before it joins
    both. A side that is no longer than that of `like` stays as it is.
    """

    def __init__(self, size: Size = 8) -> None:
        super().__init__()
        self.size = pair(size)

    def forward(self, x: torch.Tensor, like: torch.Tensor | None = None) -> torch.Tensor:
        height, width = self.size
        if like is not None:
            height, width = min(x.shape[2], like.shape[2]), min(x.shape[3], like.shape[3])
        if height > x.shape[2] or width > x.shape[3]:
            raise ValueError(f"`x` is {shown(x)}, but {height}x{width} should remain: cut to less, or pad before")
        top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
        if isinstance(x.shape[2], torch.SymInt):  # an exporter does not know how long a slice between open places is
            return F.pad(x, (-left, left + width - x.shape[3], -top, top + height - x.shape[2]))
        return x[:, :, top : top + height, left : left + width]


@block(
    "Pixel shuffle", category="Connector", paper="torch.nn.PixelShuffle (Shi et al. 2016, arXiv:1609.05158)",
    helps="Super-resolution and decoders: with a factor of 2 all layers before it run on a quarter of the places, and "
          "each place of the result comes from one value, not from overlapping windows.",
    hurts="The convolution before it must give factor x factor times the channels. Begun at random these disagree, "
          "which shows as a checkerboard until it is trained out; smooth masks need only a resize.",
    icon="maximize-2", aliases=("upsample", "sub-pixel", "depth to space", "super-resolution"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Fewer channels, larger images.")}, factor=_BETWEEN,
)  # fmt: skip
class PixelShuffle(nn.PixelShuffle):
    """Lay groups of channels out as neighbouring places, so that an image grows and has fewer channels.

    No value changes. A convolution before it works on the small image, which is cheaper than on the large one.
    """

    def __init__(self, C: int, factor: int = 2) -> None:
        if C % factor**2:
            raise ValueError(f"there are {C} channels, but factor {factor} needs a multiple of {factor**2}")
        super().__init__(factor)


@block(
    "Pixel unshuffle", category="Connector", paper="torch.nn.PixelUnshuffle (Shi et al. 2016, arXiv:1609.05158)",
    helps="Halving without losing a value: the Focus of early YOLOv5, and restoration networks that work on a small "
          "map and must keep every detail.",
    hurts="With a factor of 2 there are four times the channels, so the next convolution is four times as dear as "
          "after a pool, and it has to learn which channels are neighbours.",
    icon="minimize-2", aliases=("downsample", "space to depth", "focus", "reorganise"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "More channels, smaller images.")}, factor=_BETWEEN,
)  # fmt: skip
class PixelUnshuffle(nn.PixelUnshuffle):
    """Lay neighbouring places out as channels, so that an image shrinks and nothing is lost.

    Where height or width is no multiple of the factor, zeros are added below and at the right.
    """

    def __init__(self, factor: int = 2) -> None:
        super().__init__(factor)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        by = self.downscale_factor
        below, right = -input.shape[2] % by, -input.shape[3] % by
        return super().forward(F.pad(input, [0, right, 0, below]) if below or right else input)
