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
    helps="Words, user numbers and categories in tables: reading a row costs no arithmetic, however many there are, "
          "and replaces a one-hot vector times a Linear.",
    hurts="50,000 tokens of 768 features are 38 million weights, and rare tokens learn little. Numbers with an order, "
          "such as an age, lose it here: give them to Linear. Tokens beyond the vocabulary are an error.",
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
    helps="Small and middling language models, where the vocabulary holds much of the weights: GPT-2 small saves 39 "
          "million of them by using one table at both ends.",
    hurts="Both ends must have the same width and pull at the same rows; large models such as Llama keep them apart. "
          "By `default` rows begin with deviation 1, and scores of 128 normalised features with 11: set `init` to "
          "`normal`.",
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
    helps="The end of a language model whose Tied embedding gives it `table`: scores for a whole vocabulary with no "
          "weights of its own.",
    hurts="It has no bias, and D must be that of the table. B x L x 50,257 scores are often the largest tensor of a "
          "language model; where classes are not the tokens that came in, take Linear.",
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
    helps="Two texts in one sequence, as BERT's pairs of sentences, or tokens of several kinds, such as text and "
          "image, that one transformer reads together.",
    hurts="With a single text it adds one constant vector, which the next bias could do: RoBERTa works without it. "
          "Numbers beyond `segments` are an error, and the order within a text still needs positions.",
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
    helps="Texts of different length in one batch: wired to the `mask` of attention and of Mean of tokens, it makes "
          "the result independent of how far a text was filled up.",
    hurts="It goes by the token's number: where 0 is also a real token, that one is hidden too. LSTM and convolutions "
          "take no mask and still read the padding; hiding the future is `causal`, not this.",
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
