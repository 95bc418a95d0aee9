"""Listens to one forward pass: what each node gives, which units of its activations are silent, which are saturated.

It looks at what passes and changes nothing of it: no hook returns a value, no random number is drawn.
"""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

WINDOW = 8
"""Measured batches in which a unit must have been active once to count as alive."""
MOST = 2**20
"""Values of an activation that are looked at: as many samples of the batch as they make up."""

SILENT: dict[Callable[..., Any], float] = {
    F.relu: 0.0, torch.relu: 0.0, torch.relu_: 0.0, torch.Tensor.relu: 0.0, torch.Tensor.relu_: 0.0, F.relu6: 0.0,
    F.hardswish: -3.0, F.hardsigmoid: -3.0, F.gelu: -4.0, F.silu: -10.0, F.mish: -10.0, F.elu: -8.0, F.selu: -8.0,
    F.celu: -8.0, F.softplus: -8.0,
}  # fmt: skip
"""Activation -> the input at or below which its slope is 0, or less than a thousandth. A leaky ReLU has none."""
_SLOPE = 0.05
"""Of its steepest slope: a sigmoid or tanh that is flatter is saturated."""
SATURATED: dict[Callable[..., Any], tuple[float, float]] = {
    torch.sigmoid: (0.5, 0.5 * (1 - _SLOPE) ** 0.5), torch.Tensor.sigmoid: (0.5, 0.5 * (1 - _SLOPE) ** 0.5),
    F.sigmoid: (0.5, 0.5 * (1 - _SLOPE) ** 0.5),
    torch.tanh: (0.0, (1 - _SLOPE) ** 0.5), torch.Tensor.tanh: (0.0, (1 - _SLOPE) ** 0.5),
    F.tanh: (0.0, (1 - _SLOPE) ** 0.5),
}  # fmt: skip
"""Activation -> its middle, and how far from it the slope has fallen to that."""

Unit = tuple[str, int]
"""A call, and which of its activations."""


class Heard(NamedTuple):
    """What one pass told, as numbers on the CPU."""

    output: dict[str, float]
    """Root mean square of what each call gave."""
    input: dict[str, float]
    """The same of what it was given."""
    dead: dict[str, float]
    saturated: dict[str, float]
    batches: int
    """How many measured batches stand behind the shares of silent units."""


class Ear(TorchFunctionMode):
    """Hears the calls of a network. `calls` names those of each module, in the order in which they run."""

    def __init__(self, calls: dict[nn.Module, list[str]]) -> None:
        super().__init__()
        self._calls = calls
        self._tops: dict[Unit, deque[tuple[torch.Tensor, torch.Tensor]]] = {}
        self._limits: dict[Unit, float] = {}
        self.seconds = 0.0
        """What listening has taken so far."""
        self._begin()

    def _begin(self) -> None:
        self._at: list[str] = []
        self._run: dict[nn.Module, int] = {}
        self._count: dict[str, int] = {}
        self._norms: dict[tuple[str, bool], tuple[torch.Tensor, int]] = {}
        self._full: dict[Unit, torch.Tensor] = {}

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """In here a forward pass is heard."""
        self._begin()
        handles = []
        try:
            for module in self._calls:
                handles.append(module.register_forward_pre_hook(self._enter))
                handles.append(module.register_forward_hook(self._leave))
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()
            self._at = []

    def _enter(self, module: nn.Module, inputs: Any) -> None:
        names, run = self._calls[module], self._run.get(module, 0)
        self._run[module] = run + 1
        self._at.append(names[min(run, len(names) - 1)])
        first = next((x for x in inputs if isinstance(x, torch.Tensor)), None)
        self._size(first, inward=True)

    def _leave(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if isinstance(output, (list, tuple)):
            output = next((x for x in output if isinstance(x, torch.Tensor)), None)
        self._size(output, inward=False)
        self._at.pop()

    def _size(self, value: Any, *, inward: bool) -> None:
        began = time.perf_counter()
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel():
            with torch.no_grad(), torch._C.DisableTorchFunction():
                seen = _some(value.detach())
                self._norms[self._at[-1], inward] = torch.linalg.vector_norm(seen, dtype=torch.float32), seen.numel()
        self.seconds += time.perf_counter() - began

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        limit = SILENT.get(func) if self._at else None
        if limit is not None and args and isinstance(args[0], torch.Tensor):
            began = time.perf_counter()
            self._silence(args[0], limit)  # before it may be overwritten in place
            self.seconds += time.perf_counter() - began
        given = func(*args, **(kwargs or {}))
        if self._at and func in SATURATED and isinstance(given, torch.Tensor):
            began = time.perf_counter()
            middle, far = SATURATED[func]
            with torch.no_grad():
                share = ((_some(given.detach()) - middle).abs() > far).float().mean()
            self._full[self._next()] = share
            self.seconds += time.perf_counter() - began
        return given

    def _next(self) -> Unit:
        call = self._at[-1]
        number = self._count.get(call, 0)
        self._count[call] = number + 1
        return call, number

    def _silence(self, x: torch.Tensor, limit: float) -> None:
        unit = self._next()
        if x.ndim < 2 or not x.numel() or not x.is_floating_point():
            return
        with torch.no_grad():
            seen = _some(x.detach())
            # units lie in the second size, or as with tokens in the last
            table = seen.amax(tuple(d for d in range(seen.ndim) if d not in (1, seen.ndim - 1)))
            rows, columns = (table, table) if table.ndim == 1 else (table.amax(1), table.amax(0))
        kept = self._tops.setdefault(unit, deque(maxlen=WINDOW))
        if kept and (kept[0][0].shape, kept[0][1].shape) != (rows.shape, columns.shape):
            kept.clear()
        kept.append((rows, columns))
        self._limits[unit] = limit

    def heard(self) -> Heard:
        """What the last pass told: one transfer from the device, whatever the number of nodes."""
        told: list[tuple[str, Any, torch.Tensor]] = []
        with torch.no_grad():
            for key, (norm, count) in self._norms.items():
                told.append(("in" if key[1] else "out", key[0], norm / count**0.5))
            for unit, kept in self._tops.items():
                limit = self._limits[unit]
                silent = [(torch.stack(side).amax(0) <= limit).float().mean() for side in zip(*kept, strict=True)]
                told.append(("dead", unit[0], torch.maximum(*silent)))
            for unit, share in self._full.items():
                told.append(("full", unit[0], share))
            numbers = torch.stack([value.float() for _, _, value in told]).tolist() if told else []
        found: dict[str, dict[str, float]] = {"in": {}, "out": {}, "dead": {}, "full": {}}
        for (kind, call, _), number in zip(told, numbers, strict=True):
            worst = kind in ("dead", "full")
            found[kind][call] = max(number, found[kind].get(call, 0.0)) if worst else number
        batches = min((len(kept) for kept in self._tops.values()), default=0)
        return Heard(found["out"], found["in"], found["dead"], found["full"], batches)


def _some(value: torch.Tensor) -> torch.Tensor:
    """The first samples of a batch, as many as are looked at."""
    each = max(value.numel() // max(len(value), 1), 1) if value.ndim else 1
    return value[: max(MOST // each, 1)] if value.ndim else value
