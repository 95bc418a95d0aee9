"""What a node is made of, as a tree: Groups, blocks, torch's modules, and functions that multiply and add.

Each block is run once on meta as analysis runs it (`app.engine.inside`), so that the rows add up to what analysis says
of the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from app.design.expand import GroupCall
from app.design.values import Design, End
from app.engine.analysis import Analyser
from app.engine.arguments import bind, declared
from app.engine.inside import COUNTS, Recorder, described
from app.engine.measure import build
from app.engine.reach import Fields, Levels, arguments, field, incoming
from app.engine.walk import Step, Walk, reaching
from app.messages.parts import Field, Part, PartValue
from blocks.card import Card, Port


class PartsError(ValueError):
    """A node that cannot be taken apart, and why."""


def parts(
    analyser: Analyser, design: Design, where: str, node: str, *, batch: int = 1, reach: Fields | None = None
) -> tuple[Part, ...]:
    """The tree of the node `node` of the graph `where` ("" for the top), the node's own row first.

    Of several uses of one Group the first is told. With `reach` the receptive fields stand beside the shapes.
    Raises PartsError when there is no such node, TooLargeError as analysis does.
    """
    if (where and where not in design.group_by_name) or node not in design.graph(where).by_id:
        raise PartsError(f"there is no node `{node}` here: it may have been deleted")
    walk = analyser.walk(design, batch=batch)
    group = next((g for g in walk.expanded.groups if (g.where, g.node) == (where, node)), None)
    call = next((c for c in walk.expanded.calls if (c.where, c.node) == (where, node)), None)
    if group is None and call is None:
        raise PartsError(f"`{design.graph(where).by_id[node].name}` is not run, so that there is nothing to take apart")
    members = group.members if group else (call.id,)  # type: ignore[union-attr]
    seen = reach.reaches(walk, reaching(walk, set(members))) if reach else None
    work = _Work(analyser, walk, seen)
    return tuple(work.group(group, 0) if group else work.call(members[0], 0))


class _Work:
    """Rows of the calls of one walk."""

    def __init__(self, analyser: Analyser, walk: Walk, seen: dict[End, Levels] | None) -> None:
        self.measurer, self.walk, self.seen = analyser.measurer, walk, seen
        self.groups = {group.id: group for group in walk.expanded.groups}
        self.repeats = _repeats(walk)
        self._memo: dict[Any, list[Part]] = {}

    def group(self, group: GroupCall, depth: int) -> list[Part]:
        """A Group's row and those of all that is inside."""
        inside: list[Part] = []
        done: set[str] = set()
        for id in group.members:
            home = self._home(id, group)
            if home is None:
                inside += self.call(id, depth + 1)
            elif home.id not in done:
                done.add(home.id)
                inside += self.group(home, depth + 1)
        children = [part for part in inside if part.depth == depth + 1]
        totals = {name: sum(getattr(part, name) for part in children) for name in COUNTS}
        row = Part(depth, group.id if depth else "", group.name, "group", group.group)
        row = replace(row, inputs=self._ends(group.inputs), outputs=self._ends(group.outputs), **totals)
        return [replace(row, ok=all(part.ok for part in children)), *inside]

    def _home(self, id: str, group: GroupCall) -> GroupCall | None:
        """The Group directly inside `group` that the call stands in; None for a call of its own."""
        words = id.split("/")
        begins = ("/".join(words[:n]) for n in range(group.id.count("/") + 2, len(words)))
        return next((self.groups[begin] for begin in begins if begin in self.groups), None)

    def _ends(self, ends: Mapping[str, End | None]) -> tuple[PartValue, ...]:
        return tuple(
            described(self.walk.values[end], Port(port, "", self.walk.kinds[end]), self._fields(end))
            for port, end in ends.items()
            if end is not None and end in self.walk.values
        )

    def _fields(self, end: End) -> tuple[Field | None, ...]:
        return () if self.seen is None else tuple(map(field, self.seen.get(end, ())))

    def call(self, id: str, depth: int) -> list[Part]:
        """The row of one call of a block and those of the modules inside it."""
        step = self.walk.steps[id]
        call, card, measured = step.call, step.card, step.measured
        first = Part(depth, id if depth else "", call.name, "block", call.block, title=card.title if card else "")
        if card is None or measured is None or measured.refusal is not None:
            return [replace(first, ok=False)]
        sources = self.walk.expanded.sources[id]
        first = replace(
            first,
            inputs=tuple(
                described(value, replace(declared(card, port), name=port), self._fields(sources[port]))
                for port in step.used
                if (value := step.inputs[port]) is not None
            ),
            outputs=tuple(
                described(self.walk.values[end], _output(card, i), self._fields(end))
                for i, end in enumerate(self.walk.given.get(id, ()))
            ),
        )
        if call.block in ("Input", "Target"):  # what a network is given is made by nobody
            return [replace(first, activations=measured.activations, own_activations=measured.activations)]
        given = incoming(step, self.walk, self.seen) if self.seen is not None else None
        key = (call.block, call.settings, tuple(step.inputs[port] for port in step.used), step.used, given)
        if key not in self._memo:
            self._memo[key] = self._record(step, card, given)
        top, *inside = [_owned(part, depth, id in self.repeats, call.frozen) for part in self._memo[key]]
        named = {name: getattr(first, name) for name in ("path", "name", "block", "title", "inputs", "outputs")}
        prefix = f"{id}." if depth else ""
        return [replace(top, kind="block", **named), *(replace(part, path=prefix + part.path) for part in inside)]

    def _record(self, step: Step, card: Card, given: tuple[Levels | None, ...] | None) -> list[Part]:
        values = tuple(step.inputs[port] for port in step.used)

        def run(seeing: tuple[Levels | None, ...] | None) -> list[Part]:
            settings = bind(card, step.call.settings, values, step.used)
            module = build(self.measurer.classes[card.id], settings, "meta")
            blind = tuple(None for _ in step.used)
            inputs = arguments(card, step, seeing or blind)
            return Recorder(module, self.measurer.cards, self.measurer.classes).run(inputs, card, seeing is not None)

        rows = run(None)
        if given is None or not any(reach for levels in given for reach in levels or ()):
            return rows
        # A run with gradients says what is kept, one without what is seen: with them torch replaces views.
        again = run(given)
        told = dict(zip(_keys(again), again, strict=True))
        return [
            replace(part, inputs=told[key].inputs, outputs=told[key].outputs) if key in told else part
            for key, part in zip(_keys(rows), rows, strict=True)
        ]


