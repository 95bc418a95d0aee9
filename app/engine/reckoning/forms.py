"""The sizes that blocks give which join, part, cut, widen or rearrange values."""

from __future__ import annotations

import math
from typing import Any

from app.engine.reckoning.formulas import Formula, put
from app.engine.reckoning.rules import Axes, Seen, Shape, fixed, letters, size, sizes, times

_HW = ((2, "H"), (3, "W"))


def _without(shape: Shape, axis: int) -> Axes:
    """All sizes but one."""
    kept = [i for i in range(len(shape)) if i != axis % len(shape)]
    return {i: size(shape, j) for i, j in enumerate(kept) if i}


@sizes("Concat")
def _concat(m: Any, seen: Seen) -> Axes:
    named = {f"C_{i}": shape[1] for i, shape in enumerate(seen.given, 1)}
    return {1: put(" + ".join(named), **named)}


@sizes("Stack")
def _stack(m: Any, seen: Seen) -> Axes:
    at = m.dim % (len(seen.x) + 1)
    found = {i: size(seen.x, i if i < at else i - 1) for i in range(1, len(seen.x) + 1) if i != at}
    return found | {at: fixed("inputs", len(seen.given))}


@sizes("MatMul")
def _matrices(m: Any, seen: Seen) -> Axes:
    a, b = seen.given
    return {len(a) - 2: fixed("rows_of_a", a[-2]), len(a) - 1: fixed("columns_of_b", b[-1])}


@sizes("GramMatrix")
def _gram(m: Any, seen: Seen) -> Axes:
    return {1: size(seen.x, 1), 2: size(seen.x, 1)}


@sizes("CosineSimilarity")
def _cosine(m: Any, seen: Seen) -> Axes:
    return _without(seen.x, -1)


@sizes("PickLevel", "BundleLevels", "AddLevel")
def _handed_on(m: Any, seen: Seen) -> list[Axes]:
    return [{} for _ in seen.made]


@sizes("JoinLevels")
def _join_levels(m: Any, seen: Seen) -> Axes:
    return {1: fixed("C", seen.levels()[0][1]), 2: all_places(seen.levels())}


def all_places(levels: list[Shape], each: str = "", count: int = 1) -> Formula:
    """The places of all levels of a pyramid, each of them `count` times."""
    names = (f"H_{i}*W_{i}" for i in range(1, len(levels) + 1))
    values = {f"{letter}_{i}": level[a] for i, level in enumerate(levels, 1) for a, letter in _HW}
    template = " + ".join(names)
    return put(f"({template})*{each}", **values, **{each: count}) if each else put(template, **values)


@sizes("ReferencePoints")
def _reference(m: Any, seen: Seen) -> Axes:
    return {1: all_places(seen.levels()), 2: fixed("coordinates", 2)}


@sizes("Anchors")
def _anchors(m: Any, seen: Seen) -> Axes:
    return {1: all_places(seen.levels(), "forms", len(m.forms)), 2: fixed("coordinates", 4)}


@sizes("Split")
def _split(m: Any, seen: Seen) -> list[Axes]:
    if len(set(m.sizes)) == 1:
        return [{1: put("C/parts", C=seen.x[1], parts=len(m.sizes))} for _ in m.sizes]
    *given, _ = m.sizes
    taken = " - ".join(f"size_{i}" for i in range(1, len(m.sizes)))
    rest = put(f"C - {taken}", C=seen.x[1], **{f"size_{i}": n for i, n in enumerate(given, 1)})
    return [*({1: fixed(f"size_{i}", n)} for i, n in enumerate(given, 1)), {1: rest}]


@sizes("SplitInTwo")
def _in_two(m: Any, seen: Seen) -> list[Axes]:
    half = m.channels == seen.x[1] // 2
    first = put("floor(C/2)", C=seen.x[1]) if half else fixed("channels", m.channels)
    return [{1: first}, {1: put(f"C - {'first' if half else 'channels'}", C=seen.x[1], first=m.channels,
                                channels=m.channels)}]  # fmt: skip


@sizes("Chunk")
def _chunk(m: Any, seen: Seen) -> list[Axes]:
    axis = m.dim % len(seen.x)
    letter, n = letters(seen.x)[axis], seen.x[axis]
    values = {letter: n, "parts": m.parts}
    longer, shorter = put(f"ceil({letter}/parts)", **values), put(f"floor({letter}/parts)", **values)
    return [{axis: longer if i < n % m.parts else shorter} for i in range(m.parts)]


