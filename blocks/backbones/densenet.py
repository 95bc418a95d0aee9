"""DenseNet."""

from __future__ import annotations

from torch import nn

from blocks.attention.choice import ATTENTION, MapAttention, make_attention
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.composite import ACTIVATION
from blocks.layers.normalisation import BatchNorm2d
from blocks.layers.pooling import MaxPool2d
from blocks.stages.dense import BOTTLENECK, DENSENET, DROPOUT, GROWTH, REDUCTION, DenseBlock, DenseTransition


@block(
    "Dense backbone", category="Backbone", paper=DENSENET, icon="boxes", aliases=("densenet", "densenet121"),
    helps="Small sets, medical images above all: DenseNet-121 has 8 M weights with its classifier, fewer than a third "
          "of ResNet-50's, at nearly its accuracy.",
    hurts="Slow and hungry in training for its MACs, as all earlier maps are copied at each layer. Where memory or "
          "speed matters more than weights a residual backbone is better.",
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=setting("Layers of each dense block, first to last.", min=1, max=1000, shown=True), growth=GROWTH,
    bottleneck=BOTTLENECK, reduction=REDUCTION,
    pool=setting("Begin with a 3x3 max pool that halves the size, as networks for large images do."),
    bent_last=setting("Bend the last level too; U-Nets on DenseNet take it as its norm gives it."),
    dropout=DROPOUT, attention=ATTENTION, activation=ACTIVATION, levels=LEVELS,
)  # fmt: skip
class DenseBackbone(Backbone):
    """Dense blocks with transitions between them; each gives one level of a pyramid.

    A level is handed on after the norm and bend that begin the next transition, where its values have a common scale.
    Depths 6, 12, 24, 16 after a stem of 64 channels make DenseNet-121.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (2, 2, 2, 2),
        growth: int = 32,
        bottleneck: int = 4,
        reduction: int = 2,
        pool: bool = False,
        bent_last: bool = True,
        dropout: float = 0.0,
        attention: MapAttention = "none",
        activation: Activation = "relu",
        levels: tuple[int, ...] = (),
    ) -> None:
        stages: list[Stage] = []
        for i, depth in enumerate(depths):
            modules: list[nn.Module | None] = []
            if i:
                modules.append(DenseTransition(C, reduction, norm=False))
                C = max(C // reduction, 1)
            modules.append(DenseBlock(C, depth, growth, bottleneck, dropout, activation))
            C += depth * growth
            modules += [make_attention(attention, C), BatchNorm2d(C)]
            if bent_last or i + 1 < len(depths):
                modules.append(make_activation(activation))
            stages.append(Stage([m for m in modules if m is not None], 2 if i else 1, C))
        super().__init__(stages, levels, pool=MaxPool2d(3, 2, 1) if pool else None)
