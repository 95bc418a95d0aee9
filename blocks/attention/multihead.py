"""Multi-head attention and the parts that it is made of."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, preset, setting
from blocks.layers.linear import Linear
from blocks.layers.positions import RotaryPositions

Positions = Literal["none", "rotary", "relative"]

VASWANI = "Vaswani et al. 2017, arXiv:1706.03762"
_T5 = "Raffel et al. 2019, arXiv:1910.10683"
HEADS = setting("How many heads look at once, each at its own share of the features.", min=1, shown=True)
CAUSAL = setting("Let each token look only at itself and those before it, as language models do.")
ATTENTION_DROPOUT = setting("The share of looks set to 0 in training.", min=0, max=1)
TOKENS = port("B L D%heads", "Tokens, one behind another.")
MASK = port("int:B L", "0 for padding, at which nobody looks; another number for tokens.")
MEMORY = port("B K C", "The other sequence, at which the tokens look.")
MEMORY_MASK = port("int:B K", "0 for padding in the other sequence, at which nobody looks; another number for tokens.")
_QKV_BIAS = setting("Add a learned number to each query, key and value.")
_QUERIES = port("B H L D", "The queries of H heads.")
_KEYS = port("B H K D", "The keys of H heads.")
_VALUES = port("B H K C", "The values of H heads, one for each key.")


def _check_heads(features: int, heads: int) -> None:
    if features % heads:
        raise ValueError(f"heads is {heads}, but {features} features do not divide by it: use a divisor of {features}")


@block(
    "Split into heads", category="Attention", paper=VASWANI, icon="split", aliases=("multi-head", "heads"),
    helps="Attention drawn by hand whose queries and keys come from different layers, as in cross-attention: B x L x "
          "D becomes B x heads x L x D / heads, which Rotary positions and Dot-product attention take.",
    hurts="Without a Linear before it heads get fixed slices of the features. Behind one Linear of 3 x D take "
          "Queries, keys, values. The way back is Merge heads: Reshape would mix tokens with heads.",
    inputs={"x": TOKENS}, outputs={"out": port("B H L D", "Each head's share of the features.")}, heads=HEADS,
)  # fmt: skip
class Heads(nn.Module):
    """Give each head its share of the features.

    It leads from a linear layer to attention; heads look at different things at once. It has no weights.
    """

    def __init__(self, D: int, heads: int = 4) -> None:
        super().__init__()
        _check_heads(D, heads)
        self.heads = heads

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, L, D / heads)


@block(
    "Queries, keys, values", category="Attention", paper=VASWANI, icon="split",
    helps="Self-attention drawn by hand on one Linear of 3 x D, in the order in which ViT and GPT-2 keep their "
          "weights: first all queries, then all keys, then all values.",
    hurts="Weights that alternate query, key and value head by head, as GPT-NeoX and BLOOM have them, fit in size and "
          "give nonsense. For cross-attention, or fewer keys than queries, use Split into heads.",
    aliases=("multi-head", "heads", "qkv", "split"),
    inputs={"x": port("B L D%3", "Queries, keys and values behind one another in the features.", "B L 96")},
    outputs={
        "q": port("B H L D", "Each head's queries."), "k": port("B H L D", "Each head's keys."),
        "v": port("B H L D", "Each head's values."),
    },
    heads=HEADS,
)  # fmt: skip
class QueryKeyValueHeads(nn.Module):
    """Part what one linear layer gives into queries, keys and values, and each of them into heads.

    One layer for the three is faster than three. It has no weights.
    """

    def __init__(self, D: int, heads: int = 4) -> None:
        super().__init__()
        _check_heads(D // 3, heads)
        self.heads = heads

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        q, k, v = x.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)  # (B, heads, L, D / 3 / heads)
        return q, k, v


@block(
    "Merge heads", category="Attention", paper=VASWANI, icon="combine", aliases=("multi-head", "heads", "join"),
    helps="Between Dot-product attention and its last Linear: heads come back side by side, each token's features "
          "together, as B x L x (heads x D).",
    hurts="Without a Linear behind it what the heads found is never mixed. Flatten or Reshape in its place would fit "
          "in size and line up head by head, so that each row holds pieces of several tokens.",
    inputs={"x": port("B H L D", "What each head found.")},
    outputs={"out": port("B L D", "The heads' features behind one another.")},
)  # fmt: skip
class MergeHeads(nn.Module):
    """Put the features of all heads behind one another, token by token.

    It leads from attention to the linear layer that mixes what the heads found. It has no weights.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.transpose(1, 2).flatten(2)


