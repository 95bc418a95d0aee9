"""What self-attention on feature maps begins with: queries, keys and values out of one 1x1 convolution."""

from __future__ import annotations

import torch

from blocks.declare import block, port, setting
from blocks.layers.convolution import PointwiseConv2d

_PAPER = "Vaswani et al. 2017, arXiv:1706.03762"
_BIAS = setting("Add a learned number to each channel.")
QUERIES = port("B C%heads H W", "What each place looks for.")
KEYS = port("B C%heads H W", "What each place is found by.")
VALUES = port("B C%heads H W", "What each place hands on when it is found.")
HEADS = setting("Into how many groups the channels are split; each compares places by itself.", min=1, shown=True)
QKV_BIAS = setting("Add a learned number to each channel of the queries, keys and values.")
ATTENTION_DROPOUT = setting("The share of the attention's weights set to 0 in training.", min=0, max=1)
DROPOUT = setting("The share of values set to 0 in training, after each layer that mixes channels.", min=0, max=1)


@block(
    "Queries, keys, values 2d", category="Attention", paper=_PAPER, icon="split", aliases=("qkv", "projection"),
    helps="In front of Axial attend, Window attend or Attend 2d when all three come from one map: one product with 3 "
          "x C outputs reads the map once.",
    hurts="Where keys belong to a smaller or another map, a part of it is wasted on either: take Keys, values 2d, and "
          "Pointwise conv 2d for the queries. Weights that were saved as three layers must be joined first.",
    inputs={"x": "B C H W"},
    outputs={
        "q": port("B C H W", "The queries: what each place looks for."),
        "k": port("B C H W", "The keys: what each place is found by."),
        "v": port("B C H W", "The values: what each place hands on."),
    },
    bias=_BIAS, key_bias=setting("Without it the keys' bias is held at 0, as Swin v2 does.", when={"bias": True}),
)  # fmt: skip
class QueriesKeysValues2d(PointwiseConv2d):
    """Give each place of a feature map a query, a key and a value, each with as many channels as come in.

    It is one 1x1 convolution with three times the channels, cut in three: what self-attention begins with.
    """

    kept: torch.Tensor | None

    def __init__(self, C: int, bias: bool = True, key_bias: bool = True) -> None:
        super().__init__(C, 3 * C, bias=bias)
        kept = None if key_bias or not bias else (torch.arange(3 * C) // C != 1).float()
        self.register_buffer("kept", kept, persistent=False)

    def forward(self, input: torch.Tensor) -> tuple[torch.Tensor, ...]:  # type: ignore[override]
        bias = self.bias if self.kept is None or self.bias is None else self.bias * self.kept
        return self._conv_forward(input, self.weight, bias).chunk(3, 1)


@block(
    "Keys, values 2d", category="Attention", paper=_PAPER, icon="split", aliases=("kv", "projection"),
    helps="Attention from one map to another: what is looked at goes in here, queries come from the other map by "
          "Pointwise conv 2d, and Attend 2d takes both.",
    hurts="On the full map itself it saves nothing over Queries, keys, values 2d. Keys come out with the C of this "
          "map, and Attend 2d refuses queries of another width: change C before it.",
    inputs={"x": "B C H W"}, outputs={
        "k": port("B C H W", "The keys: what each place is found by."),
        "v": port("B C H W", "The values: what each place hands on."),
    },
    bias=_BIAS,
)  # fmt: skip
class KeysValues2d(PointwiseConv2d):
    """Give each place of a feature map a key and a value, each with as many channels as come in.

    It is one 1x1 convolution with twice the channels, cut in two. The queries come from elsewhere: a larger map in
    spatial-reduction attention, another network in cross-attention.
    """

    def __init__(self, C: int, bias: bool = True) -> None:
        super().__init__(C, 2 * C, bias=bias)

    def forward(self, input: torch.Tensor) -> tuple[torch.Tensor, ...]:  # type: ignore[override]
        return self._conv_forward(input, self.weight, self.bias).chunk(2, 1)


def split_heads(x: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, C, H, W) -> (B, heads, H * W, C / heads)"""
    return x.flatten(2).unflatten(1, (heads, -1)).transpose(2, 3)


def join_heads(x: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(B, heads, H * W, D) -> (B, heads * D, H, W)"""
    return x.transpose(2, 3).flatten(1, 2).unflatten(2, (height, width))
