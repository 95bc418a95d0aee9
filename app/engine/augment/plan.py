"""From a recipe's steps to what is done to its data: at which size it is read, and what happens to each batch then."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import torch
from msgspec.structs import replace

from app.design.augment import Steps, live, mixes, steps_words, value_of
from app.design.augment_check import MAPS, Given, TargetGiven, as_seen, faults, reading_size, size_of
from app.design.values import Settings
from app.engine.augment import steps as doing
from app.engine.augment.batch import NO_CLASS, Batch, Part
from app.engine.augment.draws import Draws
from app.engine.augment.mixing import mix
from app.engine.data.fit import DataError
from app.engine.fitting import Fit

if TYPE_CHECKING:
    from app.engine.compile import InputSpec, TargetSpec
    from app.engine.data.base import Split
    from app.messages.data import Dataset

MEASURED = 2000
"""In so many samples of the train split, evenly apart, mean and spread are measured."""
PIECE = 100
Tensors = tuple[torch.Tensor, ...]


class Slot(NamedTuple):
    """A tensor of a batch: what it is to the steps, the shape that it is read with, and the one that is wanted."""

    name: str
    role: str
    read: tuple[int, ...]
    wanted: tuple[int, ...]
    dtype: str
    empty: float = 0.0
    view: int = 0


class Preparation:
    """What a recipe's steps do to data. `inputs` and `targets` say how it is to be read; a call does the rest."""

    def __init__(
        self, steps: Steps, inputs: tuple[InputSpec, ...], targets: tuple[TargetSpec, ...], card: Dataset | None,
        seed: int, most: int = MEASURED,
    ) -> None:  # fmt: skip
        self.steps = live(steps)
        self.seed, self._most = seed, most
        wrong = faults(self.steps, given_of(inputs, targets, card))
        if wrong:
            raise DataError(wrong[0].sentence)
        native = card.sample if card is not None and len(card.sample) == 3 else None
        self._views = any(step.kind == "views" for step in self.steps)
        self._slots: list[Slot] = []
        self._shapes: dict[str, tuple[int, ...]] = {}
        """Of each Input and Target, as the network takes it."""
        self.inputs = tuple(self._input(spec, number, native) for number, spec in enumerate(inputs))
        self.targets = tuple(self._target(spec) for spec in targets)
        first = next((slot for slot in self._slots if slot.role == "picture"), None)
        if self.steps and first is None:
            raise DataError(f"`{inputs[0].name}` takes no picture, so there is nothing to augment: empty the list.")
        if first is not None:
            self._read, self._out = _plane(first.read), _plane(first.wanted)
        self._lock = threading.Lock()
        self._split: Split | None = None

    # how it is read ---------------------------------------------------------------------------------------------------

    def _input(self, spec: InputSpec, number: int, native: tuple[int, ...] | None) -> InputSpec:
        size = size_of(as_seen(spec.shape, native or ()))
        if not self.steps or size is None:
            self._slots.append(Slot(spec.name, "still", spec.shape, spec.shape, spec.dtype))
            return spec
        read = (size[0], *reading_size(self.steps, size[1:]))
        view = number if self._views else 0
        self._slots.append(Slot(spec.name, "picture", read, size, spec.dtype, view=view))
        self._shapes[spec.name] = spec.shape
        own = read if len(spec.shape) == 3 or (len(spec.shape) == 1 and read != size) else read[1:]
        return spec._replace(shape=spec.shape if len(spec.shape) == 1 and read == size else own, fit=self._fit())

    def _target(self, spec: TargetSpec) -> TargetSpec:
        pictures = [slot for slot in self._slots if slot.role == "picture"]
        role, read, empty, view = "still", spec.shape, 0.0, 0
        if self.steps and pictures and len(spec.shape) >= 2:
            first = pictures[0]
            if spec.field in MAPS:
                role = "map"
                plane = _scaled(spec.shape[-2:], _plane(first.wanted), _plane(first.read))
                read = (*spec.shape[:-2], *plane)
                empty = NO_CLASS if spec.field == "mask" and spec.dtype == "int64" else 0.0
            elif spec.field == "boxes":
                role = "boxes"
        if self.steps and spec.field == "input":
            same = next((slot for slot in pictures if self._shapes[slot.name] == spec.shape), None)
            if same is not None:
                role, read, view = "clean", same.read, same.view
        wanted = spec.shape if role != "clean" else size_of(spec.shape) or spec.shape
        self._slots.append(Slot(spec.name, role, read, wanted, spec.dtype, empty, view))
        self._shapes[spec.name] = spec.shape
        if role == "clean":
            read = self._as_input(spec)
        return spec._replace(shape=read, fit=self._fit()) if role != "still" else spec

    def _as_input(self, spec: TargetSpec) -> tuple[int, ...]:
        """The shape with which the Input is read that a Target of the sample itself repeats."""
        return next(own.shape for own in self.inputs if self._shapes[own.name] == spec.shape)

    def _fit(self) -> Fit:
        for step in self.steps:
            if step.kind == "letterbox":
                return Fit("letterbox", float(value_of(step, "fill")))  # type: ignore[arg-type]
            if step.kind == "resize":
                return Fit(value_of(step, "fit"))  # type: ignore[arg-type]
        return Fit()

    # what happens to a batch ------------------------------------------------------------------------------------------

    def __call__(self, values: Tensors, samples: torch.Tensor, epoch: int | None) -> Tensors:
        """A batch that was read, as the network takes it: in training as `epoch` has it, else with no chance in it."""
        return self._done(values, samples, epoch, self.settled)

    def _done(self, values: Tensors, samples: torch.Tensor, epoch: int | None, steps: Steps) -> Tensors:
        if not self.steps:
            return values
        parts = [self._part(value, slot) for value, slot in zip(values, self._slots, strict=False)]
        batch = Batch(parts, self._read, self._out)
        draws = Draws.of(self.seed, epoch or 0, samples.numpy())
        for view in sorted({part.view for part in parts}):
            batch.view, batch.size, batch.normal = view, self._read, False
            for number, step in enumerate(steps):
                doing.run(step, batch, draws.under(view).under(number), epoch is not None)
                if step.kind in ("crop", "zoom"):
                    batch.size = batch.out
        return tuple(
            part.values if slot.role == "still" else self._shaped(part, slot)
            for part, slot in zip(batch.parts, self._slots, strict=False)
        )

    def _part(self, values: torch.Tensor, slot: Slot) -> Part:
        if slot.role in ("picture", "clean"):
            size = size_of(slot.read)
            assert size is not None
            return Part(slot.role, values.reshape(len(values), *size), slot.wanted, view=slot.view)  # type: ignore[arg-type]
        if slot.role == "map":
            flat = values.reshape(len(values), -1, *values.shape[-2:])
            return Part("map", flat, slot.wanted, slot.empty)
        return Part(slot.role, values)  # type: ignore[arg-type]

    def _shaped(self, part: Part, slot: Slot) -> torch.Tensor:
        return part.values.reshape(len(part.values), *self._shapes[slot.name]).contiguous()

    def mix(self, values: Tensors, epoch: int, number: int) -> Tensors:
        """The batch `number` of an epoch with others mixed into its samples, where the steps say so."""
        return mix(self.steps, values, len(self.inputs), self.seed, epoch, number) if mixes(self.steps) else values

    # what is measured -------------------------------------------------------------------------------------------------

    def measure_on(self, split: Split) -> None:
        """Name the split that is measured once it is needed."""
        self._split = split

    @property
    def settled(self) -> Steps:
        """The steps with mean and spread as numbers."""
        at = next((i for i, s in enumerate(self.steps) if s.kind == "normalise" and not s.settings.get("mean")), None)
        if at is None or self._split is None:
            return self.steps
        with self._lock:
            if not self.steps[at].settings.get("mean"):
                found = self._measured(self._split)
                self.steps = (*self.steps[:at], replace(self.steps[at], settings=found), *self.steps[at + 1 :])
        return self.steps

    def _measured(self, split: Split) -> Settings:
        """Mean and spread of each channel of the first Input, as it comes out of the steps without chance."""
        steps = tuple(step for step in self.steps if step.kind != "normalise")
        count = min(split.size, self._most)
        numbers = torch.arange(count) * split.size // count
        total = squares = torch.zeros(())
        pixels = 0
        for start in range(0, count, PIECE):
            own = numbers[start : start + PIECE]
            picture = self._done(split.read(own), own, None, steps)[self._first].double()
            picture = picture.reshape(len(own), self._slots[self._first].wanted[0], -1)
            total, squares = total + picture.sum((0, 2)), squares + picture.square().sum((0, 2))
            pixels += picture.shape[0] * picture.shape[2]
        mean = total / pixels
        std = (squares / pixels - mean.square()).clamp(min=0).sqrt()
        std = torch.where(std > 1e-6, std, torch.ones_like(std))  # a channel of one value stays about 0
        return Settings(mean=_short(mean), std=_short(std))

    @property
    def _first(self) -> int:
        return next(i for i, slot in enumerate(self._slots) if slot.role == "picture")

    @property
    def words(self) -> str:
        """The steps, for the log."""
        return steps_words(self.settled)


