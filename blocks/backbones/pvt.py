"""Pyramid vision transformers, version 1 and 2."""

from __future__ import annotations

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT
from blocks.attention.reduction import KIND, PVT, Reduction
from blocks.backbones.base import LEVELS, PYRAMID, Backbone, Stage
from blocks.declare import block, setting
from blocks.stages.feedforward import EPS, rates
from blocks.stages.pvt import V2, PyramidStage, halved

DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)
HEADS = setting(
    "Attention heads of each stage, first to last; the channels grow with them, so that every head stays as wide as "
    "those of the first stage.", min=1, shown=True,
)  # fmt: skip
REDUCTIONS = setting(
    "The places that are looked at in each stage: one for each square of this side; 1 looks at every place.", min=1
)
EXPANSIONS = setting("By how much the channels grow inside the feed-forward networks of each stage.", min=1)
DROP_PATH = setting(
    "The share of samples for which a branch is left out in training: it rises from 0 in the first block to this in "
    "the last.", min=0, max=1,
)  # fmt: skip


@block(
    "Pyramid vision transformer", category="Backbone", paper=PVT, icon="pyramid",
    helps="In the place of a ResNet before FPN or RetinaNet head: four levels of strides 4 to 32. B2 of version 2 has "
          "82.0 % top-1 at 4.0 GMACs and takes any size of image.",
    hurts="Version 1 stores positions for one size. Costs are quadratic in H W unless kind is `pool`, and a Swin "
          "transformer keeps more detail on fine maps. For little data take a residual backbone.",
    aliases=("pvt", "pvt v2", "transformer", "spatial reduction", "features"),
    inputs={"x": "B C H W"}, outputs={"out": PYRAMID},
    depths=DEPTHS, heads=HEADS, reductions=REDUCTIONS._replace(when=(("kind", "conv"),)), expansions=EXPANSIONS,
    v2=V2, kind=KIND,
    attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, eps=EPS, levels=LEVELS,
)  # fmt: skip
class PyramidBackbone(Backbone):
    """The stages of a pyramid vision transformer; each gives one level of a pyramid.

    It takes embedded patches: a convolution with stride 4 and a layer norm before it make them of an image, a 4x4 one
    in version 1 and a 7x7 one, whose windows overlap, in version 2. Every stage after the first halves the size.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        depths: tuple[int, ...] = (1, 1, 2, 1),
        heads: tuple[int, ...] = (1, 2, 5, 8),
        reductions: tuple[int, ...] = (8, 4, 2, 1),
        expansions: tuple[int, ...] = (8, 8, 4, 4),
        v2: bool = True,
        kind: Reduction = "conv",
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        eps: float = 1e-6,
        levels: tuple[int, ...] = (),
    ) -> None:
        for name, numbers in {"heads": heads, "reductions": reductions, "expansions": expansions}.items():
            if not depths or len(numbers) != len(depths):
                raise ValueError(
                    f"{name} has {len(numbers)} numbers and depths {len(depths)}, but all need the same number, one "
                    "or more: give each stage one"
                )
        if C % heads[0]:
            raise ValueError(
                f"heads begins with {heads[0]}, but the map has {C} channels: it must divide them evenly"
            )
        stages, head_width = [], C // heads[0]
        for i, (first, last) in enumerate(rates(drop_path, depths)):
            stage = PyramidStage(
                C, H, W, heads[i] * head_width if i else None, depths[i], heads[i], reductions[i], kind,
                expansions[i], v2, attention_dropout, dropout, last, first, eps,
            )  # fmt: skip
            C = stage.channels
            if i:
                H, W = halved(H, v2), halved(W, v2)
            stages.append(Stage([stage], 2 if i else 1, C))
        super().__init__(stages, levels)
