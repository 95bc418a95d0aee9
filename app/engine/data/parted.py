"""Samples that come as whole arrays, with or without a test set beside them, made into splits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch

from app.engine.data.base import Data, Field, Source, Split, Wanted, divided, some_for_validation, target_sources


class Part(NamedTuple):
    """A set of samples as it is stored. `inputs` and `fields` give the sources of those rows that a split has."""

    size: int
    labels: np.ndarray | None
    inputs: Callable[[np.ndarray], list[Source]]
    fields: Callable[[np.ndarray], Mapping[str, Field]]
    rows: np.ndarray | None = None
    """The rows that are to be used; None: all."""


def data_of(
    kind: str,
    spec: str,
    words: str,
    parts: dict[str, Part],
    wanted: Wanted,
    seed: int,
    classes: tuple[str, ...],
    notes: list[str],
) -> Data:
    """Data from stored sets, `train` at least: what has no validation set gets one from train, what has no test set
    either is divided. `words` names the data in a sentence ("the IDX files")."""
    chosen: dict[str, tuple[Part, np.ndarray]] = {}
    for name, part in parts.items():
        rows = part.rows if part.rows is not None else np.arange(part.size)
        chosen[name] = part, rows
    train, rows = chosen["train"]
    marks = train.labels[rows] if train.labels is not None else np.zeros(len(rows), dtype=np.int64)
    if set(parts) == {"train"}:
        pieces, note = divided(marks, wanted.options, "samples")
        notes.append(note)
        chosen = {name: (train, rows[piece]) for name, piece in pieces.items()}
    elif "validation" not in parts:
        rest, held = some_for_validation(marks, wanted.options)
        chosen["train"] = train, rows[rest]
        if len(held):
            chosen["validation"] = train, rows[held]
            notes.append(f"{len(held):,} samples of train serve as validation, always the same.")
    splits = {}
    for name in ("train", "validation", "test"):
        if name in chosen and len(chosen[name][1]):
            part, own = chosen[name]
            inputs = part.inputs(own)
            targets = target_sources(wanted, words, part.fields(own), inputs)
            labels = None if part.labels is None else torch.from_numpy(part.labels[own].astype(np.int64))
            splits[name] = Split(len(own), (*inputs, *targets), labels)
    return Data(kind, spec, classes, splits, seed, notes)
