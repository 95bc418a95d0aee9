"""Sequences: transformer layers against torch's own, masks, positions, recurrent ends, alignment, ViT as a backbone."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from app.design.build import chain, node
from app.engine.compile import shared_analyser
from blocks.attention.alignment import AlignmentAttention
from blocks.attention.multihead import DotProductAttention, MultiHeadSelfAttention, RelativeAttention
from blocks.layers.embedding import Embedding, PaddingMask, TiedEmbedding, TiedProjection
from blocks.layers.positions import RotaryPositions, SineCosinePositions
from blocks.layers.recurrent import GRU, LSTM
from blocks.layers.tokens import MapToTokens, MeanTokens, TokensToMap
from blocks.stages.transformer import NormPlace, TransformerDecoderLayer, TransformerEncoderLayer

D, HEADS, HIDDEN = 24, 4, 40


def of_attention(theirs: nn.MultiheadAttention, name: str, *, cross: bool = False) -> dict[str, torch.Tensor]:
    """The weights of torch's attention by our keys: queries, keys and values are one layer unless it looks across."""
    assert theirs.in_proj_weight is not None
    found = {f"{name}.project.weight": theirs.out_proj.weight, f"{name}.project.bias": theirs.out_proj.bias}
    if not cross:
        return {**found, f"{name}.qkv.weight": theirs.in_proj_weight, f"{name}.qkv.bias": theirs.in_proj_bias}
    for kind in ("weight", "bias"):
        parts = getattr(theirs, f"in_proj_{kind}").chunk(3)
        found |= {f"{name}.{part}.{kind}": t for part, t in zip(("query", "key", "value"), parts, strict=True)}
    return found


def of_rest(theirs: nn.Module, norms: int) -> dict[str, torch.Tensor]:
    state = theirs.state_dict()
    keys = [f"norm{i + 1}" for i in range(norms)]
    found = {f"{key}.{kind}": state[f"{key}.{kind}"] for key in keys for kind in ("weight", "bias")}
    return found | {f"feed_forward.{k}": v for k, v in state.items() if k.startswith("linear")}


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_an_encoder_layer_is_torchs(norm: NormPlace) -> None:
    theirs = nn.TransformerEncoderLayer(D, HEADS, HIDDEN, batch_first=True, norm_first=norm == "pre").eval()
    ours = TransformerEncoderLayer(D, HEADS, HIDDEN, norm).eval()
    ours.load_state_dict({**of_attention(theirs.self_attn, "attention"), **of_rest(theirs, 2)})
    x, mask = torch.randn(2, 7, D), torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    torch.testing.assert_close(ours(x), theirs(x))
    real = mask.bool()
    torch.testing.assert_close(ours(x, mask)[real], theirs(x, src_key_padding_mask=~real)[real])


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_decoder_layer_is_torchs(norm: NormPlace) -> None:
    theirs = nn.TransformerDecoderLayer(D, HEADS, HIDDEN, batch_first=True, norm_first=norm == "pre").eval()
    ours = TransformerDecoderLayer(D, D, HEADS, HIDDEN, norm).eval()
    cross = of_attention(theirs.multihead_attn, "look", cross=True)
    ours.load_state_dict({**of_attention(theirs.self_attn, "attention"), **cross, **of_rest(theirs, 3)})
    x, memory = torch.randn(2, 7, D), torch.randn(2, 5, D)
    mask, memory_mask = torch.ones(2, 7, dtype=torch.int64), torch.tensor([[1] * 5, [1, 1, 1, 0, 0]])
    later = nn.Transformer.generate_square_subsequent_mask(7).isinf()
    torch.testing.assert_close(ours(x, memory), theirs(x, memory, tgt_mask=later, tgt_is_causal=True))
    wanted = theirs(x, memory, tgt_mask=later, memory_key_padding_mask=memory_mask == 0)
    torch.testing.assert_close(ours(x, memory, mask, memory_mask), wanted)


@pytest.mark.parametrize("positions", ["none", "rotary", "relative"])
def test_causal_attention_does_not_see_what_comes_later(positions: str) -> None:
    attention = MultiHeadSelfAttention(D, HEADS, causal=True, positions=positions).eval()  # type: ignore[arg-type]
    x = torch.randn(1, 6, D)
    changed = x.clone()
    changed[:, 4:] = 0
    mask = torch.ones(1, 6, dtype=torch.int64)
    torch.testing.assert_close(attention(x)[:, :4], attention(changed)[:, :4])
    torch.testing.assert_close(attention(x, mask), attention(x))


def test_padding_in_front_of_causal_tokens_gives_numbers() -> None:
    q = torch.randn(1, 2, 5, 4)
    out = DotProductAttention(causal=True)(q, q, q, torch.tensor([[0, 0, 1, 1, 1]]))
    assert torch.isfinite(out).all()
    torch.testing.assert_close(out[:, :, 2:], DotProductAttention(causal=True)(*[q[:, :, 2:]] * 3))


