"""What composite blocks are made of: their parts, the way that a size takes through them, and the full convolutions
that separable ones stand for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import nn

from app.engine.reckoning.formulas import Formula, line, put, worked_out
from app.engine.reckoning.rules import Axes, Seen, explained
from app.engine.reckoning.trace import Called, Computed, Trace
from app.messages.reckoning import Line, Part


def parts(module: nn.Module, seen: Trace) -> tuple[Part, ...]:
    """The modules inside that hold parameters or multiply, in order; equal ones are told once, with their number.

    A weight that two modules share counts with the first, and what the block holds or multiplies itself is a part
    named "".
    """
    known: set[int] = set()
    found: dict[tuple[str, int, int], Part] = {}
    for path, inner in module.named_modules():
        own = [p for p in inner.parameters(recurse=False) if id(p) not in known]
        known.update(map(id, own))
        count, macs = sum(p.numel() for p in own), sum(p.macs for p in seen.products.get(path, ()))
        if count or macs:
            key = type(inner).__name__, count, macs
            before = found.get(key)
            found[key] = Part(path, key[0], before.times + 1 if before else 1, count, macs)
            if before:
                found[key] = Part(before.name, key[0], before.times + 1, count, macs)
    return tuple(found.values())


MOST_TERMS = 12
"""How many parts are written one by one in a sum; of more, those of equal number are put together."""


def summed(counts: Iterable[tuple[int, int]]) -> Formula:
    """The sum of (count, times): `3*147456 + 64`."""
    terms = [(count, times) for count, times in counts if count]
    if len(terms) > MOST_TERMS:
        merged: Counter[int] = Counter()
        for count, times in terms:
            merged[count] += times
        terms = list(merged.items())
    text = " + ".join(str(n) if times == 1 else f"{times}*{n}" for n, times in terms)
    return Formula("the sum over its parts", text or "0")


# the way of a size ----------------------------------------------------------------------------------------------------


class _Place(NamedTuple):
    """A tensor and one of its axes."""

    tensor: torch.Tensor
    axis: int

    @property
    def size(self) -> int:
        return self.tensor.shape[self.axis]


MOST_STEPS = 10_000


def way(seen: Trace, tensor: torch.Tensor, axis: int, about: str, of: str) -> list[Line]:
    """How a size of an output comes about: a line for each part that changes it, from the input on. The last one gives
    the size itself."""
    lines: list[Line] = []
    inputs = {id(t) for t in seen.inputs}
    place: _Place | None = _Place(tensor, axis)
    for _ in range(MOST_STEPS):
        assert place is not None
        if id(place.tensor) in inputs:
            if not lines:
                lines.append(_taken_over(seen, place, about, of))
            break
        source = seen.source.get(id(place.tensor))
        if source is None:  # made by the block itself out of nothing that was seen
            lines.append(line(about, Formula("set by the block", str(place.size)), place.size, of=of))
            break
        if isinstance(source, Called):
            part, (step, place_before) = source.path, _call(source, place)
        else:
            part, (step, place_before) = source.name, _function(source, place)
        if step is not None:
            lines.append(line(about, step, place.size, of=of, part=part))
        if place_before is None:
            break
        place = place_before
    return lines[::-1]


def _taken_over(seen: Trace, place: _Place, about: str, of: str) -> Line:
    at = next(i for i, t in enumerate(seen.inputs, 1) if t is place.tensor)
    name = about.replace(" ", "_")
    return line(about, Formula(f"{name}_of_input_{at}", str(place.size)), place.size, of=of)


def _call(source: Called, place: _Place) -> tuple[Formula | None, _Place | None]:
    """The step that a module makes, and where the size comes from."""
    at = next(i for i, t in enumerate(source.made) if t is place.tensor)
    before = _same_axis(source.given, place)
    found = explained(source.module, Seen(source.given_shapes, [tuple(t.shape) for t in source.made]))
    axes: Axes = found[at] if found else {}
    if before is not None and before.size == place.size:
        return None, before
    formula = axes.get(place.axis)
    if formula is None:
        moved = _anywhere(source.given, place)
        return (None, moved) if moved else (Formula("as it gives it", str(place.size)), None)
    if before is not None and _uses(formula, before.size):
        return formula, before
    if not formula.symbols.startswith(_SETTINGS) and formula.numbers == str(place.size):  # one that came in, as it is
        moved = _anywhere(source.given, place)
        return (None, moved) if moved else (formula, None)
    return formula, None


_SETTINGS = ("out_", "hidden", "size", "output")
"""How the names of sizes begin that a setting gives."""


def _function(source: Computed, place: _Place) -> tuple[Formula | None, _Place | None]:
    """The same of a function between modules: torch.cat adds sizes, flatten multiplies them, others hand them on."""
    before = _same_axis(source.given, place)
    if before is not None and before.size == place.size:
        return None, before
    if source.name in ("cat", "concat", "concatenate"):
        terms = [t.shape[place.axis] for t in source.given]
        if sum(terms) == place.size:
            names = {f"n_{i}": n for i, n in enumerate(terms, 1)}
            return put(" + ".join(names), **names), None
    if source.name == "flatten" and source.given:
        x = source.given[0].shape
        for stop in range(place.axis + 2, len(x) + 1):
            sizes = {f"n_{i}": n for i, n in enumerate(x[place.axis : stop], 1)}
            formula = put("*".join(sizes), **sizes)
            if worked_out(formula.numbers) == place.size:
                return formula, None
    moved = _anywhere(source.given, place)
    return (None, moved) if moved else (Formula(f"as {source.name} gives it", str(place.size)), None)


def _same_axis(given: list[torch.Tensor], place: _Place) -> _Place | None:
    """The axis of the tensor that came in which `place` goes on with: of equal size, if there is such."""
    like = [_Place(t, place.axis) for t in given if t.dim() == place.tensor.dim()]
    return next((p for p in like if p.size == place.size), like[0] if like else None)


def _anywhere(given: list[torch.Tensor], place: _Place) -> _Place | None:
    """Any axis but the batch that is as large."""
    axes = (_Place(t, i) for t in given for i in range(1, t.dim()))
    return next((p for p in axes if p.size == place.size), None)


def _uses(formula: Formula, size: int) -> bool:
    return formula.symbols != formula.numbers and str(size) in re.findall(r"\d+", formula.numbers)


# full convolutions ----------------------------------------------------------------------------------------------------


class _Pair(NamedTuple):
    """A depthwise convolution and the pointwise one that mixes its channels."""

    weights: Formula
    macs: Formula
    own_weights: int
    own_macs: int


def full_convolution(seen: Trace) -> list[Line]:
    """What depthwise convolutions with the pointwise ones after them stand for: a full convolution of the same window
    from the channels that the first takes to those that the second gives, at the same places (Howard et al. 2017,
    arXiv:1704.04861, section 3.1). Biases are left out on both sides."""
    pairs = list(_pairs(seen.calls))
    if not pairs:
        return []
    weights, macs = _all(p.weights for p in pairs), _all(p.macs for p in pairs)
    own_weights, own_macs = sum(p.own_weights for p in pairs), sum(p.own_macs for p in pairs)
    return [
        _compared("weights of the full convolution", weights, own_weights, "weights"),
        _compared("MACs of the full convolution", macs, own_macs, "MACs"),
    ]


def _all(formulas: Iterable[Formula]) -> Formula:
    counts = Counter(formulas)
    numbers = " + ".join(f.numbers if n == 1 else f"{n}*{f.numbers}" for f, n in counts.items())
    symbols = next(iter(counts)).symbols
    if len(counts) > 1:
        return Formula("the sum over its depthwise and pointwise convolutions", numbers)
    (times,) = counts.values()
    return Formula(symbols if times == 1 else f"{times}*{symbols}", numbers)


def _compared(about: str, formula: Formula, own: int, what: str) -> Line:
    times = worked_out(formula.numbers) / own
    both = f"depthwise and pointwise together have {own:,} {what}"
    return line(about, formula, None, note=f"{both}: {times:.2f} times fewer")


def _pairs(calls: list[Called]) -> Iterable[_Pair]:
    waiting: dict[tuple[int, ...], Called] = {}
    for call in calls:
        m: Any = call.module
        if not isinstance(m, nn.Conv2d) or not call.made:
            continue
        if m.groups == m.in_channels > 1 and max(_numbers(m.kernel_size)) > 1:
            waiting[tuple(call.made[0].shape)] = call
        elif m.groups == 1 and _numbers(m.kernel_size) == (1, 1) and _numbers(m.stride) == (1, 1):
            first = waiting.pop(tuple(call.given[0].shape), None)
            if first is not None:
                yield _pair(first, call)


def _numbers(value: Any) -> tuple[int, ...]:
    return tuple(value)


def _pair(first: Called, second: Called) -> _Pair:
    depthwise: Any = first.module
    pointwise: Any = second.module
    batch, _, height, width = first.made[0].shape
    values = {"kernel_height": depthwise.kernel_size[0], "kernel_width": depthwise.kernel_size[1]}
    values |= {"in_channels": depthwise.in_channels, "out_channels": pointwise.out_channels, "H": height, "W": width}
    weights = "kernel_height*kernel_width*in_channels*out_channels"
    places = "H*W" if batch == 1 else "B*H*W"
    own = depthwise.weight.numel() + pointwise.weight.numel()
    return _Pair(
        put(weights, **values), put(f"{places}*{weights}", **values, B=batch), own, batch * height * width * own
    )
