"""The kinds of data: for each a card, a way to open it, and a way to look at it without reading it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.engine.data import arrays, cifar, digits, generated, idx, images, masks, python, shapes, table, text
from app.engine.data.base import AS_USUAL, NOBODY, Data, Options, Wanted, Watch, find_path
from app.engine.data.fit import DataError
from app.messages.data import Dataset

if TYPE_CHECKING:
    from app.engine.compile import InputSpec, TargetSpec


class KindOfData(NamedTuple):
    """A kind. `open` gets the path as it is written ("" where none is); `look` gives the card of that very data, and
    must take no longer than an edit may."""

    card: Dataset
    open: Callable[[str, Wanted, int], Data]
    look: Callable[[Path], Dataset] | None = None


def _made(card: Dataset, open: Callable[[Wanted, int], Data]) -> KindOfData:
    """A kind that needs no path."""

    def opened(path: str, wanted: Wanted, seed: int) -> Data:
        if path:
            raise DataError(f"{card.kind} takes no path (it is `{path}`): write `{card.kind}` alone.")
        return open(wanted, seed)

    return KindOfData(card, opened)


def _read(
    card: Dataset, open: Callable[[Path, Wanted, int], Data], look: Callable[[Path], Dataset]
) -> KindOfData:
    """A kind that lies at a path."""
    return KindOfData(card, lambda path, wanted, seed: open(find_path(card.kind, path), wanted, seed), look)


def _text(card: Dataset) -> KindOfData:
    kind = card.kind
    return _read(
        card, lambda path, wanted, seed: text.open_text(kind, path, wanted, seed),
        lambda path: text.look_at_text(kind, path),
    )  # fmt: skip


KINDS: dict[str, KindOfData] = {
    kind.card.kind: kind
    for kind in (
        _made(digits.CARD, digits.open_digits),
        _read(images.CARD, images.open_images, images.look_at_images),
        _read(masks.CARD, masks.open_masks, masks.look_at_masks),
        _read(table.CARD, table.open_table, table.look_at_table),
        _read(arrays.CARD, arrays.open_arrays, arrays.look_at_arrays),
        _read(idx.CARD, idx.open_idx, idx.look_at_idx),
        _read(cifar.CARD, cifar.open_cifar, cifar.look_at_cifar),
        _text(text.CHARACTERS),
        _text(text.WORDS),
        _read(python.CARD, python.open_python, python.look_at_python),
        _made(shapes.CARD, shapes.open_shapes),
        _made(generated.SPIRALS, generated.open_spirals),
        _made(generated.SEQUENCES, generated.open_sequences),
    )
}
DATASETS: dict[str, Dataset] = {name: kind.card for name, kind in KINDS.items()}


def dataset_of(spec: str) -> Dataset | None:
    """What is known of the data that a recipe names, `KIND` or `KIND:PATH`: of that very data where it can be looked
    at, else of its kind. None where there is no such kind."""
    name, _, path = spec.partition(":")
    kind = KINDS.get(name)
    if kind is None or kind.look is None or not path:
        return kind.card if kind is not None else None
    place = find_path(name, path)
    try:
        stamp = place.stat().st_mtime_ns if place.is_file() or place.is_dir() else -1
    except OSError:
        stamp = -1
    return _looked(name, place, stamp) if stamp >= 0 else kind.card


def forget() -> None:
    """Look at all data anew when it is asked for next: what is in a folder may change without a sign."""
    _looked.cache_clear()
    python.called.cache_clear()


@lru_cache(maxsize=16)
def _looked(name: str, place: Path, stamp: int) -> Dataset:
    kind = KINDS[name]
    assert kind.look is not None
    try:
        return kind.look(place)
    except (DataError, OSError):  # training says it: analysis is of the drawing
        return kind.card


def open_data(
    spec: str,
    inputs: tuple[InputSpec, ...],
    targets: tuple[TargetSpec, ...] = (),
    seed: int = 0,
    options: Options = AS_USUAL,
    watch: Watch = NOBODY,
) -> Data:
    """Open `KIND` or `KIND:PATH`, fitted to the design's Inputs and Targets. Raises DataError."""
    kind, _, path = spec.partition(":")
    kinds = ", ".join(name + (":PATH" if card.needs_path else "") for name, card in DATASETS.items())
    if not spec:
        raise DataError(f"No data is chosen to train on: choose one of {kinds}.")
    if kind not in KINDS:
        raise DataError(f"There is no data of the kind `{kind}`: choose one of {kinds}.")
    if not inputs:
        raise DataError("The design has no Input that the data could feed: add one.")
    try:
        if options.steps:
            return _prepared(spec, inputs, targets, seed, options, watch)
        return KINDS[kind].open(path, Wanted(inputs, targets, options, watch), seed)
    except OSError as error:  # a folder that must not be entered, a disk that is gone
        raise DataError(f"{path or kind} cannot be read: {error.strerror or error}.") from None


def _prepared(
    spec: str, inputs: tuple[InputSpec, ...], targets: tuple[TargetSpec, ...], seed: int, options: Options, watch: Watch
) -> Data:
    """Data that is read as the recipe's steps need it, and to which they are done."""
    from app.engine.augment.plan import Preparation  # it knows the compiler, which knows the data

    kind, _, path = spec.partition(":")
    prepared = Preparation(options.steps, inputs, targets, dataset_of(spec), seed)
    data = KINDS[kind].open(path, Wanted(prepared.inputs, prepared.targets, options, watch), seed)
    prepared.measure_on(data.splits["train"])
    splits = {name: replace(split, finish=prepared) for name, split in data.splits.items()}
    return replace(data, splits=splits, prepared=prepared)
