"""One run of one module on meta, written down: a row for each call of a module inside it.

The rows add up to what analysis measures: parameters, buffers and MACs exactly, and activations too, for each tensor
that training keeps is booked to the row that made it (what a row is given is its maker's).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

import torch
from msgspec.structs import replace
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from app.engine.measure import Kept, outputs_of
from app.engine.meta import Remembering, storage, tensors_in
from app.engine.reach import Tracking, carried, field
from app.messages.parts import Field, Part, PartValue, dimensions
from app.messages.reports import Tensor
from blocks.card import Card, Port

COUNTS = ("parameters", "trainable", "buffers", "macs", "activations")


_Kind = Literal["block", "module", "function"]


class _Row:
    """A row while the block runs. `home` is the row that takes over, where this one turns out not to be one."""

    def __init__(
        self, path: str, kind: Literal["block", "module", "function"], block: str, module: nn.Module | None = None
    ) -> None:
        self.path, self.kind, self.block, self.module = path, kind, block, module
        self.inputs: tuple[PartValue, ...] = ()
        self.outputs: tuple[PartValue, ...] = ()
        self.title = ""
        self.parameters = self.trainable = self.buffers = self.flops = self.activations = 0
        self.shared, self.called = False, True
        self.children: list[_Row] = []
        self.home: _Row | None = None

    def parts(self, depth: int) -> list[Part]:
        """This row and those below, with what they hold together."""
        inside = [part for child in self.children for part in child.parts(depth + 1)]
        own = (self.parameters, self.trainable, self.buffers, self.flops // 2, self.activations)
        below = [part for part in inside if part.depth == depth + 1]
        totals = {n: mine + sum(getattr(p, n) for p in below) for n, mine in zip(COUNTS, own, strict=True)}
        owns = {f"own_{n}": mine for n, mine in zip(COUNTS, own, strict=True)}
        name = self.path.rpartition(".")[2] if self.module is not None else self.block
        row = Part(depth, self.path, name, self.kind, self.block, self.title, self.inputs, self.outputs)
        return [replace(row, **totals, **owns, shared=self.shared, called=self.called), *inside]


class Recorder:
    """Runs one module and writes down a row for each call inside."""

    def __init__(self, module: nn.Module, cards: Mapping[str, Card], classes: Mapping[str, type]) -> None:
        self.module, self.cards, self.classes = module, cards, classes
        self.names = {id(m): path for path, m in module.named_modules()}
        self.stack: list[_Row] = []
        self.rows: list[_Row] = []
        self.makers: dict[int, _Row] = {}
        self._counted: set[int] = set()
        self._met: set[int] = set()
        self.seeing = False

    def run(self, inputs: list[Any], card: Card, seeing: bool) -> list[Part]:
        """The rows of one call with `inputs`; `seeing`: for the sake of what it sees, without gradients."""
        self.seeing = seeing
        counter, kept = FlopCounterMode(display=False), _Booked(self, inputs)
        for module in self.module.modules():
            module.register_forward_pre_hook(self._enter, with_kwargs=True)
            module.register_forward_hook(self._leave)
        keeping = torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda x: x)
        with (
            torch.set_grad_enabled(not seeing), torch.device("meta"), _Functions(self), Remembering(), counter,
            Tracking(), _Makers(self, counter), keeping,
        ):  # fmt: skip
            result = self.module(*inputs)
        for levels in outputs_of(result, card):
            for tensor in levels:
                kept.keep(tensor)
        top = self.rows[0]
        self._leave_behind()
        # Halves of each row's operations need not be the half of all of them.
        top.flops = 2 * (counter.get_total_flops() // 2 - sum(row.flops // 2 for row in _all(top) if row is not top))
        return top.parts(0)

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        card, exact = self._card(module)
        row = _Row(self.names[id(module)], "block" if exact else "module", type(module).__name__, module)
        row.title = card.title if card is not None and exact else ""
        values = [*args, *kwargs.values()]
        ports = card.inputs if card is not None and not any(p.many for p in card.inputs) else ()
        row.inputs = self._values(values, ports if len(values) <= len(ports) else ())
        self._count(row, module)
        row.shared = id(module) in self._met and any(True for _ in (*module.parameters(), *module.buffers()))
        self._met.add(id(module))
        self.push(row)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], result: Any) -> None:
        row = self.stack.pop()
        card, _ = self._card(module)
        ports = card.outputs if card is not None else ()
        many = len(ports) > 1 and isinstance(result, tuple) and len(result) == len(ports)
        values = list(result) if many else [result]
        row.outputs = self._values(values, ports if len(ports) == len(values) else ())

    def push(self, row: _Row) -> None:
        """The row begins, inside the one that is being worked on."""
        if self.stack:
            self.stack[-1].children.append(row)
        self.rows.append(row)
        self.stack.append(row)

    def _card(self, module: nn.Module) -> tuple[Card | None, bool]:
        """The card that describes the module: its own (True), or that of the block that its class became."""
        name = type(module).__name__
        if self.classes.get(name) is type(module):
            return self.cards[name], True
        near = self.classes.get(name)
        return (self.cards[name], False) if near is not None and issubclass(near, type(module)) else (None, False)

    def _count(self, row: _Row, module: nn.Module) -> None:
        """Book the weights that the module itself holds, unless they are booked."""
        new = [p for p in module.parameters(recurse=False) if id(p) not in self._counted]
        buffers = [b for b in module.buffers(recurse=False) if id(b) not in self._counted]
        row.parameters += sum(p.numel() for p in new)
        row.trainable += sum(p.numel() for p in new if p.requires_grad)
        row.buffers += sum(b.numel() for b in buffers)
        self._counted |= {id(t) for t in (*new, *buffers)}

    def _leave_behind(self) -> None:
        """Rows for modules that hold weights but were never called: their parent used the weights itself."""
        by_path = {row.path: row for row in reversed(self.rows) if row.module is not None}
        for path, module in self.module.named_modules():
            row = _Row(path, "module", type(module).__name__, module)
            self._count(row, module)
            if id(module) not in self._met and (row.parameters or row.buffers):
                row.called = False
                home = path
                while home not in by_path:
                    home = home.rpartition(".")[0]
                by_path[home].children.append(row)

    def _values(self, values: list[Any], ports: Collection[Port]) -> tuple[PartValue, ...]:
        spoken = [*ports, *(Port("", "") for _ in range(len(values) - len(ports)))]
        made = []
        for value, port in zip(values, spoken, strict=False):
            tensors = tensors_in(value)
            fields = tuple(field(carried(t)) for t in tensors) if self.seeing else ()
            tensors_of = tuple(Tensor(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in tensors)
            if tensors_of:
                made.append(described(tensors_of, port, fields))
        return tuple(made)

    def function(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call one of torch's functions. It is a row where it multiplies, and where its caller is made of modules."""
        caller = self.stack[-1] if self.stack else None
        if caller is None or caller.module is None or not any(True for _ in caller.module.children()):
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "function").strip("_")
        row = _Row(caller.path, "function", name)
        self.push(row)
        try:
            result = func(*args, **kwargs)
        finally:
            self.stack.pop()
        if row.flops:
            row.inputs = self._values([*args, *kwargs.values()], ())
            row.outputs = self._values([result], ())
        else:
            at = caller.children.index(row)
            caller.children[at : at + 1] = row.children
            caller.activations += row.activations
            row.home = caller
            self.rows.remove(row)
        return result