def _short(numbers: torch.Tensor) -> tuple[float, ...]:
    """As many digits as `steps_words` writes: a checkpoint keeps them exactly."""
    return tuple(float(f"{number:.6g}") for number in numbers.tolist())


def given_of(
    inputs: tuple[InputSpec, ...], targets: tuple[TargetSpec, ...], card: Dataset | None
) -> Given:  # fmt: skip
    """What the steps are held against."""
    native = card.sample if card is not None else ()
    return Given(
        card.form if card is not None else "", card.title if card is not None else "the data",
        tuple((spec.name, as_seen(spec.shape, native)) for spec in inputs),
        tuple(TargetGiven(t.name, t.field, t.shape, t.dtype) for t in targets),
    )  # fmt: skip


def _plane(shape: tuple[int, ...]) -> tuple[int, int]:
    return shape[-2], shape[-1]


def _scaled(own: tuple[int, ...], out: tuple[int, int], read: tuple[int, int]) -> tuple[int, int]:
    """The size at which a map is read for pictures that are read larger."""
    return round(own[0] * read[0] / out[0]), round(own[1] * read[1] / out[1])


def as_picture(value: torch.Tensor) -> torch.Tensor:
    """A sample as C, H, W, whatever the Input's shape: a row of numbers becomes the square that it was."""
    if value.ndim == 1:
        side = int(len(value) ** 0.5)
        return value.view(1, side, side) if side * side == len(value) else value.view(1, 1, -1)
    return value.unsqueeze(0) if value.ndim == 2 else value
