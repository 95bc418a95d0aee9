"""Visual attention networks."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.large_kernel import VAN
from blocks.attention.projections import DROPOUT
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.feedforward import rates
from blocks.stages.metaformer import DEPTHS, DROP_PATHS, LAYER_SCALE, check_counts
from blocks.stages.van import VANStage


@block(
    "VAN backbone", category="Backbone", paper=VAN, icon="boxes",
    helps="Segmentation and detection with wide views and no attention: VAN-B2 has 82.8 % top-1 with 27 M weights and "
          "5.0 GMACs, and takes any size.",
    hurts="Dilated depthwise windows run slower on GPUs than their MACs say, and batch norms need full batches. "
          "ConvNeXt backbone of like accuracy is faster and has more published weights.",
    aliases=("visual attention network", "large kernel", "lka", "pyramid", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS,
    widths=setting("Channels of each stage after the first, which keeps those that come in.", min=1, shown=True),
    expansions=setting("By how much the channels grow inside the feed-forward networks of each stage.", min=1),
    layer_scale=LAYER_SCALE, attention=ATTENTION, dropout=DROPOUT, drop_path=DROP_PATHS, levels=LEVELS,
)  # fmt: skip
class VANBackbone(Backbone):
    """The stages of a visual attention network; each gives one level of a pyramid.

    It takes embedded patches: a 7x7 convolution with stride 4 and a batch norm before it make them of an image. Every
    stage after the first halves height and width.
    """

    def __init__(
        self,
        C: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        widths: tuple[int, ...] = (64, 160, 256),
        expansions: tuple[int, ...] = (8, 8, 4, 4),
        layer_scale: float | None = 1e-2,
        attention: MapAttention = "none",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        check_counts(len(depths) - 1, widths=widths)
        check_counts(len(depths), expansions=expansions)
        stages: list[Stage] = []
        for i, (first, last) in enumerate(rates(drop_path, depths)):
            stage = VANStage(
                C, widths[i - 1] if i else None, depths[i], expansions[i], layer_scale, attention, dropout, last, first
            )
            C = stage.channels
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
