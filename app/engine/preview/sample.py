"""What is shown to the network: a sample of the drawing's data, a picture of one's own, or where an Input takes
neither, random numbers that are called so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from app.engine.compile import InputSpec, TargetSpec
from app.engine.data import (
    Data,
    DataError,
    Source,
    Split,
    TensorSource,
    Wanted,
    dataset_of,
    label_field,
    open_data,
    target_sources,
)
from app.engine.data.fit import Frame, fit_tensor, frame_of, read_picture
from app.engine.predict import DIGIT, picture_size, see, shows_pictures
from app.engine.preview import looks
from app.messages.preview import Choice

NATIVE = (1, DIGIT, DIGIT)
ROW = 10
"""So many samples stand in a row to choose from."""
TILE = looks.Bounds(side=32, tiles=1, pixels=32 * 32, values=16)


class Shown(NamedTuple):
    """A sample. `inputs` holds a tensor for each Input, a batch of one; `targets` those that are known, by name."""

    inputs: tuple[torch.Tensor, ...]
    targets: dict[str, torch.Tensor]
    words: str
    pictures: tuple[bool, ...]
    """Which of the inputs are pictures."""
    classes: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    samples: int = 0
    said: tuple[str, ...] = ()


class Held(NamedTuple):
    """Opened data, and the order in which its samples are chosen: classes take turns."""

    data: Data
    split: Split
    order: np.ndarray
    given: str
    """Which split it is."""


def choose(
    spec: str,
    inputs: tuple[InputSpec, ...],
    targets: tuple[TargetSpec, ...],
    index: int,
    picture: bytes,
    readers: Mapping[str, list[nn.Module]],
) -> Shown:
    """The sample for these Inputs and Targets. `spec` names the data as a recipe does; `readers` are the modules that
    read each Input, by its name.

    Raises DataError for a picture that cannot be read, or that no Input takes.
    """
    kind = spec.partition(":")[0]
    held, said = _held(spec, inputs, targets)
    frames = [_frame(s, spec, bool(picture)) for s in inputs]
    numbers = [_random(s, index, readers.get(s.name, [])) for s in inputs]
    classes = held.data.classes if held is not None and held.data.kind == kind else ()
    if picture:
        return _own(kind, inputs, frames, numbers, picture, held, classes, said)
    if held is None:
        return Shown(
            tuple(value for value, _ in numbers), {}, " ".join(words for _, words in numbers),
            tuple(False for _ in inputs), said=said,
        )  # fmt: skip
    at = held.order[index % len(held.order)]
    row = index % len(held.order) // ROW * ROW
    if held.data.kind == "digits":
        digit = held.split.take(torch.tensor([at]))[0]
        values = tuple(n[0] if f is None else fit_tensor(digit, f) for f, n in zip(frames, numbers, strict=True))
        known = _targets(inputs, targets, held, int(at), values)
        words = [n[1] for f, n in zip(frames, numbers, strict=True) if f is None]
    else:
        taken = held.split.take(torch.tensor([at]))
        values = taken[: len(inputs)]
        known = {t.name: v for t, v in zip(targets, taken[len(inputs) :], strict=False)}
        words = []
    label = _label(held, int(at))
    title = "Digit" if held.data.kind == "digits" else "Sample"
    number = index % len(held.order) + 1
    first = f"{title} {label or int(at) + 1}, number {number:,} of {len(held.order):,} {held.given}."
    if held.data.kind != kind:
        said = (*said, "The drawing names no data that fits: a handwritten digit stands in.")
    return Shown(
        values, known, " ".join([first, *words]),
        tuple(f is not None and shows_pictures(held.data.kind) for f in frames),
        classes, _choices(held, row), len(held.order), said,
    )  # fmt: skip


def _own(
    kind: str,
    inputs: tuple[InputSpec, ...],
    frames: list[Frame | None],
    numbers: list[tuple[torch.Tensor, str]],
    picture: bytes,
    held: Held | None,
    classes: tuple[str, ...],
    said: tuple[str, ...],
) -> Shown:
    taking = [frame for frame in frames if frame is not None]
    if not taking:
        frame_of(inputs[0], "the sample")  # says why not
        raise DataError(f"`{inputs[0].name}` takes no picture: choose a sample in place of it.")
    seen = iter(see(kind, taking, read_picture(picture)).inputs)
    values = tuple(n[0] if f is None else next(seen) for f, n in zip(frames, numbers, strict=True))
    words = ["Your own picture.", *(n[1] for f, n in zip(frames, numbers, strict=True) if f is None)]
    choices = _choices(held, 0) if held is not None else ()
    count = len(held.order) if held is not None else 0
    pictures = tuple(f is not None for f in frames)
    return Shown(values, {}, " ".join(words), pictures, classes, choices, count, said)


# data -----------------------------------------------------------------------------------------------------------------


_opened: tuple[object, Held] | None = None
"""The data of the last preview: opening it anew for each edit would cost more than the preview."""


def _held(
    spec: str, inputs: tuple[InputSpec, ...], targets: tuple[TargetSpec, ...]
) -> tuple[Held | None, tuple[str, ...]]:
    """The drawing's data; where it names none that can be read, digits for an Input that takes a picture."""
    global _opened
    card = dataset_of(spec)
    said: tuple[str, ...] = ()
    if card is not None and card.kind != "digits" and (not card.needs_path or spec.partition(":")[2]):
        path = Path(spec.partition(":")[2]).expanduser()
        key = (spec, inputs, targets, path.stat().st_mtime_ns if path.exists() else 0)
        if _opened is not None and _opened[0] == key:
            return _opened[1], ()
        try:
            try:
                data = open_data(spec, inputs, targets)
            except DataError:
                data = open_data(spec, inputs)  # the losses are not worked out then
            held = _turns(data)
            _opened = key, held
            return held, ()
        except DataError as error:
            said = (f"The drawing's data is not shown: {error}",)
    if not any(_frame(each, spec) for each in inputs):
        return None, said
    if _opened is None or _opened[0] != "digits":
        # As they are: fitted to a large Input all of them would take gigabytes.
        _opened = "digits", _turns(open_data("digits", (InputSpec("digit", NATIVE, "float32"),)))
    return _opened[1], said


