"""Data to train on: splits, and batches that are a pure function of (seed, epoch).

A position in an epoch is therefore only a number of batches, and a resumed run sees what the first one would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch

from app.design.augment import live
from app.engine.data.fit import DataError, written
from examples import shipped

if TYPE_CHECKING:
    from app.design.values import DataStep, Recipe
    from app.engine.augment.plan import Preparation
    from app.engine.compile import InputSpec, TargetSpec

SPLIT_SEED = 0
"""The split never depends on a run's seed: runs with other seeds stay comparable."""
AHEAD = 2
"""Threads that read batches from disk while the network works, and batches that they are ahead."""
SPLITS = ("train", "validation", "test")


Finish = Callable[[tuple[torch.Tensor, ...], torch.Tensor, int | None], tuple[torch.Tensor, ...]]
"""Makes of a batch that was read, and its samples' numbers, what the network takes; in training of an epoch."""


class Source(Protocol):
    """One field of all samples of a split. `lazy` where taking means reading files or working something out."""

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
class MadeSource:
    """A field that is made when it is taken: `make` gets the indices, and must depend on nothing else."""

    make: Callable[[torch.Tensor], torch.Tensor]
    lazy: bool = True

    def take(self, indices: torch.Tensor) -> torch.Tensor:
        return self.make(indices)


