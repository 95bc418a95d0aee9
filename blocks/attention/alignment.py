"""Alignment attention: how a query finds its place in another sequence."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import Softmax
from blocks.layers.linear import Linear

Alignment = Literal["additive", "dot", "general", "scaled"]

_BAHDANAU = "Bahdanau et al. 2014, arXiv:1409.0473"
_LUONG = "Luong et al. 2015, arXiv:1508.04025"
_QUERY = port("B L D", "What looks: the states of a decoder.")
_MEMORY = port("B K D", "At what it looks: the states of an encoder.")
_SCORES = port("B L K", "How well each query fits each place.")


@block(
    "Additive scores", category="Attention", paper=_BAHDANAU, icon="plus", aliases=("alignment", "bahdanau", "concat"),
    helps="Queries and places from two networks that share no space, as in Bahdanau's translation model. With many "
          "features it does better than a dot product that is not scaled.",
    hurts="It holds B x L x K x D numbers before it sums, D times the memory of Dot scores, and is no matrix product, "
          "which devices are fast at. Dot scores with `scaled` took its place in transformers.",
    inputs={"query": _QUERY, "memory": _MEMORY}, outputs={"out": _SCORES},
)  # fmt: skip
class AdditiveScores(nn.Module):
    """Score every pair of a query and a place: a learned sum over the tanh of both, added.

    Before it each side has a linear layer of its own.
    """

    def __init__(self, D: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, D).uniform_(-1, 1) / math.sqrt(D))

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        pairs = (query[:, :, None] + memory[:, None]).tanh()  # (B, L, K, D)
        return nn.functional.linear(pairs, self.weight).squeeze(3)


@block(
    "Dot scores", category="Attention", paper=_LUONG, icon="x", aliases=("alignment", "luong", "product"),
    helps="An alignment of your own, behind layers that bring both sides into one space: a single matrix product "
          "gives all L x K scores, without weights.",
    hurts="Unscaled, scores grow with the root of D and the softmax behind them saturates: set `scaled` from some "
          "tens of features on. Dot-product attention does scores, softmax, mask and sum in one fused call.",
    inputs={"query": _QUERY, "memory": _MEMORY}, outputs={"out": _SCORES},
    scaled=setting("Divide by the root of the number of features, so that many do not make the scores large."),
)  # fmt: skip
class DotScores(nn.Module):
    """Score every pair of a query and a place by their dot product.

    It has no weights: queries and places must already speak the same language.
    """

    def __init__(self, D: int, scaled: bool = False) -> None:
        super().__init__()
        self.factor = 1 / math.sqrt(D) if scaled else 1.0

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        return query @ memory.transpose(1, 2) * self.factor


@block(
    "Weighted sum", category="Attention", paper=_BAHDANAU, icon="sigma", aliases=("context", "alignment", "bmm"),
    helps="The end of an attention that is drawn step by step, where the weights are to be changed, shown or trained "
          "on before they are used.",
    hurts="Raw scores instead of the output of Softmax (`dim` -1) make sums that grow with K. All L x K weights are "
          "kept in memory; where nobody looks at them, Dot-product attention spares that.",
    inputs={"weights": port("B L K", "How much of each place."), "values": port("B K D", "The places' features.")},
    outputs={"out": port("B L D", "The features, mixed by the weights.")},
)  # fmt: skip
class WeightedSum(nn.Module):
    """Mix the features of a sequence's places by given weights.

    It is the last step of attention: the weights say where to look, the sum is what is seen.
    """

    def forward(self, weights: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        return weights @ values


@block(
    "Alignment attention", category="Attention", paper=f"{_BAHDANAU}; {_LUONG}", icon="eye",
    helps="Recurrent decoders for translation or speech, and wherever one has to show on what an answer rests: the "
          "weights come out as they are used.",
    hurts="It has one head and no mask, so that padding in `memory` is looked at, and `additive` needs D times the "
          "memory. For long or padded sequences take Multi-head cross-attention.",
    aliases=("bahdanau", "luong", "additive", "dot", "general", "seq2seq"),
    inputs={"query": _QUERY, "memory": _MEMORY},
    outputs={
        "out": port("B L D", "For each query, what it sees."), "weights": port("B L K", "Where each query looks."),
    },
    kind=setting(
        "How queries are scored against places: `additive` (Bahdanau), `dot`, `general` with a learned matrix between "
        "(Luong), or `scaled`, the dot product over the root of the features.", shown=True,
    ),
    hidden=setting("Features in which both are added; empty: as many as come in.", min=1, when={"kind": "additive"}),
)  # fmt: skip
class AlignmentAttention(nn.Module):
    """Find for each query where in another sequence to look, and fetch what is there.

    It let translation look back at the source text, before there were transformers. The weights come out too: drawn
    as a picture, they show which words belong together.
    """

    def __init__(self, D: int, kind: Alignment = "additive", hidden: int | None = None) -> None:
        super().__init__()
        width = D if hidden is None else hidden
        learned = kind in ("additive", "general")
        self.query_linear = Linear(D, width if kind == "additive" else D, bias=False) if learned else None
        self.memory_linear = Linear(D, width) if kind == "additive" else None
        self.scores = AdditiveScores(width) if kind == "additive" else DotScores(D, kind == "scaled")
        self.softmax = Softmax(-1)
        self.sum = WeightedSum()

    def forward(self, query: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        asked = query if self.query_linear is None else self.query_linear(query)
        places = memory if self.memory_linear is None else self.memory_linear(memory)
        weights = self.softmax(self.scores(asked, places))
        return self.sum(weights, memory), weights
