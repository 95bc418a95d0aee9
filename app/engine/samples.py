"""Predictions on a few fixed validation samples while a network learns: told at validations, kept in the run folder.

They change nothing of the training: they are made in eval mode, without gradients, and every generator of random
numbers and every buffer is afterwards what it was before.
"""

from __future__ import annotations

import gzip
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import nn

from app.design.values import Design
from app.engine import checkpoint, readings
from app.engine.compile import Network
from app.engine.data import Data
from app.engine.readings import CELLS, Facts, picture_size, shown_sample
from app.engine.runs import RunError, RunFolder
from app.engine.sharding import is_sharded
from app.messages.predictions import MOST, Predicted, Reading, Shown, thinned

COUNT = 8
LOOKED_AT = 2000
"""Among so many samples of the split they are chosen."""
SHARE = 0.01
"""Of the time of training they may take so much: of short epochs some are passed over."""
APART = 2.0
"""Seconds between two predictions at epochs that are not to be kept."""
FOLDER = "samples"


class Fixed:
    """Some samples of the validation split, chosen by the run's seed, and what the network says of them."""

    def __init__(self, design: Design, training: Network, inference: Network, data: Data, epochs: int) -> None:
        self._design, self._training, self._inference, self._data = design, training, inference, data
        self._every = max(math.ceil((epochs - 1) / (MOST - 1)), 1)
        self._epochs = epochs
        self._told = -math.inf
        self.cost = 0.0
        """Seconds that the last ones took, until they were kept and told."""
        self._batch: tuple[torch.Tensor, ...] = ()
        self._numbers: list[int] = []
        self._shown: tuple[Shown, ...] = ()

    @property
    def root(self) -> nn.Module:
        return self._inference.root

    def due(self, epoch: int) -> bool:
        """Whether predictions are made after this epoch: after the first and the last one; after those to keep where
        they cost little; and else if the last ones are old."""
        since = time.monotonic() - self._told
        planned = (epoch - 1) % self._every == 0 and self.cost <= SHARE * since
        return planned or epoch in (1, self._epochs) or since >= APART

    def ended(self, seconds: float) -> None:
        """Predictions were made just now, in so many seconds."""
        self._told, self.cost = time.monotonic(), seconds

    def look(self, fabric: Any, epoch: int, step: int, job: str = "") -> Predicted | None:
        """What the network says now; None where no Output gives anything to look at."""
        with untouched(self._inference.root, fabric.device):
            if not self._batch:
                self._choose()
            given = self._run(fabric)
        size = len(self._numbers)
        outputs = [[each[i : i + 1] if isinstance(each, torch.Tensor) else each for each in given] for i in range(size)]
        scales = [readings.scale_of(self._batch[0][i]) for i in range(size)]
        made = [tuple(self._reading(at, each, i, scales[i]) for at, each in enumerate(outputs[i])) for i in range(size)]
        if all(reading.kind == "none" for reading in made[0]):
            return None
        split = self._data.splits["validation"]
        if not self._shown:
            self._shown = tuple(
                Shown(
                    shown_sample(self._batch[0][i], self._numbers[i], self._facts, scales[i], split.cells),
                    tuple(self._truth(at, each, i, scales[i]) for at, each in enumerate(outputs[i])),
                )
                for i in range(size)
            )
        return Predicted(job, epoch, step, self._shown, tuple(made), self._data.columns[:CELLS], split.size)

    def _choose(self) -> None:
        split = self._data.splits["validation"]
        self._aims = readings.aims(self._design, self._training, self._inference)
        self._numbers = chosen(self._data.seed, split.size, split.labels)
        self._batch = split.take(torch.tensor(self._numbers))
        shapes = tuple(spec.shape for spec in self._inference.inputs)
        self._facts = Facts(self._data.kind, self._data.classes, picture_size(self._data.spec), shapes)

    def _run(self, fabric: Any) -> tuple[object, ...]:
        names = [spec.name for spec in self._training.inputs]
        inputs = [self._batch[names.index(spec.name)] for spec in self._inference.inputs]
        modes = [(module, module.training) for module in self._inference.module.modules()]
        self._inference.module.eval()
        try:
            with torch.no_grad(), fabric.autocast():
                result = self._inference.module(*(_as_float(fabric, each) for each in fabric.to_device(inputs)))
        finally:
            for module, mode in modes:
                module.training = mode
        return result if isinstance(result, tuple) else (result,)

    def _reading(self, at: int, given: object, sample: int, scale: tuple[float, float]) -> Reading:
        aim, name = self._aims[at], self._inference.outputs[at]
        reading = readings.read(name, given, aim, self._facts, scale=scale)
        if aim.place < 0 or not isinstance(given, torch.Tensor) or reading.kind == "none":
            return reading
        return readings.judged(reading, given, aim, self._batch[len(self._training.inputs) + aim.place][sample])

    def _truth(self, at: int, given: object, sample: int, scale: tuple[float, float]) -> Reading:
        aim, name = self._aims[at], self._inference.outputs[at]
        if aim.place < 0 or not isinstance(given, torch.Tensor):
            return Reading("none", name)
        value = self._batch[len(self._training.inputs) + aim.place][sample]
        return readings.truth(name, aim, value, tuple(given.shape[1:]), self._facts, scale)


