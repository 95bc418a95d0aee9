"""Attention between all places of a feature map: non-local blocks and global context."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.activation import ReLU, Sigmoid
from blocks.layers.convolution import Conv2d
from blocks.layers.normalisation import BatchNorm2d, LayerNorm2d
from blocks.layers.pooling import MaxPool2d
from blocks.layers.shape import Interpolate

Affinity = Literal["embedded_gaussian", "gaussian", "dot_product"]
Fusion = Literal["add", "scale"]

NON_LOCAL = "Wang et al. 2017, arXiv:1711.07971"
GLOBAL_CONTEXT = "Cao et al. 2019, arXiv:1904.11492"


@block(
    "Attention between places", category="Attention", paper=NON_LOCAL, icon="share-2",
    helps="A non-local block of your own: keys from another map or a pooled one, or products without softmax, as the "
          "paper's `dot_product` has them.",
    hurts="Scores are not divided by the root of the channels, so that wide queries saturate the softmax: keep them "
          "narrow, or take Attend 2d, which scales, has heads and a fused kernel. All H x W by h x w weights stay in "
          "memory.",
    aliases=("non-local", "self-attention", "affinity", "spatial"),
    inputs={
        "query": port("B K H W", "What each place asks for."),
        "key": port("B K h w", "What each place has to offer: as many channels as `query`, any size."),
        "value": port("B C h w", "What is summed up: of the size of `key`, with any channels."),
    },
    outputs={"out": port("B C H W", "The values' weighted sum for each place of `query`.")},
    softmax=setting("Weights of a place sum to 1; without, products are divided by the number of places.", shown=True),
)  # fmt: skip
class PlaceAttention(nn.Module):
    """Give each place a sum of the values of all places, weighted by how well its query fits their keys.

    Fit is the inner product over the channels, not scaled. It has no weights of its own.
    """

    def __init__(self, softmax: bool = True) -> None:
        super().__init__()
        self.softmax = softmax

    def forward(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        fit = query.flatten(2).transpose(1, 2) @ key.flatten(2)  # (B, HW, hw)
        weights = fit.softmax(2) if self.softmax else fit / fit.shape[2]
        return (value.flatten(2) @ weights.transpose(1, 2)).unflatten(2, query.shape[2:])


@block(
    "Non-local block", category="Attention", paper=NON_LOCAL, icon="share-2",
    helps="Video and detection, where far places explain one another: the paper puts five into res3 and res4 of a "
          "ResNet for clips, one into res4 for COCO.",
    hurts="On 56 x 56 its weights alone take 39 MB an image in 32 bits. They turned out to depend little on the place "
          "that looks, so that Global context does as well for far less. It has a single head.",
    aliases=("nl", "self-attention", "spatial attention", "long range"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    affinity=setting("How well two places fit: `gaussian` the softmax of their inner product, `embedded_gaussian` that "
                     "after a 1x1 convolution each, `dot_product` the same without the softmax.", shown=True),
    reduction=setting("The 1x1 convolutions divide C by this.", min=1, shown=True),
    subsample=setting("Halve the size of keys and values by a max pool: a quarter of the work."),
    norm=setting("Batch norm after the last convolution."),
)  # fmt: skip
class NonLocal(nn.Module):
    """Add to each place a weighted sum over all places of the image.

    A convolution sees a small window; this sees everything at once, and the weights come from what is there. It is
    self-attention for feature maps; its cost grows with the square of the number of places, so it stands late in a
    network.
    """

    def __init__(
        self,
        C: int,
        affinity: Affinity = "embedded_gaussian",
        reduction: int = 2,
        subsample: bool = False,
        norm: bool = True,
    ) -> None:
        super().__init__()
        hidden = max(C // reduction, 1)
        embedded = affinity != "gaussian"
        self.query = Conv2d(C, hidden, 1, padding=0) if embedded else None
        self.key = Conv2d(C, hidden, 1, padding=0) if embedded else None
        self.value = Conv2d(C, hidden, 1, padding=0)
        self.pool = MaxPool2d(2, 2, ceil_mode=True) if subsample else None
        self.attend = PlaceAttention(affinity != "dot_product")
        self.project = Conv2d(hidden, C, 1, padding=0)
        self.norm = BatchNorm2d(C) if norm else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query = x if self.query is None else self.query(x)
        key = x if self.key is None else self.key(x)
        value = self.value(x)
        if self.pool is not None:
            key, value = self.pool(key), self.pool(value)
        seen = self.project(self.attend(query, key, value))
        return x + (seen if self.norm is None else self.norm(seen))


@block(
    "Weighted mean of places", category="Layer", paper=GLOBAL_CONTEXT, icon="crosshair",
    helps="A pooled vector in which background should not count, with scores from Pointwise conv 2d to one channel: "
          "in Global context, or before a Linear in place of Global average pool.",
    hurts="All channels share one set of weights, so that two things in different places blend. Scores that grow let "
          "a single place take all, and then only this one learns; Global average pool cannot collapse so.",
    aliases=("attention pooling", "global context", "pooling"),
    inputs={"x": port("B C H W", "What is averaged."), "scores": port("B 1 H W", "A score for each place.")},
    outputs={"out": port("B C K K", "One number a channel, as B x C x 1 x 1.")},
)  # fmt: skip
class WeightedPool(nn.Module):
    """Average each channel over the image, each place weighted by the softmax of its score.

    A global average in which the network decides which places count. It has no weights of its own.
    """

    def forward(self, x: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        weights = scores.flatten(2).softmax(2)  # (B, 1, HW)
        return (x.flatten(2) @ weights.transpose(1, 2)).unsqueeze(3)


@block(
    "Global context", category="Attention", paper=GLOBAL_CONTEXT, icon="share-2",
    helps="Context of the whole image in every block of a backbone, where Non-local blocks are too dear for more than "
          "a few: one weighted mean and about 2 x C x C / 16 weights.",
    hurts="Every place is told the same, so that it cannot relate one region to another: for that Spatial-reduction "
          "attention or Non-local block. With `scale` it is nearly Squeeze-and-Excitation.",
    aliases=("gc", "gcnet", "context", "channel attention"),
    inputs={"x": "B C H W"}, outputs={"out": "B C H W"},
    reduction=setting("The bottleneck divides C by this.", min=1, shown=True),
    fusion=setting("`add` the context to each place, or `scale` the channels by its sigmoid.", shown=True),
)  # fmt: skip
class GlobalContext(nn.Module):
    """Gather one context of the whole image and give it to every place.

    Non-local blocks turn out to weigh places much alike wherever they look from. So one weighted mean does for all
    places, and costs as little as squeeze-and-excitation.
    """

    def __init__(self, C: int, reduction: int = 16, fusion: Fusion = "add") -> None:
        super().__init__()
        hidden = max(C // reduction, 1)
        self.scores = Conv2d(C, 1, 1, padding=0)
        self.pool = WeightedPool()
        self.reduce = Conv2d(C, hidden, 1, padding=0)
        self.norm = LayerNorm2d(hidden, 1e-5)
        self.act = ReLU()
        self.expand = Conv2d(hidden, C, 1, padding=0)
        self.gate = Sigmoid() if fusion == "scale" else None
        self.spread = Interpolate()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context = self.pool(x, self.scores(x))
        context = self.expand(self.act(self.norm(self.reduce(context))))
        return x + self.spread(context, x) if self.gate is None else x * self.gate(context)
