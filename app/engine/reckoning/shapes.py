"""The sizes that windows give: convolutions, transposed ones, pooling, unpooling, regions."""

from __future__ import annotations

from typing import Any

from app.engine.reckoning.formulas import Formula, put, worked_out
from app.engine.reckoning.rules import Axes, Seen, Shape, fixed, size, sizes

_SPACE = {1: "L", 2: "HW", 3: "LHW"}


def per_axis(value: Any, count: int) -> tuple[Any, ...]:
    """A setting that is one number for all of `count` directions, or one for each."""
    return tuple(value) if isinstance(value, tuple | list) else (value,) * count


def window(letter: str, n: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> Formula:
    """How many windows fit beside one another along one direction (torch.nn.Conv2d, Shape)."""
    if dilation == 1:
        template = f"floor(({letter} + 2*padding - kernel)/stride) + 1"
    else:
        template = f"floor(({letter} + 2*padding - dilation*(kernel - 1) - 1)/stride) + 1"
    return put(template, **{letter: n}, padding=padding, dilation=dilation, kernel=kernel, stride=stride)


def window_up(letter: str, n: int, kernel: int, stride: int, padding: int, dilation: int, formula: Formula) -> Formula:
    """The same with `ceil_mode`: a window that is only partly filled counts, unless it would begin in the padding
    behind the end (torch.nn.MaxPool2d)."""
    raised = Formula(formula.symbols.replace("floor", "ceil"), formula.numbers.replace("floor", "ceil"))
    if (worked_out(raised.numbers) - 1) * stride >= n + padding:
        return Formula(f"{raised.symbols} - 1", f"{raised.numbers} - 1")
    return raised


def _windows(x: Shape, kernel: Any, stride: Any, padding: Any = 0, dilation: Any = 1, up: bool = False) -> Axes:
    """The formulas of all spatial sizes of `x`, which come after batch and channels."""
    count = len(x) - 2
    found: Axes = {}
    settings = zip(*(per_axis(value, count) for value in (kernel, stride, padding, dilation)), strict=True)
    for i, (letter, (k, s, p, d)) in enumerate(zip(_SPACE[count], settings, strict=True)):
        found[i + 2] = window(letter, x[i + 2], k, s, p, d)
        if up:
            found[i + 2] = window_up(letter, x[i + 2], k, s, p, d, found[i + 2])
    return found


@sizes("Conv1d", "Conv2d", "Conv3d")
def _convolution(m: Any, seen: Seen) -> Axes:
    channels = {1: fixed("out_channels", m.out_channels)}
    if m.padding == "same":
        return channels
    if getattr(m, "same", False):  # the house's own: as TensorFlow
        letters = _SPACE[len(seen.x) - 2]
        steps = per_axis(m.stride, len(letters))
        return channels | {
            i + 2: put(f"ceil({letter}/stride)", **{letter: seen.x[i + 2]}, stride=step)
            for i, (letter, step) in enumerate(zip(letters, steps, strict=True))
        }
    padding = 0 if m.padding == "valid" else m.padding
    return channels | _windows(seen.x, m.kernel_size, m.stride, padding, m.dilation)


@sizes("ChannelConv")
def _over_channels(m: Any, seen: Seen) -> Axes:
    return {}


@sizes("QueriesKeysValues2d", "KeysValues2d")
def _split_convolution(m: Any, seen: Seen) -> list[Axes]:
    share = put("out_channels/parts", out_channels=m.out_channels, parts=len(seen.made))
    return [{1: share} for _ in seen.made]


@sizes("QueryKeysValues2d")
def _one_query(m: Any, seen: Seen) -> list[Axes]:
    return [{1: Formula("1", "1")}, *({1: size(seen.x, 1)} for _ in range(2))]


@sizes("ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d")
def _transposed(m: Any, seen: Seen) -> Axes:
    count = len(seen.x) - 2
    found = {1: fixed("out_channels", m.out_channels)}
    settings = zip(m.kernel_size, m.stride, m.padding, m.dilation, m.output_padding, strict=True)
    for i, (letter, (k, s, p, d, more)) in enumerate(zip(_SPACE[count], settings, strict=True)):
        template = f"({letter} - 1)*stride - 2*padding + "
        template += "kernel" if d == 1 else "dilation*(kernel - 1) + 1"
        if more:
            template += " + output_padding"
        values = {letter: seen.x[i + 2], "stride": s, "padding": p, "kernel": k, "dilation": d, "output_padding": more}
        found[i + 2] = put(template, **values)
    return found


@sizes("LocallyConnected2d")
def _local(m: Any, seen: Seen) -> Axes:
    found = _windows(seen.x, m.kernel_size, m.stride, m.padding)
    return found | {1: fixed("out_channels", m.weight.shape[2])}


@sizes("DeformConv2d")
def _deformable(m: Any, seen: Seen) -> Axes:
    found = _windows(seen.x, tuple(m.weight.shape[2:]), m.stride, m.padding, m.dilation)
    return found | {1: fixed("out_channels", m.weight.shape[0])}


@sizes("TableConv2d")
def _table(m: Any, seen: Seen) -> Axes:
    return _windows(seen.x, tuple(m.weight.shape[1:]), 1) | {1: fixed("maps", len(m.table))}


@sizes("MaxPool1d", "MaxPool2d", "MaxPool3d")
def _largest(m: Any, seen: Seen) -> Axes:
    return _windows(seen.x, m.kernel_size, m.stride or m.kernel_size, m.padding, m.dilation, m.ceil_mode)


@sizes("AvgPool1d", "AvgPool2d", "AvgPool3d")
def _mean(m: Any, seen: Seen) -> Axes:
    return _windows(seen.x, m.kernel_size, m.stride or m.kernel_size, m.padding, 1, m.ceil_mode)


@sizes("LPPool1d", "LPPool2d", "LPPool3d")
def _power(m: Any, seen: Seen) -> Axes:
    return _windows(seen.x, m.kernel_size, m.stride or m.kernel_size, 0, 1, m.ceil_mode)


@sizes("TrainedSubsampling")
def _subsampling(m: Any, seen: Seen) -> Axes:
    return _windows(seen.x, m.kernel_size, m.kernel_size)


@sizes("MaxPoolIndices")
def _with_places(m: Any, seen: Seen) -> list[Axes]:
    return [_windows(seen.x, m.kernel_size, m.stride, m.padding)] * 2


@sizes("Halve")
def _halved(m: Any, seen: Seen) -> Axes:
    template = "floor(({0} - min(2, {0}))/min(2, {0})) + 1"  # a size of 1 stays
    return {i: put(template.format(letter), **{letter: seen.x[i]}) for i, letter in ((2, "H"), (3, "W"))}


@sizes("HalveOverlapping", "SpaceToDepth")
def _halved_up(m: Any, seen: Seen) -> Axes:
    found = {i: put(f"ceil({letter}/2)", **{letter: seen.x[i]}) for i, letter in ((2, "H"), (3, "W"))}
    return found | ({1: put("2*2*C", C=seen.x[1])} if type(m).__name__ == "SpaceToDepth" else {})


@sizes(*(f"Adaptive{kind}Pool{n}d" for kind in ("Avg", "Max") for n in (1, 2, 3)))
def _adaptive(m: Any, seen: Seen) -> Axes:
    wished = per_axis(m.output_size, len(seen.x) - 2)
    return {i + 2: size(seen.x, i + 2) if n is None else fixed("output_size", n) for i, n in enumerate(wished)}


@sizes("GlobalAvgPool", "GlobalMaxPool")
def _global(m: Any, seen: Seen) -> Axes:
    one = Formula("1", "1")
    return {1: size(seen.x, 1)} | ({2: one, 3: one} if m.keep_size else {})


@sizes("FractionalMaxPool2d")
def _fractional(m: Any, seen: Seen) -> Axes:
    template = "max(floor({0}*ratio), 1)"
    return {i: put(template.format(letter), **{letter: seen.x[i]}, ratio=m.ratio) for i, letter in ((2, "H"), (3, "W"))}


@sizes("MaxUnpool2d")
def _unpooled(m: Any, seen: Seen) -> Axes:
    if len(seen.given) > 2 and seen.given[2] is not None:
        return {i: fixed(f"{letter}_like", seen.given[2][i]) for i, letter in ((2, "H"), (3, "W"))}
    found: Axes = {}
    for i, letter in ((2, "H"), (3, "W")):
        template = f"({letter} - 1)*stride - 2*padding + kernel"
        values = {"stride": m.stride[i - 2], "padding": m.padding[i - 2], "kernel": m.kernel_size[i - 2]}
        found[i] = put(template, **{letter: seen.x[i]}, **values)
    return found


@sizes("RoIAlign", "RoIPool")
def _regions(m: Any, seen: Seen) -> Axes:
    height, width = (fixed("output_size", n) for n in m.output_size)
    return {0: fixed("regions", seen.given[1][0]), 1: size(seen.x, 1), 2: height, 3: width}


@sizes("BoxesToRegions")
def _boxes(m: Any, seen: Seen) -> Axes:
    return {0: put("B*L", B=seen.x[0], L=seen.x[1]), 1: Formula("1 + 4", "1 + 4")}


@sizes("ConfusionMatrix")
def _each_against_each(m: Any, seen: Seen) -> Axes:
    classes = Formula("2", "2") if m.K == 1 else Formula("K", str(m.K))  # one score is for yes, and against it for no
    return {0: classes, 1: classes}
