"""The blocks of transformers: feed-forward, encoder and decoder layers and their stacks, ViT and Mixer blocks."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from blocks.attention.multihead import (
    ATTENTION_DROPOUT,
    CAUSAL,
    HEADS,
    MASK,
    MEMORY,
    MEMORY_MASK,
    TOKENS,
    VASWANI,
    MultiHeadCrossAttention,
    MultiHeadSelfAttention,
    Positions,
)
from blocks.connectors.form import Permute
from blocks.declare import block, port, setting
from blocks.layers.activation import Activation, make_activation
from blocks.layers.dropout import Dropout, DropPath
from blocks.layers.linear import Linear
from blocks.layers.normalisation import LayerNorm
from blocks.layers.scale import LayerScale

NormPlace = Literal["post", "pre"]

VIT = "Dosovitskiy et al. 2020, arXiv:2010.11929"
_MIXER = "Tolstikhin et al. 2021, arXiv:2105.01601"
DEPTH = setting("How many layers follow one another.", min=1, max=1000, shown=True)
HIDDEN = setting("Features inside the feed-forward part; empty: 4 times as many as come in.", min=1)
LAYER_SCALE = setting("Learn a scale for each feature of a branch, with this start; empty: none.", min=0)
DROP_PATH = setting("The share of samples for which a branch is left out in training.", min=0, max=1)
RISING_DROP_PATH = setting(
    "The share of samples for which a branch of the last block is left out in training; earlier blocks have less.",
    min=0, max=1,
)  # fmt: skip
DROPOUT = setting("The share of features set to 0 at the end of each branch in training.", min=0, max=1)
EPS = setting("A small number added to the norms' variance, against division by zero.", min=0)
_HIDDEN_DROPOUT = setting("The share of features set to 0 inside the feed-forward part in training.", min=0, max=1)
_NORM = setting("`post` normalises after each addition, as published; `pre` before each branch, which trains deeper.")
_ACTIVATION = setting("The bend inside the feed-forward part.")
_POSITIONS = setting("What attention knows of places: `rotary`, `relative`, or `none` beyond what the tokens say.")
_FINAL_NORM = setting("Normalise once more at the end, as stacks with `pre` need.")


@block(
    "Feed-forward", category="Layer", paper=VASWANI, icon="network", aliases=("mlp", "ffn", "perceptron"),
    helps="Transformers of your own on B L D: at 4 D inside it has 8 D^2 weights where the attention has 4 D^2, so "
          "this is the place to save or to spend.",
    hurts="Tokens never meet in it. While L is below 2 D it costs more than attention does; large language models "
          "have replaced it by gated forms (SwiGLU). On maps Feed-forward 2d spares the permutes.",
    inputs={"x": port("B *S D", "Features in the last size.")}, outputs={"out": "B *S D"},
    hidden=setting("Features in the middle; empty: 4 times as many as come in.", min=1, shown=True),
    activation=setting("The bend in the middle.", shown=True),
    dropout=setting("The share of the middle features set to 0 in training.", min=0, max=1),
)  # fmt: skip
class FeedForward(nn.Module):
    """Two linear layers with a bend between them, the same for every token.

    Attention brings tokens together; this part thinks about each by itself. It holds most of a transformer's weights.
    """

    def __init__(
        self, D: int, hidden: int | None = None, activation: Activation = "gelu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        width = 4 * D if hidden is None else hidden
        self.linear1 = Linear(D, width)
        self.act = make_activation(activation)
        self.dropout = Dropout(dropout) if dropout else None
        self.linear2 = Linear(width, D)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.linear1(x)
        if self.act is not None:
            x = self.act(x)
        return self.linear2(x if self.dropout is None else self.dropout(x))


def branch_end(D: int, dropout: float, layer_scale: float | None, drop_path: float) -> nn.Sequential:
    """What stands at the end of a residual branch; nothing for what is switched off."""
    modules: list[nn.Module] = [Dropout(dropout)] if dropout else []
    if layer_scale is not None:
        modules.append(LayerScale(D, layer_scale))
    return nn.Sequential(*modules, *([DropPath(drop_path)] if drop_path else []))


def rising(drop_path: float, depth: int) -> list[float]:
    """The drop path of each of `depth` blocks, from 0 to `drop_path`."""
    return [drop_path * i / max(depth - 1, 1) for i in range(depth)]


@block(
    "Transformer encoder layer", category="Attention", paper=VASWANI, icon="layers",
    helps="Sequences of up to a few thousand tokens with far relations, worked on in parallel, not step by step as in "
          "an LSTM. `pre` trains without warm-up and deeper.",
    hurts="Work grows with L^2, and little data is learnt by heart. `post` needs a warm-up of the learning rate. With "
          "positions `none` and none added before, the order of tokens is invisible.",
    aliases=("transformer", "bert", "gpt", "self-attention"),
    inputs={"x": TOKENS, "mask?": MASK}, outputs={"out": "B L D"},
    heads=HEADS, hidden=HIDDEN, norm=_NORM, activation=_ACTIVATION, causal=CAUSAL, positions=_POSITIONS,
    dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT, hidden_dropout=_HIDDEN_DROPOUT,
    layer_scale=LAYER_SCALE, drop_path=DROP_PATH, eps=EPS,
)  # fmt: skip
class TransformerEncoderLayer(nn.Module):
    """Self-attention and a feed-forward part, each with a connection around it.

    Tokens first look at one another, then each is worked on by itself. With `causal` it is the layer of GPT.
    """

    def __init__(
        self,
        D: int,
        heads: int = 4,
        hidden: int | None = None,
        norm: NormPlace = "post",
        activation: Activation = "relu",
        causal: bool = False,
        positions: Positions = "none",
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        hidden_dropout: float = 0.1,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.before = norm == "pre"
        self.norm1 = LayerNorm(D, eps)
        self.attention = MultiHeadSelfAttention(D, heads, True, causal, positions, attention_dropout)
        self.end1 = branch_end(D, dropout, layer_scale, drop_path)
        self.norm2 = LayerNorm(D, eps)
        self.feed_forward = FeedForward(D, hidden, activation, hidden_dropout)
        self.end2 = branch_end(D, dropout, layer_scale, drop_path)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        if self.before:
            x = x + self.end1(self.attention(self.norm1(x), mask))
            return x + self.end2(self.feed_forward(self.norm2(x)))
        x = self.norm1(x + self.end1(self.attention(x, mask)))
        return self.norm2(x + self.end2(self.feed_forward(x)))


@block(
    "ViT block", category="Attention", paper=VIT, icon="layers",
    helps="Patches of images with weights of ViT or DeiT: norms, GELU and eps are set as published. Layer scale of "
          "1e-5 or so lets stacks of 24 and more train.",
    hurts="It takes no mask and looks both ways: for padded text or language models take the encoder layer. It knows "
          "no neighbourhood, so on small data sets a ResNet is ahead.",
    aliases=("transformer", "vision transformer", "encoder layer", "deit"),
    inputs={"x": TOKENS}, outputs={"out": "B L D"},
    heads=HEADS, hidden=HIDDEN, dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT, layer_scale=LAYER_SCALE,
    drop_path=DROP_PATH,
)  # fmt: skip
class ViTBlock(TransformerEncoderLayer):
    """The layer of vision transformers: norm, self-attention, norm, feed-forward, with connections around both.

    It is a transformer's encoder layer with the norms before the branches and GELU as its bend.
    """

    def __init__(
        self,
        D: int,
        heads: int = 4,
        hidden: int | None = None,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(
            D, heads, hidden, "pre", "gelu", dropout=dropout, attention_dropout=attention_dropout,
            hidden_dropout=dropout, layer_scale=layer_scale, drop_path=drop_path, eps=1e-6,
        )  # fmt: skip

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)


@block(
    "Transformer decoder layer", category="Attention", paper=VASWANI, icon="layers",
    helps="Sequences made from another one: translation, captions, speech, or object queries as in DETR with `causal` "
          "off.",
    hurts="A language model has no second sequence: an encoder layer with `causal` does it with a quarter fewer "
          "weights. Nothing is cached, so writing L tokens one by one recomputes all that came before.",
    aliases=("transformer", "cross-attention", "seq2seq"),
    inputs={"x": TOKENS, "memory": MEMORY, "mask?": MASK, "memory_mask?": MEMORY_MASK}, outputs={"out": "B L D"},
    heads=HEADS, hidden=HIDDEN, norm=_NORM, activation=_ACTIVATION, causal=CAUSAL,
    dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT, hidden_dropout=_HIDDEN_DROPOUT, eps=EPS,
)  # fmt: skip
class TransformerDecoderLayer(nn.Module):
    """Self-attention, a look at the encoder's tokens, and a feed-forward part, with connections around each.

    With `causal`, as published, each token looks only back: the decoder learns to say the next one.
    """

    def __init__(
        self,
        D: int,
        C: int,
        heads: int = 4,
        hidden: int | None = None,
        norm: NormPlace = "post",
        activation: Activation = "relu",
        causal: bool = True,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        hidden_dropout: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.before = norm == "pre"
        self.norm1 = LayerNorm(D, eps)
        self.attention = MultiHeadSelfAttention(D, heads, causal=causal, dropout=attention_dropout)
        self.end1 = branch_end(D, dropout, None, 0)
        self.norm2 = LayerNorm(D, eps)
        self.look = MultiHeadCrossAttention(D, C, heads, dropout=attention_dropout)
        self.end2 = branch_end(D, dropout, None, 0)
        self.norm3 = LayerNorm(D, eps)
        self.feed_forward = FeedForward(D, hidden, activation, hidden_dropout)
        self.end3 = branch_end(D, dropout, None, 0)

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor,
        mask: torch.Tensor | None = None,
        memory_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        if self.before:
            x = x + self.end1(self.attention(self.norm1(x), mask))
            x = x + self.end2(self.look(self.norm2(x), memory, memory_mask))
            return x + self.end3(self.feed_forward(self.norm3(x)))
        x = self.norm1(x + self.end1(self.attention(x, mask)))
        x = self.norm2(x + self.end2(self.look(x, memory, memory_mask)))
        return self.norm3(x + self.end3(self.feed_forward(x)))


@block(
    "Transformer encoder", category="Backbone", paper=VASWANI, icon="square-stack",
    helps="BERT (`post`, GELU), GPT-2 (`causal`, `pre`, `final_norm`) or features of series; a stack in one node "
          "where single layers would crowd the drawing.",
    hurts="`pre` without `final_norm` hands unnormed sums on, and `post` grows hard to train past a dozen layers. "
          "Attention is quadratic in L, and without positions word order counts for nothing.",
    aliases=("transformer", "bert", "gpt", "stack"),
    inputs={"x": TOKENS, "mask?": MASK}, outputs={"out": "B L D"},
    depth=DEPTH, heads=HEADS, hidden=HIDDEN, norm=_NORM, activation=_ACTIVATION, causal=CAUSAL, positions=_POSITIONS,
    dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT, hidden_dropout=_HIDDEN_DROPOUT,
    layer_scale=LAYER_SCALE, drop_path=RISING_DROP_PATH, eps=EPS, final_norm=_FINAL_NORM,
)  # fmt: skip
class TransformerEncoder(nn.Module):
    """Several encoder layers one after another.

    Tokens come in with their positions added, and go out knowing of one another. With `causal` and `pre` it is the
    body of GPT-2, with the defaults that of the first Transformer.
    """

    def __init__(
        self,
        D: int,
        depth: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        norm: NormPlace = "post",
        activation: Activation = "relu",
        causal: bool = False,
        positions: Positions = "none",
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        hidden_dropout: float = 0.1,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        eps: float = 1e-5,
        final_norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(
                D, heads, hidden, norm, activation, causal, positions, dropout, attention_dropout, hidden_dropout,
                layer_scale, rate, eps,
            )
            for rate in rising(drop_path, depth)
        )  # fmt: skip
        self.norm = LayerNorm(D, eps) if final_norm else None

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x, mask)
        return x if self.norm is None else self.norm(x)


@block(
    "Transformer decoder", category="Backbone", paper=VASWANI, icon="square-stack",
    helps="The second half of translation and of DETR: every layer reads the same tokens of the encoder, which runs "
          "only once however many tokens are written.",
    hurts="Each layer costs L x K for the look at the source. For speed make the encoder deep and this shallow, down "
          "to one layer (Kasai et al. 2020). For text alone take a causal Transformer encoder.",
    aliases=("transformer", "seq2seq", "stack"),
    inputs={"x": TOKENS, "memory": MEMORY, "mask?": MASK, "memory_mask?": MEMORY_MASK}, outputs={"out": "B L D"},
    depth=DEPTH, heads=HEADS, hidden=HIDDEN, norm=_NORM, activation=_ACTIVATION, causal=CAUSAL,
    dropout=DROPOUT, attention_dropout=ATTENTION_DROPOUT, hidden_dropout=_HIDDEN_DROPOUT, eps=EPS,
    final_norm=_FINAL_NORM,
)  # fmt: skip
class TransformerDecoder(nn.Module):
    """Several decoder layers one after another, which all look at the same encoder's tokens.

    Wire the encoder's output to `memory`. What comes out of each place says the token that follows it.
    """

    def __init__(
        self,
        D: int,
        C: int,
        depth: int = 2,
        heads: int = 4,
        hidden: int | None = None,
        norm: NormPlace = "post",
        activation: Activation = "relu",
        causal: bool = True,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        hidden_dropout: float = 0.1,
        eps: float = 1e-5,
        final_norm: bool = False,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerDecoderLayer(
                D, C, heads, hidden, norm, activation, causal, dropout, attention_dropout, hidden_dropout, eps
            )
            for _ in range(depth)
        )
        self.norm = LayerNorm(D, eps) if final_norm else None

    def forward(
        self,
        x: torch.Tensor,
        memory: torch.Tensor,
        mask: torch.Tensor | None = None,
        memory_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask)
        return x if self.norm is None else self.norm(x)


@block(
    "Mixer block", category="Backbone", paper=_MIXER, icon="shuffle", aliases=("mlp-mixer", "mlp"),
    helps="A fixed number of tokens, much data and a wish for plain matrix products: at fixed widths the cost is "
          "linear in L and nothing but GEMMs remains.",
    hurts="The weights belong to one L, so other sizes of image, masks and padding are out. On small data it overfits "
          "sooner than a ViT block, which has none of these limits.",
    inputs={"x": port("B L D", "Tokens, always as many as the block was made for.")}, outputs={"out": "B L D"},
    token_hidden=setting("Features inside the part that mixes places; empty: half as many as come in.", min=1),
    hidden=HIDDEN, dropout=DROPOUT, drop_path=DROP_PATH,
)  # fmt: skip
class MixerBlock(nn.Module):
    """Mix the places of each feature, then the features of each place, with connections around both.

    Plain perceptrons do both: no attention and no convolution. It takes one number of tokens only.
    """

    def __init__(
        self,
        L: int,
        D: int,
        token_hidden: int | None = None,
        hidden: int | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.norm1 = LayerNorm(D, 1e-6)
        self.swap = Permute((2, 1))
        self.mix_tokens = FeedForward(L, max(D // 2, 1) if token_hidden is None else token_hidden, "gelu", dropout)
        self.end1 = branch_end(D, dropout, None, drop_path)
        self.norm2 = LayerNorm(D, 1e-6)
        self.mix_features = FeedForward(D, hidden, "gelu", dropout)
        self.end2 = branch_end(D, dropout, None, drop_path)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.end1(self.swap(self.mix_tokens(self.swap(self.norm1(x)))))
        return x + self.end2(self.mix_features(self.norm2(x)))
