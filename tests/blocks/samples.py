"""Inputs for any block, made from its card alone, and other values for its settings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import torch
from torch import nn

from blocks import catalogue
from blocks.card import Card, Port, Setting, Value
from blocks.patterns import Binder, Dim, parse

CARDS = catalogue.load()

SIZES: tuple[dict[str, Any], ...] = (
    {"B": 2, "C": 32, "H": 16, "W": 12, "D": 12, "L": 10, "K": 7, "N": 5, "S": (6, 4)},
    {"B": 2, "C": 32, "H": 21, "W": 33, "D": 12, "L": 13, "K": 7, "N": 5, "S": (5, 9)},
)
"""Two sets of sizes; the second has odd ones. Channels are equal, so that one module takes both."""

LEVELS = 3

ROOMY = {
    "GhostNetBackbone": 2, "MnasNetBackbone": 2, "MobileNetV2Backbone": 2, "AlignedXceptionBackbone": 2,
    "VGGBackbone": 4, "InceptionV3Backbone": 4, "InceptionV4Backbone": 4, "InceptionResNetBackbone": 4,
    "InceptionV3Auxiliary": 4, "CMTBackbone": 4,
}  # fmt: skip
"""Blocks that halve an image until little is left, and by how much higher and wider an image they get."""


def _pairs(reduction: int) -> Callable[[Mapping[str, Any]], tuple[int, ...]]:
    """A number for each of 4 heads, each place and each key, one key for each square of `reduction` places."""
    return lambda s: (s["B"], 4, s["H"] * s["W"], -(-s["H"] // reduction) * -(-s["W"] // reduction))


AS_LARGE = (
    "BinaryCrossEntropy", "BinaryFocalLoss", "MSELoss", "L1Loss", "SmoothL1Loss", "HuberLoss", "MeanSquaredError",
    "MeanAbsoluteError", "R2Score",
)  # fmt: skip
"""Blocks whose target has the sizes of `x`, or the same without a size of 1."""

WHOLE = {("CTCLoss", "lengths"): (9, 11)}
"""Ports of whole numbers that are no classes, and from where to before where they lie."""

CROWDED = {"TripletLoss": 24, "PairUp": 24}
"""Blocks that compare the samples of a batch with each other, and how many of them there are."""

FITTED: dict[tuple[str, str], Callable[[Mapping[str, Any]], tuple[int, ...]]] = {
    ("Attend2d", "bias"): _pairs(1), ("CMTAttention", "bias"): _pairs(2), ("CMTBlock", "bias"): _pairs(2),
    ("DeformableAggregation", "offset"): lambda s: (s["B"], 2 * 4 * 9, s["H"], s["W"]),
    ("Code", "xs"): lambda s: (s["B"], s["C"]),
    ("DeformableAggregation", "weight"): lambda s: (s["B"], 4 * 9, s["H"], s["W"]),
    ("SplitRowsColumns", "x"): lambda s: (s["B"], s["C"], s["H"] + s["W"], 1),
    ("BiFusion", "middle"): lambda s: (s["B"], 16, -(-s["H"] // 2), -(-s["W"] // 2)),
    ("BiFusion", "coarse"): lambda s: (s["B"], 24, -(-s["H"] // 4), -(-s["W"] // 4)),
    ("MultiScaleDeformableAttention", "reference"): lambda s: (s["B"], s["L"], 2),
    ("SamplePyramid", "reference"): lambda s: (s["B"], s["L"], 2),
    ("SamplePyramid", "offset"): lambda s: (s["B"], s["L"], 2 * 4 * LEVELS * 4),
    ("SamplePyramid", "weight"): lambda s: (s["B"], s["L"], 4 * LEVELS * 4),
    ("SampleMap", "offset"): lambda s: (s["B"], 2 * 2, 5, 4), ("DistanceBias", "at"): lambda s: (s["B"], 2 * 2, 5, 4),
    **{(id, "target"): lambda s: (s["B"], *s["S"]) for id in AS_LARGE},
}  # fmt: skip
"""Ports whose sizes no pattern says: products of others and of default settings, or any at all."""


class Sample(NamedTuple):
    """Arguments of a block's forward, and what its constructor reads off them."""

    inputs: tuple[Any, ...]
    reads: dict[str, Any]


