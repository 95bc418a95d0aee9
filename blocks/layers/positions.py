"""Positions: where a token stands, of which attention knows nothing by itself."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting

_VASWANI = "Vaswani et al. 2017, arXiv:1706.03762"
_BASE = setting("The slowest wave is about 2 pi times as many places long.", min=1)


@block(
    "Learned positions", category="Layer", paper="Gehring et al. 2017, arXiv:1705.03122", icon="ruler",
    helps="Sequences of one known length, such as the patches of one image size or texts up to 512 tokens: L x D "
          "weights, one addition, and the form in which ViT, BERT and GPT-2 are published.",
    hurts="Longer sequences are refused, and places that were rare in training stay near their random start. "
          "Sine-cosine positions take any length, Rotary positions tell distances; another image size needs a resized "
          "table.",
    aliases=("position embedding", "absolute", "vit", "bert", "gpt"),
    inputs={"x": port("B L D", "Tokens, one behind another.")}, outputs={"out": "B L D"},
    length=setting("How many places at most; empty: as many as there are tokens.", min=1, shown=True),
)  # fmt: skip
class LearnedPositions(nn.Module):
    """Add a learned vector to each token, one for each place.

    Attention does not know the order of tokens: this tells it. There is no vector for a place beyond `length`.
    """

    def __init__(self, L: int, D: int, length: int | None = None) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.empty(1, L if length is None else length, D).normal_(std=0.02))
        self._check(L)

    def _check(self, count: int) -> None:
        if count > self.table.shape[1]:
            raise ValueError(
                f"there are {count} tokens, but positions for {self.table.shape[1]}: set `length` to {count} or "
                "more, or give fewer tokens"
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self._check(x.shape[1])
        return x + self.table[:, : x.shape[1]]


@block(
    "Sine-cosine positions", category="Layer", paper=_VASWANI, icon="waves",
    helps="Little data, or lengths that vary: there is nothing to learn, and the Transformer's authors measured "
          "nearly the same quality as with learned positions.",
    hurts="The waves reach 1, so that small embeddings drown in them: set `scaled` on Embedding. Lengths beyond those "
          "of training work on paper but poorly in practice; Rotary positions or Relative attention do better.",
    aliases=("sinusoidal", "position encoding", "absolute", "fixed"),
    inputs={"x": port("B L D", "Tokens, one behind another.")}, outputs={"out": "B L D"},
    base=_BASE,
)  # fmt: skip
class SineCosinePositions(nn.Module):
    """Add waves of many lengths to the tokens, so that each place looks different.

    Even features get a sine and odd ones a cosine of the place. It has no weights and suits sequences of any length.
    """

    def __init__(self, D: int, base: float = 10000.0) -> None:
        super().__init__()
        self.D, self.base = D, base

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + waves(x.shape[1], self.D, self.base, x)


@block(
    "Sine-cosine positions 2d", category="Layer", paper="Carion et al. 2020, arXiv:2005.12872", icon="waves",
    helps="DETR and other attention on maps whose H and W vary from image to image, where a learned table would fit "
          "one size.",
    hurts="Added to the map it reaches the values as well; DETR adds it to queries and keys only, layer by layer. "
          "Rows and columns are counted, not scaled, so that larger images bring values never seen in training.",
    aliases=("sinusoidal", "position encoding", "image", "detr"),
    inputs={"x": "B C%4 H W"}, outputs={"out": "B C H W"}, base=_BASE,
)  # fmt: skip
class SineCosinePositions2d(nn.Module):
    """Add waves of many lengths to a feature map: half of the channels tell the row, half the column.

    It has no weights and suits maps of any size.
    """

    def __init__(self, C: int, base: float = 10000.0) -> None:
        super().__init__()
        self.features, self.base = C // 2, base

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width = x.shape[2:]
        rows = waves(height, self.features, self.base, x)[:, None].expand(-1, width, -1)  # (H, W, C / 2)
        columns = waves(width, self.features, self.base, x)[None].expand(height, -1, -1)
        return x + torch.cat([rows, columns], 2).permute(2, 0, 1)


def waves(length: int, features: int, base: float, like: torch.Tensor) -> torch.Tensor:
    """Sines at even and cosines at odd features, (length, features), in type and place of `like`."""
    angles = _angles(length, features, base, like)
    return torch.stack([angles.sin(), angles.cos()], 2).flatten(1)[:, :features]


def _angles(length: int, features: int, base: float, like: torch.Tensor) -> torch.Tensor:
    """Place times frequency, for each pair of features: (length, features / 2 rounded up)."""
    places = torch.arange(length, device=like.device, dtype=like.dtype)
    pairs = torch.arange(0, features, 2, device=like.device, dtype=like.dtype)
    return places[:, None] * base ** (-pairs / features)


@block(
    "Rotary positions", category="Layer", paper="Su et al. 2021, arXiv:2104.09864", icon="rotate-ccw",
    helps="Language models in the line of Llama: scores depend on distance, values stay untouched, and no weights are "
          "added. It stands between Split into heads and Dot-product attention.",
    hurts="It is wrong on values, or before heads are split. Far beyond the trained L scores fall apart unless `base` "
          "is raised. It turns features 2i and 2i + 1 together: weights made for halves need another order.",
    aliases=("rope", "roformer", "relative"),
    inputs={"x": port("B H L D", "Queries or keys of H heads.")}, outputs={"out": "B H L D"}, base=_BASE,
)  # fmt: skip
class RotaryPositions(nn.Module):
    """Turn each pair of features by an angle that grows with the place.

    Do it to queries and keys before attention: their product then depends only on how far apart two tokens stand. An
    odd last feature stays as it is.
    """

    def __init__(self, base: float = 10000.0) -> None:
        super().__init__()
        self.base = base

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        paired = x.shape[3] // 2 * 2
        angles = _angles(x.shape[2], paired, self.base, x)
        sine, cosine = angles.sin(), angles.cos()  # (L, D / 2)
        a, b = x[..., 0:paired:2], x[..., 1:paired:2]
        turned = torch.stack([a * cosine - b * sine, a * sine + b * cosine], 4).flatten(3)
        return torch.cat([turned, x[..., paired:]], 3)
