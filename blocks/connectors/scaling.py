"""Between the levels of a neck: smaller maps, and three levels that meet on the middle one."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.windows import CutToSize
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION, ConvNormAct, check_odd
from blocks.layers.convolution_forms import ConvTranspose2d
from blocks.layers.deformable import DeformConv2d
from blocks.layers.normalisation import BatchNorm2d

_NORM = {"eps": 1e-3, "momentum": 0.03}
_CHANNELS = setting("How many channels come out; empty: as many as come in.", min=1, shown=True)
_KERNEL = setting("Height and width of the window; odd.", min=1, shown=True)
_HALF = port("B K h w", "The map with half the height and width, rounded up.")


@block(
    "Convolution down", category="Connector", paper="Liu et al. 2018, arXiv:1803.01534", icon="minimize-2",
    helps="The bottom-up way of PANet and YOLO necks: what survives the halving is learned, where a max pool keeps "
          "the largest value whatever it means.",
    hurts="It has 9 weights for every pair of channels where a pool has none; with little data a pool does as well. "
          "Steps of two alias: moving the image by a pixel can change the answer.",
    aliases=("convdown", "downsample", "strided conv", "halve", "panet", "bottom-up", "yolo"),
    inputs={"x": "B C H W"}, outputs={"out": _HALF}, channels=_CHANNELS, kernel_size=_KERNEL, activation=ACTIVATION,
)  # fmt: skip
class ConvDown(nn.Module):
    """Halve a feature map by a convolution that takes two steps at a time, with norm and activation.

    It leads from a fine level of a neck to the next coarser one on the way up of a path aggregation network. Norm and
    activation are those of the YOLO necks.
    """

    def __init__(
        self, C: int, channels: int | None = None, kernel_size: int = 3, activation: Activation = "silu"
    ) -> None:
        super().__init__()
        self.conv = ConvNormAct(C, channels or C, kernel_size, 2, activation=activation, **_NORM)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x)


@block(
    "Deformable convolution down", category="Connector", paper="Long et al. 2020, arXiv:2007.12099", icon="minimize-2",
    helps="The step to a detector's coarse stage, where objects differ in size and form: the sampled places follow "
          "the object, as in the last stage of PP-YOLO.",
    hurts="Gathering at free places is far slower than a plain convolution, most of all on CPUs and phones, and few "
          "runtimes have it. On fine maps its cost is larger than its gain.",
    aliases=("deformdown", "downsample", "dcn", "dcnv2", "pp-yolo", "halve", "strided"),
    inputs={"x": "B C H W"}, outputs={"out": _HALF}, channels=_CHANNELS, kernel_size=_KERNEL, activation=ACTIVATION,
)  # fmt: skip
class DeformDown(nn.Module):
    """Halve a feature map by a deformable convolution that takes two steps at a time, with norm and activation.

    No paper defines the name DeformDown. This follows PP-YOLO: the 3x3 convolutions of its backbone's last stage, the
    one with stride 2 among them, are deformable convolutions of version 2 without bias, with a batch norm and ReLU.
    """

    def __init__(
        self, C: int, channels: int | None = None, kernel_size: int = 3, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        check_odd("kernel_size", kernel_size)
        channels = channels or C
        self.conv = DeformConv2d(C, channels, kernel_size, 2, kernel_size // 2, bias=False)
        self.norm = BatchNorm2d(channels)
        self.act = make_activation(activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm(self.conv(x))
        return x if self.act is None else self.act(x)


@block(
    "BiFusion", category="Connector", paper="Li et al. 2023, arXiv:2301.05586", icon="git-merge",
    helps="Small objects in a detector's neck: the finer level brings in outlines that a step of FPN leaves out, for "
          "two more convolutions.",
    hurts="It needs three neighbouring levels, each half of the one before. The transposed convolution alone has 4 "
          "weights for every pair of channels, where an upsampling has none.",
    aliases=("yolov6", "bic", "bi-directional concatenation", "repbifpan", "fusion", "neck"),
    inputs={
        "fine": port("B c h w", "The level with twice the height and width of the middle one."),
        "middle": port("B c h w", "The level on which the three meet.", "B c 28 28"),
        "coarse": port("B c h w", "The level with half the height and width of the middle one.",
                       "B c 14 14"),
    },
    outputs={"out": port("B K h w", "The three in one, as large as the middle level.")},
    channels=setting("How many channels come out.", min=1, shown=True), activation=ACTIVATION,
)  # fmt: skip
class BiFusion(nn.Module):
    """Join three neighbouring levels of a pyramid on the middle one.

    The coarse level is doubled by a transposed convolution, the fine one passes a 1x1 convolution and one with two
    steps, the middle one a 1x1 convolution; another 1x1 convolution makes one map of all three. It is the
    bi-directional concatenation of YOLOv6 3.0: objects are located better at little cost.
    """

    def __init__(self, c: list[int], channels: int = 64, activation: Activation = "relu") -> None:
        super().__init__()
        fine, middle, coarse = c
        common = {"activation": activation, **_NORM}
        self.upsample = ConvTranspose2d(coarse, channels, 2, 2)
        self.cv1 = ConvNormAct(middle, channels, 1, **common)  # type: ignore[arg-type]
        self.cv2 = ConvNormAct(fine, channels, 1, **common)  # type: ignore[arg-type]
        self.downsample = ConvNormAct(channels, channels, 3, 2, **common)  # type: ignore[arg-type]
        self.cv3 = ConvNormAct(3 * channels, channels, 1, **common)  # type: ignore[arg-type]
        self.cut = CutToSize()

    def forward(self, fine: torch.Tensor, middle: torch.Tensor, coarse: torch.Tensor) -> torch.Tensor:
        doubled = self.cut(self.upsample(coarse), middle)
        halved = self.cut(self.downsample(self.cv2(fine)), middle)
        return self.cv3(torch.cat([doubled, self.cv1(middle), halved], 1))
