"""The blocks of VAN, the visual attention network."""

from __future__ import annotations

from blocks.attention.choice import ATTENTION, MapAttention
from blocks.attention.large_kernel import VAN, VisualAttention
from blocks.attention.projections import DROPOUT
from blocks.declare import block, port
from blocks.layers.composite import ConvNormAct
from blocks.layers.normalisation import BatchNorm2d, LayerNorm2d
from blocks.stages.feedforward import DEPTH, DROP_PATH, EXPANSION, FIRST_DROP_PATH, MixFeedForward, rising
from blocks.stages.metaformer import CHANNELS, LAYER_SCALE, EmbeddedStage, TwoBranches

_EPS = 1e-6


@block(
    "VAN block", category="Backbone", paper=VAN, icon="maximize",
    helps="Windows of 23x23 and a gate that depends on the content, without attention's square. Each batch norm "
          "stands just before a 1x1 convolution and so can be folded into it for inference.",
    hurts="A 5x5 and a dilated 7x7 depthwise window are slow on GPUs for their MACs. Batches of a few samples harm "
          "its norms: a ConvNeXt block has layer norms and one window, and runs faster.",
    aliases=("visual attention network", "large kernel", "lka"), inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    expansion=EXPANSION, layer_scale=LAYER_SCALE, dropout=DROPOUT, drop_path=DROP_PATH,
)  # fmt: skip
class VANBlock(TwoBranches):
    """Large kernel attention and a feed-forward network, each with a batch norm before and a connection around it.

    It is the block of a transformer in which convolutions do all the work.
    """

    def __init__(
        self,
        C: int,
        expansion: float = 4.0,
        layer_scale: float | None = 1e-2,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        mlp = MixFeedForward(C, expansion, dropout=dropout)
        super().__init__(
            C, VisualAttention(C), mlp, norm=BatchNorm2d, layer_scale=layer_scale, drop_path=drop_path
        )  # fmt: skip


@block(
    "VAN stage", category="Backbone", paper=VAN, icon="square-stack",
    helps="One of four stages for segmentation and detection. Expansions of 8 in the first two and 4 in the last two, "
          "layer scale 0.01, as all published sizes have them.",
    hurts="On a last map of 7x7 most of the 23x23 window is padding; full attention is affordable there. Expansion 8 "
          "on the finest map keeps several maps of 8 C channels in training.",
    aliases=("visual attention network", "large kernel", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size where `channels` is set.")},
    channels=CHANNELS, depth=DEPTH, expansion=EXPANSION, layer_scale=LAYER_SCALE, attention=ATTENTION,
    dropout=DROPOUT, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
)  # fmt: skip
class VANStage(EmbeddedStage):
    """A convolution that halves the map, VAN blocks in a row, and a layer norm.

    A VAN is four such stages; the first keeps the map as the stem gives it.
    """

    def __init__(
        self,
        C: int,
        channels: int | None = None,
        depth: int = 2,
        expansion: float = 4.0,
        layer_scale: float | None = 1e-2,
        attention: MapAttention = "none",
        dropout: float = 0.0,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
    ) -> None:
        wide = channels or C
        embed = ConvNormAct(C, wide, 3, 2, activation="none", bias=True) if channels else None
        blocks = (
            VANBlock(wide, expansion, layer_scale, dropout, rate) for rate in rising(first_drop_path, drop_path, depth)
        )
        super().__init__(embed, blocks, wide, LayerNorm2d(wide, _EPS), attention)
