"""MLP-Mixer: perceptrons over places and over features in turn."""

from __future__ import annotations

import torch
from torch import nn

from blocks.declare import block, port, setting
from blocks.layers.normalisation import LayerNorm
from blocks.layers.tokens import MapToTokens, TokensToMap
from blocks.stages.transformer import DROP_PATH, DROPOUT, HIDDEN, MixerBlock


@block(
    "Mixer backbone", category="Backbone", paper="Tolstikhin et al. 2021, arXiv:2105.01601", icon="boxes",
    helps="Experiments on what attention is worth, with large pre-training: nothing but linear layers, norms and "
          "GELU, so that it runs and exports anywhere.",
    hurts="One image size for ever, one level at patch size, and on ImageNet alone it is behind a ViT. For dense "
          "heads or changing sizes take any pyramid backbone.",
    aliases=("mlp-mixer", "mlp", "features"),
    inputs={"x": port("B C H W", "What a patch stem gives: a place for each patch.")},
    outputs={"out": port("[B c h w]", "One level of the same size.")},
    depth=setting("How many Mixer blocks follow one another.", min=1, max=1000, shown=True),
    token_hidden=setting("Features inside the parts that mix places; empty: half of the channels.", min=1),
    hidden=HIDDEN, dropout=DROPOUT, drop_path=DROP_PATH,
)  # fmt: skip
class MixerBackbone(nn.Module):
    """Mixer blocks one after another, and a norm at the end.

    It shows how far plain perceptrons go on images. Its weights belong to one size of image.
    """

    def __init__(
        self,
        C: int,
        H: int,
        W: int,
        depth: int = 2,
        token_hidden: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.tokens = MapToTokens()
        self.blocks = nn.Sequential(
            *(MixerBlock(H * W, C, token_hidden, hidden, dropout, drop_path) for _ in range(depth))
        )
        self.norm = LayerNorm(C, 1e-6)
        self.map = TokensToMap(H * W, (H, W))

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [self.map(self.norm(self.blocks(self.tokens(x))))]
