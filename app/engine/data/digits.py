"""The handwritten digits that come with scikit-learn: real data that needs no download."""

from __future__ import annotations

import numpy as np
import torch

from app.engine.data.base import SPLIT_SEED, Data, Split, TensorSource, Wanted, label_field, target_sources
from app.engine.data.fit import fit_tensor, frame_of
from app.messages.data import DataField, Dataset

SIZE = (1, 8, 8)
CARD = Dataset(
    "digits",
    "Handwritten digits",
    "1,797 real handwritten digits of 8×8 grey pixels in 10 classes. They come with scikit-learn.",
    SIZE,
    tuple(map(str, range(10))),
    form="pictures",
    divided=True,
    fields=(DataField("label", "Which digit it is.", classes=10),),
)


def open_digits(wanted: Wanted, seed: int) -> Data:
    """The digits, split once and for all: 1,257 to train, 180 for validation, 360 for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    bunch = load_digits()
    labels = torch.from_numpy(bunch.target.astype(np.int64))
    rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=bunch.target, random_state=SPLIT_SEED)
    train, validation = train_test_split(rest, test_size=1 / 8, stratify=bunch.target[rest], random_state=SPLIT_SEED)
    pictures = torch.from_numpy((bunch.images / 16.0).astype(np.float32)).unsqueeze(1)
    frames = [frame_of(spec, "digits", SIZE) for spec in wanted.inputs]
    notes = [
        f"Digits of 1×8×8 are fitted to {frame.size} for `{spec.name}`."
        for frame, spec in zip(frames, wanted.inputs, strict=True)
        if frame[:3] != SIZE
    ]
    fitted = [fit_tensor(pictures, frame) for frame in frames]
    splits: dict[str, Split] = {}
    for name, indices in (("train", train), ("validation", validation), ("test", test)):
        chosen = torch.from_numpy(indices)
        inputs = [TensorSource(values[chosen]) for values in fitted]
        own = labels[chosen]
        fields = {"label": label_field("digits", own, own.float())}
        splits[name] = Split(len(own), (*inputs, *target_sources(wanted, "digits", fields, inputs)), own)
    return Data("digits", "digits", CARD.classes, splits, seed, notes)
