"""What a network is tried on: real samples or random numbers, at the drawing's size of image and at others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch.nn import functional as F

from app.engine.compile import InputSpec
from app.engine.meta import tensors_in
from app.engine.to_onnx.ranges import Rule
from app.engine.to_onnx.trace import example


def inputs_for(
    specs: Sequence[InputSpec],
    batch: int,
    samples: Sequence[torch.Tensor] | None = None,
    sizes: Sequence[tuple[int, ...]] | None = None,
) -> list[torch.Tensor]:
    """A batch of `samples`, which are repeated where there are too few, or of random numbers. `sizes` are the inputs'
    shapes without the batch, where they are not those of the drawing."""
    shapes = [spec.shape for spec in specs] if sizes is None else sizes
    if samples is None:
        return [example(spec._replace(shape=shape), batch) for spec, shape in zip(specs, shapes, strict=True)]
    rows = [values[torch.arange(batch) % len(values)].contiguous() for values in samples]
    return [
        row if row.shape[1:] == shape else F.interpolate(row, shape[1:])
        for row, shape in zip(rows, shapes, strict=True)
    ]


def other_sizes(
    module: Callable[..., Any], specs: Sequence[InputSpec], images: Sequence[bool], rules: Sequence[Sequence[Rule]]
) -> list[tuple[int, ...]] | None:
    """Shapes (without the batch) with another height and width for each of the inputs that are `images`: the first that
    the network itself takes; None where it takes none. Height and width are changed by different amounts, so that a
    file which confuses them does not pass; where the network wants squares, by one. `rules` are those of each input's
    height and width, where they are open."""
    for change in _changes():
        shapes = [
            (spec.shape[0], *map(change, spec.shape[1:], (0, 1), own)) if image else spec.shape
            for spec, image, own in zip(specs, images, rules, strict=True)
        ]
        allowed = all(
            rule.takes(side) for shape, own in zip(shapes, rules, strict=True)
            for side, rule in zip(shape[1:], own, strict=False)
        )  # fmt: skip
        if allowed and all(side > 0 for shape in shapes for side in shape) and _takes(module, specs, shapes):
            return shapes
    return None


def _changes() -> Iterator[Callable[[int, int, Rule], int]]:
    def by(step: int, more: int, side: int, rule: Rule) -> int:
        """Large images become smaller, which is quicker."""
        unit = 32 if side >= 96 else 8 if side >= 16 else 2
        unit = -(-unit // rule.step) * rule.step
        change = step * unit + more
        return side - change if side >= 192 else side + change

    # an uneven size first: what is halved is rounded up in one place and down in the other
    for steps, more in (((2, 1), 1), ((2, 1), 0), ((1, 2), 0), ((2, 2), 0), ((4, 2), 0), ((4, 4), 0)):
        yield lambda side, axis, rule, steps=steps, more=more: by(steps[axis], more, side, rule)  # type: ignore[misc]
    yield lambda side, axis, rule: side // 2
    yield lambda side, axis, rule: side * 2


def _takes(module: Callable[..., Any], specs: Sequence[InputSpec], shapes: Sequence[tuple[int, ...]]) -> bool:
    given = [example(spec._replace(shape=shape), 1) for spec, shape in zip(specs, shapes, strict=True)]
    try:
        with torch.no_grad():
            return all(value.numel() for value in tensors_in(module(*given)))
    except Exception:  # what a block raises at a size that it does not take is its own
        return False