class _Functions(TorchFunctionMode):
    """Shows the recorder torch's functions as they are called."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self._recorder.function(func, args, kwargs or {})


class _Makers(TorchDispatchMode):
    """Books operations to the row in which they run, and remembers which row made which memory."""

    def __init__(self, recorder: Recorder, counter: FlopCounterMode) -> None:
        super().__init__()
        self._recorder, self._counter = recorder, counter

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before = self._counter.get_total_flops()
        result = func(*args, **(kwargs or {}))
        if self._recorder.stack:
            row = self._recorder.stack[-1]
            row.flops += self._counter.get_total_flops() - before
            given = {storage(t) for t in tensors_in([args, kwargs])}
            self._recorder.makers.update({storage(t): row for t in tensors_in(result) if storage(t) not in given})
        return result


class _Booked(Kept):
    """Books each tensor that training keeps to the row that made it."""

    def __init__(self, recorder: Recorder, inputs: list[Any]) -> None:
        super().__init__(recorder.module, inputs)
        self._recorder = recorder

    def keep(self, tensor: torch.Tensor) -> torch.Tensor:
        before = self.bytes
        super().keep(tensor)
        if self.bytes > before:
            stack = self._recorder.stack or self._recorder.rows
            row = self._recorder.makers.get(storage(tensor), stack[-1] if self._recorder.stack else stack[0])
            while row.home is not None:
                row = row.home
            row.activations += self.bytes - before
        return tensor


def _all(row: _Row) -> Iterator[_Row]:
    yield row
    for child in row.children:
        yield from _all(child)


def described(tensors: tuple[Tensor, ...], port: Port, fields: tuple[Field | None, ...]) -> PartValue:
    """What stands at a port, with a letter for each size."""
    dims = tuple(dimensions(port.pattern, len(t.shape), port.kind) for t in tensors)
    return PartValue(tensors, dims, port.name, fields)
