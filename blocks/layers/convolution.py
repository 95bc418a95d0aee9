"""Convolutions."""

from __future__ import annotations

from torch import nn

from blocks.declare import block, port, setting


@block(
    "Conv 2d", category="Layer", paper="torch.nn.Conv2d", icon="grid-3x3", aliases=("conv", "convolution", "filter"),
    inputs={"x": port("B C%groups H W", "Images or feature maps.")},
    outputs={"out": port("B K H W", "Feature maps with the channels that you set.")},
    out_channels=setting("How many filters, and so how many channels come out.", min=1, shown=True),
    kernel_size=setting("Height and width of the window that each filter looks at.", min=1, shown=True),
    stride=setting("Steps between windows: 2 halves height and width.", min=1, shown=True),
    padding=setting("Zeros added at each edge: half the kernel keeps the size.", min=0),
    dilation=setting("Distance between the window's points: 2 skips every other one and so sees farther.", min=1),
    groups=setting("Into how many groups the channels are split; as many as channels is a depthwise conv.", min=1),
    bias=setting("Add a learned number to each channel; pointless before a normalisation."),
)  # fmt: skip
class Conv2d(nn.Conv2d):
    """Slide learned filters over an image.

    Each filter looks for one pattern everywhere in the image, with the same weights at every place. It is the basic
    layer of networks for images: cheap, and indifferent to where something is.
    """

    def __init__(
        self,
        C: int,
        out_channels: int = 64,
        kernel_size: tuple[int, int] = (3, 3),
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        if out_channels % groups:
            raise ValueError(
                f"out_channels is {out_channels}, but it needs a multiple of groups = {groups}: "
                f"set it to {max(out_channels // groups, 1) * groups}, say"
            )
        super().__init__(
            C, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation, groups=groups, bias=bias
        )
