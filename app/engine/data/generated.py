"""Data made on the spot, for trying: points on spirals, and waves as sequences. Shapes are in `shapes`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from app.engine.data.base import (
    SPLIT_SEED,
    Data,
    Field,
    Source,
    TensorSource,
    Wanted,
    check_dtype,
    label_field,
)
from app.engine.data.fit import DataError, written
from app.engine.data.parted import Part, data_of
from app.messages.data import DataField, Dataset

if TYPE_CHECKING:
    from app.engine.compile import TargetSpec

ARMS, POINTS = 3, 1500
SPIRALS = Dataset(
    "spirals",
    "Spirals (generated)",
    f"{POINTS:,} points on {ARMS} spirals that wind about each other, each with two coordinates: no straight line "
    "tells them apart.",
    (2,),
    tuple(f"arm {i + 1}" for i in range(ARMS)),
    fields=(DataField("label", "Which spiral the point lies on.", classes=ARMS),),
)

WAVES = ("sine", "square", "triangle", "sawtooth")
COUNT = 2000
SEQUENCES = Dataset(
    "sequences",
    "Waves (generated)",
    f"{COUNT:,} waves of 4 forms with noise, of any length: an Input of L, L×1 or 1×L numbers, the values over time.",
    classes=WAVES,
    fields=(
        DataField("label", "The form of the wave.", classes=len(WAVES)),
        DataField("next", "The value after each of the sample's, of the same shape.", "float32"),
    ),
)


def open_spirals(wanted: Wanted, seed: int) -> Data:
    """Points of 3 arms, 1.25 turns each, with noise. Coordinates lie in about -1..1."""
    check_dtype(wanted, "the spirals", "numbers")
    for spec in wanted.inputs:
        if spec.shape != (2,):
            got = written(spec.shape)
            raise DataError(f"`{spec.name}` takes {got}, but spirals give 2 numbers: set its size to 2.")
    random = np.random.default_rng([SPLIT_SEED, 1])
    labels = np.arange(POINTS) % ARMS
    radius = random.uniform(0.05, 1.0, POINTS)
    angle = 2 * math.pi * (labels / ARMS + 1.25 * radius) + random.normal(0, 0.12, POINTS)
    points = torch.from_numpy(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype(np.float32))

    def inputs(rows: np.ndarray) -> list[Source]:
        return [TensorSource(points[torch.from_numpy(rows)])] * len(wanted.inputs)

    def fields(rows: np.ndarray) -> dict[str, Field]:
        return {"label": label_field("spirals", torch.from_numpy(labels[rows]))}

    part = Part(POINTS, labels, inputs, fields)
    return data_of("spirals", "spirals", "spirals", {"train": part}, wanted, seed, SPIRALS.classes, [])


def _wave(form: int, phase: np.ndarray) -> np.ndarray:
    """A wave of amplitude 1 at `phase` (in turns)."""
    turn = phase % 1
    match form:
        case 0:
            return np.sin(2 * np.pi * turn)
        case 1:
            return np.where(turn < 0.5, 1.0, -1.0)
        case 2:
            return 1 - 4 * np.abs(turn - 0.5)
        case _:
            return 2 * turn - 1


def open_sequences(wanted: Wanted, seed: int) -> Data:
    """Waves of 2 to 5 turns a sample, of any phase and height, with noise of 0.05."""
    check_dtype(wanted, "the waves", "numbers")
    lengths = {math.prod(spec.shape) for spec in wanted.inputs}
    for spec in wanted.inputs:
        if not (len(spec.shape) == 1 or (len(spec.shape) == 2 and 1 in spec.shape)) or len(lengths) > 1:
            raise DataError(
                f"`{spec.name}` takes {written(spec.shape)}, but a wave is one row of values: set its size to 64, 64×1 "
                "or 1×64, say, the same for all Inputs."
            )
    length = lengths.pop()
    random = np.random.default_rng([SPLIT_SEED, 2])
    labels = np.arange(COUNT) % len(WAVES)
    turns = random.uniform(2, 5, (COUNT, 1))
    phase = random.uniform(0, 1, (COUNT, 1)) + turns * np.arange(length + 1) / length
    height = random.uniform(0.5, 1.5, (COUNT, 1))
    values = np.empty_like(phase)
    for form in range(len(WAVES)):
        values[labels == form] = _wave(form, phase[labels == form])
    noisy = (height * values + random.normal(0, 0.05, values.shape)).astype(np.float32)
    before, after = torch.from_numpy(noisy[:, :-1].copy()), torch.from_numpy(noisy[:, 1:].copy())

    def inputs(rows: np.ndarray) -> list[Source]:
        own = before[torch.from_numpy(rows)]
        return [TensorSource(own.reshape(len(rows), *spec.shape)) for spec in wanted.inputs]

    def fields(rows: np.ndarray) -> dict[str, Field]:
        own = after[torch.from_numpy(rows)]

        def following(target: TargetSpec) -> Source:
            if target.dtype != "float32" or (target.shape and math.prod(target.shape) not in (1, length)):
                raise DataError(
                    f"`{target.name}` wants {written(target.shape)} ({target.dtype}), but the next values are {length} "
                    "(float32): set its size and dtype to those."
                )
            values = own if math.prod(target.shape) == length else own[:, -1:]
            return TensorSource(values.reshape(len(rows), *target.shape))

        return {"label": label_field("the waves", torch.from_numpy(labels[rows])), "next": following}

    part = Part(COUNT, labels, inputs, fields)
    return data_of("sequences", "sequences", "the waves", {"train": part}, wanted, seed, WAVES, [])
