"""The sizes that linear, recurrent and embedding layers, tokens and attention give."""

from __future__ import annotations

from typing import Any

from app.engine.reckoning.formulas import Formula, put
from app.engine.reckoning.rules import Axes, Seen, fixed, size, sizes, times

_HW = ((2, "H"), (3, "W"))


@sizes("Linear", "Bilinear")
def _linear(m: Any, seen: Seen) -> Axes:
    return {len(seen.x) - 1: fixed("out_features", m.out_features)}


@sizes("WeightNormLinear")
def _weight_norm(m: Any, seen: Seen) -> Axes:
    return {len(seen.x) - 1: fixed("out_features", m.weight_v.shape[0])}


@sizes("RadialBasisOutput")
def _radial(m: Any, seen: Seen) -> Axes:
    return {1: fixed("classes", m.patterns.shape[0])}


@sizes("Embedding")
def _embedding(m: Any, seen: Seen) -> Axes:
    return {i: size(seen.x, i) for i in range(1, len(seen.x))} | {len(seen.x): fixed("features", m.embedding_dim)}


@sizes("TiedEmbedding")
def _tied(m: Any, seen: Seen) -> list[Axes]:
    table = {0: fixed("vocabulary", m.num_embeddings), 1: fixed("features", m.embedding_dim)}
    return [_embedding(m, seen), table]  # type: ignore[list-item]


@sizes("TiedProjection")
def _tied_projection(m: Any, seen: Seen) -> Axes:
    return {len(seen.x) - 1: fixed("rows_of_table", seen.given[1][0])}


@sizes("RNN", "LSTM", "GRU")
def _recurrent(m: Any, seen: Seen) -> Axes | list[Axes]:
    told = m.proj_size or m.hidden_size
    name = "projected" if m.proj_size else "hidden"
    features = put(f"{name}*directions", **{name: told}, directions=2) if m.bidirectional else fixed(name, told)
    if getattr(m, "steps", "all") == "last":
        return {1: features}
    return {len(seen.x) - 1: features}


@sizes("RNNCell", "LSTMCell", "GRUCell")
def _cell(m: Any, seen: Seen) -> list[Axes]:
    return [{1: fixed("hidden", m.hidden_size)} for _ in seen.made]


@sizes("ClassToken")
def _class_token(m: Any, seen: Seen) -> Axes:
    return {1: put("L + count", L=seen.x[1], count=m.count)}


@sizes("PickToken", "MeanTokens")
def _one_token(m: Any, seen: Seen) -> Axes:
    return {1: fixed("D", seen.x[2])}


@sizes("Heads")
def _heads(m: Any, seen: Seen) -> Axes:
    _, length, features = seen.x
    return {1: fixed("heads", m.heads), 2: fixed("L", length), 3: put("D/heads", D=features, heads=m.heads)}


@sizes("QueryKeyValueHeads")
def _three_heads(m: Any, seen: Seen) -> list[Axes]:
    _, length, features = seen.x
    share = put("D/3/heads", D=features, heads=m.heads)
    return [{1: fixed("heads", m.heads), 2: fixed("L", length), 3: share} for _ in seen.made]


@sizes("MergeHeads")
def _merge(m: Any, seen: Seen) -> Axes:
    _, heads, length, features = seen.x
    return {1: fixed("L", length), 2: put("heads*features", heads=heads, features=features)}


@sizes("DotProductAttention")
def _attention(m: Any, seen: Seen) -> Axes:
    return {2: fixed("queries", seen.given[0][2]), 3: fixed("value_size", seen.given[2][3])}


@sizes("Attend2d")
def _attend(m: Any, seen: Seen) -> Axes:
    return {i: size(seen.x, i) for i in (1, 2, 3)}


@sizes("SeparableAttend")
def _values(m: Any, seen: Seen) -> Axes:
    return {1: fixed("channels_of_values", seen.given[2][1])}


@sizes("PlaceAttention")
def _places(m: Any, seen: Seen) -> Axes:
    query, _, value = seen.given
    return {1: fixed("channels_of_value", value[1]), **{i: size(query, i) for i in (2, 3)}}


@sizes("AdditiveScores", "DotScores")
def _scores(m: Any, seen: Seen) -> Axes:
    return {1: fixed("queries", seen.given[0][1]), 2: fixed("keys", seen.given[1][1])}


@sizes("WeightedSum")
def _weighted(m: Any, seen: Seen) -> Axes:
    return {1: fixed("queries", seen.given[0][1]), 2: fixed("value_size", seen.given[1][2])}


@sizes("WeightedPool")
def _weighted_pool(m: Any, seen: Seen) -> Axes:
    return {1: size(seen.x, 1), 2: Formula("1", "1"), 3: Formula("1", "1")}


@sizes("SamplePyramid")
def _sampled(m: Any, seen: Seen) -> Axes:
    return {1: fixed("queries", seen.given[0][1]), 2: fixed("channels_of_values", seen.levels(3)[0][1])}


@sizes("DistanceBias")
def _distance(m: Any, seen: Seen) -> Axes:
    at = seen.given[1]
    keys = put("height_at*width_at", height_at=at[2], width_at=at[3])
    return {1: fixed("heads", len(m.rpe_table)), 2: times(seen.x, 2), 3: keys}


@sizes("PositionPairBias")
def _pairs(m: Any, seen: Seen) -> Axes:
    values = {"H": seen.x[2], "W": seen.x[3], "reduction": m.reduction}
    keys = put("ceil(H/reduction)*ceil(W/reduction)", **values)
    return {1: fixed("heads", m.table.shape[0]), 2: times(seen.x, 2), 3: keys}
