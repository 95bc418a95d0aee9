"""The walk over a drawing: every call run once on meta, in order, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from app.design.expand import Call, Expanded, expand
from app.design.ports import Ports, ports
from app.design.values import Design, End, Node
from app.engine.arguments import Refusal, bind
from app.engine.measure import MAX_ELEMENTS, Key, Measured, Measurer, Value
from app.messages.reports import Tensor
from blocks.card import Card, Kind, Port
from blocks.ends import sample_size


class Step(NamedTuple):
    """One call with what it was given and what came of it. `measured` is None where it could not be run."""

    call: Call
    card: Card | None
    inputs: dict[str, Value | None]
    """Input port -> what arrives there; None where nothing is wired or the source failed."""
    ports: tuple[Port, ...]
    """The input ports, a free place of a repeated one included."""
    used: tuple[str, ...]
    """The ports whose values the block's forward takes, in order; one of them may be optional and not wired."""
    measured: Measured | None


class Walk(NamedTuple):
    """All calls of a design, run."""

    expanded: Expanded
    steps: dict[str, Step]
    values: dict[End, Value]
    kinds: dict[End, Kind]
    """What kind of wire each of `values` is."""
    given: dict[str, list[End]]
    """Call id -> its outputs, in order."""
    reached: dict[frozenset[str], set[str]]
    """What `reaching` has found so far."""


class Walker:
    """Walks over designs with one Measurer."""

    def __init__(self, cards: Mapping[str, Card], measurer: Measurer) -> None:
        self.cards, self.measurer = cards, measurer
        self._fixed = _Fixed(cards)
        self._ended: Mapping[str, str] = {}
        self._condemned: dict[str, Key] = {}
        """The run of each ended call that is not made again: with other settings or inputs it may be."""

    def leave_out(self, ended: Mapping[str, str]) -> None:
        """From now on do not run these calls as they stand: call id -> how it ended an engine."""
        self._ended = ended
        self._condemned = {id: key for id, key in self._condemned.items() if id in ended}

    def walk(self, design: Design, *, batch: int = 1, running: Callable[[str], None] | None = None) -> Walk:
        """Run every call on meta. Raises TooLargeError."""
        expanded = expand(design)
        steps: dict[str, Step] = {}
        values: dict[End, Value] = {}
        kinds: dict[End, Kind] = {}
        given: dict[str, list[End]] = {}
        for call in expanded.calls:
            sides = self._fixed.get(call.block) or ports(
                design, design.graph(call.where), _node(design, call), self.cards
            )
            step = self._step(call, sides.inputs, expanded.sources[call.id], values, batch, running)
            steps[call.id] = step
            if step.measured is not None and step.measured.refusal is None:
                outputs = sides.outputs
                if outputs and len(outputs) != len(step.measured.outputs):
                    message = f"it gives {len(step.measured.outputs)} values, but has {len(outputs)} outputs"
                    steps[call.id] = step._replace(measured=Measured(refusal=Refusal("failed", "", message)))
                    continue
                # An Output hands its value on at run time, but has no port for it: the zip ends at once.
                for port, value in zip(outputs, step.measured.outputs, strict=bool(outputs)):
                    end = End(call.id, port.name)
                    values[end] = value
                    given.setdefault(call.id, []).append(end)
                    kinds[end] = _kind(port, call, expanded.sources[call.id], kinds)
        return Walk(expanded, steps, values, kinds, given, {})

    def _step(
        self,
        call: Call,
        spelled: tuple[Port, ...],
        sources: Mapping[str, End],
        values: Mapping[End, Value],
        batch: int,
        running: Callable[[str], None] | None,
    ) -> Step:
        card = self.cards.get(call.block)
        if card is None:
            return Step(call, None, {}, (), (), None)
        if call.block in ("Input", "Target"):
            return Step(call, card, {}, (), (), source(call, card, batch))
        given: dict[str, Value | None] = {}
        for port in spelled:
            end = sources.get(port.name)
            given[port.name] = values.get(end) if end is not None else None
        taken: Sequence[Port] = spelled
        many = None if call.block in self._fixed else next((p for p in card.inputs if p.many == "*"), None)
        if many:  # it shows one free place more than is wired: only what is wired is passed on
            fixed = {p.name for p in card.inputs if not p.many}
            taken = [p for p in spelled if p.name in fixed or p.name in sources]
            if len(taken) - len(fixed) < many.at_least:
                return Step(call, card, given, spelled, tuple(p.name for p in taken), None)
        used = tuple([p.name for p in taken])
        inputs = tuple([given[name] for name in used])
        if None in inputs and any(given[p.name] is None and (p.name in sources or not p.optional) for p in taken):
            return Step(call, card, given, spelled, used, None)
        key = (call.block, call.settings, inputs, used)
        if (why := self._ended.get(call.id)) is not None and self._condemned.setdefault(call.id, key) == key:
            self.measurer.condemn(key, why)
        measured = self.measurer.known(key)
        if measured is None:
            if running:
                running(call.id)
            measured = self.measurer.measure(*key)
        return Step(call, card, given, spelled, used, measured)


