"""Passes over a compiled network with a clock: as it is used, and node by node. What they measure says `profiling`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import fx, nn

from app.engine.compile import CALL, Network
from app.engine.measure import Kept
from app.engine.meta import tensors_in
from app.engine.passes import UNLED, loss_of, precisely

SECONDS = 2.0
"""For so long it is repeated, but FEWEST times at least and MOST times at most."""
FEWEST, MOST = 3, 50
STOPPED = "The measurement was stopped."


class ProfileError(ValueError):
    """A measurement that cannot be made, or was stopped; a sentence or two for the user."""


class Took(NamedTuple):
    """Seconds of one pass, or of one node in it."""

    forward: float
    backward: float = 0.0


def go_on(cancelled: Callable[[], bool]) -> None:
    """Raise ProfileError where nobody waits any more."""
    if cancelled():
        raise ProfileError(STOPPED)


class Clock:
    """Marks moments on a device; after `wait` the seconds between two of them are known."""

    def __init__(self, device: str) -> None:
        self._kind = device.partition(":")[0]

    def mark(self) -> Any:
        if self._kind == "cuda":
            event = torch.cuda.Event(enable_timing=True)
            event.record()  # in the present stream: autograd sets that of the forward pass
            return event
        if self._kind == "mps":
            torch.mps.synchronize()
        return time.perf_counter()

    def wait(self) -> None:
        """Let the device come to the last mark."""
        if self._kind == "cuda":
            torch.cuda.synchronize()

    def between(self, start: Any, end: Any) -> float:
        return float(start.elapsed_time(end)) / 1000 if self._kind == "cuda" else float(end - start)


class Watched(fx.Interpreter):
    """Runs the graph node by node. `spans` are (call, start, end) of the forward pass; `begins` (call, start) of the
    backward pass after it, a call's end being the next one's start."""

    def __init__(self, module: fx.GraphModule, clock: Clock, cancelled: Callable[[], bool]) -> None:
        super().__init__(module)
        self.extra_traceback = False  # errors shall say what they say
        self._clock, self._cancelled = clock, cancelled
        self._call = ""
        self.begin()

    def begin(self) -> None:
        self.spans: list[tuple[str, Any, Any]] = []
        self.begins: list[tuple[str, Any]] = []

    def run_node(self, n: fx.Node) -> Any:
        go_on(self._cancelled)
        self._call = n.meta.get(CALL, "")
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        before = {t.grad_fn for t in tensors_in(args)}  # what hands its input on does nothing on the way back
        start = self._clock.mark()
        result = module(*args, **kwargs)
        self.spans.append((self._call, start, self._clock.mark()))
        for made in {t.grad_fn for t in tensors_in(result)} - before:
            if made is not None:
                made.register_prehook(self._hook(self._call))
        return result

    def _hook(self, call: str) -> Callable[[Any], None]:
        def begins(_gradients: Any) -> None:
            if not self.begins or self.begins[-1][0] != call:  # of several outputs the first counts
                self.begins.append((call, self._clock.mark()))

        return begins


class Weighed(fx.Interpreter):
    """Runs the graph node by node, and notes the bytes that each call makes and leaves behind."""

    def __init__(self, module: fx.GraphModule, device: str, training: bool) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self._device, self._training = device, training
        self.bytes: dict[str, int] = {}
        self._call = ""

    def run_node(self, n: fx.Node) -> Any:
        self._call = n.meta.get(CALL, "")
        return super().run_node(n)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        if self._device.startswith("cuda"):  # the allocator knows
            before = torch.cuda.memory_allocated(self._device)
            result = module(*args, **kwargs)
            self.bytes[self._call] = max(torch.cuda.memory_allocated(self._device) - before, 0)
            return result
        kept = Kept(module, tensors_in(args))
        keeping = torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda tensor: tensor)
        with keeping if self._training else contextlib.nullcontext():
            result = module(*args, **kwargs)
        for tensor in tensors_in(result):
            kept.keep(tensor)
        self.bytes[self._call] = kept.bytes
        return result


class Found(NamedTuple):
    """What was measured: of each repeat the whole, and each call; and the bytes of each call."""

    wholes: list[Took]
    calls: list[dict[str, Took]]
    bytes: dict[str, int]


class Runner:
    """Makes the passes over one compiled network."""

    def __init__(
        self, network: Network, batch: int, device: str, precision: str, training: bool,
        cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.network = network
        self._device, self._precision, self._training, self._cancelled = device, precision, training, cancelled
        self._clock = Clock(device)
        self._watched = Watched(network.module, self._clock, cancelled)
        self._samples = samples(network, batch, device, torch.float64 if precision == "64" else torch.float32)

    def measure(self) -> Found:
        """Warm up, then repeat. Raises ProfileError where it is stopped."""
        self._plain()
        weighed = Weighed(self.network.module, self._device, self._training)
        self._there(weighed.run)
        go_on(self._cancelled)
        self._by_node()
        wholes: list[Took] = []
        calls: list[dict[str, Took]] = []
        began = time.perf_counter()
        while len(wholes) < FEWEST or (len(wholes) < MOST and time.perf_counter() - began < SECONDS):
            go_on(self._cancelled)
            wholes.append(self._plain())
            calls.append(self._by_node())
        return Found(wholes, calls, weighed.bytes)

    def _there(self, run: Callable[..., Any]) -> Any:
        """A forward pass."""
        gradients = contextlib.nullcontext() if self._training else torch.no_grad()
        with gradients, precisely(self._precision, self._device.partition(":")[0]):
            return run(*self._samples)

    def _back(self, values: Any) -> tuple[Any, Any]:
        """The backward pass: the moments of its start and its end."""
        loss = loss_of(self.network, values)
        if loss is None or not loss.requires_grad:
            raise ProfileError(UNLED)
        start = self._clock.mark()
        loss.backward()
        end = self._clock.mark()
        for weight in self.network.module.parameters():
            weight.grad = None
        return start, end

    def _plain(self) -> Took:
        """The whole, as it is used."""
        clock = self._clock
        start = clock.mark()
        values = self._there(self.network.module)
        there = clock.mark()
        back = self._back(values) if self._training else None
        clock.wait()
        return Took(clock.between(start, there), clock.between(*back) if back else 0.0)

    def _by_node(self) -> dict[str, Took]:
        """Each call."""
        clock, watched = self._clock, self._watched
        watched.begin()
        values = self._there(watched.run)
        end = self._back(values)[1] if self._training else None
        clock.wait()
        ends = [*(begun for _, begun in watched.begins[1:]), end]
        backward: dict[str, float] = {}
        for (call, begun), ended in zip(watched.begins, ends, strict=False):
            backward[call] = backward.get(call, 0.0) + clock.between(begun, ended)
        return {call: Took(clock.between(a, b), backward.get(call, 0.0)) for call, a, b in watched.spans}


def samples(network: Network, batch: int, device: str, dtype: torch.dtype) -> list[torch.Tensor]:
    """Random numbers for each Input and Target, as many samples as `batch`. Tokens are those of the smallest table that
    looks them up; right answers are class 0, or numbers from 0 to 1."""
    entries = [node for node in network.module.graph.nodes if node.op == "placeholder"]
    made = []
    for node, spec in zip(entries, network.inputs, strict=False):  # the Targets follow
        if spec.dtype == "int64":
            most = _vocabulary(network.module, node)
            made.append(torch.randint(0, most, (batch, *spec.shape), device=device))
        else:
            made.append(torch.randn(batch, *spec.shape, dtype=dtype, device=device))
    for target in network.targets:
        shape = (batch, *target.shape)
        if target.dtype == "int64":
            made.append(torch.zeros(shape, dtype=torch.int64, device=device))
        else:
            made.append(torch.rand(shape, dtype=dtype, device=device))
    return made


def _vocabulary(module: fx.GraphModule, entry: fx.Node) -> int:
    """How many whole numbers those who read an Input know; two where none says it."""
    readers = [module.get_submodule(str(user.target)) for user in entry.users if user.op == "call_module"]
    tables = [part for reader in readers for part in reader.modules() if isinstance(part, nn.Embedding)]
    return min((table.num_embeddings for table in tables), default=2)
