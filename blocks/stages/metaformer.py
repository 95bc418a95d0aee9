"""What blocks of two residual branches share, one that mixes places and one that mixes channels; and their stages."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import nn

from blocks.attention.choice import MapAttention, make_attention
from blocks.declare import setting
from blocks.layers.dropout import DropPath
from blocks.layers.normalisation import LayerNorm2d
from blocks.layers.scale import LayerScale2d

CHANNELS = setting(
    "Begin by bringing the map to half its size with so many channels; empty: the map as it is.", min=1, shown=True
)
LAYER_SCALE = setting("Learn a scale for each channel of a branch, with this start; empty: none.", min=0)
DROP_PATHS = setting(
    "The share of samples for which a branch is left out in training: it rises from 0 in the first block to this in "
    "the last.", min=0, max=1,
)  # fmt: skip
DEPTHS = setting("Blocks of each stage, first to last.", min=1, max=1000, shown=True)


class TwoBranches(nn.Module):
    """Norm and attention, norm and feed-forward, each with a connection around; before them a look at the neighbours.

    `norm_last` puts the norms after what they else stand before. Parts that are None are left out.
    """

    def __init__(
        self, C: int, attn: nn.Module, mlp: nn.Module, *, norm: Callable[[int], nn.Module] = LayerNorm2d,
        neighbours: nn.Module | None = None, norm_last: bool = False, layer_scale: float | None = None,
        drop_path: float = 0.0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.neighbours = neighbours
        self.norm_last = norm_last
        self.norm1 = norm(C)
        self.attn = attn
        self.scale1 = None if layer_scale is None else LayerScale2d(C, layer_scale)
        self.norm2 = norm(C)
        self.mlp = mlp
        self.scale2 = None if layer_scale is None else LayerScale2d(C, layer_scale)
        self.drop_path = DropPath(drop_path) if drop_path else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.through(x)

    def through(self, x: torch.Tensor, *given: torch.Tensor | None) -> torch.Tensor:
        """Both branches; what is `given` beside `x` goes to the attention."""
        if self.neighbours is not None:
            x = x + self.neighbours(x)
        x = x + self._branch(x, self.norm1, self.attn, self.scale1, given)
        return x + self._branch(x, self.norm2, self.mlp, self.scale2, ())

    def _branch(
        self, x: torch.Tensor, norm: nn.Module, mix: nn.Module, scale: nn.Module | None,
        given: Iterable[torch.Tensor | None],
    ) -> torch.Tensor:  # fmt: skip
        x = norm(mix(x, *given)) if self.norm_last else mix(norm(x), *given)
        for layer in (scale, self.drop_path):
            if layer is not None:
                x = layer(x)
        return x


class EmbeddedStage(nn.Module):
    """A step that makes the map smaller, blocks in a row with `attention` after each, a norm; None is left out."""

    def __init__(
        self, embed: nn.Module | None, blocks: Iterable[nn.Module], channels: int, norm: nn.Module | None = None,
        attention: MapAttention = "none",
    ) -> None:  # fmt: skip
        super().__init__()
        self.channels = channels
        self.embed = embed
        row: list[nn.Module] = []
        for block in blocks:
            gate = make_attention(attention, channels)
            row += [block] if gate is None else [block, gate]
        self.blocks = nn.Sequential(*row)
        self.norm = norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in (self.embed, self.blocks, self.norm):
            if layer is not None:
                x = layer(x)
        return x


def check_heads(heads: int, channels: int, name: str = "heads") -> None:
    """Raise ValueError for heads, or groups, that would not be equally wide."""
    if channels % heads:
        raise ValueError(f"{name} is {heads}, but the blocks have {channels} channels: it must divide them evenly")


def heads_of(channels: int, width: int, name: str) -> int:
    """How many heads, or groups, of `width` channels there are; raises ValueError unless the channels divide."""
    if channels % width:
        raise ValueError(f"{name} is {width}, but the map has {channels} channels: it must divide them evenly")
    return channels // width


def check_counts(stages: int, **numbers: tuple[int, ...]) -> None:
    """Raise ValueError unless each setting has a number for each of so many stages."""
    for name, given in numbers.items():
        if len(given) != stages:
            raise ValueError(f"{name} has {len(given)} numbers, but the depths ask for {stages}, one for each stage")
