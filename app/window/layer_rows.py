"""Rows and columns of the layer table: what a cell says, what it sorts by, and what its tip adds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.design.ports import Catalogue
from app.messages.parts import Field, Part, PartValue, dimensions
from app.messages.reports import NodeReport, PortShape, Tensor
from app.window import figures
from app.window.timings import Timing
from blocks.card import Card


@dataclass(eq=False)
class Row:
    """One call of a block, or a part inside one. `inside` is None until the parts were asked for."""

    name: str
    block: str
    title: str
    category: str
    icon: str
    inputs: tuple[PartValue, ...]
    outputs: tuple[PartValue, ...]
    counts: NodeReport | Part
    report: NodeReport | None = None
    opens: bool = False
    parent: Row | None = None
    place: int = 0
    inside: list[Row] | None = None
    asked: bool = False
    fields: tuple[Field | None, ...] = field(default=())
    connections: int | None = None
    """None while they are not known, and for what has none."""
    timing: Timing | None = None
    """What was measured of it; nothing of a part inside a block."""

    def become(self, other: Row) -> None:
        """Show another analysis of the same call: the row itself stays, because Qt knows it by its address."""
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(other, name))

    @property
    def ok(self) -> bool:
        return self.counts.ok

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else 1 + self.parent.depth


def of_report(report: NodeReport, place: int, catalogue: Catalogue) -> Row:
    """The row of one call."""
    card = catalogue.get(report.block)
    return Row(
        report.name.replace("/", " / "), report.block, card.title if card else report.block,
        card.category if card else "Connector", (card.icon if card else "") or "box",
        _values(report.inputs, card, False), _values(report.outputs, card, True), report, report, report.opens,
        place=place,
    )  # fmt: skip


def _values(ports: tuple[PortShape, ...], card: Card | None, output: bool) -> tuple[PartValue, ...]:
    patterns = {p.name: p.pattern for p in (card.outputs if output else card.inputs)} if card else {}
    many = next((p.pattern for p in (card.outputs if output else card.inputs) if p.many), "") if card else ""
    return tuple(
        PartValue(
            port.tensors,
            tuple(dimensions(patterns.get(port.port, many), len(t.shape), port.kind) for t in port.tensors), port.port,
        )
        for port in ports
    )  # fmt: skip


def of_parts(parts: tuple[Part, ...], above: Row, catalogue: Catalogue) -> list[Row]:
    """The rows inside `above`; the first of `parts` is `above` itself."""
    trail = [above]
    above.inside = []
    for part in parts[1:]:
        del trail[part.depth :]
        parent = trail[-1]
        card = catalogue.get(part.block)
        row = Row(
            part.name or part.block, part.block, part.title or part.block, card.category if card else "Connector",
            (card.icon if card else "") or "box", part.inputs, part.outputs, part, parent=parent,
            fields=part.outputs[0].fields if part.outputs else (),
        )  # fmt: skip
        row.inside = []
        siblings = parent.inside if parent.inside is not None else []
        row.place = len(siblings)
        siblings.append(row)
        parent.inside = siblings
        trail.append(row)
    return above.inside


# what cells say -------------------------------------------------------------------------------------------------------


class Order(NamedTuple):
    """How shapes are written: channels first, as torch has them, or last."""

    last: bool = False

    def shape(self, tensor: Tensor, dims: tuple[str, ...]) -> str:
        sizes = ["B", *map(str, tensor.shape[1:])]
        if self.last and "C" in dims[1:2] and len(dims) > 2:
            sizes.append(sizes.pop(1))
        return " × ".join(sizes) if tensor.shape else "one number"

    def brief(self, values: tuple[PartValue, ...]) -> str:
        texts = []
        for value in values:
            if len(value.tensors) == 1:
                texts.append(self.shape(value.tensors[0], value.dims[0]))
            else:
                texts.append(figures.brief(value.tensors))
        return ", ".join(texts)

    def whole(self, values: tuple[PartValue, ...]) -> str:
        """A line for each tensor, each size with its letter."""
        lines = []
        for value in values:
            for tensor, dims in zip(value.tensors, value.dims, strict=True):
                named = "  ".join(f"{letter}={size}" for letter, size in zip(dims, tensor.shape, strict=True))
                lines.append(f"{value.port}  {named}".strip())
        return "\n".join(lines)


def seen(row: Row) -> str:
    """The receptive field of the first output: `427 × 427`, `whole`; empty where it is not known."""
    known = [f for f in row.fields if f is not None and f.sizes]
    if not known:
        return ""
    sizes = known[-1].sizes
    return "whole" if None in sizes else " × ".join(map(str, sizes))


def stride(row: Row) -> str:
    """The pixels of the network's input from one place of the output to the next; of a pyramid's levels each."""
    strides = [t.stride for value in row.outputs for t in value.tensors if t.stride]
    if not strides and row.fields and row.fields[-1] is not None:
        strides = [s for s in row.fields[-1].steps[-1:] if s is not None]
    return " ".join(f"{s:g}" for s in strides)


class Column(NamedTuple):
    """One column. `value` is what it sorts by; `share` names the total that a bar measures against."""

    heading: str
    help: str
    text: Callable[[Row, Order], str]
    value: Callable[[Row], Any]
    right: bool = True
    least: int = 90
    shown: bool = True
    share: str = ""


def elements(row: Row) -> int:
    """How many numbers it gives for one sample."""
    return sum(math.prod(tensor.shape[1:]) for value in row.outputs for tensor in value.tensors)


def _seen_value(row: Row) -> float:
    text = seen(row)
    return float("inf") if text == "whole" else float(text.split(" ")[0]) if text else -1.0


def _time(row: Row) -> float:
    return row.timing.figure.time if row.timing is not None and not row.timing.old else -1.0


def _memory(row: Row) -> int:
    return row.timing.figure.memory if row.timing is not None and not row.timing.old else -1


def _memory_text(row: Row) -> str:
    return figures.size(_memory(row)) if _memory(row) >= 0 else NOT_KNOWN


NOT_KNOWN = "–"
COLUMNS = (
    Column("Layer", "The name on the canvas, or of the module inside", lambda r, o: r.name, lambda r: r.name.lower(),
           right=False, least=150),
    Column("Block", "What it is", lambda r, o: r.title, lambda r: r.title.lower(), right=False),
    Column("Input", "Shapes that come in", lambda r, o: o.brief(r.inputs), lambda r: 0, least=110, shown=False),
    Column("Output", "Shapes that go out", lambda r, o: o.brief(r.outputs), elements, least=110),
    Column("Time", "Measured on this machine, forward and backward; measure first",
           lambda r, o: r.timing.brief if r.timing is not None else NOT_KNOWN, _time, least=76, shown=False),
    Column("", "Share of the measured time of all layers", lambda r, o: "", _time, least=52, share="time", shown=False),
    Column("Measured memory", "What its outputs, and in training what it keeps for the backward pass, really took",
           lambda r, o: _memory_text(r), _memory, least=88, shown=False),
    Column("Parameters", "Learned numbers; weights that are shared count once",
           lambda r, o: f"{r.counts.parameters:,}", lambda r: r.counts.parameters),
    Column("", "Share of the parameters of the whole design", lambda r, o: "", lambda r: r.counts.parameters,
           least=52, share="parameters"),
    Column("Trainable", "Parameters that are not frozen", lambda r, o: f"{r.counts.trainable:,}",
           lambda r: r.counts.trainable, shown=False),
    Column("Buffers", "Numbers that are kept but not learned, such as a batch norm's statistics",
           lambda r, o: f"{r.counts.buffers:,}", lambda r: r.counts.buffers, least=70, shown=False),
    Column("MACs", "Multiply-adds for one sample", lambda r, o: figures.count(r.counts.macs), lambda r: r.counts.macs),
    Column("", "Share of the MACs of the whole design", lambda r, o: "", lambda r: r.counts.macs, least=52,
           share="macs"),
    Column("Activations", "Memory that training keeps of it, for one sample",
           lambda r, o: figures.size(r.counts.activations), lambda r: r.counts.activations, least=88),
    Column("Sees", "Receptive field: so many pixels of the input reach one place of the output",
           lambda r, o: seen(r), _seen_value, least=88),
    Column("Stride", "Pixels of the input from one place of the output to the next", lambda r, o: stride(r),
           lambda r: float(stride(r).split(" ")[-1] or -1), least=60),
    Column("Connections", "Of fully connected and convolutional layers, for one sample: each weight once for each "
           "neuron that it leads to, biases included", lambda r, o: "" if r.connections is None else
           f"{r.connections:,}", lambda r: r.connections or -1, least=96, shown=False),
)  # fmt: skip
NAME, BLOCK, INPUT, OUTPUT = range(4)
SEES = next(i for i, column in enumerate(COLUMNS) if column.heading == "Sees")
TIME = next(i for i, column in enumerate(COLUMNS) if column.heading == "Time")
MEASURED = range(TIME, TIME + 3)


def tip(row: Row, column: int, order: Order) -> str:
    """What the tip of a cell adds."""
    counts = row.counts
    if column == INPUT:
        return order.whole(row.inputs)
    if column == OUTPUT:
        return order.whole(row.outputs)
    if COLUMNS[column].heading == "Parameters":
        frozen = counts.parameters - counts.trainable
        return f"{counts.parameters:,} parameters" + (f", {frozen:,} of them frozen" if frozen else "")
    if COLUMNS[column].heading == "MACs":
        return f"{counts.macs:,} MACs"
    if column in MEASURED and row.timing is not None:
        return row.timing.words
    if isinstance(counts, Part) and counts.shared:
        return f"{row.name}: its weights were counted in an earlier row"
    return row.name
