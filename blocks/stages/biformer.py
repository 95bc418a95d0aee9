"""The blocks of BiFormer."""

from __future__ import annotations

from torch import nn

from blocks.attention.projections import HEADS
from blocks.attention.routing import (
    BIFORMER,
    LOCAL_KERNEL,
    REGIONS,
    TOP_K,
    BiLevelRoutingAttention,
    LocallyEnhancedAttention,
)
from blocks.declare import block, port
from blocks.layers.composite import ConvNormAct
from blocks.layers.convolution import DepthwiseConv2d
from blocks.stages.feedforward import DEPTH, DROP_PATH, EXPANSION, FIRST_DROP_PATH, FeedForward2d, rising
from blocks.stages.metaformer import CHANNELS, LAYER_SCALE, EmbeddedStage, TwoBranches, check_heads

ROUTES = TOP_K._replace(min=0, help="At how many regions each region looks; 0: every place looks at every place.")
_SPARSE = REGIONS._replace(help=REGIONS.help[:-1] + "; without effect where `top_k` is 0.")


@block(
    "BiFormer block", category="Backbone", paper=BIFORMER, icon="workflow",
    helps="Large maps on which things far apart belong together: each region picks by content the top_k regions that "
          "it attends to, where a Swin block sees a fixed square and a pyramid block a blurred map.",
    hurts="Picking copies keys and values, so that a Swin block of the same MACs runs faster on a GPU. Top-k and "
          "gather are also poorly supported by quantisers and small runtimes.",
    aliases=("bi-level routing", "transformer", "sparse"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, top_k=ROUTES, regions=_SPARSE, local_kernel=LOCAL_KERNEL, expansion=EXPANSION,
    layer_scale=LAYER_SCALE, drop_path=DROP_PATH,
)  # fmt: skip
class BiFormerBlock(TwoBranches):
    """A depthwise convolution, bi-level routing attention and a feed-forward network, each with a connection around.

    The convolution tells the places where they are; attention and feed-forward network have a layer norm before them.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        top_k: int = 4,
        regions: int = 7,
        local_kernel: int = 5,
        expansion: float = 3.0,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
    ) -> None:
        attn: nn.Module = (
            BiLevelRoutingAttention(C, heads, top_k, regions, local_kernel)
            if top_k
            else LocallyEnhancedAttention(C, heads, local_kernel)
        )
        super().__init__(
            C, attn, FeedForward2d(C, expansion), neighbours=DepthwiseConv2d(C), layer_scale=layer_scale,
            drop_path=drop_path,
        )  # fmt: skip


@block(
    "BiFormer stage", category="Backbone", paper=BIFORMER, icon="square-stack",
    helps="One of four stages of a pyramid. Let top_k rise as the map shrinks, as in 1, 4, 16 and then 0: on fine "
          "maps a few regions suffice, on the coarsest full attention is cheap.",
    hurts="On a map of 7x7 and less each of the 7x7 regions is one place and the choice only adds work: set top_k to "
          "0. Sides that `regions` does not divide are padded, and the padding is computed as well.",
    aliases=("bi-level routing", "transformer", "blocks"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size where `channels` is set.")},
    channels=CHANNELS, depth=DEPTH, heads=HEADS, top_k=ROUTES, regions=_SPARSE, local_kernel=LOCAL_KERNEL,
    expansion=EXPANSION, layer_scale=LAYER_SCALE, drop_path=DROP_PATH, first_drop_path=FIRST_DROP_PATH,
)  # fmt: skip
class BiFormerStage(EmbeddedStage):
    """A convolution that halves the map, and BiFormer blocks in a row.

    A BiFormer is four such stages; the first keeps the map as the stem gives it. The smaller the map, the more regions
    each region looks at.
    """

    def __init__(
        self,
        C: int,
        channels: int | None = None,
        depth: int = 2,
        heads: int = 4,
        top_k: int = 4,
        regions: int = 7,
        local_kernel: int = 5,
        expansion: float = 3.0,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
    ) -> None:
        wide = channels or C
        check_heads(heads, wide)
        embed = ConvNormAct(C, wide, 3, 2, activation="none", bias=True) if channels else None
        blocks = (
            BiFormerBlock(wide, heads, top_k, regions, local_kernel, expansion, layer_scale, rate)
            for rate in rising(first_drop_path, drop_path, depth)
        )
        super().__init__(embed, blocks, wide)