class _Fixed(dict[str, Ports]):
    """The ports of the blocks that have the same ones whatever is set and wired. Blocks of the user's own come and go:
    what a card says is looked at again when the card is another one."""

    def __init__(self, cards: Mapping[str, Card]) -> None:
        super().__init__()
        self._cards = cards
        self._seen: dict[str, Card] = {}

    def get(self, block: str, default: Ports | None = None) -> Ports | None:  # type: ignore[override]
        card = self._cards.get(block)
        if card is not self._seen.get(block):
            self.pop(block, None)
            if card is None:
                self._seen.pop(block, None)
            else:
                self._seen[block] = card
                if block != "GroupInput" and not any(p.many for p in (*card.inputs, *card.outputs)):
                    self[block] = Ports(card.inputs, card.outputs)
        return super().get(block, default)


def _kind(port: Port, call: Call, sources: Mapping[str, End], kinds: Mapping[End, Kind]) -> Kind:
    """The kind of an output; a block that takes anything and gives it on gives what it got."""
    if port.kind != "any":
        return port.kind
    return next((kinds[end] for end in sources.values() if end in kinds), "tensor")


def _node(design: Design, call: Call) -> Node:
    """The drawn node, with the settings that it has in this call."""
    node = design.graph(call.where).by_id[call.node]
    return node if node.settings is call.settings else replace(node, settings=call.settings)


def source(call: Call, card: Card, batch: int) -> Measured:
    """What an Input or Target gives: its size behind the batch."""
    try:
        values = bind(card, call.settings, (), ())
    except Refusal as refusal:
        return Measured(refusal=refusal.with_traceback(None))
    size = sample_size(values["size"], values.get("resolution", 1.0))
    shape = (batch, *size)
    if any(n < 1 for n in shape):
        message = f"size is {size}, but each size needs to be at least 1"
        return Measured(refusal=Refusal("setting", "", message))
    if math.prod(shape) > MAX_ELEMENTS:
        message = f"its size has {math.prod(shape):.3g} elements, but no machine holds that: choose a smaller one"
        return Measured(refusal=Refusal("too-large", "", message))
    stride = 1.0 if len(shape) == 4 and call.block == "Input" else None
    tensor = Tensor(shape, values["dtype"], stride)
    size = math.prod(shape) * getattr(torch, tensor.dtype).itemsize
    return Measured(outputs=((tensor,),), activations=size, ports=size)


def arguments_of(step: Step) -> dict[str, Any]:
    """What the constructor of a call that was run is given: its settings, and the sizes read off its wires."""
    assert step.card is not None
    wired = [(name, value) for name, value in step.inputs.items() if value is not None]
    return bind(step.card, step.call.settings, tuple(v for _, v in wired), tuple(n for n, _ in wired))


def reaching(walk: Walk, goals: set[str], through: Callable[[Step], bool] | None = None) -> set[str]:
    """The ids of the calls that feed any of `goals`, themselves included; beyond a call that `through` does not let
    pass nothing is looked for."""
    key = frozenset(goals)
    if through is None and key in walk.reached:
        return walk.reached[key]
    needed, todo = set(goals), list(goals)
    sources = walk.expanded.sources
    while todo:
        for end in sources[todo.pop()].values():
            if (id := end.node) not in needed:
                needed.add(id)
                if through is None or through(walk.steps[id]):
                    todo.append(id)
    if through is None:
        walk.reached[key] = needed
    return needed
