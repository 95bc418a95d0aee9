"""Show pictures of one's own to a trained network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps

from app.engine.augment.joining import preparation_of
from app.engine.compile import Network
from app.engine.data import DATASETS, dataset_of
from app.engine.data.fit import DataError, Frame, fit_picture, fit_tensor, frame_of, read_picture
from app.engine.runs import Run, RunError
from app.messages import Answer, Prediction

_log = logging.getLogger(__name__)

DIGIT = 8
"""Height and width of the digits that the network learnt from."""
INK = 0.2
"""What is fainter than this share of the darkest stroke is ground."""


class Seen(NamedTuple):
    """A sample as the network takes it, one tensor for each Input, and as a person may look at it (grey bytes)."""

    inputs: tuple[torch.Tensor, ...]
    grey: torch.Tensor


def predict(run: Run, samples: Sequence[bytes | Path], job: str = "") -> list[Prediction]:
    """What the run's network says of each picture: every class with its probability, most probable first.

    Raises DataError for a sample that is no picture, RunError for a run whose network does not classify pictures.
    """
    network = run.network
    if network is None:
        raise RunError(f"The design of {run.path} has no Output, so there is no answer: wire its head to an Output.")
    if not shows_pictures(run.data.kind):
        raise RunError(f"{run.path} was trained on {run.data.kind}: only networks trained on pictures answer samples.")
    native = picture_size(run.design.recipe.data)
    prepared = preparation_of(run.design.recipe, network.inputs)
    frames = [frame_of(spec, "the sample", native) for spec in (prepared.inputs if prepared else network.inputs)]
    network.module.eval()
    predictions = []
    for sample in samples:
        seen = see(run.data.kind, frames, read_picture(sample))
        given = prepared(seen.inputs, torch.zeros(1, dtype=torch.int64), None) if prepared else seen.inputs
        with torch.no_grad():
            scores = _scores(network, network.module(*given), len(run.data.classes))
        answers = sorted(zip(run.data.classes, scores, strict=True), key=lambda pair: -pair[1])
        height, width = seen.grey.shape
        predictions.append(
            Prediction(job, tuple(Answer(*pair) for pair in answers), width, height, bytes(seen.grey.numpy().tobytes()))
        )
    return predictions


def shows_pictures(kind: str) -> bool:
    """Whether data of this kind consists of pictures."""
    card = DATASETS.get(kind)
    return card is not None and card.form == "pictures"


def picture_size(spec: str) -> tuple[int, int, int] | None:
    """The size that all pictures of this data have, C×H×W; None where there is none."""
    card = dataset_of(spec)
    if card is None or card.form != "pictures" or len(card.sample) != 3:
        return None
    return card.sample[0], card.sample[1], card.sample[2]


def see(kind: str, frames: Sequence[Frame], picture: Image.Image) -> Seen:
    """The sample made to look as data of this kind does."""
    if kind == "digits":
        digit = _digit(picture)
        inputs = tuple(fit_tensor(digit, frame) for frame in frames)
    else:
        inputs = tuple(fit_picture(picture, f).float().div_(255).reshape(1, *f.shape) for f in frames)
    first, frame = inputs[0], frames[0]
    values = first.reshape(1, frame.channels, frame.height, frame.width)
    grey = fit_tensor(values, Frame(1, frame.height, frame.width, (frame.height, frame.width)))[0]
    return Seen(inputs, (grey * 255).round().to(torch.uint8))


def _digit(picture: Image.Image) -> torch.Tensor:
    """A digit as scikit-learn's are: white on black, 8×8, as high as the picture. 1×1×8×8 in 0..1.

    A dark digit on a light ground is inverted; a larger picture is cut to its ink first.
    """
    values = np.asarray(picture.convert("L"), dtype=np.float32) / 255
    if values.mean() > 0.5:
        _log.info("The sample is dark on light: it is inverted, because the network learnt white digits on black.")
        values = 1 - values
    if values.shape != (DIGIT, DIGIT):
        values = values - np.median(values)  # uneven paper: the ground is what most pixels are
        values = values.clip(0) / max(float(values.max()), 1e-6)
        rows, columns = (np.flatnonzero((values > INK).any(axis)) for axis in (1, 0))
        if len(rows):
            values = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        side = max(values.shape)
        ink = Image.fromarray((values * 255).astype(np.uint8))
        square = ImageOps.pad(ink, (side, side), color=0)
        values = np.asarray(square.resize((DIGIT, DIGIT), Image.Resampling.BOX), dtype=np.float32) / 255
        values = values / max(float(values.max()), 1e-6)
    return torch.from_numpy(np.ascontiguousarray(values)).reshape(1, 1, DIGIT, DIGIT)


def _scores(network: Network, given: object, classes: int) -> list[float]:
    """Probabilities of the classes, from the first Output that gives one number a class."""
    results = given if isinstance(given, tuple) else (given,)
    found = next((r for r in results if isinstance(r, torch.Tensor) and r.shape == (1, classes)), None)
    if found is None:
        sizes = "; ".join(
            f"`{name}` gives " + ("×".join(map(str, r.shape[1:])) if isinstance(r, torch.Tensor) else "a pyramid")
            for name, r in zip(network.outputs, results, strict=True)
        )
        raise RunError(f"No Output gives {classes} scores, one a class ({sizes}): wire the classifier to one.")
    if not torch.isfinite(found).all():
        raise DataError("The network's answer to this sample is not a number: train it with a lower learning rate.")
    return probabilities(found[0])


def probabilities(scores: torch.Tensor) -> list[float]:
    """What the scores of the classes say as probabilities."""
    values = scores.float()
    certain = bool((values >= 0).all()) and abs(float(values.sum()) - 1) < 1e-3  # a softmax is drawn in the network
    return [float(v) for v in (values if certain else torch.softmax(values, 0))]
