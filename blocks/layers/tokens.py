"""Between feature maps and tokens; tokens that stand for the whole."""

from __future__ import annotations

import math

import torch
from torch import nn

from blocks.declare import block, port, setting

_VIT = "Dosovitskiy et al. 2020, arXiv:2010.11929"
_TOKENS = port("B L D", "Tokens, one behind another.")


@block(
    "Map to tokens", category="Layer", paper=_VIT, icon="list", aliases=("flatten", "sequence", "patches", "vit"),
    helps="Between convolutions and a transformer: a map of stride 16 becomes (H x W) tokens of C features, 196 for "
          "an image of 224 x 224.",
    hurts="H and W are forgotten, so that Tokens to map must be told them, and attention no longer knows what lies "
          "below: add positions. On large maps L = H x W makes attention dear; shrink first.",
    inputs={"x": "B C H W"},
    outputs={"out": port("B L D", "A token for each place, row by row; its features are the channels.")},
)  # fmt: skip
class MapToTokens(nn.Module):
    """Write the places of a feature map one behind another, row by row.

    Each place becomes a token for a transformer. It has no weights.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(2).transpose(1, 2)


@block(
    "Tokens to map", category="Layer", paper=_VIT, icon="grid-3x3", aliases=("unflatten", "image", "patches", "vit"),
    helps="Dense heads and necks behind a ViT, such as Simple feature pyramid: patch tokens go back to H x W, and a "
          "class token in front falls away by itself.",
    hurts="With `size` empty it takes the largest square: 12 x 20 = 240 tokens would become 15 x 15 of the last 225, "
          "quietly scrambled. Set it for every map that is not square.",
    inputs={"x": _TOKENS}, outputs={"out": port("B C H W", "The tokens at their places in a map.")},
    size=setting("Height and width of the map; empty: the largest square.", min=1, shown=True),
)  # fmt: skip
class TokensToMap(nn.Module):
    """Put the tokens of an image back at their places, row by row.

    Tokens in front of those of the map, such as a class token, are left out. With it a transformer gives feature maps
    for a neck or a dense head.
    """

    def __init__(self, L: int, size: tuple[int, int] | None = None) -> None:
        super().__init__()
        self.size = size or (math.isqrt(L), math.isqrt(L))
        if math.prod(self.size) > L:
            height, width = self.size
            raise ValueError(
                f"size is {height} x {width}, which takes {height * width} tokens, but there are {L}: set it to the "
                "map from which the tokens come"
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, -math.prod(self.size) :].transpose(1, 2).unflatten(2, self.size)  # (B, C, H, W)


@block(
    "Class token", category="Layer", paper=_VIT, icon="star",
    helps="ViT and BERT with a classifier on one token, DeiT with two for a teacher, and registers (a few extra "
          "tokens that nobody reads), which take odd peaks out of attention maps.",
    hurts="L grows by `count`, and Learned positions behind it count these too. A plain ViT classifies as well from "
          "Mean of tokens (Beyer et al. 2022), and without attention behind it the token learns nothing of the sample.",
    aliases=("cls", "distillation token", "register", "vit", "bert"),
    inputs={"x": _TOKENS}, outputs={"out": port("B L D", "The learned tokens, and behind them those that came in.")},
    count=setting("How many learned tokens; 2 for a class and a distillation token.", min=1, shown=True),
)  # fmt: skip
class ClassToken(nn.Module):
    """Put learned tokens in front of the others.

    A class token is the same for every sample; in the attention layers it gathers what the head needs to know. A
    second one learns from a teacher (Touvron et al. 2020, arXiv:2012.12877).
    """

    def __init__(self, D: int, count: int = 1) -> None:
        super().__init__()
        self.count = count
        for i in range(count):  # one parameter a token, as published networks keep them
            self.register_parameter(f"token{i}", nn.Parameter(torch.empty(1, 1, D).normal_(std=0.02)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = [self.get_parameter(f"token{i}").expand(x.shape[0], -1, -1) for i in range(self.count)]
        return torch.cat([*tokens, x], 1)


@block(
    "Pick token", category="Layer", paper="Devlin et al. 2018, arXiv:1810.04805", icon="crosshair",
    helps="A class token on its way to the head (0), or the last state of a causal model or an RNN that has read the "
          "whole sequence (-1).",
    hurts="In padded batches -1 takes padding: use Mean of tokens with a mask. A token knows only what attention "
          "brought it: the first one of a causal model has seen nothing but itself.",
    aliases=("cls", "pooler", "select", "first", "last"),
    inputs={"x": _TOKENS}, outputs={"out": port("B D", "The features of that token.")},
    index=setting("Which token: 0 is the first, -1 the last.", shown=True),
)  # fmt: skip
class PickToken(nn.Module):
    """Take one token out of a sequence.

    It leads to a classifier: the class token stands first, the last step of a recurrent layer last.
    """

    def __init__(self, L: int, index: int = 0) -> None:
        super().__init__()
        if not -L <= index < L:
            raise ValueError(f"index is {index}, but there are {L} tokens: use 0 to {L - 1}, or -1 for the last")
        self.index = index

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, self.index]


@block(
    "Mean of tokens", category="Layer", paper="Zhai et al. 2021, arXiv:2106.04560", icon="sigma",
    helps="Sentence vectors, and ViTs without a class token: every token gets a gradient, and with `mask` padding "
          "does not count.",
    hurts="One decisive token among hundreds is diluted: Pick token or attention lets one speak. In a causal model "
          "the mean is full of early tokens that have seen little; there take the last.",
    aliases=("average", "pooling", "gap"),
    inputs={"x": _TOKENS, "mask?": port("int:B L", "0 for padding, which does not count; another number for tokens.")},
    outputs={"out": port("B D", "The average of each feature.")},
    skip=setting("How many tokens at the front to leave out, such as a class token.", min=0, shown=True),
)  # fmt: skip
class MeanTokens(nn.Module):
    """Average the tokens of a sequence.

    What remains is one vector a sample, for a classifier. It has no weights.
    """

    def __init__(self, L: int, skip: int = 0) -> None:
        super().__init__()
        if skip >= L:
            raise ValueError(f"skip is {skip}, but there are {L} tokens and one must remain: use at most {L - 1}")
        self.skip = skip

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        x = x[:, self.skip :]
        if mask is None:
            return x.mean(1)
        counts = (mask[:, self.skip :, None] != 0).to(x.dtype)
        return (x * counts).sum(1) / counts.sum(1).clamp(min=1)