@block(
    "Dot-product attention", category="Attention", paper=VASWANI, icon="eye",
    helps="Attention of your own on B x heads x L x D, with Rotary positions before it, say: torch's fused kernel "
          "does without a table of L x K in memory on most devices.",
    hurts="8,192 tokens still mean 67 million pairs a head. It has neither projections nor positions, so that the "
          "order of keys is unknown; Relative attention adds distances, Multi-head self-attention is complete.",
    aliases=("scaled dot-product", "sdpa", "masked", "softmax"),
    inputs={"q": _QUERIES, "k": _KEYS, "v": _VALUES, "mask?": MEMORY_MASK},
    outputs={"out": port("B H L C", "For each query the values, weighed by how well their keys fit.")},
    causal=CAUSAL, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class DotProductAttention(nn.Module):
    """Weigh values by how well their keys fit a query.

    The fit is the scaled dot product; a softmax over the keys makes weights of it. The cost grows with the number of
    queries times that of keys.
    """

    def __init__(self, causal: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        self.causal, self.dropout = causal, dropout

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        return self._attend(q, k, v, mask, None)

    def _attend(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, bias: torch.Tensor | None
    ) -> torch.Tensor:
        p = self.dropout if self.training else 0.0
        if mask is None and bias is None:
            return F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=self.causal)
        allowed = None if mask is None else mask[:, None, None, :] != 0  # (B, 1, 1, K)
        if self.causal:
            before = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).tril()
            # Padding at the front still looks at itself: a softmax over nothing would not be a number.
            allowed = before if allowed is None else allowed & before | before & ~before.tril(-1)
        if bias is not None:
            allowed = bias if allowed is None else bias.masked_fill(~allowed, -math.inf)
        return F.scaled_dot_product_attention(q, k, v, allowed, dropout_p=p)