def sample(card: Card, sizes: Mapping[str, Any], *, optional: bool = False, seed: int = 0) -> Sample:
    """Random inputs that fit the block's patterns. With `optional`, optional ports are wired too."""
    generator = torch.Generator().manual_seed(seed)
    room = ROOMY.get(card.id, 1)
    sizes = {**sizes, "H": room * sizes["H"], "W": room * sizes["W"], "B": CROWDED.get(card.id, sizes["B"])}
    binder = Binder({s.name: s.default for s in card.settings})
    inputs: list[Any] = []
    for port in card.inputs:
        if port.optional and not optional:
            inputs.append(None)
            continue
        count = LEVELS if port.kind == "pyramid" or port.many else 1
        if (fitted := FITTED.get((card.id, port.name))) is not None:
            tensors = [torch.randn(fitted(sizes), generator=generator) for _ in range(count)]
        else:
            bounds = WHOLE.get((card.id, port.name), (0, sizes["K"]))
            tensors = [_tensor(port, sizes, i, generator, bounds) for i in range(count)]
        shapes = [tuple(t.shape) for t in tensors]
        dtype = str(tensors[0].dtype).removeprefix("torch.")
        if port.kind == "pyramid":
            binder.take(port, shapes, dtype, pyramid=True)
            inputs.append(tensors)
        else:
            for i, shape in enumerate(shapes):
                binder.take(msgspec.structs.replace(port, name=f"{port.name}{i}"), [shape], dtype)
            inputs.extend(tensors)
    if not card.inputs:  # an Input or a Target hands on what the engine gives it
        inputs.append(torch.randn(sizes["B"], 5, generator=generator))
    known: dict[str, Any] = {**binder.bound, "strides": [8 * 2**i for i in range(LEVELS)], "wired": ["a", "b", "c"]}
    return Sample(tuple(inputs), {name: known[name] for name in card.reads})


def _tensor(
    port: Port, sizes: Mapping[str, Any], level: int, generator: torch.Generator, bounds: tuple[int, int]
) -> torch.Tensor:
    pattern = parse(port.pattern)
    if pattern.kind == "any":
        return torch.randn(sizes["B"], 4, generator=generator)
    shape = tuple(n for dim in pattern.dims for n in _dim(dim, sizes, level))
    if pattern.dtype == "int":
        return torch.randint(*bounds, shape, generator=generator)
    return torch.randn(shape, generator=generator)


def _dim(dim: Dim, sizes: Mapping[str, Any], level: int) -> tuple[int, ...]:
    if dim.size:
        return (dim.size,)
    if dim.each and dim.many:
        return ()
    if dim.each:  # the levels of a pyramid: half the size, more channels
        size = sizes[dim.name.upper()]
        return (8 * (level + 1),) if dim.name == "c" else (-(-size // 2**level),)
    return tuple(sizes[dim.name]) if dim.many else (sizes[dim.name],)


def build(
    card: Card, reads: Mapping[str, Any], settings: Mapping[str, Value] | None = None, seed: int = 0
) -> nn.Module:
    """The block's module with settings other than the default, its weights drawn from `seed`."""
    torch.manual_seed(seed)
    module: nn.Module = catalogue.classes()[card.id](**reads, **(settings or {}))
    return module


@functools.cache
def composite(id: str) -> bool:
    """Whether the block is made of modules; it opens up into them unless its card says why not."""
    card = CARDS[id]
    return bool(card.inputs) and any(True for _ in build(card, sample(card, SIZES[0]).reads).children())


def others(setting: Setting) -> Iterator[list[Value]]:
    """Other values of a setting: each list holds candidates, of which one that the block accepts is enough."""
    d = setting.default
    if d is None:  # "auto" against some values by hand
        yield {
            "pair": [(0, 0), (1, 1), (3, 3)], "ints": [(1,), (2, 3)], "floats": [(0.5,), (1.0, 2.0)],
            "int": [8, 16, 1], "float": [0.5, 2.0],
            "strs": [("a", "b")], "str": ["a"], "choice": list(setting.choices), "bool": [True],
        }[setting.type]  # fmt: skip
        return
    match setting.type:
        case "choice":
            yield from ([choice] for choice in setting.choices if choice != d)
        case "bool":
            yield [not d]
        case "str":
            yield [f"{d}x"]
        case "code":
            yield [f"{d} + 1"]
        case "int":
            assert isinstance(d, int)
            yield [2 * d, d + 2, d + 1, d // 2]
        case "float":
            assert isinstance(d, float)
            yield [d / 2, 0.25, d + 1] if d else [0.25, 1.0]
        case "pair" | "ints":
            assert isinstance(d, tuple)
            yield [tuple(int(v) + 1 for v in d), tuple(int(v) + 2 for v in d), d[::-1]] if d else [(1,), (0, 1)]
        case "floats":
            assert isinstance(d, tuple)
            yield [tuple(float(v) + 0.25 for v in d), (0.25,)]
        case "strs":
            assert isinstance(d, tuple)
            yield [tuple(f"{v}x" for v in d)]


def flat(value: Any) -> list[torch.Tensor]:
    """The tensors in an output: one, or a pyramid's several."""
    return [t for v in value for t in flat(v)] if isinstance(value, list | tuple) else [value]


def to(value: Any, device: str) -> Any:
    """The inputs on another device."""
    if isinstance(value, list | tuple):
        return type(value)(to(v, device) for v in value)
    return value if value is None else value.to(device)
