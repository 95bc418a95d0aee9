"""RepVGG backbones."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.backbones.residual import DEPTHS, matched
from blocks.declare import block, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION
from blocks.stages.repvgg import DEPLOY, REPVGG, RepVGGBlock


@block(
    "RepVGG backbone", category="Backbone", paper=REPVGG, icon="boxes",
    helps="Fast inference on GPUs: above 80 % top-1 with plain 3x3 convolutions, and 83 % faster than a ResNet-50 at "
          "higher accuracy in the paper.",
    hurts="Set `deploy` or fold before measuring. It has many weights and MACs for its accuracy, so phones are better "
          "off with MobileNets; after plain int8 quantisation its accuracy breaks down.",
    aliases=("re-parameterisation", "reparam", "plain", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, widths=setting("Channels of each stage, first to last.", min=1),
    groups=setting("Groups of every second block of a stage: fewer weights in the wide networks.", min=1),
    attention=ATTENTION, activation=ACTIVATION, levels=LEVELS, deploy=DEPLOY,
)  # fmt: skip
class RepVGGBackbone(Backbone):
    """Stages of RepVGG blocks; every stage halves height and width.

    For inference each block is one 3x3 convolution, so the whole network is as plain as VGG. The default is RepVGG-A0
    without its stem, a block of the same kind with stride 2.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (2, 4, 14, 1),
        widths: tuple[int, ...] = (48, 96, 192, 1280),
        groups: int = 1,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
        deploy: bool = False,
    ) -> None:
        stages = []
        for width, depth in matched(widths, depths):
            blocks = []
            for i in range(depth):
                blocks.append(
                    RepVGGBlock(C, width, 1 if i else 2, groups if i % 2 else 1, attention, activation, deploy)
                )  # fmt: skip
                C = width
            stages.append(Stage(blocks, 2, C))
        super().__init__(stages, levels)
