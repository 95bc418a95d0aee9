"""Inputs for any block, made from its card alone, and other values for its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
import torch
from torch import nn

from blocks import catalogue
from blocks.card import Card, Port, Setting, Value
from blocks.patterns import Binder, Dim, parse

CARDS = catalogue.load()

SIZES: tuple[dict[str, Any], ...] = (
    {"B": 2, "C": 32, "H": 16, "W": 12, "D": 12, "L": 10, "K": 7, "S": (6, 4)},
    {"B": 2, "C": 32, "H": 21, "W": 33, "D": 12, "L": 13, "K": 7, "S": (5, 9)},
)
"""Two sets of sizes; the second has odd ones. Channels are equal, so that one module takes both."""

LEVELS = 3


class Sample(NamedTuple):
    """Arguments of a block's forward, and what its constructor reads off them."""

    inputs: tuple[Any, ...]
    reads: dict[str, Any]


def sample(card: Card, sizes: Mapping[str, Any], *, optional: bool = False, seed: int = 0) -> Sample:
    """Random inputs that fit the block's patterns. With `optional`, optional ports are wired too."""
    generator = torch.Generator().manual_seed(seed)
    binder = Binder({s.name: s.default for s in card.settings})
    inputs: list[Any] = []
    for port in card.inputs:
        if port.optional and not optional:
            inputs.append(None)
            continue
        count = LEVELS if port.kind == "pyramid" or port.many else 1
        tensors = [_tensor(port, sizes, i, generator) for i in range(count)]
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
    return Sample(tuple(inputs), {name: binder.bound[name] for name in card.reads})


def _tensor(port: Port, sizes: Mapping[str, Any], level: int, generator: torch.Generator) -> torch.Tensor:
    pattern = parse(port.pattern)
    if pattern.kind == "any":
        return torch.randn(sizes["B"], 4, generator=generator)
    shape = tuple(n for dim in pattern.dims for n in _dim(dim, sizes, level))
    if pattern.dtype == "int":
        return torch.randint(0, sizes["K"], shape, generator=generator)
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


def others(setting: Setting) -> Iterator[list[Value]]:
    """Other values of a setting: each list holds candidates, of which one that the block accepts is enough."""
    d = setting.default
    match setting.type:
        case "choice":
            yield from ([choice] for choice in setting.choices if choice != d)
        case "bool":
            yield [not d]
        case "str":
            yield [f"{d}x"]
        case "int":
            assert isinstance(d, int)
            yield [2 * d, d + 2, d + 1]
        case "float":
            assert isinstance(d, float)
            yield [d / 2, 0.25, d + 1] if d else [0.25, 1.0]
        case "pair" | "ints":
            assert isinstance(d, tuple)
            yield [tuple(int(v) + 1 for v in d), tuple(int(v) + 2 for v in d)]
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
