"""Watches the nodes of a network while it trains: how weights and gradients are spread, and what goes wrong.

It measures at points of the curve, in a step that is made anyway: the numbers of the training are not touched by it.
What it costs is held to four thousandths of the run's time, unless it is asked to look closely.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from torch import nn

from app.design import file
from app.design.expand import Call, expand
from app.design.values import Design, Recipe
from app.engine.compile import CALL, Network
from app.engine.runs import RunError, RunFolder
from app.engine.watch_judge import Judge, Place
from app.engine.watch_listen import Ear, Heard
from app.messages.watch import NAME, Histogram, LayerWatch, Trouble, Watched, decode, encode

OFF, LIGHTLY, CLOSELY = "off", "lightly", "closely"
HOW = (OFF, LIGHTLY, CLOSELY)
SHARE = 0.004
"""Of the run's time that watching may take, unless it is done closely."""
FIRST = 4
"""So many measurements are made whatever they cost: what is wrong from the start is told at once."""
POINTS = 400
"""Measurements that a run writes at most."""
SAMPLE = 4096
"""Values of a weight that histograms look at."""
BINS = 40
LOG_LOW, LOG_HIGH = -16.0, 4.0
"""Gradients are spread over these powers of ten."""


class Node(NamedTuple):
    """A call of the network, and the weights that are its own: those that it shares are the first call's."""

    call: Call
    weights: tuple[nn.Parameter, ...]
    place: Place


