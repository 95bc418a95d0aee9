"""Runs the compiled network on this machine and says what each node took: time, and memory that stays.

Each repeat makes two passes. In one the network runs as it is used, and only the whole is timed. In the other the same
graph runs node by node, with a look at the clock before and after each call; between calls nothing but that look is
timed, and values are freed where the compiled network frees them. The sum of the nodes therefore comes near the whole;
both are told.

Backward, the real backward pass of the whole network is timed, uncut. Autograd runs what the forward pass made in the
strict reverse of the order in which it was made, so that what belongs to a node stands together: a node's time runs
from the moment when the first gradient of an output of it is taken up to that of the next node. It holds the gradients
of its weights and those of its inputs, and their adding up where a value went to several nodes. The optimizer's step is
no part of it.

On CUDA moments are events in the stream, so that nothing waits between nodes; on an Apple GPU each moment waits for
the device. A block whose work hangs on its values (NMS, say) is measured on random ones.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch import fx, nn

from app.design.values import Design, Recipe
from app.engine import devices
from app.engine.compile import (
    CALL,
    InvalidDesignError,
    Network,
    compile_design,
    compile_trainable,
    shared_analyser,
)
from app.engine.forecast import Forecaster
from app.engine.loop import set_training
from app.engine.measure import Kept
from app.engine.meta import tensors_in
from app.engine.passes import UNLED, loss_of, precisely
from app.engine.room import free_memory
from app.engine.train import HALF_NEEDS_GPU, TrainingError, check_recipe, explain
from app.messages import Analysis
from app.messages.profile import NodeTime, Profile

SECONDS = 2.0
"""For so long it is repeated, but FEWEST times at least and MOST times at most."""
FEWEST, MOST = 3, 50
ROOM = 0.9
"""Which part of the free memory a measurement may take."""
STOPPED = "The measurement was stopped."


class ProfileError(ValueError):
    """A measurement that cannot be made, or was stopped; a sentence or two for the user."""


class Took(NamedTuple):
    """Seconds of one pass, or of one node in it."""

    forward: float
    backward: float = 0.0


def profile(
    design: Design, *, batch: int = 1, device: str = "auto", precision: str = "32", training: bool = False,
    cancelled: Callable[[], bool] = lambda: False, job: str = "",
) -> Profile:  # fmt: skip
    """Run `design` and measure it. Without `training` it runs in eval mode and without gradients; with it forward and
    backward in training mode, on its losses where it has any.

    Raises ProfileError, InvalidDesignError, ForecastError or DeviceError, before anything is allocated where it can be
    known then.
    """
    if batch < 1:
        raise ProfileError(f"The batch size is {batch}: it needs at least 1.")
    place = devices.pick(device)
    if precision == "16" and place == "cpu":
        raise ProfileError(HALF_NEEDS_GPU)
    try:
        check_recipe(Recipe(precision=precision))
    except TrainingError as error:
        raise ProfileError(str(error)) from None
    analysis = _checked(design, batch)
    _check_room(design, analysis, batch, place, precision, training)
    _go_on(cancelled)
    with _threads(place, analysis.macs * (3 if training else 1)) as threads, _on(place), _own_numbers():
        try:
            network = _compiled(design, place, precision, training)
            found = _Runner(network, batch, place, precision, training, cancelled).measure()
        except (ProfileError, InvalidDesignError):
            raise
        except Exception as error:  # whatever a block's own code raises becomes a sentence
            message = explain(error, Recipe(batch_size=batch))
            raise ProfileError(message.replace("Training broke", "The measurement broke")) from error
    nodes, groups = _summed(found, design)
    forward, backward = ([getattr(took, name) for took in found.wholes] for name in Took._fields)
    return Profile(
        job, place, next(d.title for d in devices.devices() if d.id == place), batch, len(found.wholes),
        *_middle(forward), *_middle(backward), threads, precision, training,
        training and not network.losses, nodes, groups,
    )  # fmt: skip


# before anything is allocated -----------------------------------------------------------------------------------------


def _checked(design: Design, batch: int) -> Analysis:
    """The analysis at this batch size. Raises InvalidDesignError."""
    analysis = shared_analyser().analyse(design, batch=batch, with_fixes=False)
    errors = tuple(p for p in analysis.problems if p.severity == "error")
    if errors:
        raise InvalidDesignError(f"{errors[0].message.rstrip('.')}. Mend that, then measure.", errors)
    return analysis


def _check_room(
    design: Design, analysis: Analysis, batch: int, device: str, precision: str, training: bool
) -> None:
    """Refuse what would not fit. Raises ProfileError.

    The sums of the analysis settle most; where they are a large part of what is free, the pass is forecast.
    """
    free, memory = free_memory(device), analysis.memory
    cheap = memory.training if training else memory.parameters + memory.activations
    if free is None or cheap < free / 2:
        return
    forecaster = Forecaster(design, precision, "sgd", device, training=training)
    need = forecaster.peak(batch).bytes if training else forecaster.forward(batch)
    if need <= ROOM * free:
        return
    each = max(need - memory.parameters, 1) / batch
    fits = int((ROOM * free - memory.parameters) / each)
    advice = f"use a batch of {fits:,} or fewer" if fits > 0 else "use a smaller network"
    there = f"{_size(free)} of memory" + ("" if device == "cpu" else f" on {device}")
    raise ProfileError(
        f"Measuring with batch {batch:,} would take about {_size(need)}, but {there} are free: {advice}."
    )


def _size(number: int) -> str:
    return f"{number / 2**30:,.1f} GB" if number >= 2**29 else f"{number / 2**20:,.0f} MB"


# around the measurement -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _threads(device: str, work: int) -> Iterator[int]:
    """As many threads as training takes for passes of so many multiply-adds; gives their number, 0 off the CPU."""
    before, wanted = torch.get_num_threads(), devices.threads(work)
    torch.set_num_threads(wanted)
    try:
        yield wanted if device == "cpu" else 0
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _on(device: str) -> Iterator[None]:
    """Work on this card, and leave it empty."""
    if not device.startswith("cuda"):
        yield
        return
    with torch.cuda.device(device):
        try:
            yield
        finally:
            torch.cuda.empty_cache()


@contextlib.contextmanager
def _own_numbers() -> Iterator[None]:
    """Random numbers of its own, the same each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise ProfileError(STOPPED)


