"""The blocks of MobileViT, version 1 and 2."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import nn
from torch.nn import functional as F

from blocks.attention.patchwise import MOBILEVIT, MOBILEVIT_V2, PATCH, PatchAttention, SeparableSelfAttention
from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation
from blocks.layers.composite import ACTIVATION, ConvNormAct
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.normalisation import GroupNorm, LayerNorm2d
from blocks.layers.shape import Interpolate
from blocks.layers.sizes import rounded
from blocks.stages.feedforward import DROP_PATH, EXPANSION, FeedForward2d
from blocks.stages.metaformer import TwoBranches, check_heads

CHANNELS = setting("How many channels come out; empty: as many as come in.", min=1)
INNER = setting("Channels of the transformer; empty: half as many as come in, in steps of 8.", min=1, shown=True)
TRANSFORMER_DEPTH = setting("How many transformer blocks follow one another.", min=1, max=1000, shown=True)
_EPS = 1e-5


@block(
    "Resize to a multiple", category="Layer", paper=MOBILEVIT, icon="maximize-2",
    helps="Before a map is cut into patches, when images come in all sizes: blending leaves no empty border for "
          "attention to look at.",
    hurts="All values are blurred and moved a little, and Interpolate after it blurs again. Where single places "
          "count, as at outlines or in windows, Pad to a multiple and Cut to size leave them alone.",
    aliases=("interpolate", "patches", "divisible", "mobilevit"),
    inputs={"x": "B C H W"}, outputs={"out": port("B C h w", "The map, as large or a little larger.")},
    multiple=setting("Height and width come out as multiples of this.", min=1, shown=True),
    corners=setting("Keep the values of the corners where they are (align_corners)."),
)  # fmt: skip
class ResizeToMultiple(nn.Module):
    """Enlarge a map by blending neighbours, until height and width are multiples of a number.

    Patches then come out even at any size of the image. `Interpolate` takes it back to the size that it had.
    """

    def __init__(self, multiple: int = 2, corners: bool = False) -> None:
        super().__init__()
        self.multiple, self.corners = multiple, corners

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = (math.ceil(size / self.multiple) * self.multiple for size in x.shape[2:])
        if (height, width) == tuple(x.shape[2:]):
            return x
        return F.interpolate(x, size=(height, width), mode="bilinear", align_corners=self.corners)


@block(
    "Transformer block across patches", category="Attention", paper=MOBILEVIT, icon="layers",
    helps="Inside MobileViT's blocks, between convolutions. Take `separable` on phones: its cost is linear in the "
          "number of places, and a single query needs no large matrix product.",
    hurts="Alone it never lets the points of one patch meet. A convolution before it must see at least a patch; with "
          "patches of 4 and windows of 3, places stay blind to one another.",
    aliases=("mobilevit", "mobilevit v2", "encoder layer"), inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS._replace(when=(("separable", False),)), patch=PATCH,
    separable=setting("A single query and a norm over all values, as in MobileViT V2 (arXiv:2206.02680)."),
    expansion=EXPANSION, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH,
)  # fmt: skip
class PatchTransformerBlock(TwoBranches):
    """Attention across patches and a feed-forward network, each with a norm before and a connection around it.

    The transformers within MobileViT's blocks are made of it.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        patch: int = 2,
        separable: bool = False,
        expansion: float = 2.0,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        attn: nn.Module = (
            SeparableSelfAttention(C, patch, True, attention_dropout, dropout)
            if separable
            else PatchAttention(C, heads, patch, True, attention_dropout, dropout)
        )
        mlp = FeedForward2d(C, expansion, "silu", dropout)
        norm = partial(GroupNorm, groups=1) if separable else partial(LayerNorm2d, eps=_EPS)
        super().__init__(C, attn, mlp, norm=norm, drop_path=drop_path)


