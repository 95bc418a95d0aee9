"""The backbones of GhostNet, first and second version."""

from __future__ import annotations

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.sizes import rounded
from blocks.stages.ghost import GHOST, GhostBottleneck

_ROWS = (  # channels, kernel, stride; of each block the channels inside and whether it squeezes
    (16, 3, 1, ((16, False),)),
    (24, 3, 2, ((48, False), (72, False))),
    (40, 5, 2, ((72, True), (120, True))),
    (80, 3, 2, ((240, False), (200, False), (184, False), (184, False))),
    (112, 3, 1, ((480, True), (672, True))),
    (160, 5, 2, ((672, True), (960, False), (960, True), (960, False), (960, True))),
)


@block(
    "GhostNet backbone", category="Backbone", paper=GHOST, icon="boxes",
    helps="ARM processors and about 150 M MACs: with long-range attention 75.3 % top-1 at 167 M, without it 74.5 at a "
          "similar cost.",
    hurts="Few MACs, yet slow on GPUs: a RegNet or a small ResNet is quicker there. The long-range gate halves maps "
          "before it looks, so with it images need more than 32 pixels a side.",
    aliases=("ghostnet", "ghostnetv2", "ghost module", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    width=setting("All channels are multiplied by this and rounded to a multiple of 4.", min=0.01, shown=True),
    long_range=setting("Attention along rows and columns (DFC) from the third block on: GhostNetV2.", shown=True),
    attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
    exempt={
        "settings:long_range": "it halves maps before it looks, and of the test's images one point remains at the end",
    },
)  # fmt: skip
class GhostNetBackbone(Backbone):
    """Six stages of ghost bottlenecks, after the table of MobileNetV3.

    A stem of 16 channels and stride 2 stands before it, a 1x1 convolution to 6 times as many channels as come out
    behind it. With long-range attention it is GhostNetV2 (Tang et al. 2022, arXiv:2211.12905).
    """

    def __init__(
        self,
        C: int,
        width: float = 1.0,
        long_range: bool = False,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages: list[Stage] = []
        done = 0
        for base, kernel, stride, inside in _ROWS:
            channels, blocks = rounded(base * width, 4), list[nn.Module]()
            for i, (wide, squeezes) in enumerate(inside):
                middle = rounded(wide * width, 4)
                squeeze = rounded(middle / 4, 4) if squeezes else 0
                blocks.append(
                    GhostBottleneck(
                        C, channels, middle, kernel, 1 if i else stride, squeeze, long_range and done > 1, activation
                    )
                )  # fmt: skip
                C, done = channels, done + 1
            stages.append(Stage(blocks, stride, channels))
        super().__init__(stages, levels, attention)
