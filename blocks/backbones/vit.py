"""Vision transformers."""

from __future__ import annotations

import torch
from torch import nn

from blocks.attention.multihead import ATTENTION_DROPOUT, HEADS, TOKENS
from blocks.declare import block, port, setting
from blocks.layers.normalisation import LayerNorm
from blocks.layers.positions import LearnedPositions
from blocks.layers.tokens import ClassToken, MapToTokens, TokensToMap
from blocks.stages.transformer import DEPTH, DROPOUT, HIDDEN, LAYER_SCALE, RISING_DROP_PATH, VIT, ViTBlock, rising


def vit_blocks(
    D: int, depth: int, heads: int, hidden: int | None, layer_scale: float | None, drop_path: float, dropout: float,
    attention_dropout: float,
) -> nn.ModuleList:  # fmt: skip
    """The blocks of a vision transformer, first to last."""
    return nn.ModuleList(
        ViTBlock(D, heads, hidden, dropout, attention_dropout, layer_scale, rate) for rate in rising(drop_path, depth)
    )


@block(
    "ViT encoder", category="Backbone", paper=VIT, icon="square-stack",
    helps="Tokens from anywhere, class token and positions your own: self-supervised trainings, multimodal models, "
          "DeiT. All L tokens come out, so any head fits.",
    hurts="No positions and no mask inside: add Learned positions before it. Padded text wants Transformer encoder. "
          "For dense heads ViT backbone hands out maps without the conversions.",
    aliases=("vit", "deit", "vision transformer", "stack"),
    inputs={"x": TOKENS}, outputs={"out": "B L D"},
    depth=DEPTH, heads=HEADS, hidden=HIDDEN, layer_scale=LAYER_SCALE, drop_path=RISING_DROP_PATH, dropout=DROPOUT,
    attention_dropout=ATTENTION_DROPOUT,
)  # fmt: skip
class ViTEncoder(nn.Module):
    """The blocks of a vision transformer, and a norm at the end.

    Patches of an image come in as tokens with their positions, and go out knowing of one another. For feature maps
    rather than tokens there is the ViT backbone.
    """

    def __init__(
        self,
        D: int,
        depth: int = 3,
        heads: int = 4,
        hidden: int | None = None,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.blocks = vit_blocks(D, depth, heads, hidden, layer_scale, drop_path, dropout, attention_dropout)
        self.norm = LayerNorm(D, 1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for each in self.blocks:
            x = each(x)
        return self.norm(x)


@block(
    "ViT backbone", category="Backbone", paper=VIT, icon="boxes",
    helps="Large pre-training (DINO, MAE, CLIP) brought to dense tasks: a plain ViT with Simple feature pyramid "
          "detects as well as hierarchical ones.",
    hurts="All levels have a single size and full attention is quadratic in H W: at 1024 pixels and patch 16 it "
          "compares 4,096 tokens. Trained from scratch on little data a ResNet is ahead.",
    aliases=("vit", "deit", "vision transformer", "features", "pyramid"),
    inputs={"x": port("B C%heads H W", "What a patch stem gives: a place for each patch.")},
    outputs={"out": port("[B c h w]", "A map for each level that you choose, all of the same size.")},
    depth=DEPTH, heads=HEADS, hidden=HIDDEN,
    class_tokens=setting("How many learned tokens stand in front of the patches; they leave before the maps.", min=0),
    layer_scale=LAYER_SCALE, drop_path=RISING_DROP_PATH, dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT,
    levels=setting("After which blocks to hand a map on: 1 is the first; empty: the last one.", min=1),
)  # fmt: skip
class ViTBackbone(nn.Module):
    """A vision transformer that gives feature maps, for dense heads.

    All levels have the size of the patches' map. A neck that needs several sizes takes the simple feature pyramid
    before it. Blocks after the last level are left out.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        depth: int = 3,
        heads: int = 4,
        hidden: int | None = None,
        class_tokens: int = 1,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        levels: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        self.levels = levels or (depth,)
        if list(self.levels) != sorted(set(self.levels)) or self.levels[-1] > depth:
            raise ValueError(
                f"levels is {', '.join(map(str, levels))}, but it needs numbers from 1 to {depth}, the number of "
                "blocks, each once and rising"
            )
        self.tokens = MapToTokens()
        self.class_token = ClassToken(C, class_tokens) if class_tokens else None
        self.positions = LearnedPositions(H * W + class_tokens, C)
        blocks = vit_blocks(C, depth, heads, hidden, layer_scale, drop_path, dropout, attention_dropout)
        self.blocks = blocks[: self.levels[-1]]
        self.norm = LayerNorm(C, 1e-6)
        self.map = TokensToMap(H * W + class_tokens, (H, W))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        x = self.tokens(x)
        if self.class_token is not None:
            x = self.class_token(x)
        x = self.positions(x)
        maps = []
        for i, each in enumerate(self.blocks, 1):
            x = each(x)
            if i in self.levels:
                maps.append(self.map(self.norm(x)))
        return maps
