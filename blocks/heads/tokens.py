"""Heads for tokens."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.heads.classification import CLASSES, DROPOUT
from blocks.layers.activation import Tanh
from blocks.layers.dropout import Dropout
from blocks.layers.linear import Linear
from blocks.layers.scale import Scale
from blocks.layers.tokens import MeanTokens, PickToken

TokenPool = Literal["first", "mean"]


@block(
    "Class-token head", category="Head", paper="Dosovitskiy et al. 2020, arXiv:2010.11929", icon="badge-check",
    helps="ViT, DeiT and BERT. `mean` needs no class token and suits masked pre-training; `hidden` with its tanh is "
          "the pooler of BERT and the head of ViT's pre-training.",
    hurts="`first` on tokens without a class token classifies by an arbitrary patch. `mean` counts padding as well, "
          "so padded text wants `first`. For maps take Classification head.",
    aliases=("classifier", "vit", "deit", "cls", "distilled", "logits"),
    inputs={"x": port("B L D", "Tokens; the class token is the first.")},
    outputs={"out": port("B K", "One score a class, before any softmax.")},
    classes=CLASSES,
    pool=setting("`first` takes the class token, `mean` averages all tokens.", shown=True),
    tokens=setting(
        "How many of the first tokens have a classifier; their scores are averaged. 2 for a distilled network.", min=1,
        when={"pool": "first"},
    ),
    hidden=setting("Features of a layer with tanh before the scores; empty: none.", min=1), dropout=DROPOUT,
)  # fmt: skip
class TokenHead(nn.Module):
    """Classify a sequence by its class token.

    What a network with a class and a distillation token says is the average of what both say
    (Touvron et al. 2020, arXiv:2012.12877).
    """

    def __init__(
        self,
        L: int,
        D: int,
        classes: int = 10,
        pool: TokenPool = "first",
        tokens: int = 1,
        hidden: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        count = tokens if pool == "first" else 1
        picks = [PickToken(L, i) for i in range(count)] if pool == "first" else [MeanTokens(L)]
        self.pools = nn.ModuleList(picks)
        self.classifiers = nn.ModuleList(_classifier(D, classes, hidden, dropout) for _ in range(count))
        self.average = Scale(1 / count) if count > 1 else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores = [classify(pool(x)) for pool, classify in zip(self.pools, self.classifiers, strict=True)]
        total = reduce(add, scores)
        return total if self.average is None else self.average(total)


def _classifier(D: int, classes: int, hidden: int | None, dropout: float) -> nn.Module:
    layers: list[nn.Module] = [] if hidden is None else [Linear(D, hidden), Tanh()]
    layers += [Dropout(dropout)] if dropout else []
    return nn.Sequential(*layers, Linear(D if hidden is None else hidden, classes))
