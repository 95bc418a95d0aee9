"""One block that was run and watched, and the lines that explain its outputs and its costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Self

from torch import nn

from app.engine.measure import Measured, Value
from app.engine.reckoning import inside, macs, weights
from app.engine.reckoning.formulas import line
from app.engine.reckoning.names import axis_name
from app.engine.reckoning.rules import Axes, Seen, Shape, explained, rule_of
from app.engine.reckoning.trace import Trace, trace
from app.messages.reckoning import Line, Part
from blocks.card import Card, Kind
from blocks.patterns import parse


class Output(NamedTuple):
    """One tensor that a block gives: its place among them, what it is called, and its port's pattern."""

    at: int
    of: str
    pattern: str
    shape: Shape


class Node(NamedTuple):
    """A block, what was seen of it, and what analysis measured."""

    card: Card
    module: nn.Module
    seen: Trace
    measured: Measured

    @classmethod
    def watched(
        cls, card: Card, module: nn.Module, inputs: Sequence[Value | None], kinds: Sequence[Kind], measured: Measured
    ) -> Self:
        """Run `module`, which lies on meta, on what is wired to it."""
        whole = {id(m) for m in module.modules() if rule_of(m) is not None}
        return cls(card, module, trace(module, inputs, kinds, whole), measured)

    @property
    def composite(self) -> bool:
        return any(True for _ in self.module.children())

    @property
    def outputs(self) -> Iterator[Output]:
        """The tensors that it gives, as analysis measured them."""
        ports = self.card.outputs if len(self.card.outputs) == len(self.measured.outputs) else ()
        at = 0
        for i, levels in enumerate(self.measured.outputs):
            port = ports[i] if ports else self.card.outputs[0]
            name = port.name if ports else f"{port.name} {i + 1}"
            for level, tensor in enumerate(levels, 1):
                label = [name] if len(self.measured.outputs) > 1 else []
                label += [f"level {level}"] if len(levels) > 1 else []
                yield Output(at, ", ".join(label), port.pattern, tensor.shape)
                at += 1

    def unchanged(self, shape: Shape) -> bool:
        """Whether an input has just this shape."""
        return any(tuple(t.shape) == shape for t in self.seen.inputs)


def output_lines(node: Node) -> list[Line]:
    """A line for each size of each output that the block works out; sizes that stay as they came have none, unless a
    formula shows why."""
    seen = Seen(node.seen.given_shapes, [tuple(t.shape) for t in node.seen.made])
    found = explained(node.module, seen)
    lines: list[Line] = []
    for output in node.outputs:
        axes = found[output.at] if found is not None else None
        for axis in range(len(output.shape)):
            about = axis_name(parse(output.pattern), len(output.shape), axis)
            if axes is not None:
                lines += _by_rule(node, axes, output, axis, about)
            elif _changed(node, output.shape, axis):
                lines += _by_parts(node, output, axis, about)
    return list(dict.fromkeys(lines))


def _by_rule(node: Node, axes: Axes, output: Output, axis: int, about: str) -> list[Line]:
    if (formula := axes.get(axis)) is not None:
        return [line(about, formula, output.shape[axis], of=output.of)]
    if axis and _changed(node, output.shape, axis):
        return [line(about, None, output.shape[axis], of=output.of, note="no formula is known for it")]
    return []


def _by_parts(node: Node, output: Output, axis: int, about: str) -> list[Line]:
    if not node.composite:
        return [line(about, None, output.shape[axis], of=output.of, note="no formula is known for it")]
    return inside.way(node.seen, node.seen.made[output.at], axis, about, output.of)


def _changed(node: Node, shape: Shape, axis: int) -> bool:
    """Whether a size of an output is another than that of the input: the first of as many sizes."""
    if node.unchanged(shape) or axis == 0:
        return False
    like = next((t.shape for t in node.seen.inputs if t.dim() == len(shape)), None)
    return like is None or like[axis] != shape[axis]


def costs(node: Node) -> tuple[list[Line], tuple[Part, ...]]:
    """The lines of parameters, MACs and what belongs to them, and the parts that they are the sum of."""
    if node.composite:
        lines, parts = _of_parts(node)
    else:
        lines, parts = _of_layer(node), ()
    return [*lines, *macs.uncounted(node.measured.uncounted)], parts


def _of_layer(node: Node) -> list[Line]:
    lines: list[Line] = []
    if node.measured.parameters:
        lines.append(line("parameters", weights.parameters(node.module), node.measured.parameters))
    if (buffers := weights.buffers(node.module)) is not None:
        lines.append(buffers)
    products = [p for found in node.seen.products.values() for p in found]
    if node.measured.macs:
        formula = macs.summed(products)
        linear = isinstance(node.module, nn.Linear)
        lines.append(line("MACs", macs.of_linear(formula) if linear else formula, node.measured.macs))
    seen = Seen(node.seen.given_shapes, [tuple(t.shape) for t in node.seen.made])
    return lines + weights.neurons(node.module, seen)


def _of_parts(node: Node) -> tuple[list[Line], tuple[Part, ...]]:
    lines: list[Line] = []
    parts = inside.parts(node.module, node.seen)
    for about, counts, measured in (
        ("parameters", [(p.parameters, p.times) for p in parts], node.measured.parameters),
        ("MACs", [(p.macs, p.times) for p in parts], node.measured.macs),
    ):
        if measured:
            lines.append(line(about, inside.summed(counts), measured))
    return lines + inside.full_convolution(node.seen), parts