@block(
    "Relative attention", category="Attention", paper=_T5, icon="ruler",
    helps="T5-like encoders and decoders: 32 buckets take 32 x heads numbers, and whatever is farther than `reach` "
          "shares a bucket, so that longer texts stay within what was learned.",
    hurts="Queries and keys must be of one sequence, and the bias needs a table of L x L that keeps the fastest "
          "kernels away; Rotary positions do not. T5 itself does not scale scores and shares one table.",
    aliases=("t5", "relative position bias", "dot-product"),
    inputs={
        "q": _QUERIES, "k": port("B H L D", "The keys of H heads."), "v": port("B H L C", "The values of H heads."),
        "mask?": MASK,
    },
    outputs={"out": port("B H L C", "For each query the values, weighed by fit and distance.")},
    buckets=setting("How many distances are told apart; farther ones share.", min=4),
    reach=setting("From this distance on all are alike.", min=8), causal=CAUSAL, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class RelativeAttention(DotProductAttention):
    """Dot-product attention with a learned liking of each head for each distance between two tokens.

    Near distances are told apart one by one, far ones in groups that grow. No other positions are needed, and longer
    sequences than those it was trained with work.
    """

    def __init__(
        self, H: int, buckets: int = 32, reach: int = 128, causal: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__(causal, dropout)
        self.buckets, self.reach = buckets, reach
        self.table = nn.Parameter(torch.empty(buckets, H).normal_(std=0.02))
        if reach <= buckets // 2:
            raise ValueError(f"reach is {reach}, but half of the {buckets} buckets take as much: use more than that")

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        places = torch.arange(q.shape[2], device=q.device)
        bucket = self._bucket(places[None, :] - places[:, None])
        bias = F.embedding(bucket, self.table).permute(2, 0, 1)[None]  # (1, H, L, L)
        return self._attend(q, k, v, mask, bias)

    def _bucket(self, distance: torch.Tensor) -> torch.Tensor:
        count, first = self.buckets, torch.zeros_like(distance)
        if self.causal:
            far = (-distance).clamp(min=0)
        else:  # half of the buckets are for tokens behind
            count //= 2
            first, far = (distance > 0).long() * count, distance.abs()
        single = count // 2
        grown = (far.clamp(min=1) / single).log() / math.log(self.reach / single) * (count - single)
        grouped = (single + grown.long()).clamp(max=count - 1)
        return first + torch.where(far < single, far, grouped)


def _make_attention(
    positions: Positions, heads: int, causal: bool, dropout: float
) -> tuple[nn.Module | None, nn.Module]:
    """What turns queries and keys, if anything, and the attention itself."""
    turn = RotaryPositions() if positions == "rotary" else None
    if positions == "relative":
        return turn, RelativeAttention(heads, causal=causal, dropout=dropout)
    return turn, DotProductAttention(causal, dropout)


@block(
    "Multi-head self-attention", category="Attention", paper=VASWANI, icon="eye",
    helps="Sequences of up to some thousand tokens in which any may need any other; `causal` for models that write "
          "on, `rotary` or `relative` where no positions were added before.",
    hurts="Twice the L takes four times the work, and little data lets it overfit where Conv 1d or LSTM learn. It has "
          "no norm and no connection: Transformer encoder layer brings both. On large maps take Window attention.",
    aliases=("mhsa", "mha", "transformer"),
    inputs={"x": TOKENS, "mask?": MASK}, outputs={"out": "B L D"},
    heads=HEADS, bias=_QKV_BIAS, causal=CAUSAL,
    positions=setting("`rotary` turns queries and keys by their place; `relative` learns a liking for each distance."),
    dropout=ATTENTION_DROPOUT,
    presets={
        "masked": preset(
            "Causal: each token looks only at itself and those before it.", title="Masked self-attention", causal=True,
        ),
    },
)  # fmt: skip
class MultiHeadSelfAttention(nn.Module):
    """Let every token of a sequence look at all others and fetch what it needs.

    Each head compares the tokens' queries with their keys and mixes their values accordingly. The cost grows with the
    square of the sequence's length.
    """

    def __init__(
        self,
        D: int,
        heads: int = 4,
        bias: bool = True,
        causal: bool = False,
        positions: Positions = "none",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.qkv = Linear(D, 3 * D, bias=bias)
        self.split = QueryKeyValueHeads(3 * D, heads)
        self.turn, self.attend = _make_attention(positions, heads, causal, dropout)
        self.merge = MergeHeads()
        self.project = Linear(D, D)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        q, k, v = self.split(self.qkv(x))
        if self.turn is not None:
            q, k = self.turn(q), self.turn(k)
        return self.project(self.merge(self.attend(q, k, v, mask)))


@block(
    "Multi-head cross-attention", category="Attention", paper=VASWANI, icon="eye",
    helps="Decoders that read an encoder, and few learned queries that sum up much, as in DETR and Perceiver: L x K "
          "comparisons, and `memory` may have another width and length.",
    hurts="Within one sequence Multi-head self-attention does it by one joint Linear. The order of `memory` is seen "
          "only through its positions, and a model that writes step by step makes keys and values anew each time.",
    aliases=("mha", "transformer", "encoder-decoder", "decoder"),
    inputs={"x": TOKENS, "memory": MEMORY, "mask?": MEMORY_MASK}, outputs={"out": "B L D"},
    heads=HEADS, bias=_QKV_BIAS, dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class MultiHeadCrossAttention(nn.Module):
    """Let the tokens of one sequence look at those of another and fetch what they need.

    The queries come from `x`, keys and values from `memory`: a translation looks at the text that it translates.
    """

    def __init__(self, D: int, C: int, heads: int = 4, bias: bool = True, dropout: float = 0.0) -> None:
        super().__init__()
        self.query = Linear(D, D, bias=bias)
        self.key = Linear(C, D, bias=bias)
        self.value = Linear(C, D, bias=bias)
        self.heads = Heads(D, heads)
        self.attend = DotProductAttention(dropout=dropout)
        self.merge = MergeHeads()
        self.project = Linear(D, D)

    def forward(self, x: torch.Tensor, memory: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        q, k, v = self.heads(self.query(x)), self.heads(self.key(memory)), self.heads(self.value(memory))
        return self.project(self.merge(self.attend(q, k, v, mask)))
