"""Data to train on: splits, and batches that are a pure function of (seed, epoch).

A position in an epoch is therefore only a number of batches, and a resumed run sees what the first one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from app.engine.fit import DataError, fit_tensor, frame_of, written
from app.messages import Dataset

if TYPE_CHECKING:
    from app.engine.compile import InputSpec, TargetSpec

__all__ = ["DATASETS", "Data", "DataError", "Source", "Split", "TensorSource", "Wanted", "open_data"]

SPLIT_SEED = 0
"""The split never depends on a run's seed: runs with other seeds stay comparable."""
AHEAD = 2
"""Batches that are read from disk while the network works."""


class Source(Protocol):
    """One field of all samples of a split. `lazy` where taking means reading files."""

    @property
    def lazy(self) -> bool: ...

    def take(self, indices: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class TensorSource:
    """A field that is held in memory."""

    values: torch.Tensor
    lazy: bool = False

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        return self.values[indices]


@dataclass(frozen=True)
class Split:
    """Samples: one source for each Input, then one for each Target. `labels` are class indices, where there are any."""

    size: int
    sources: tuple[Source, ...]
    labels: torch.Tensor | None = None

    def take(self, indices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(source.take(indices) for source in self.sources)


@dataclass(frozen=True)
class Wanted:
    """What the design's Inputs and Targets ask of the data."""

    inputs: tuple[InputSpec, ...]
    targets: tuple[TargetSpec, ...]


@dataclass(frozen=True)
class Data:
    """Opened data. `notes` say what was done to the samples so that they fit."""

    kind: str
    spec: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    seed: int
    notes: list[str] = field(default_factory=list)

    def steps(self, split: str, batch_size: int, *, least: int = 1) -> int:
        """How many batches an epoch has. A last batch of fewer than `least` samples is left out, unless it is all."""
        size = self.splits[split].size
        full, rest = divmod(size, batch_size)
        return full + 1 if rest >= least or (rest and not full) else full

    def batches(
        self,
        split: str,
        batch_size: int,
        *,
        epoch: int | None = None,
        skip: int = 0,
        least: int = 1,
        rank: int = 0,
        world: int = 1,
    ) -> Iterator[tuple[torch.Tensor, ...]]:
        """The batches of an epoch (in file order without one), from the `skip`-th on; of each the share of `rank`."""
        samples = self.splits[split]
        order = self._order(samples.size, epoch)
        count = self.steps(split, batch_size, least=least)
        shares = []
        for i in range(skip, count):
            batch = order[i * batch_size : (i + 1) * batch_size]
            if world > 1 and epoch is not None:  # equal shares: gradients are averaged over the devices
                batch = batch[: len(batch) // world * world]
            shares.append(batch[rank::world])
        if any(source.lazy for source in samples.sources):
            yield from _ahead(samples.take, shares)
        else:
            yield from map(samples.take, shares)

    def _order(self, size: int, epoch: int | None) -> torch.Tensor:
        if epoch is None:
            return torch.arange(size)
        shuffled = np.random.default_rng([self.seed % 2**63, epoch]).permutation(size)
        return torch.from_numpy(shuffled)


def _ahead(
    take: Callable[[torch.Tensor], tuple[torch.Tensor, ...]], shares: Sequence[torch.Tensor]
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Take batches in order, the next ones in threads meanwhile."""
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="read") as pool:
        waiting: list[Future[tuple[torch.Tensor, ...]]] = []
        try:
            for share in shares:
                waiting.append(pool.submit(take, share))
                if len(waiting) > AHEAD:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


# what a design asks for -----------------------------------------------------------------------------------------------


def target_sources(
    wanted: Wanted, kind: str, labels: torch.Tensor | None, numbers: torch.Tensor | None, inputs: Sequence[Source]
) -> tuple[Source, ...]:
    """A source for each Target: `label`, or `input` (the sample itself, as an autoencoder wants it)."""
    found: list[Source] = []
    for target in wanted.targets:
        if target.field == "label":
            values = numbers if target.dtype.startswith("float") else labels
            if values is None:
                wish = "numbers" if target.dtype.startswith("float") else "classes"
                raise DataError(f"`{target.name}` wants {wish}, but {kind} has none as labels: set its dtype.")
            if target.shape not in ((), (1,)):
                raise DataError(
                    f"`{target.name}` wants a label of shape {written(target.shape)}, but {kind} gives one a sample: "
                    "set its shape to none."
                )
            found.append(TensorSource(values.reshape(-1, *target.shape)))
        elif target.field == "input":
            same = next((s for s, spec in zip(inputs, wanted.inputs, strict=True) if spec.shape == target.shape), None)
            if same is None:
                shapes = ", ".join(written(spec.shape) for spec in wanted.inputs)
                raise DataError(
                    f"`{target.name}` wants the sample as {written(target.shape)}, but the Inputs take {shapes}: "
                    "give it the shape of one of them."
                )
            found.append(same)
        else:
            raise DataError(
                f"`{target.name}` wants the field `{target.field}`, but {kind} has only label and input: "
                "choose one of them, or other data."
            )
    return tuple(found)


def check_classes(classes: Sequence[str], wanted: Wanted, place: object) -> None:
    """Raise DataError where a Target wants classes and there is only one: nothing could be learnt."""
    choosing = any(target.field == "label" and not target.dtype.startswith("float") for target in wanted.targets)
    if choosing and len(classes) == 1:
        raise DataError(f"{place} holds one class, `{classes[0]}`: to tell classes apart it needs at least two.")


def stratified(labels: np.ndarray, parts: Sequence[float]) -> list[np.ndarray]:
    """Indices of a fixed split, each class divided in the shares `parts`; what is left over goes to the first."""
    random = np.random.default_rng(SPLIT_SEED)
    chosen: list[list[np.ndarray]] = [[] for _ in parts]
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        ends = np.floor(np.cumsum(parts[::-1])[:-1] * len(members) + 1e-9).astype(int)
        for into, piece in zip(chosen[::-1], np.split(members, ends), strict=True):
            into.append(piece)
    return [np.sort(np.concatenate(pieces)) for pieces in chosen]


# the kinds ------------------------------------------------------------------------------------------------------------


def _digits(path: str, wanted: Wanted, seed: int) -> Data:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    if path:
        raise DataError(f"digits takes no path (it is `{path}`): write `digits` alone.")
    bunch = load_digits()
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=bunch.target, random_state=SPLIT_SEED)
    train, validation = train_test_split(rest, test_size=1 / 8, stratify=bunch.target[rest], random_state=SPLIT_SEED)
    pictures = torch.from_numpy((bunch.images / 16.0).astype(np.float32)).unsqueeze(1)
    frames = [frame_of(spec, "digits", (1, 8, 8)) for spec in wanted.inputs]
    notes = [
        f"Digits of 1×8×8 are fitted to {frame.size} for `{spec.name}`."
        for frame, spec in zip(frames, wanted.inputs, strict=True)
        if frame[:3] != (1, 8, 8)
    ]
    fitted = [fit_tensor(pictures, frame) for frame in frames]
    splits: dict[str, Split] = {}
    for name, indices in (("train", train), ("validation", validation), ("test", test)):
        chosen = torch.from_numpy(indices)
        inputs = [TensorSource(values[chosen]) for values in fitted]
        own = labels[chosen]
        splits[name] = Split(len(own), (*inputs, *target_sources(wanted, "digits", own, own.float(), inputs)), own)
    return Data("digits", "digits", tuple(map(str, range(10))), splits, seed, notes)


def _images(path: str, wanted: Wanted, seed: int) -> Data:
    from app.engine.images import open_images

    return open_images(_path("images", path), wanted, seed)


def _table(path: str, wanted: Wanted, seed: int) -> Data:
    from app.engine.table import open_table

    return open_table(_path("table", path), wanted, seed)


def _path(kind: str, path: str) -> Path:
    if not path:
        raise DataError(f"`{kind}` needs a path: write `{kind}:PATH`.")
    return Path(path).expanduser()


DATASETS: dict[str, Dataset] = {
    card.kind: card
    for card in (
        Dataset(
            "digits",
            "Handwritten digits",
            "1,797 real handwritten digits of 8×8 grey pixels in 10 classes. They come with scikit-learn.",
            (1, 8, 8),
            tuple(map(str, range(10))),
        ),
        Dataset(
            "images",
            "Folder of images",
            "A folder with one folder of pictures for each class; folders train, val and test are used if any.",
            needs_path=True,
        ),
        Dataset(
            "table",
            "Table (CSV)",
            "A CSV file of numbers; the column `label` or `target`, else the last one, holds the class.",
            needs_path=True,
        ),
    )
}
_OPEN: dict[str, Callable[[str, Wanted, int], Data]] = {"digits": _digits, "images": _images, "table": _table}


def dataset_of(spec: str) -> Dataset | None:
    """What is known of the data that a recipe names, `KIND` or `KIND:PATH`; None where there is no such kind."""
    return DATASETS.get(spec.partition(":")[0])


def open_data(spec: str, inputs: tuple[InputSpec, ...], targets: tuple[TargetSpec, ...] = (), seed: int = 0) -> Data:
    """Open `KIND` or `KIND:PATH`, fitted to the design's Inputs and Targets. Raises DataError."""
    kind, _, path = spec.partition(":")
    kinds = ", ".join(name + (":PATH" if card.needs_path else "") for name, card in DATASETS.items())
    if not spec:
        raise DataError(f"No data is chosen to train on: choose one of {kinds}.")
    if kind not in _OPEN:
        raise DataError(f"There is no data of the kind `{kind}`: choose one of {kinds}.")
    if not inputs:
        raise DataError("The design has no Input that the data could feed: add one.")
    return _OPEN[kind](path, Wanted(inputs, targets), seed)
