"""Runs the compiled network on this machine and says what each node took: time, and memory that stays.

Each repeat makes two passes. In one the network runs as it is used, and only the whole is timed. In the other the same
graph runs node by node, with a look at the clock before and after each call; what is done between calls is not timed,
and values are freed where the compiled network frees them. The sum of the nodes therefore comes near the whole; both
are told.

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
from collections.abc import Callable, Iterable, Iterator

import torch
from msgspec.structs import replace

from app.design.values import Design, Recipe
from app.engine import devices
from app.engine.compile import InvalidDesignError, Network, compile_design, compile_trainable, shared_analyser
from app.engine.forecast import Forecaster
from app.engine.loop import TrainingError
from app.engine.recipe import HALF_NEEDS_GPU, check_recipe, explain
from app.engine.room import free_memory
from app.engine.stepping import set_training
from app.engine.timed import Found, ProfileError, Runner, Took, go_on
from app.messages import Analysis
from app.messages.profile import NodeTime, Profile

ROOM = 0.9
"""Which part of the free memory a measurement may take."""


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
    go_on(cancelled)
    with _threads(place, analysis.macs * (3 if training else 1)) as threads, _on(place), _own_numbers():
        try:
            network = _compiled(design, place, precision, training)
            found = Runner(network, batch, place, precision, training, cancelled).measure()
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


# the figures ----------------------------------------------------------------------------------------------------------


def _middle(values: list[float]) -> tuple[float, float]:
    """The median, and half of what lies between the quartiles."""
    first, median, third = statistics.quantiles(values, n=4, method="inclusive")
    return median, (third - first) / 2


def _summed(found: Found, design: Design) -> tuple[tuple[NodeTime, ...], tuple[NodeTime, ...]]:
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