def test_rotary_products_depend_on_the_distance_alone() -> None:
    turn = RotaryPositions()
    q, k = torch.randn(8), torch.randn(8)
    queries, keys = turn(q.expand(1, 1, 12, 8)), turn(k.expand(1, 1, 12, 8))
    products = (queries @ keys.transpose(2, 3))[0, 0]
    for distance in (0, 3, -5):
        diagonal = products.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-5)


def test_relative_attention_tells_near_distances_apart_and_far_ones_not() -> None:
    distances = torch.tensor([-1000, -200, -128, -8, -7, -1, 0, 1, 7, 8, 128, 1000])
    buckets = RelativeAttention(H=2)._bucket(distances).tolist()
    assert buckets == [15, 15, 15, 8, 7, 1, 0, 17, 23, 24, 31, 31]
    assert RelativeAttention(H=2, causal=True)._bucket(distances).tolist() == [31, 31, 31, 8, 7, 1, 0, 0, 0, 0, 0, 0]


def test_sine_cosine_positions_are_those_of_the_paper() -> None:
    waves = SineCosinePositions(8)(torch.zeros(1, 20, 8))[0]
    for place, i in ((0, 0), (5, 1), (19, 3)):
        angle = torch.tensor(place / 10000 ** (2 * i / 8))
        torch.testing.assert_close(waves[place, 2 * i], angle.sin())
        torch.testing.assert_close(waves[place, 2 * i + 1], angle.cos())


@pytest.mark.parametrize("layer", [LSTM, GRU])
def test_the_last_step_is_where_each_direction_ends(layer: type[LSTM | GRU]) -> None:
    torch.manual_seed(0)
    whole = layer(6, 5, 2, bidirectional=True)
    last = layer(6, 5, 2, bidirectional=True, steps="last")
    last.load_state_dict(whole.state_dict())
    x = torch.randn(3, 9, 6)
    steps = whole(x)
    torch.testing.assert_close(last(x), torch.cat([steps[:, -1, :5], steps[:, 0, 5:]], 1))


def test_dropout_between_layers_needs_two() -> None:
    with pytest.raises(ValueError, match="use layers = 2"):
        GRU(6, dropout=0.5)


def test_additive_alignment_is_bahdanaus() -> None:
    attention = AlignmentAttention(6, hidden=4)
    query, memory = torch.randn(2, 3, 6), torch.randn(2, 5, 6)
    out, weights = attention(query, memory)
    state = attention.state_dict()
    asked = query @ state["query_linear.weight"].T
    places = F.linear(memory, state["memory_linear.weight"], state["memory_linear.bias"])
    scores = (asked[:, :, None] + places[:, None]).tanh() @ state["scores.weight"][0]
    torch.testing.assert_close(weights, scores.softmax(2))
    torch.testing.assert_close(out, weights @ memory)


def test_a_tied_projection_scores_by_the_embeddings_own_table() -> None:
    embedding = TiedEmbedding(50, 8, scaled=True)
    vectors, table = embedding(torch.tensor([[3, 4]]))
    torch.testing.assert_close(vectors[0, 1], table[4] * 8**0.5)
    scores = TiedProjection()(vectors, table)
    torch.testing.assert_close(scores[0, 0, 7], (vectors[0, 0] * table[7]).sum())


def test_padding_has_a_vector_of_zeros_and_counts_nowhere() -> None:
    tokens = torch.tensor([[5, 2, 0, 0]])
    vectors = Embedding(9, 4, padding=0, init="normal")(tokens)
    assert vectors[0, 2:].abs().sum() == 0
    mask = PaddingMask(0)(tokens)
    assert mask.tolist() == [[1, 1, 0, 0]]
    torch.testing.assert_close(MeanTokens(4)(vectors, mask), vectors[:, :2].mean(1))


def test_tokens_find_their_places_again() -> None:
    image = torch.randn(2, 3, 4, 6)
    tokens = MapToTokens()(image)
    assert torch.equal(TokensToMap(24, (4, 6))(tokens), image)
    with pytest.raises(ValueError, match="takes 25 tokens, but there are 24"):
        TokensToMap(24, (5, 5))


def test_a_vision_transformer_feeds_a_pyramid_with_the_strides_of_a_detector() -> None:
    design = chain(
        node("image", "Input", size=(3, 64, 96)), node("stem", "PatchStem", channels=32, patch_size=16),
        node("backbone", "ViTBackbone"), node("neck", "SimpleFeaturePyramid", channels=16), node("output", "Output"),
    )  # fmt: skip
    walk = shared_analyser().walk(design)
    measured = walk.steps["neck"].measured
    assert measured is not None and measured.refusal is None
    (levels,) = measured.outputs
    assert [(t.stride, t.shape) for t in levels] == [
        (4, (1, 16, 16, 24)), (8, (1, 16, 8, 12)), (16, (1, 16, 4, 6)), (32, (1, 16, 2, 3)),
    ]  # fmt: skip
