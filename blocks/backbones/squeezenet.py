"""The backbone of SqueezeNet."""

from __future__ import annotations

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.pooling import MaxPool2d
from blocks.stages.fire import SQUEEZENET, Fire


@block(
    "SqueezeNet backbone", category="Backbone", paper=SQUEEZENET, icon="boxes",
    helps="Downloads or FPGAs with room for 1.2 M weights, AlexNet's accuracy of about 57 % top-1 and nothing but "
          "convolutions, ReLU and pools.",
    hurts="MobileNets and ShuffleNets are ten points and more better at similar cost. Without norms it is touchy to "
          "train from scratch; start from published weights.",
    aliases=("squeezenet", "fire", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    widths=setting("Channels of each fire module, first to last.", min=2, shown=True),
    pools=setting("Before which fire modules a max pool halves the size, counted from 1.", min=1, shown=True),
    attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class SqueezeNetBackbone(Backbone):
    """Fire modules in a row, with three max pools between them.

    Each module is a stage by itself. The default is version 1.1, which pools earlier than the paper's 1.0 and so costs
    less than half. A stem of 64 channels and stride 2 stands before it.
    """

    def __init__(
        self,
        C: int,
        widths: tuple[int, ...] = (128, 128, 256, 256, 384, 384, 512, 512),
        pools: tuple[int, ...] = (1, 3, 5),
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        if strange := [at for at in pools if at > len(widths)]:
            raise ValueError(f"pools names module {strange[0]}, but there are {len(widths)}: use 1 to {len(widths)}")
        stages = []
        for i, channels in enumerate(widths, 1):
            fire: nn.Module = Fire(C, channels, activation=activation)
            if i in pools:
                fire = nn.Sequential(MaxPool2d(3, 2, ceil_mode=True), fire)
            stages.append(Stage([fire], 2 if i in pools else 1, channels))
            C = channels
        super().__init__(stages, levels, attention)
