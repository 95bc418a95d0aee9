"""The blocks of Swin transformers."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.projections import ATTENTION_DROPOUT, DROPOUT, HEADS
from blocks.attention.windows import COSINE, SHIFT, SWIN, WINDOW, WindowAttention, pad_to
from blocks.declare import block, port, setting
from blocks.layers.convolution import PointwiseConv2d
from blocks.layers.dropout import DropPath
from blocks.layers.normalisation import LayerNorm2d
from blocks.stages.feedforward import DEPTH, DROP_PATH, EPS, EXPANSION, FIRST_DROP_PATH, FeedForward2d, rising

_V2 = setting(
    "Norms after the branches, attention by angles and positions from a small network, as in Swin v2 "
    "(arXiv:2111.09883)."
)


@block(
    "Space to depth", category="Layer", paper="Shi et al. 2016, arXiv:1609.05158", icon="minimize-2",
    helps="To halve a map without losing a value: at the start of detectors for small objects (YOLOv5's Focus) and "
          "before a patch merging's 1x1 convolution.",
    hurts="The next convolution sees 4 C channels and costs as much more at each place. YOLOv5 itself later took a "
          "6x6 convolution with stride 2, which computes the same and exports more simply.",
    aliases=("focus", "unshuffle", "patch merging", "reorganise"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Half the size, 4 times the channels.")},
)  # fmt: skip
class SpaceToDepth(nn.Module):
    """Stack each 2x2 places as channels: first all of the upper left, then lower left, upper right, lower right.

    The map becomes half as large and nothing is lost. Odd sizes are filled up with zeros below and to the right.
    Swin's patch merging and YOLOv5's Focus order the channels so; pixel unshuffle has another order.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = pad_to(x, 2)
        return torch.cat([x[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)], 1)


@block(
    "Patch merging", category="Layer", paper=SWIN, icon="minimize-2", aliases=("swin", "downsample", "pyramid"),
    helps="Between the stages of a Swin transformer: all four places are kept until the 8 C^2 weights have seen them, "
          "and its layer norm needs no batch.",
    hurts="Windows of 2x2 do not overlap, so borders fall between them; PVT v2 overlaps its patches for that reason. "
          "In a network with batch norms a strided 3x3 convolution is simpler to fold.",
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Half the size, twice the channels.")},
    norm_last=setting("Normalise after the 1x1 convolution, as Swin v2 does, rather than before it."), eps=EPS,
)  # fmt: skip
class PatchMerging(nn.Module):
    """Join each 2x2 places into one with twice the channels.

    It stands between the stages of a Swin transformer, where convolutional networks have a stride of 2.
    """

    def __init__(self, C: int, norm_last: bool = False, eps: float = 1e-5) -> None:
        super().__init__()
        self.stack = SpaceToDepth()
        self.norm_last = norm_last
        self.norm = LayerNorm2d(2 * C if norm_last else 4 * C, eps)
        self.reduction = PointwiseConv2d(4 * C, 2 * C, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stack(x)
        return self.norm(self.reduction(x)) if self.norm_last else self.reduction(self.norm(x))


@block(
    "Swin block", category="Backbone", paper=SWIN, icon="grid-3x3",
    helps="Fine maps where full attention is out of reach: at a fixed window the cost is linear in H W, and all "
          "windows are computed as one batch.",
    hurts="A single block never looks out of its window: use pairs, the second shifted. Other sizes than multiples of "
          "the window are padded with zeros that get looked at; a ConvNeXt block has no such edges.",
    aliases=("swin", "swin v2", "transformer", "shifted window"),
    inputs={"x": "B C%heads H W"}, outputs={"out": "B C H W"},
    heads=HEADS, window=WINDOW, shift=SHIFT, expansion=EXPANSION,
    norm_last=setting("Normalise what each branch gives, as Swin v2 does, rather than what it takes."),
    cosine=COSINE, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH, eps=EPS,
)  # fmt: skip
class SwinBlock(nn.Module):
    """Window attention and a feed-forward network, each with a norm and a connection around it.

    Use two in a row, the second with its windows shifted by half a window. With `norm_last` and `cosine` it is the
    block of Swin v2 (Liu et al. 2021, arXiv:2111.09883).
    """

    def __init__(
        self,
        C: int,
        heads: int = 4,
        window: int = 7,
        shift: int = 0,
        expansion: float = 4.0,
        norm_last: bool = False,
        cosine: bool = False,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.norm_last = norm_last
        self.norm1 = LayerNorm2d(C, eps)
        self.attn = WindowAttention(
            C, heads, window, shift, cosine, attention_dropout=attention_dropout, dropout=dropout
        )  # fmt: skip
        self.norm2 = LayerNorm2d(C, eps)
        self.mlp = FeedForward2d(C, expansion, dropout=dropout)
        self.drop_path = DropPath(drop_path) if drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for norm, branch in ((self.norm1, self.attn), (self.norm2, self.mlp)):
            y = norm(branch(x)) if self.norm_last else branch(norm(x))
            x = x + (y if self.drop_path is None else self.drop_path(y))
        return x


@block(
    "Swin stage", category="Backbone", paper=SWIN, icon="square-stack",
    helps="A pyramid level in even depth, so that each block has its shifted partner: 2, 2, 6, 2 in Swin-T. Take v2 "
          "where larger images or windows are to come after training.",
    hurts="At depth 1 nothing is shifted and windows never meet; on maps no larger than the window, shifting is "
          "skipped. Rolling and partitioning are awkward for mobile runtimes: a ConvNeXt stage has neither.",
    aliases=("swin", "swin v2", "transformer", "blocks", "shifted window"),
    inputs={"x": "B C H W"}, outputs={"out": port("B K h w", "Feature maps; half the size with `merge`.")},
    depth=DEPTH, heads=HEADS, window=WINDOW,
    merge=setting("Begin by joining each 2x2 places into one with twice the channels."),
    expansion=EXPANSION, v2=_V2, attention_dropout=ATTENTION_DROPOUT, dropout=DROPOUT, drop_path=DROP_PATH,
    first_drop_path=FIRST_DROP_PATH, eps=EPS,
)  # fmt: skip
class SwinStage(nn.Module):
    """Swin blocks in a row, every second one with its windows shifted by half a window.

    A Swin transformer is a few such stages, each with half the size and twice the channels of the one before.
    """

    def __init__(
        self,
        C: int,
        depth: int = 2,
        heads: int = 4,
        window: int = 7,
        merge: bool = False,
        expansion: float = 4.0,
        v2: bool = False,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        first_drop_path: float = 0.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.merge = PatchMerging(C, v2, eps) if merge else None
        self.channels = 2 * C if merge else C
        if self.channels % heads:
            raise ValueError(
                f"heads is {heads}, but the blocks have {self.channels} channels: heads must divide them evenly"
            )
        self.blocks = nn.Sequential(
            *(
                SwinBlock(
                    self.channels, heads, window, i % 2 * (window // 2), expansion, v2, v2, attention_dropout, dropout,
                    rate, eps,
                )
                for i, rate in enumerate(rising(first_drop_path, drop_path, depth))
            )
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x if self.merge is None else self.merge(x))