def _turns(data: Data) -> Held:
    name = next(name for name in ("test", "validation", "train") if name in data.splits)
    split = data.splits[name]
    order = np.arange(split.size)
    if split.labels is not None:
        labels = split.labels.numpy()
        turn = np.empty(len(labels), dtype=np.int64)
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            turn[members] = np.arange(len(members))
        order = np.lexsort((labels, turn))
    given = "held out" if name == "test" else f"of {name}"
    return Held(data, split, order, given)


def _label(held: Held, at: int) -> str:
    if held.split.labels is None or not held.data.classes:
        return ""
    return held.data.classes[int(held.split.labels[at])]


def _targets(
    inputs: tuple[InputSpec, ...],
    targets: tuple[TargetSpec, ...],
    held: Held,
    at: int,
    values: tuple[torch.Tensor, ...],
) -> dict[str, torch.Tensor]:
    """What the Targets of a digit are; without those that it has nothing for."""
    assert held.split.labels is not None
    label = held.split.labels[at : at + 1]
    sources: list[Source] = [TensorSource(value) for value in values]
    known = {}
    for target in targets:
        try:
            fields = {"label": label_field("digits", label, label.float())}
            (source,) = target_sources(Wanted(inputs, (target,)), "digits", fields, sources)
        except DataError:
            continue
        known[target.name] = source.take(torch.tensor([0]))
    return known


def _choices(held: Held, row: int) -> tuple[Choice, ...]:
    """The samples of a row to choose from."""
    found = []
    for number in range(row, min(row + ROW, len(held.order))):
        at = int(held.order[number])
        shown = held.split.sources[0].take(torch.tensor([at]))
        label = _label(held, at) or str(number + 1)
        square = shown[:, None] if shown.ndim == 3 else shown
        found.append(Choice(number, label, looks.look(square, TILE, colour=True)))
    return tuple(found)


# what no data gives ---------------------------------------------------------------------------------------------------


def _frame(spec: InputSpec, data: str, own: bool = False) -> Frame | None:
    """How a picture is fed to the Input; None where it takes none. Rows of numbers and tables of them count as pictures
    only where the drawing's data or the user says so."""
    pictures = shows_pictures(data.partition(":")[0])
    if not pictures and not own and len(spec.shape) != 3:
        return None
    try:
        return frame_of(spec, "the sample", picture_size(data) if pictures else NATIVE)
    except DataError:
        return None


def _random(spec: InputSpec, seed: int, readers: list[nn.Module]) -> tuple[torch.Tensor, str]:
    """Random numbers for an Input, and what they are in words. Indices stay below what their embedding holds; whole
    numbers that no embedding reads are masks as a rule, and are all 1."""
    generator = torch.Generator().manual_seed(seed)
    name = f"`{spec.name}`"
    if spec.dtype.startswith("int"):
        sizes = [m.num_embeddings for reader in readers for m in reader.modules() if isinstance(m, nn.Embedding)]
        if not sizes:
            return torch.ones(1, *spec.shape, dtype=torch.int64), f"{name} is all 1."
        tokens = torch.randint(0, min(sizes), (1, *spec.shape), generator=generator)
        return tokens, f"{name} is random: whole numbers below {min(sizes):,}, which mean nothing."
    return torch.randn(1, *spec.shape, generator=generator), f"{name} is random numbers, which mean nothing."
