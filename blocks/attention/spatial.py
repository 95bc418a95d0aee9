"""Attention over places, alone and together with channels: CBAM, BAM, scSE, coordinate attention."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.channel import REDUCTION, ChannelAttention
from blocks.attention.squeeze import SqueezeExcitation
from blocks.declare import block, port, setting
from blocks.layers.activation import Sigmoid
from blocks.layers.composite import ConvNormAct, check_odd
from blocks.layers.convolution import Conv2d
from blocks.layers.pooling import GlobalAvgPool
from blocks.layers.shape import Interpolate

CBAM_PAPER = "Woo et al. 2018, arXiv:1807.06521"
COORDINATE = "Hou et al. 2021, arXiv:2103.02907"
KERNEL = setting("Height and width of the window that a place's gate looks at; odd.", min=1, shown=True)


@block(
    "Pool over channels", category="Layer", paper=CBAM_PAPER, icon="minimize-2", aliases=("cbam", "pooling", "spatial"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K H W", "Two maps: the largest value of each place, the mean.")},
)  # fmt: skip
class ChannelPool(nn.Module):
    """Keep the largest value and the mean of all channels of each place.

    What remains are two maps that show where something is, not what. It has no weights.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((x.amax(1, keepdim=True), x.mean(1, keepdim=True)), 1)