def _repeats(walk: Walk) -> set[str]:
    """The calls whose weights belong to an earlier call."""
    owned: set[str] = set()
    found = set()
    for id, step in walk.steps.items():
        if step.call.module in owned:
            found.add(id)
        owned.add(step.call.module)
    return found


def _owned(part: Part, depth: int, shared: bool, frozen: bool) -> Part:
    """A remembered row at its place: without weights that another node owns, and none trained that are frozen."""
    part = replace(part, depth=part.depth + depth)
    if frozen or shared:
        part = replace(part, trainable=0, own_trainable=0)
    if shared and (part.parameters or part.buffers):
        part = replace(part, parameters=0, buffers=0, own_parameters=0, own_buffers=0, shared=True)
    return part


def _keys(rows: list[Part]) -> list[tuple[str, str, int]]:
    """A name for each row that it has in another run, too: its path, what it is, and how often that came before."""
    counts: dict[tuple[str, str], int] = {}
    made = []
    for part in rows:
        key = (part.path, part.block)
        counts[key] = counts.get(key, 0) + 1
        made.append((*key, counts[key]))
    return made


def _output(card: Card, index: int) -> Port:
    """The card's output that the `index`-th output of a call is; the last one may stand for many."""
    return card.outputs[min(index, len(card.outputs) - 1)]