@dataclass(frozen=True)
class Split:
    """Samples: one source for each Input, then one for each Target. `labels` are class indices, where there are any."""

    size: int
    sources: tuple[Source, ...]
    labels: torch.Tensor | None = None
    cells: Callable[[int], tuple[str, ...]] | None = None
    """A sample as the row that it was, for people, where it was one."""
    finish: Finish | None = None
    """What the recipe's steps do to what was read."""

    def take(self, indices: torch.Tensor, epoch: int | None = None) -> tuple[torch.Tensor, ...]:
        """These samples as the network takes them; with an epoch as that epoch of training has them."""
        values = self.read(indices)
        return values if self.finish is None else self.finish(values, indices, epoch)

    def read(self, indices: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """These samples as they are read."""
        return tuple(source.take(indices) for source in self.sources)


class Options(NamedTuple):
    """What a recipe says of the data besides where it is."""

    skip_bad: bool = False
    """Leave out samples that cannot be read, and say how many; else they end the run with a sentence."""
    validation: float = 0.1
    test: float = 0.2
    """Shares of data that is not divided yet; the rest is for training."""
    steps: tuple[DataStep, ...] = ()
    """What is done to samples between reading them and the network."""

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of train, validation and test. Raises DataError where nothing would be left to train on."""
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise DataError(
                f"The validation share is {self.validation:g} and the test share {self.test:g}: each needs to be at "
                "least 0, and both together below 1."
            )
        return 1 - self.validation - self.test, self.validation, self.test


AS_USUAL = Options()


def options_of(recipe: Recipe) -> Options:
    return Options(recipe.skip_bad_samples, recipe.validation_share, recipe.test_share, live(recipe.augment))


class Watch(NamedTuple):
    """Who waits while data is opened: told how many of how many samples were looked at, asked whether to go on."""

    tell: Callable[[int, int], None] = lambda done, total: None
    cancelled: Callable[[], bool] = lambda: False

    def step(self, done: int, total: int) -> None:
        """Raises DataError where nobody waits any more."""
        if self.cancelled():
            raise DataError("Reading the data was cancelled.")
        self.tell(done, total)


NOBODY = Watch()


@dataclass(frozen=True)
class Wanted:
    """What the design's Inputs and Targets ask of the data."""

    inputs: tuple[InputSpec, ...]
    targets: tuple[TargetSpec, ...]
    options: Options = AS_USUAL
    watch: Watch = NOBODY

    def asks(self, *fields: str) -> bool:
        """Whether a Target names one of these fields."""
        return any(target.field in fields for target in self.targets)


@dataclass(frozen=True)
class Data:
    """Opened data. `notes` say what was done to the samples so that they fit, and which were left out."""

    kind: str
    spec: str
    classes: tuple[str, ...]
    splits: dict[str, Split]
    seed: int
    notes: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    """What the cells of a row are."""
    scaling: tuple[tuple[float, float], ...] = ()
    """Of each of these cells what is taken away, and by what the rest is divided, before a network gets it."""
    prepared: Preparation | None = None
    """What the recipe's steps do to samples, where there are any."""
    workers: int = AHEAD
    """Threads that read ahead; 0: none."""

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
        """The batches of an epoch (in file order without one), from the `skip`-th on; of each the share of `rank`.

        Where that is nothing (`share_of`) its first sample comes in its place, which must not count: every device runs
        equally often.
        """
        samples = self.splits[split]
        order = self._order(samples.size, epoch)
        count = self.steps(split, batch_size, least=least)

        def shares() -> Iterator[tuple[int, torch.Tensor]]:
            for i in range(skip, count):
                batch = order[i * batch_size : (i + 1) * batch_size]
                yield i, batch[rank::world] if rank < len(batch) else batch[:1]

        def take(share: tuple[int, torch.Tensor]) -> tuple[torch.Tensor, ...]:
            values = samples.take(share[1], epoch)
            return values if epoch is None or self.prepared is None else self.prepared.mix(values, epoch, share[0])

        if samples.finish is not None or any(source.lazy for source in samples.sources):
            yield from _ahead(take, shares(), self.workers)
        else:
            yield from map(take, shares())

    def _order(self, size: int, epoch: int | None) -> torch.Tensor:
        if epoch is None:
            return torch.arange(size)
        shuffled = np.random.default_rng([self.seed % 2**63, epoch]).permutation(size)
        return torch.from_numpy(shuffled)


def share_of(whole: int, rank: int, world: int) -> int:
    """How many samples of a batch of `whole` the device `rank` of `world` has."""
    return max(0, (whole - rank + world - 1) // world)


def _ahead(
    take: Callable[[tuple[int, torch.Tensor]], tuple[torch.Tensor, ...]],
    shares: Iterator[tuple[int, torch.Tensor]],
    workers: int,
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Take batches in order, the next ones in threads meanwhile; how many there are changes no batch."""
    if not workers:
        yield from map(take, shares)
        return
    with ThreadPoolExecutor(workers, thread_name_prefix="read") as pool:
        waiting: list[Future[tuple[torch.Tensor, ...]]] = []
        try:
            for share in shares:
                waiting.append(pool.submit(take, share))
                if len(waiting) > workers:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


# what a design asks for -----------------------------------------------------------------------------------------------

Field = Callable[["TargetSpec"], Source]
"""Gives the source that a Target asks for. Raises DataError where its size or dtype does not fit."""


def target_sources(
    wanted: Wanted, kind: str, fields: Mapping[str, Field], inputs: Sequence[Source]
) -> tuple[Source, ...]:
    """A source for each Target: one of the fields that this data has, or `input` (the sample itself, as an
    autoencoder wants it)."""
    found: list[Source] = []
    for target in wanted.targets:
        if target.field in fields:
            found.append(fields[target.field](target))
        elif target.field == "input":
            found.append(_same_as_input(target, wanted, inputs))
        else:
            raise DataError(
                f"`{target.name}` wants the field `{target.field}`, but {kind} has only "
                f"{listed([*fields, 'input'])}: choose one of them, or other data."
            )
    return tuple(found)


def listed(names: Sequence[str], most: int = 12) -> str:
    """`a, b and c`."""
    shown = [*names[:most], f"{len(names) - most} more"] if len(names) > most else list(names)
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _same_as_input(target: TargetSpec, wanted: Wanted, inputs: Sequence[Source]) -> Source:
    same = next((s for s, spec in zip(inputs, wanted.inputs, strict=True) if spec.shape == target.shape), None)
    if same is None:
        shapes = ", ".join(written(spec.shape) for spec in wanted.inputs)
        raise DataError(
            f"`{target.name}` wants the sample as {written(target.shape)}, but the Inputs take {shapes}: "
            "give it the shape of one of them."
        )
    return same


def label_field(kind: str, labels: torch.Tensor | None, numbers: torch.Tensor | None = None) -> Field:
    """One class a sample, or one number where the Target wants numbers."""

    def make(target: TargetSpec) -> Source:
        values = numbers if target.dtype.startswith("float") else labels
        if values is None:
            wish = "numbers" if target.dtype.startswith("float") else "classes"
            raise DataError(f"`{target.name}` wants {wish}, but {kind} has none as {target.field}s: set its dtype.")
        if target.shape not in ((), (1,)):
            raise DataError(
                f"`{target.name}` wants a {target.field} of shape {written(target.shape)}, but {kind} gives one a "
                "sample: set its shape to none."
            )
        return TensorSource(values.reshape(-1, *target.shape))

    return make


def check_classes(classes: Sequence[str], wanted: Wanted, place: object) -> None:
    """Raise DataError where a Target wants classes and there is only one: nothing could be learnt."""
    choosing = any(target.field == "label" and not target.dtype.startswith("float") for target in wanted.targets)
    if choosing and len(classes) == 1:
        raise DataError(f"{place} holds one class, `{classes[0]}`: to tell classes apart it needs at least two.")


def check_dtype(wanted: Wanted, kind: str, gives: str, dtype: str = "float32") -> None:
    """Raise DataError where an Input takes another dtype than the data's."""
    for spec in wanted.inputs:
        if spec.dtype != dtype:
            raise DataError(f"`{spec.name}` takes {spec.dtype}, but {kind} gives {gives}: set it to {dtype}.")


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


def divided(labels: np.ndarray, options: Options, what: str) -> tuple[dict[str, np.ndarray], str]:
    """The indices of each split of data that is not divided yet (`labels` all equal: no classes), and a note."""
    shares = options.shares
    parts = stratified(labels, shares)
    if not len(parts[0]):
        raise DataError(f"{len(labels)} {what} are too few to divide: add more, or set both shares to 0.")
    train, validation, test = (f"{100 * share:.3g} %" for share in shares)
    note = f"{train} of the {what} serve training, {validation} validation, {test} the test, always the same."
    return {name: part for name, part in zip(SPLITS, parts, strict=True) if len(part)}, note


def some_for_validation(labels: np.ndarray, options: Options) -> tuple[np.ndarray, np.ndarray]:
    """Train indices and validation indices of a train set that has no validation set beside it."""
    share = options.validation
    if not 0 <= share < 1:
        raise DataError(f"The validation share is {share:g}: it needs to be at least 0 and below 1.")
    train, validation = stratified(labels, (1 - share, share))
    return train, validation


def skipped_note(bad: Sequence[str]) -> str:
    """What is said of samples that were left out: how many, and which."""
    shown = " ".join(bad[:5]) + (f" And {len(bad) - 5} more." if len(bad) > 5 else "")
    verb = "sample is" if len(bad) == 1 else "samples are"
    return f"{len(bad):,} {verb} left out: {shown}"


def find_path(kind: str, path: str) -> Path:
    """The path that a kind needs. Raises DataError where none is given."""
    if not path:
        raise DataError(f"`{kind}` needs a path: write `{kind}:PATH`.")
    return shipped(Path(path).expanduser())
