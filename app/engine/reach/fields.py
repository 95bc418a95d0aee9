"""The receptive field of everything in a drawing, block after block."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from app.design.values import End
from app.engine.arguments import bind, declared
from app.engine.measure import Measurer, Value, build, on_meta, outputs_of
from app.engine.meta import Remembering, tensors_in
from app.engine.reach import windows  # noqa: F401  its rules are kept by importing it
from app.engine.reach.rules import Op, after
from app.engine.reach.tensors import Reach, blind, image, seen
from app.engine.walk import Step, Walk
from app.messages.parts import Field, dimensions
from blocks.card import Card

MEMO_SIZE = 20_000

AXES = {4: {"H": 2, "W": 3}, 5: {"L": 2, "H": 3, "W": 4}}
"""Rank of an Input -> the dimensions along which fields are told."""

Levels = tuple[Reach | None, ...]
"""What a wire's tensors see; None where they do not depend on an Input."""


class Tracking(TorchDispatchMode):
    """Carries beside each tensor what its elements see. Run it without gradients: with them torch replaces views."""

    def __init__(self) -> None:
        super().__init__()
        self.unknown: set[str] = set()
        """Operations without a rule that were met: behind them the whole input is an upper bound."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        tensors = tensors_in((args, kwargs))
        if not any(_reach(t) for t in tensors):
            return result
        outputs = tensors_in(result)
        if not outputs:
            return result
        op = Op(func, _told(args), _told(kwargs), [tuple(t.shape) for t in outputs])
        made, known = after(op)
        if not known:
            self.unknown.add(op.name)
        for tensor, reach in zip(outputs, made, strict=True):
            hand(tensor, reach)
            if func._schema.is_mutable and tensor._base is not None:  # a part is overwritten: of the rest, no more
                hand(tensor._base, blind(tensor._base.shape, reach.axes | _axes(tensor._base)))
        return result


def hand(tensor: torch.Tensor, reach: Reach | None) -> None:
    """Say what a tensor sees."""
    tensor._netloom_reach = reach  # type: ignore[attr-defined]


def carried(tensor: torch.Tensor) -> Reach | None:
    """What a tensor was found to see; None where that is nothing."""
    return _reach(tensor)


def _reach(tensor: torch.Tensor) -> Reach | None:
    reach: Reach | None = getattr(tensor, "_netloom_reach", None)
    return reach if reach is not None and reach.terms else None


def _axes(tensor: torch.Tensor) -> frozenset[str]:
    reach = _reach(tensor)
    return reach.axes if reach else frozenset()


def _told(value: Any) -> Any:
    """The arguments of an operation with what each tensor sees in its place."""
    if isinstance(value, torch.Tensor):
        return _reach(value) or Reach(tuple((n,) for n in value.shape), ())
    if isinstance(value, dict):
        return {name: _told(part) for name, part in value.items()}
    return type(value)(map(_told, value)) if type(value) in (list, tuple) else value


def field(reach: Reach | None) -> Field | None:
    """A tensor's receptive field as it is shown; None for what does not depend on an Input."""
    if reach is None:
        return None
    sizes, steps = [], []
    axes = tuple(sorted(reach.axes, key="TLHW".find))
    for axis in axes:
        size, step = seen(reach, axis)
        sizes.append(None if size is None else -int(-size // 1))
        steps.append(None if step is None else float(step))
    return Field(axes, tuple(sizes), tuple(steps))


def incoming(step: Step, walk: Walk, found: Mapping[End, Levels]) -> tuple[Levels | None, ...]:
    """What arrives at each of the ports that the call uses; None where nothing is wired."""
    sources = walk.expanded.sources[step.call.id]
    return tuple(
        None if (value := step.inputs[port]) is None else found.get(sources[port], (None,) * len(value))
        for port in step.used
    )


def arguments(card: Card, step: Step, given: tuple[Levels | None, ...]) -> list[Any]:
    """What the call's forward takes, on meta, each tensor with what it sees."""
    made = []
    for port, levels in zip(step.used, given, strict=True):
        value = on_meta(step.inputs[port], declared(card, port).kind)
        for tensor, reach in zip(tensors_in(value), levels or (), strict=levels is not None):
            hand(tensor, reach)
        made.append(value)
    return made


def _input(step: Step, walk: Walk, cards: Mapping[str, Card]) -> Reach | None:
    """An Input's own pixels. Of what has 3 sizes, its reader says which one is the sequence."""
    (tensor,) = walk.values[End(step.call.id, "out")]
    rank = len(tensor.shape)
    if rank == 3:
        readers = (
            dimensions(declared(cards[other.call.block], port).pattern, 3)
            for id, other in walk.steps.items()
            for port, end in walk.expanded.sources[id].items()
            if end.node == step.call.id and other.card is not None
        )
        letters = next((letters for letters in readers if "L" in letters), ("B", "L", "D"))
        return image(tensor.shape, {"L": letters.index("L")})
    axes = AXES.get(rank, {"L": 1} if rank == 2 and not tensor.dtype.startswith("float") else {})
    return image(tensor.shape, axes) if axes else None


class Fields:
    """Works out what the outputs of a walk's calls see; equal runs are made once."""

    def __init__(self, measurer: Measurer) -> None:
        self.measurer = measurer
        self.most = MEMO_SIZE
        """How many runs are remembered."""
        self.unknown: set[str] = set()
        """Operations without a rule that were met so far."""
        self._memo: OrderedDict[Any, tuple[Levels, ...]] = OrderedDict()

    def reaches(self, walk: Walk, needed: Collection[str] | None = None) -> dict[End, Levels]:
        """What the outputs of the calls see (of `needed` alone, where given; all that feed one must be in it).

        Several Inputs count as one image, each at its own size in pixels. What failed is left out.
        """
        found: dict[End, Levels] = {}
        for id, step in walk.steps.items():
            ends = walk.given.get(id, [])
            if not ends or (needed is not None and id not in needed):
                continue
            if step.call.block == "Input":
                found[ends[0]] = (_input(step, walk, self.measurer.cards),)
            elif step.call.block != "Target":
                for end, levels in zip(ends, self._step(step, incoming(step, walk, found)), strict=True):
                    found[end] = levels
        return found

    def fields(self, walk: Walk) -> dict[End, tuple[Field | None, ...]]:
        """The receptive field at every output of every call, one a level of a pyramid."""
        return {end: tuple(map(field, levels)) for end, levels in self.reaches(walk).items()}

    def _step(self, step: Step, given: tuple[Levels | None, ...]) -> tuple[Levels, ...]:
        values = tuple(step.inputs[port] for port in step.used)
        assert step.measured is not None
        if not any(reach for levels in given for reach in levels or ()):
            return tuple((None,) * len(levels) for levels in step.measured.outputs)
        key = (step.call.block, step.call.settings, values, step.used, given)
        if key in self._memo:
            self._memo.move_to_end(key)
            return self._memo[key]
        self._memo[key] = made = self._run(step, values, given)
        if len(self._memo) > self.most:
            self._memo.popitem(last=False)
        return made

    def _run(
        self, step: Step, values: tuple[Value | None, ...], given: tuple[Levels | None, ...]
    ) -> tuple[Levels, ...]:
        card, call = self.measurer.cards[step.call.block], step.call
        module = build(self.measurer.classes[call.block], bind(card, call.settings, values, step.used), "meta")
        with torch.no_grad(), torch.device("meta"), Remembering(), Tracking() as tracking:
            outputs = outputs_of(module(*arguments(card, step, given)), card)
        self.unknown |= tracking.unknown
        return tuple(tuple(map(_reach, levels)) for levels in outputs)