def chosen(seed: int, size: int, labels: torch.Tensor | None) -> list[int]:
    """Which samples, in order: by the seed alone, of as many classes as there are."""
    random = np.random.default_rng([seed % 2**63, 0x5A])
    order = random.permutation(min(size, LOOKED_AT)).tolist()
    if labels is not None:
        seen: dict[int, int] = {}
        turn = {at: seen.setdefault(int(labels[at]), 0) for at in order}
        for at in order:
            turn[at] = seen[int(labels[at])]
            seen[int(labels[at])] += 1
        order.sort(key=lambda at: turn[at])  # the first of each class before the second of any
    return sorted(order[:COUNT])


def _as_float(fabric: Any, value: torch.Tensor) -> torch.Tensor:
    """With true double precision the weights are doubles, and so must samples be."""
    converted = fabric.strategy.precision.convert_input(value)
    return converted if isinstance(converted, torch.Tensor) else value


@contextmanager
def untouched(root: nn.Module, device: torch.device) -> Iterator[None]:
    """Leave all generators of random numbers and all buffers as they are, whatever runs in here."""
    random = checkpoint.random_state()
    buffers = [(buffer, buffer.detach().clone()) for buffer in root.buffers()]
    try:
        yield
    finally:
        for buffer, before in buffers:
            buffer.copy_(before)
        checkpoint.restore_random(random)


def showing(
    fixed: Fixed, folder: RunFolder, fabric: Any, tell: Callable[[Predicted], None], job: str = "", begun: int = 0
) -> Callable[[int, int], None]:
    """What a loop is to do after each validation: `(epoch, step)`. The run begins, or goes on, in the epoch `begun`."""
    cut(folder.path, begun)
    off = is_sharded(fixed.root)  # this process has a part of each weight alone

    def show(epoch: int, step: int) -> None:
        nonlocal off
        if off or not fixed.due(epoch):
            return
        began = time.monotonic()
        try:
            told = fixed.look(fabric, epoch, step, job)
        except Exception as error:  # what is shown beside the training must not end it: the log says what is missing
            off = True
            first = (str(error).strip().splitlines() or [""])[0][:200]
            folder.log(f"Predictions on samples are not shown: {type(error).__name__}: {first}")
            return
        if told is None:
            off = True
            return
        write(folder.path, told)
        tell(told)
        fixed.ended(time.monotonic() - began)

    return show


# in the run folder ----------------------------------------------------------------------------------------------------


class Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a file of one epoch holds; the samples are in a file of their own."""

    epoch: int
    step: int
    readings: tuple[tuple[Reading, ...], ...]


class Samples(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the file of the samples holds."""

    samples: tuple[Shown, ...]
    columns: tuple[str, ...] = ()
    of: int = 0


def write(folder: Path, told: Predicted) -> None:
    """Keep predictions in a run folder; of all epochs MOST stay. Raises RunError."""
    place = folder / FOLDER
    try:
        place.mkdir(exist_ok=True)
        if not (place / "samples.json.gz").is_file():
            _save(place / "samples.json.gz", Samples(told.samples, told.columns, told.of))
        _save(_file(place, told.epoch), Kept(told.epoch, told.step, told.readings))
        found = epochs(folder)
        for epoch in set(found) - set(thinned(found)):
            _file(place, epoch).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{place} cannot be written: {error.strerror or error}.") from None


def cut(folder: Path, epoch: int) -> None:
    """Take away what was predicted at an epoch or later: a resumed run does so anew. Raises RunError."""
    try:
        for at in epochs(folder):
            if at >= epoch:
                _file(folder / FOLDER, at).unlink(missing_ok=True)
    except OSError as error:
        raise RunError(f"{folder / FOLDER} cannot be written: {error.strerror or error}.") from None


def epochs(folder: Path) -> list[int]:
    """The epochs of which a run folder keeps predictions."""
    names = [path.name.removeprefix("epoch-").removesuffix(".json.gz") for path in (folder / FOLDER).glob("epoch-*.gz")]
    return sorted(int(name) for name in names if name.isdigit())


def _file(place: Path, epoch: int) -> Path:
    return place / f"epoch-{epoch:05}.json.gz"


def _save(path: Path, value: Kept | Samples) -> None:
    """Whole or not at all; that it is on the disk at once is not waited for, as the curves are what counts."""
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(gzip.compress(msgspec.json.encode(value), 1, mtime=0))
    aside.replace(path)