@sizes("Select")
def _select(m: Any, seen: Seen) -> Axes:
    return _without(seen.x, m.dim)


@sizes("Slice")
def _slice(m: Any, seen: Seen) -> Axes:
    axis = m.dim % len(seen.x)
    start, stop, step = m.places.indices(seen.x[axis])
    return {axis: put("ceil((stop - start)/step)", start=start, stop=stop, step=step)}


@sizes("Mean")
def _mean(m: Any, seen: Seen) -> Axes:
    return {m.dim % len(seen.x): Formula("1", "1")} if m.keep_size else _without(seen.x, m.dim)


@sizes("Constant")
def _constant(m: Any, seen: Seen) -> Axes:
    return {i: fixed(f"size_{i}", n) for i, n in enumerate(m.size, 1)}


@sizes("Parameter")
def _parameter(m: Any, seen: Seen) -> Axes:
    return {i: fixed(f"size_{i}", n) for i, n in enumerate(m.value.shape, 1)}


@sizes("Multiply")
def _kept(m: Any, seen: Seen) -> Axes:
    return {}


@sizes("Flatten")
def _flatten(m: Any, seen: Seen) -> Axes:
    start, end = m.start_dim % len(seen.x), m.end_dim % len(seen.x)
    found = {start: times(seen.x, start, end + 1)}
    for i in range(1, len(seen.made[0])):
        if i != start:
            found[i] = size(seen.x, i if i < start else i + end - start)
    return found


@sizes("Reshape")
def _reshape(m: Any, seen: Seen) -> Axes:
    found: Axes = {}
    known = [seen.x[i] if n == 0 else n for i, n in enumerate(m.size, 1)]
    for i, n in enumerate(m.size, 1):
        if n == 0:
            found[i] = size(seen.x, i)
        elif n > 0:
            found[i] = fixed(f"size_{i}", n)
        else:
            whole, others = times(seen.x), {f"size_{j}": k for j, k in enumerate(known, 1) if k != -1}
            divided = put("*".join(others), **others)
            found[i] = Formula(f"({whole.symbols})/({divided.symbols})", f"({whole.numbers})/({divided.numbers})")
            if not others:
                found[i] = whole
    return found


@sizes("Permute")
def _permute(m: Any, seen: Seen) -> Axes:
    return {i: size(seen.x, j) for i, j in enumerate(m.order, 1)}


@sizes("Squeeze")
def _squeeze(m: Any, seen: Seen) -> Axes:
    if m.dim is not None:
        return _without(seen.x, m.dim)
    kept = [i for i, n in enumerate(seen.x) if i and n != 1]
    return {i: size(seen.x, j) for i, j in enumerate(kept, 1)}


@sizes("Unsqueeze")
def _unsqueeze(m: Any, seen: Seen) -> Axes:
    at = m.dim % (len(seen.x) + 1)
    found = {i: size(seen.x, i if i < at else i - 1) for i in range(1, len(seen.x) + 1) if i != at}
    return found | {at: Formula("1", "1")}


@sizes("Pad")
def _pad(m: Any, seen: Seen) -> Axes:
    left, right, top, bottom = m.edges
    return {2: put("H + top + bottom", H=seen.x[2], top=top, bottom=bottom),
            3: put("W + left + right", W=seen.x[3], left=left, right=right)}  # fmt: skip


@sizes("Crop")
def _crop(m: Any, seen: Seen) -> Axes:
    if (like := seen.given[1] if len(seen.given) > 1 else None) is None:
        return {i: fixed("size", m.size[i - 2]) for i, _ in _HW}
    return {i: put(f"min({a}, {a}_like)", **{a: seen.x[i], f"{a}_like": like[i]}) for i, a in _HW}


@sizes("CutToSize", "SampleMap")
def _like(m: Any, seen: Seen) -> list[Axes]:
    first = {i: fixed(f"{a}_{'like' if len(seen.made) == 1 else 'offset'}", seen.given[1][i]) for i, a in _HW}
    return [first, *({} for _ in seen.made[1:])]


@sizes("Interpolate")
def _interpolate(m: Any, seen: Seen) -> Axes:
    if (like := seen.given[1] if len(seen.given) > 1 else None) is not None:
        return {i: fixed(f"{a}_like", like[i]) for i, a in _HW}
    return {i: put(f"floor({a}*scale)", **{a: seen.x[i]}, scale=m.scale) for i, a in _HW}


