"""Embeddings: a learned vector for each token, and the way back from vectors to tokens."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

from blocks.declare import block, port, setting
from blocks.layers.initialisation import INIT, Init, initialise

_WORD2VEC = "torch.nn.Embedding (Bengio et al. 2003, A Neural Probabilistic Language Model)"
_TYING = "Press and Wolf 2016, arXiv:1608.05859"
_TOKENS = port("int:B *S", "Token numbers, from 0 to one less than the vocabulary.")
_VECTORS = port("B *S D", "A vector for each token.")
_VOCABULARY = setting("How many different tokens there are.", min=1, shown=True)
_FEATURES = setting("How many features each token gets.", min=1, shown=True)


_SCALED = setting("Multiply the vectors by the root of `features`, as the Transformer does.")
_PADDING = setting("A token whose vector stays 0 and does not learn: the one that fills short texts up.", min=0)


@block(
    "Embedding", category="Layer", paper=_WORD2VEC, icon="table", aliases=("tokens", "lookup", "words", "vocabulary"),
    inputs={"x": _TOKENS}, outputs={"out": _VECTORS},
    vocabulary=_VOCABULARY, features=_FEATURES, scaled=_SCALED, padding=_PADDING, init=INIT,
)  # fmt: skip
class Embedding(nn.Embedding):
    """Look up a learned vector for each token.

    Tokens are whole numbers such as the places of words in a dictionary. Those that are used alike come to have
    vectors that lie near one another.
    """

    def __init__(
        self,
        vocabulary: int = 10000,
        features: int = 128,
        scaled: bool = False,
        padding: int | None = None,
        init: Init = "default",
    ) -> None:
        if padding is not None and padding >= vocabulary:
            raise ValueError(
                f"padding is {padding}, but the vocabulary has the tokens 0 to {vocabulary - 1}: use one of them"
            )
        super().__init__(vocabulary, features, padding_idx=padding)
        self.factor = math.sqrt(features) if scaled else 1.0
        initialise(self, init)
        self._fill_padding_idx_with_zero()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        vectors = super().forward(x)
        return vectors if self.factor == 1.0 else vectors * self.factor


@block(
    "Tied embedding", category="Layer", paper=_TYING, icon="table",
    aliases=("embedding", "tokens", "lookup", "weight tying", "shared"),
    inputs={"x": _TOKENS},
    outputs={"out": _VECTORS, "table": port("K D", "All vectors, for a tied projection: one row a token.")},
    vocabulary=_VOCABULARY, features=_FEATURES, scaled=_SCALED, padding=_PADDING, init=INIT,
)  # fmt: skip
class TiedEmbedding(Embedding):
    """Look up a learned vector for each token, and give the table of all vectors as well.

    Wire the table to a tied projection, which scores every token by comparing it with what the network says. One
    table then serves both ends, which saves weights and often gives better language models.
    """

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        return super().forward(x), self.weight


@block(
    "Tied projection", category="Head", paper=_TYING, icon="link", aliases=("logits", "weight tying", "language model"),
    inputs={
        "x": port("B *S D", "Features in the last size."),
        "table": port("K D", "The table of a tied embedding: one row a token."),
    },
    outputs={"out": port("B *S K", "A score for each token of the vocabulary, before any softmax.")},
)  # fmt: skip
class TiedProjection(nn.Module):
    """Score every token of a vocabulary by its likeness to the features.

    It is a linear layer without weights of its own: it uses the table of a tied embedding, row by row.
    """

    def forward(self, x: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        return F.linear(x, table)


@block(
    "Segment embedding", category="Layer", paper="Devlin et al. 2018, arXiv:1810.04805", icon="table",
    aliases=("token type", "bert", "sentence"),
    inputs={
        "x": port("B L D", "A vector for each token."),
        "ids?": port("int:B L", "To which segment each token belongs; not wired: all to the first."),
    },
    outputs={"out": "B L D"},
    segments=setting("How many segments there may be; BERT has 2.", min=1, shown=True), init=INIT,
)  # fmt: skip
class SegmentEmbedding(nn.Module):
    """Add a learned vector that says to which part of the text a token belongs.

    BERT tells a question from its answer by it. Where there is a single text, leave `ids` open.
    """

    def __init__(self, D: int, segments: int = 8, init: Init = "default") -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(segments, D).normal_(std=0.02))
        initialise(self, init)

    def forward(self, x: torch.Tensor, ids: torch.Tensor | None = None) -> torch.Tensor:
        return x + (self.weight[0] if ids is None else F.embedding(ids, self.weight))


@block(
    "Padding mask", category="Layer", paper="Vaswani et al. 2017, arXiv:1706.03762", icon="eye-off",
    aliases=("mask", "attention mask", "padding"),
    inputs={"x": port("int:B L", "Token numbers.")},
    outputs={"out": port("int:B L", "1 where there is a token, 0 where there is padding.")},
    padding=setting("The token that fills short texts up.", min=0, shown=True),
    exempt={"gradient": "whole numbers come in and go out, through which no gradient flows"},
)  # fmt: skip
class PaddingMask(nn.Module):
    """Tell tokens from the padding that fills short texts up to a common length.

    Wire it to the `mask` of attention, so that no token looks at padding.
    """

    def __init__(self, padding: int = 0) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x != self.padding).to(x.dtype)
