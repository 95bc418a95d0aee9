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
    helps="The side branch of a gate over places: two maps stand for all C, so that a 7x7 convolution behind it needs "
          "98 weights.",
    hurts="On the main path it destroys what channels tell: no layer behind it can know which one responded. Where "
          "some channels matter more than others, Pointwise conv 2d to one channel learns how much, as in scSE.",
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
    helps="One mask for all channels: spatial gates, attention in the skips of a U-Net, or a foreground that another "
          "branch predicts, with Sigmoid before `gate`.",
    hurts="A gate near 0 stops the gradient of its place as well, and gates below 1 in a row fade the map: add what "
          "came in, as BAM does. A gate for each channel goes into Multiply.",
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
    helps="Objects before a cluttered background, behind a gate of channels: for 98 weights and a norm of one channel "
          "it turns down the places where nothing is.",
    hurts="It judges by the largest and the mean channel within 7 x 7 only: Coordinate attention hears whole rows and "
          "columns, Large kernel attention 23 x 23 places. CBAM's authors found it weaker before the channel gate "
          "than behind it.",
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
    helps="Classifiers and detectors of small and middle size that should learn what and where: ResNet-50 went from "
          "24.6 to 22.7% error on ImageNet in the paper.",
    hurts="Four reductions, a convolution and two products follow one another over the map: few MACs, but more time "
          "than Squeeze-and-Excitation takes. In blocks for phones Coordinate attention is made for the purpose.",
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
    helps="Three in a whole network, each before a step at which the map shrinks: a last look at channels and places. "
          "Values are multiplied by 1 + gate, so that the gradient always passes.",
    hurts="In every block its dilated convolutions are too dear: CBAM is made for that. It can double a value but "
          "never shut it off, and its batch norm on 1 x 1 refuses to train with B = 1.",
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
    helps="Encoders and decoders of U-Nets: for C weights more than Squeeze-and-Excitation every pixel gets a gate of "
          "its own, by which small structures in medical images gained in the paper.",
    hurts="Two gated copies are added, so that values may come out up to twice as large, and a place is judged "
          "without its neighbours. Where one answer holds for the whole image Squeeze-and-Excitation is enough.",
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
    helps="The first step of Coordinate attention, or of strip pooling: C x (H + W) numbers keep where along either "
          "side a pattern lies, of which a global average keeps nothing.",
    hurts="Two objects at (1, 1) and (2, 2) look like two at (1, 2) and (2, 1). Only 1x1 convolutions may follow: a "
          "larger window would mix the last row with the first column before Split rows and columns.",
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
    helps="Behind the shared 1x1 convolution of Coordinate attention: rows come out as B x C x H x 1 and columns as B "
          "x C x 1 x W, ready to be multiplied with the map.",
    hurts="Wire to `like` the very map whose means were taken: another height cuts at a wrong place, and nothing is "
          "said until the sizes fail to match. It reverses no other Concat; there take Split.",
    inputs={
        "x": port("B C L K", "Features of the rows, then of the columns.", "B C 112 1"),
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
    helps="Detection and segmentation on phones: MobileNetV2 rose to 74.3% on ImageNet with it, against 73.5 with "
          "squeeze-and-excitation and 72.3 without.",
    hurts="A gate is a row times a column, so that neither a diagonal nor two separate spots can be picked out. On 7 "
          "x 7 it tells little more than Squeeze-and-Excitation, for many small steps that take time.",
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
