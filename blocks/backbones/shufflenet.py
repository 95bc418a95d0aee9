"""The backbones of ShuffleNet, first and second version."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages.shuffle import GROUPS, SHUFFLE_V1, SHUFFLE_V2, ShuffleBlock, ShuffleV2Block

_DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)
_WIDTHS = setting("Channels of each stage, first to last.", min=4, shown=True)


@block(
    "ShuffleNet backbone", category="Backbone", paper=SHUFFLE_V1, icon="boxes",
    helps="ARM processors of the smallest kind, from 10 to 150 M MACs, where more groups buy wider maps.",
    hurts="V2 is faster at the same MACs and a little more accurate: prefer it unless old weights are needed. Its "
          "strided blocks give only channels - C new ones, so widths must rise.",
    aliases=("shufflenet", "group convolution", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=_DEPTHS, widths=_WIDTHS, groups=GROUPS, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class ShuffleNetBackbone(Backbone):
    """Three stages of grouped bottlenecks whose channels are shuffled; each halves height and width.

    Many groups allow more channels at the same cost. A stem of 24 channels, stride 2 and a max pool stands before it.
    The paper's networks have 4, 8 and 4 blocks.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (2, 2, 2),
        widths: tuple[int, ...] = (200, 400, 800),
        groups: int = 2,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        def make(C: int, channels: int, stride: int, first: bool) -> nn.Module:
            # the few channels of the stem are not split into groups
            return ShuffleBlock(C, channels, groups, stride, 1 if first else None, activation)

        super().__init__(_stages(C, depths, widths, make), levels, attention)


@block(
    "ShuffleNetV2 backbone", category="Backbone", paper=SHUFFLE_V2, icon="boxes",
    helps="Low latency on phones and small GPUs: 69.4 % top-1 with 146 M MACs at width 1x, from four rules that were "
          "measured rather than counted.",
    hurts="For accuracy at a phone's latency MobileNetV3 is ahead. Channel shuffles become transposes in ONNX, which "
          "some accelerators run on the CPU: MobileNetV2 has none.",
    aliases=("shufflenet", "channel split", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=_DEPTHS, widths=_WIDTHS, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class ShuffleNetV2Backbone(Backbone):
    """Three stages of blocks that hand half of their channels on; each halves height and width.

    It is made for speed as measured, not for few operations. A stem of 24 channels, stride 2 and a max pool stands
    before it, a 1x1 convolution to 1024 channels behind it. The paper's networks have 4, 8 and 4 blocks.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (2, 2, 2),
        widths: tuple[int, ...] = (116, 232, 464),
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        def make(C: int, channels: int, stride: int, first: bool) -> nn.Module:
            return ShuffleV2Block(C, channels, stride, activation)

        super().__init__(_stages(C, depths, widths, make), levels, attention)


def _stages(
    C: int, depths: tuple[int, ...], widths: tuple[int, ...], make: Callable[[int, int, int, bool], nn.Module]
) -> list[Stage]:
    if len(widths) != len(depths):
        raise ValueError(
            f"widths has {len(widths)} stages and depths {len(depths)}, but both need the same number: "
            "give each stage a width and a depth"
        )
    stages: list[Stage] = []
    for channels, depth in zip(widths, depths, strict=True):
        blocks = []
        for i in range(depth):
            blocks.append(make(C, channels, 1 if i else 2, not stages and i == 0))
            C = channels
        stages.append(Stage(blocks, 2, channels))
    return stages