@block(
    "Scale places", category="Connector", paper=CBAM_PAPER, icon="map", aliases=("gate", "mask", "multiply", "spatial"),
    inputs={"x": port("B C H W", "What is scaled."), "gate": port("B 1 H W", "By what: one number a place.")},
    outputs={"out": "B C H W"},
)  # fmt: skip
class ScalePlaces(nn.Module):
    """Scale feature maps place by place, all channels of a place alike.

    With a sigmoid before the gate, the network decides from what it sees which places to let through.
    """

    def forward(self, x: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        return x * gate


@block(
    "Spatial attention", category="Attention", paper=CBAM_PAPER, icon="map", aliases=("cbam", "spatial gate", "where"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, kernel_size=KERNEL,
)  # fmt: skip
class SpatialAttention(nn.Module):
    """Rescale each place by a gate computed from the largest and the mean channel around it.

    The network turns up the places that matter. It is the second half of CBAM.
    """

    def __init__(self, kernel_size: int = 7) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        self.pool = ChannelPool()
        self.conv = ConvNormAct(2, 1, kernel_size, activation="none", momentum=0.01)
        self.gate = Sigmoid()
        self.scale = ScalePlaces()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale(x, self.gate(self.conv(self.pool(x))))


@block(
    "CBAM", category="Attention", paper=CBAM_PAPER, icon="sliders-horizontal",
    aliases=("convolutional block attention module", "channel attention", "spatial attention"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, reduction=REDUCTION, kernel_size=KERNEL,
)  # fmt: skip
class CBAM(nn.Module):
    """Rescale the channels first and the places after them.

    Channel attention says what matters in an image and spatial attention where it is. In residual networks it stands
    at the end of each branch, before the addition.
    """

    def __init__(self, C: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__()
        self.channels = ChannelAttention(C, reduction)
        self.places = SpatialAttention(kernel_size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.places(self.channels(x))


@block(
    "BAM", category="Attention", paper="Park et al. 2018, arXiv:1807.06514", icon="sliders-horizontal",
    aliases=("bottleneck attention module", "channel attention", "spatial attention"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    reduction=setting("Both branches divide C by this.", min=1, shown=True),
    dilation=setting("Distance between the points of the spatial branch's windows: more sees farther.", min=1),
    exempt={"gradient": "a batch norm follows its biases, as published, and takes their gradient away in training"},
)  # fmt: skip
class BAM(nn.Module):
    """Rescale each place of each channel by a gate made of a channel branch and a spatial branch side by side.

    What is gated is added to what came in, so nothing is lost. It stands between the stages of a network, where the
    image gets smaller.
    """

    def __init__(self, C: int, reduction: int = 16, dilation: int = 4) -> None:
        super().__init__()
        hidden = max(C // reduction, 1)
        self.squeeze = GlobalAvgPool(keep_size=True)
        self.channels = nn.Sequential(ConvNormAct(C, hidden, 1, bias=True), Conv2d(hidden, C, 1, padding=0))
        self.places = nn.Sequential(
            ConvNormAct(C, hidden, 1, bias=True),
            ConvNormAct(hidden, hidden, 3, dilation=dilation, bias=True),
            ConvNormAct(hidden, hidden, 3, dilation=dilation, bias=True),
            Conv2d(hidden, 1, 1, padding=0),
        )
        self.spread = Interpolate()
        self.join = ScalePlaces()
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        channels = self.spread(self.channels(self.squeeze(x)), x)
        return x + x * self.gate(self.join(channels, self.places(x)))


@block(
    "scSE", category="Attention", paper="Roy et al. 2018, arXiv:1803.02579", icon="sliders-horizontal",
    aliases=("concurrent squeeze and excitation", "spatial", "channel attention", "segmentation"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, reduction=REDUCTION,
)  # fmt: skip
class ConcurrentSE(nn.Module):
    """Rescale the channels and, beside it, the places, and add both up.

    Squeeze-and-excitation gates the channels; a 1x1 convolution over the channels gates the places, which helps where
    every pixel gets an answer, as in segmentation.
    """

    def __init__(self, C: int, reduction: int = 16) -> None:
        super().__init__()
        self.channels = SqueezeExcitation(C, reduction)
        self.places = Conv2d(C, 1, 1, padding=0)
        self.gate = Sigmoid()
        self.scale = ScalePlaces()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.channels(x) + self.scale(x, self.gate(self.places(x)))


@block(
    "Means of rows and columns", category="Layer", paper=COORDINATE, icon="minimize-2",
    aliases=("coordinate attention", "pooling", "strip pooling"), inputs={"x": "B C H W"},
    outputs={"out": port("B C N K", "H means of the rows, then W of the columns, one below another (N = H + W).")},
)  # fmt: skip
class RowColumnMeans(nn.Module):
    """Average each row and each column of each channel, and put all means one below another.

    What remains says at which height and at which width a pattern is. It has no weights.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = x.mean(3, keepdim=True), x.mean(2).unsqueeze(3)  # (B, C, H, 1), (B, C, W, 1)
        return torch.cat((rows, columns), 2)


@block(
    "Split rows and columns", category="Layer", paper=COORDINATE, icon="split", aliases=("coordinate attention",),
    inputs={
        "x": port("B C L K", "Features of the rows, then of the columns."),
        "like": port("B c H W", "The feature maps whose height says where the columns begin."),
    },
    outputs={
        "rows": port("B C H K", "The features of the rows, one below another."),
        "columns": port("B C K W", "The features of the columns, one beside another."),
    },
)  # fmt: skip
class SplitRowsColumns(nn.Module):
    """Part features of rows and columns that stand one below another.

    It undoes the joining of Means of rows and columns, so that each can gate its own direction.
    """

    def forward(self, x: torch.Tensor, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x[:, :, : like.shape[2]], x[:, :, like.shape[2] :].transpose(2, 3)


@block(
    "Coordinate attention", category="Attention", paper=COORDINATE, icon="map",
    aliases=("ca", "coordatt", "channel attention", "spatial attention"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    hidden=setting("Channels of the bottleneck; empty: a 32nd of C, but 8 at least.", min=1, shown=True),
)  # fmt: skip
class CoordinateAttention(nn.Module):
    """Rescale each place of each channel by a gate of its row and a gate of its column.

    Unlike squeeze-and-excitation it keeps where along each direction something is, at little more cost: made for
    networks for phones.
    """

    def __init__(self, C: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = max(C // 32, 8) if hidden is None else hidden
        self.means = RowColumnMeans()
        self.reduce = ConvNormAct(C, hidden, 1, activation="hardswish", bias=True)
        self.split = SplitRowsColumns()
        self.rows, self.columns = Conv2d(hidden, C, 1, padding=0), Conv2d(hidden, C, 1, padding=0)
        self.gate = Sigmoid()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = self.split(self.reduce(self.means(x)), x)
        return x * self.gate(self.columns(columns)) * self.gate(self.rows(rows))