class Watch:
    """The watch over one run. The loop asks `due` before a step, lets it listen to the forward pass, shows it the
    gradients, and then lets it tell."""

    def __init__(
        self,
        network: Network,
        design: Design,
        recipe: Recipe,
        folder: RunFolder | None,
        on_watched: Callable[[Watched], None],
        *,
        closely: bool = False,
        job: str = "",
    ) -> None:
        self._network, self._recipe, self._job = network, recipe, job
        self._folder, self._on_watched, self._closely = folder, on_watched, closely
        self._apart = 1
        self.nodes = nodes_of(network, design)
        self._ear = None if recipe.compile else Ear(calls_of(network))
        """What torch.compile made of the network cannot be listened to: weights and gradients are watched all the
        same."""
        self._judge = Judge([node.place for node in self.nodes], recipe)
        self._limits: dict[str, float] = {}
        self._last, self._made = -(10**9), 0
        self._spent, self._began = 0.0, time.monotonic()
        """Seconds that it took so far, and when it began."""
        self._layers: list[LayerWatch] = []

    # what the loop calls ----------------------------------------------------------------------------------------------

    def spread_over(self, steps: int) -> None:
        """The run has so many steps: what is written stays small however many they are."""
        self._apart = max(steps // POINTS, 1)

    def due(self, step: int) -> bool:
        """Whether to measure in the step that would be the `step`-th."""
        if step - self._last < self._apart:
            return False
        if self._closely or self._made < FIRST:
            return True
        next_one = self._spent / self._made
        return self._spent + next_one <= SHARE * (time.monotonic() - self._began)

    def rest(self, seconds: float) -> None:
        """The run stood still for so long: a pause is no time of which a share may be spent."""
        self._began += seconds

    @property
    def share(self) -> float:
        """Of the time since it began, what watching took."""
        return self._spent / max(time.monotonic() - self._began, 1e-9)

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Around the forward pass and the backward one."""
        if self._ear is None:
            yield
            return
        before = self._ear.seconds
        with self._ear.listening():
            yield
        self._spent += self._ear.seconds - before

    def see(self) -> None:
        """Look at weights and gradients, between the backward pass and the step."""
        began = time.monotonic()
        owners, weights, gradients = [], [], []
        for at, node in enumerate(self.nodes):
            for weight in node.weights:
                if weight.grad is not None and not weight.grad.is_sparse:
                    owners.append(at)
                    weights.append(weight.detach())
                    gradients.append(weight.grad.detach())
        figures = _spread(owners, weights, gradients, len(self.nodes), [n.call.id for n in self.nodes], self._limits)
        heard = self._ear.heard() if self._ear is not None else Heard({}, {}, {}, {}, 0)
        self._layers = [
            LayerWatch(
                node.call.id, node.call.name, *figures.get(at, (None, None, None, None)),
                output=_known(heard.output.get(node.call.id)), dead=heard.dead.get(node.call.id),
                saturated=heard.saturated.get(node.call.id),
            )
            for at, node in enumerate(self.nodes)
        ]  # fmt: skip
        self._judge.take(self._layers, heard)
        self._spent += time.monotonic() - began

    def tell(self, epoch: int, step: int) -> None:
        """Tell and keep what was seen in the step that was just made. Raises RunError."""
        began = time.monotonic()
        told = Watched(self._job, epoch, step, tuple(self._layers), self._judge.troubles())
        self.write(told)
        self._last, self._made = step, self._made + 1
        self._spent += time.monotonic() - began

    def write(self, told: Watched) -> None:
        """Tell the window, and put it into the run folder."""
        self._on_watched(told)
        if self._folder is not None:
            append(self._folder.path, told)
            try:
                _events(self._folder, told)
            except OSError as error:
                place = self._folder.path / "events"
                raise RunError(f"{place} cannot be written: {error.strerror or error}.") from None

    def not_finite(self, epoch: int, step: int, trouble: Trouble) -> None:
        """Tell what broke the run, beside what was seen last."""
        kept = tuple(t for t in self._judge.troubles() if t.id != trouble.id)
        self.write(Watched(self._job, epoch, step, tuple(self._layers), (trouble, *kept)))


# the nodes ------------------------------------------------------------------------------------------------------------


def calls_of(network: Network) -> dict[nn.Module, list[str]]:
    """Which calls run each module, in the order in which they do."""
    found: dict[nn.Module, list[str]] = {}
    for node in network.module.graph.nodes:
        if node.op == "call_module":
            found.setdefault(network.module.get_submodule(node.target), []).append(node.meta[CALL])
    return found


def nodes_of(network: Network, design: Design) -> list[Node]:
    """The calls of a network, in the order in which they run."""
    calls = {call.id: call for call in expand(design).calls}
    ends = {*network.losses, *network.metrics}
    taken: set[int] = set()
    found = []
    for node in network.module.graph.nodes:
        if node.op != "call_module":
            continue
        call = calls[node.meta[CALL]]
        module = network.module.get_submodule(node.target)
        own = tuple(w for w in module.parameters() if id(w) not in taken)
        taken.update(map(id, own))
        users = [user for user in node.users if user.op == "call_module"]
        last = all(calls[user.meta[CALL]].name in ends for user in users)
        fed = tuple(a.meta[CALL] for a in node.all_input_nodes if CALL in a.meta)
        matrix = any(w.ndim > 1 for w in own)
        judged = call.name in ends
        found.append(Node(call, own, Place(call, fed, last=last, matrix=matrix, judged=judged, module=module)))
    return found


# measuring ------------------------------------------------------------------------------------------------------------

Figures = tuple[Histogram | None, Histogram | None, float | None, float | None]


def _spread(
    owners: list[int], weights: list[torch.Tensor], gradients: list[torch.Tensor], count: int, ids: list[str],
    limits: dict[str, float],
) -> dict[int, Figures]:  # fmt: skip
    """Of each node: histograms and root mean squares of weights and gradients. `limits` keeps how wide the bins of
    each node's weights are."""
    if not owners:
        return {}
    sizes = [min(w.numel(), SAMPLE) for w in weights]
    both = torch.cat([*map(_sampled, weights), *map(_sampled, gradients)]).cpu().double().numpy()
    half = len(both) // 2
    owner = np.repeat(np.array(owners), sizes)
    share = np.repeat(np.array([w.numel() / size for w, size in zip(weights, sizes, strict=True)]), sizes)
    total = np.bincount(owner, share, minlength=count)
    values, slopes = both[:half], both[half:]
    with np.errstate(all="ignore"):
        rms = [np.sqrt(np.bincount(owner, share * v * v, minlength=count) / total) for v in (values, slopes)]
        largest = np.zeros(count)
        np.maximum.at(largest, owner, np.abs(values))
        for at in set(owners):
            high = float(largest[at])
            if np.isfinite(high) and not 0.25 * limits.get(ids[at], 0.0) <= high <= limits.get(ids[at], 0.0):
                limits[ids[at]] = _round_up(max(1.25 * high, 1e-6))
        limit = np.array([limits.get(id, 1.0) for id in ids])[owner]
        placed = (values / limit + 1) / 2
        powers = (np.log10(np.abs(slopes)) - LOG_LOW) / (LOG_HIGH - LOG_LOW)
        tables = [_table(place, owner, share, count) for place in (placed, powers)]
    found: dict[int, Figures] = {}
    for at in set(owners):
        reach = limits.get(ids[at], 1.0)
        found[at] = (
            Histogram(-reach, reach, _thousandths(tables[0][at])),
            Histogram(LOG_LOW, LOG_HIGH, _thousandths(tables[1][at]), True), _known(rms[0][at]), _known(rms[1][at]),
        )  # fmt: skip
    return found


def _sampled(value: torch.Tensor) -> torch.Tensor:
    flat = value.reshape(-1).float()
    if len(flat) <= SAMPLE:
        return flat
    return flat[:: len(flat) // SAMPLE][:SAMPLE]


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 of a power of ten."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= value))


def _table(place: np.ndarray, owner: np.ndarray, share: np.ndarray, count: int) -> np.ndarray:
    bins = np.clip(np.nan_to_num(np.floor(place * BINS), nan=0.0), 0, BINS - 1).astype(np.int64)
    return np.bincount(owner * BINS + bins, share, minlength=count * BINS).reshape(count, BINS)


def _thousandths(row: np.ndarray) -> tuple[int, ...]:
    return tuple(int(part) for part in np.rint(1000 * row / max(row.sum(), 1e-300)))


def _known(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


# the run folder -------------------------------------------------------------------------------------------------------


def append(folder: Path, told: Watched) -> None:
    """Add a line to watch.jsonl. Raises RunError."""
    try:
        with (folder / NAME).open("ab") as handle:
            handle.write(encode(msgspec.structs.replace(told, job="")) + b"\n")
    except OSError as error:
        raise RunError(f"{folder / NAME} cannot be written: {error.strerror or error}.") from None


def cut(folder: Path, step: int) -> None:
    """Take away what was measured after a step, and a line that was cut short. Raises RunError."""
    if not (folder / NAME).exists():
        return
    try:
        kept = []
        for line in (folder / NAME).read_bytes().splitlines():
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                if decode(line).step <= step:
                    kept.append(line + b"\n")
        file.write_atomically(folder / NAME, b"".join(kept))
    except (OSError, file.FileError) as error:
        raise RunError(f"{folder / NAME} cannot be written: {error}.") from None


def _events(folder: RunFolder, told: Watched) -> None:
    """The same for TensorBoard: histograms by the nodes' names."""
    events = folder.events()
    for layer in told.layers:
        for kind, found in (("weights", layer.weights), ("gradients", layer.gradients)):
            if found is None or not sum(found.parts):
                continue
            edges = np.linspace(found.low, found.high, len(found.parts) + 1)
            middles = (edges[1:] + edges[:-1]) / 2
            if found.log:  # as numbers again; TensorBoard has no axis of powers
                edges, middles = 10**edges, 10**middles
            parts = np.array(found.parts, float)
            events.add_histogram_raw(
                f"{layer.name}/{kind}", float(edges[0]), float(edges[-1]), float(parts.sum()),
                float((parts * middles).sum()), float((parts * middles**2).sum()), edges[1:].tolist(), parts.tolist(),
                told.step,
            )  # fmt: skip