def _compiled(design: Design, device: str, precision: str, training: bool) -> Network:
    with torch.device(device):
        network = compile_trainable(design) if training else compile_design(design, "inference")
    network.root.to(device)
    if precision == "64":
        network.root.double()
    if not training:
        network.module.eval()
        return network
    set_training(network.module)
    if not any(p.requires_grad for p in network.module.parameters()):
        raise ProfileError("No weight of the design can be trained: add a block with weights, or unfreeze one.")
    return network


# the passes -----------------------------------------------------------------------------------------------------------


class _Clock:
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


class _Watched(fx.Interpreter):
    """Runs the graph node by node. `spans` are (call, start, end) of the forward pass; `begins` (call, start) of the
    backward pass after it, a call's end being the next one's start."""

    def __init__(self, module: fx.GraphModule, clock: _Clock, cancelled: Callable[[], bool]) -> None:
        super().__init__(module)
        self.extra_traceback = False  # errors shall say what they say
        self._clock, self._cancelled = clock, cancelled
        self._call = ""
        self.begin()

    def begin(self) -> None:
        self.spans: list[tuple[str, Any, Any]] = []
        self.begins: list[tuple[str, Any]] = []

    def run_node(self, n: fx.Node) -> Any:
        _go_on(self._cancelled)
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


class _Weighed(fx.Interpreter):
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


class _Found(NamedTuple):
    """What was measured: of each repeat the whole, and each call; and the bytes of each call."""

    wholes: list[Took]
    calls: list[dict[str, Took]]
    bytes: dict[str, int]


class _Runner:
    """Makes the passes over one compiled network."""

    def __init__(
        self, network: Network, batch: int, device: str, precision: str, training: bool,
        cancelled: Callable[[], bool],
    ) -> None:  # fmt: skip
        self.network = network
        self._device, self._precision, self._training, self._cancelled = device, precision, training, cancelled
        self._clock = _Clock(device)
        self._watched = _Watched(network.module, self._clock, cancelled)
        self._samples = samples(network, batch, device, torch.float64 if precision == "64" else torch.float32)

    def measure(self) -> _Found:
        """Warm up, then repeat. Raises ProfileError where it is stopped."""
        self._plain()
        weighed = _Weighed(self.network.module, self._device, self._training)
        self._there(weighed.run)
        _go_on(self._cancelled)
        self._by_node()
        wholes: list[Took] = []
        calls: list[dict[str, Took]] = []
        began = time.perf_counter()
        while len(wholes) < FEWEST or (len(wholes) < MOST and time.perf_counter() - began < SECONDS):
            _go_on(self._cancelled)
            wholes.append(self._plain())
            calls.append(self._by_node())
        return _Found(wholes, calls, weighed.bytes)

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


# the figures ----------------------------------------------------------------------------------------------------------


def _middle(values: list[float]) -> tuple[float, float]:
    """The median, and half of what lies between the quartiles."""
    first, median, third = statistics.quantiles(values, n=4, method="inclusive")
    return median, (third - first) / 2


def _summed(found: _Found, design: Design) -> tuple[tuple[NodeTime, ...], tuple[NodeTime, ...]]:
    """The figures of each call, and of each Group the sums of its calls' figures."""

    def series(calls: list[str], name: str) -> list[float]:
        return [sum(getattr(took[call], name) for call in calls) for took in found.calls]

    nodes: dict[str, NodeTime] = {}
    for call, size in found.bytes.items():
        forward, backward = (_middle(series([call], name)) for name in Took._fields)
        nodes[call] = NodeTime(call, *forward, *backward, size)
    groups = []
    for group in shared_analyser().walk(design).expanded.groups:
        calls = [id for id in group.members if id in nodes]
        inside = [nodes[id] for id in calls]
        # A repeat that was slow was so for all calls: the spread is that of their sums.
        spreads = [_middle(series(calls, name))[1] for name in Took._fields]
        times = sum(n.forward for n in inside), sum(n.backward for n in inside)
        if calls:
            size = sum(n.memory for n in inside)
            groups.append(NodeTime(group.id, times[0], spreads[0], times[1], spreads[1], size))
    whole = sum(node.time for node in nodes.values())

    def shared(times: Iterable[NodeTime]) -> tuple[NodeTime, ...]:
        return tuple(replace(one, share=one.time / whole if whole else 0.0) for one in times)

    return shared(nodes.values()), shared(groups)