_BLOCK = {
    "inner": INNER, "depth": TRANSFORMER_DEPTH, "patch": PATCH, "expansion": EXPANSION, "activation": ACTIVATION,
    "attention_dropout": ATTENTION_DROPOUT, "dropout": DROPOUT, "drop_path": DROP_PATH,
}  # fmt: skip


@block(
    "MobileViT block", category="Backbone", paper=MOBILEVIT, icon="git-merge",
    helps="Networks of 1 to 6 M weights for phones that need a view of the whole image: MobileViT has 78.4 % top-1 "
          "with about 6 M, trained without heavy augmentation.",
    hurts="Softmax attention and unfolding make it slower on phones than MobileNets of as many MACs; the V2 block is "
          "linear. Its last 3x3 convolution sees 2 C channels and has 18 C^2 weights.",
    aliases=("transformer", "hybrid", "unfold", "fold"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"}, heads=HEADS, **_BLOCK,
)  # fmt: skip
class MobileViTBlock(nn.Module):
    """A convolution for what is near, a transformer across patches for what is far, and both joined by a convolution.

    It keeps the size: put it after an inverted residual block that halves the map. Sizes that are no multiple of the
    patches are enlarged for the transformer.
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        inner: int | None = None,
        depth: int = 2,
        patch: int = 2,
        expansion: float = 2.0,
        activation: Activation = "silu",
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        wide = inner or rounded(C / 2)
        check_heads(heads, wide)
        self.near = ConvNormAct(C, C, 3, activation=activation)
        self.widen = PointwiseConv2d(C, wide, bias=False)
        self.fit = ResizeToMultiple(patch)
        self.transformer = nn.Sequential(
            *(
                PatchTransformerBlock(wide, heads, patch, False, expansion, attention_dropout, dropout, drop_path)
                for _ in range(depth)
            )
        )
        self.norm = LayerNorm2d(wide, _EPS)
        self.back = Interpolate(mode="bilinear")
        self.project = ConvNormAct(wide, C, 1, activation=activation)
        self.fuse = ConvNormAct(2 * C, C, 3, activation=activation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.transformer(self.fit(self.widen(self.near(x)))))
        y = self.project(self.back(y, x))
        return self.fuse(torch.cat((x, y), 1))


@block(
    "MobileViT V2 block", category="Backbone", paper=MOBILEVIT_V2, icon="git-merge",
    helps="MobileViT's idea where milliseconds count: with attention linear in the places the V2 network ran 3.2 "
          "times faster on a phone and was one point more accurate.",
    hurts="One context vector for each point of a patch tells less than attention between places. Nothing goes around "
          "the block, and sizes that patches do not divide come out larger, which skips must mend.",
    aliases=("transformer", "hybrid", "separable", "unfold", "fold"),
    inputs={"x": "B C H W"}, outputs={"out": port("B C h w", "As large, or a little larger with other patches.")},
    **_BLOCK,
)  # fmt: skip
class MobileViTV2Block(nn.Module):
    """A depthwise convolution for what is near, and a transformer of separable self-attention for what is far.

    It keeps the size: put it after an inverted residual block that halves the map. Only sizes that are no multiple of
    the patches are enlarged, and stay so.
    """

    def __init__(
        self,
        C: int,
        inner: int | None = None,
        depth: int = 2,
        patch: int = 2,
        expansion: float = 2.0,
        activation: Activation = "silu",
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        wide = inner or rounded(C / 2)
        self.fit = ResizeToMultiple(patch, corners=True)
        self.near = ConvNormAct(C, C, 3, groups=C, activation=activation)
        self.widen = PointwiseConv2d(C, wide, bias=False)
        self.transformer = nn.Sequential(
            *(
                PatchTransformerBlock(wide, 1, patch, True, expansion, attention_dropout, dropout, drop_path)
                for _ in range(depth)
            )
        )
        self.norm = GroupNorm(wide, 1, _EPS)
        self.project = ConvNormAct(wide, C, 1, activation="none")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.project(self.norm(self.transformer(self.widen(self.near(self.fit(x))))))
