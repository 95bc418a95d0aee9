"""The filters of the first convolutions: those that see the samples themselves."""

from __future__ import annotations

from collections.abc import Collection

from torch import nn

from app.engine.preview import looks
from app.engine.walk import Walk
from app.messages.preview import Inside


def first_filters(walk: Walk, valid: Collection[str], asked: Collection[str], root: nn.Module) -> tuple[Inside, ...]:
    """The filters in the calls `asked`, as far as they are the first convolution behind an Input."""
    if not asked:
        return ()
    readers: dict[str, list[str]] = {}
    for id in valid:
        for end in walk.expanded.sources[id].values():
            readers.setdefault(end.node, []).append(id)
    found: list[Inside] = []
    met: set[str] = set()
    todo = [(id, _channels(walk, id)) for id in valid if walk.steps[id].call.block == "Input"]
    while todo:
        source, channels = todo.pop(0)
        for id in readers.get(source, ()):
            step = walk.steps[id]
            if id in met or step.call.block == "Output" or (step.card is not None and step.card.category == "Loss"):
                continue
            met.add(id)
            module = root.get_submodule(step.call.module)
            layers = [(path, m) for path, m in module.named_modules() if isinstance(m, nn.Conv2d)]
            if not layers:
                todo.append((id, channels))
            elif layers[0][1].weight.shape[1] == channels and id in asked:
                found.append(Inside(id, layers[0][0], looks.filters(layers[0][1].weight)))
    return tuple(found)


def _channels(walk: Walk, id: str) -> int:
    """How many channels the samples of an Input have; 0 where they are no pictures."""
    measured = walk.steps[id].measured
    shape = measured.outputs[0][0].shape if measured is not None else ()
    return shape[1] if len(shape) == 4 else 0