@sizes("PixelShuffle")
def _shuffled(m: Any, seen: Seen) -> Axes:
    r = m.upscale_factor
    return {1: put("C/(factor*factor)", C=seen.x[1], factor=r)} | {
        i: put(f"{a}*factor", **{a: seen.x[i]}, factor=r) for i, a in _HW
    }


@sizes("PixelUnshuffle")
def _unshuffled(m: Any, seen: Seen) -> Axes:
    r = m.downscale_factor
    return {1: put("C*factor*factor", C=seen.x[1], factor=r)} | {
        i: put(f"ceil({a}/factor)", **{a: seen.x[i]}, factor=r) for i, a in _HW
    }


@sizes("PadToMultiple", "ResizeToMultiple")
def _multiple(m: Any, seen: Seen) -> Axes:
    return {i: put(f"ceil({a}/multiple)*multiple", **{a: seen.x[i]}, multiple=m.multiple) for i, a in _HW}


@sizes("Patchify")
def _patchify(m: Any, seen: Seen) -> Axes:
    _, c, h, w = seen.x
    high, wide = m.patch
    values = {"C": c, "H": h, "W": w, "patch_height": high, "patch_width": wide}
    return {1: put("ceil(H/patch_height)*ceil(W/patch_width)", **values),
            2: put("C*patch_height*patch_width", **values)}  # fmt: skip


@sizes("Spectrogram")
def _spectrogram(m: Any, seen: Seen) -> Axes:
    n = seen.x[-1]
    bins = put("floor(window/2) + 1", window=m.window) if m.bands is None else fixed("mels", m.bands.shape[0])
    frames = put("floor((L + 2*floor(window/2) - window)/hop) + 1", L=n, window=m.window, hop=m.hop)
    return {1: times(seen.x, 1, -1), 2: bins, 3: frames}


@sizes("ChannelPool")
def _channel_pool(m: Any, seen: Seen) -> Axes:
    return {1: Formula("largest + mean", "1 + 1")}


@sizes("Maxout")
def _maxout(m: Any, seen: Seen) -> Axes:
    return {1: put("C/pieces", C=seen.x[1], pieces=m.pieces)}


@sizes("RowColumnMeans")
def _means(m: Any, seen: Seen) -> Axes:
    return {2: put("H + W", H=seen.x[2], W=seen.x[3]), 3: Formula("1", "1")}


@sizes("SplitRowsColumns")
def _rows_columns(m: Any, seen: Seen) -> list[Axes]:
    x, like = seen.given
    rows = put("min(L, H_like)", L=x[2], H_like=like[2])
    left = put("L - min(L, H_like)", L=x[2], H_like=like[2])
    return [{2: rows}, {2: fixed("1", 1) if x[3] == 1 else size(x, 3), 3: left}]


@sizes("ZeroShortcut")
def _zeros(m: Any, seen: Seen) -> Axes:
    found = {i: put(f"ceil({a}/stride)", **{a: seen.x[i]}, stride=m.stride) for i, a in _HW}
    return found | {1: put("C + zeros", C=seen.x[1], zeros=m.more)}


@sizes("MapToTokens")
def _tokens(m: Any, seen: Seen) -> Axes:
    return {1: times(seen.x, 2), 2: size(seen.x, 1)}


@sizes("TokensToMap")
def _map(m: Any, seen: Seen) -> Axes:
    length, features = seen.x[1:]
    found = {1: fixed("D", features)}
    if len(set(m.size)) == 1 and m.size[0] == math.isqrt(length):
        return found | {i: put("floor(sqrt(L))", L=length) for i, _ in _HW}
    return found | {i: fixed("size", n) for i, n in enumerate(m.size, 2)}


@sizes("PredictionRows")
def _prediction_rows(m: Any, seen: Seen) -> Axes:
    _, c, h, w = seen.x
    return {1: put("H*W*C/values", H=h, W=w, C=c, values=m.values), 2: fixed("values", m.values)}


@sizes("DistributionIntegral")
def _integral(m: Any, seen: Seen) -> Axes:
    return {1: fixed("L", seen.x[2]), 2: fixed("sides", 4)}


@sizes("NMS")
def _nms(m: Any, seen: Seen) -> list[Axes]:
    most = fixed("detections", m.detections)
    return [{1: most, 2: fixed("coordinates", 4)}, {1: most}, {1: most}, {}]


@sizes("TopBoxes")
def _top_boxes(m: Any, seen: Seen) -> list[Axes]:
    return [{1: put("min(count, L)", count=m.count, L=seen.x[1])}] * 2


@sizes("Argmax")
def _argmax(m: Any, seen: Seen) -> Axes:
    return _without(seen.x, 1)
