"""Show pictures of one's own to a trained network."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from msgspec.structs import replace
from PIL import Image, ImageOps

from app.engine import readings
from app.engine.augment.joining import preparation_of
from app.engine.compile import Network
from app.engine.data import DATASETS
from app.engine.data.fit import DataError, Frame, fit_picture, fit_tensor, frame_of, read_picture
from app.engine.readings import Aim, Facts, picture_size, shown_sample
from app.engine.runs import Run, RunError
from app.messages.predictions import Prediction, Reading

_log = logging.getLogger(__name__)

DIGIT = 8
"""Height and width of the digits that the network learnt from."""
SIDE = 256
"""Pictures of an answer are told at most so large."""
MOST = 100
"""So many classes are told where the data names none."""
INK = 0.2
"""What is fainter than this share of the darkest stroke is ground."""


class Seen(NamedTuple):
    """A sample as the network takes it, one tensor for each Input, and as a person may look at it (grey bytes)."""

    inputs: tuple[torch.Tensor, ...]
    grey: torch.Tensor


def predict(run: Run, samples: Sequence[bytes | Path], job: str = "") -> list[Prediction]:
    """What the run's network says of each picture.

    Raises DataError for a sample that is no picture, RunError for a run whose network takes none.
    """
    frames = picture_frames(run)
    return [_of_picture(run, frames, sample, job) for sample in samples]


def picture_frames(run: Run) -> list[Frame]:
    """The pictures that the Inputs of a run's network take. Raises RunError."""
    network = network_of(run)
    if run.data.kind in readings.NO_PICTURES:
        raise RunError(f"{run.path} was trained on {run.data.kind}: only networks trained on pictures answer samples.")
    native = picture_size(run.design.recipe.data)
    prepared = preparation_of(run.design.recipe, network.inputs)
    try:
        return [frame_of(spec, "the sample", native) for spec in (prepared.inputs if prepared else network.inputs)]
    except DataError:
        raise RunError(f"{run.path} was trained on {run.data.kind}: its network takes no pictures.") from None


def network_of(run: Run) -> Network:
    """Raises RunError where the design has no Output."""
    if run.network is None:
        raise RunError(f"The design of {run.path} has no Output, so there is no answer: wire its head to an Output.")
    return run.network


def _of_picture(run: Run, frames: Sequence[Frame], source: bytes | Path, job: str) -> Prediction:
    seen = see(run.data.kind, frames, read_picture(source))
    prepared = preparation_of(run.design.recipe, network_of(run).inputs)
    given = prepared(seen.inputs, torch.zeros(1, dtype=torch.int64), None) if prepared else seen.inputs
    (made,) = answer(run, given, job)
    height, width = seen.grey.shape
    return replace(made, width=width, height=height, seen=bytes(seen.grey.numpy().tobytes()))


def answer(run: Run, inputs: Sequence[torch.Tensor], job: str = "", length: int = 0) -> list[Prediction]:
    """What the run's network says of samples (a batch for each Input). `length` is how many tokens a text has, where
    those are fewer than the Input's. Raises RunError where no Output gives what one could look at, DataError where the
    answer is no number."""
    network = network_of(run)
    shapes = tuple(spec.shape for spec in network.inputs)
    facts = Facts(run.data.kind, run.data.classes, picture_size(run.design.recipe.data), shapes)
    aims = readings.aims(run.design, run.training, network)
    if length:
        aims = tuple(_shorter(aim, length) for aim in aims)
    network.module.eval()
    with torch.no_grad():
        given = network.module(*inputs)
    results = given if isinstance(given, tuple) else (given,)
    made = []
    for i in range(len(inputs[0])):
        scale = readings.scale_of(inputs[0][i])
        each = [r[i : i + 1] if isinstance(r, torch.Tensor) else r for r in results]
        found = tuple(
            readings.read(name, value, aim, facts, side=SIDE, scale=scale, most=len(run.data.classes) or MOST)
            for name, value, aim in zip(network.outputs, each, aims, strict=True)
        )
        _check(run, network, each, found)
        first = next((reading.answers for reading in found if reading.kind == "classes"), ())
        sample = shown_sample(inputs[0][i], 0, facts, scale, side=SIDE)
        made.append(Prediction(job, first, readings=found, sample=sample))
    return made


def _shorter(aim: Aim, length: int) -> Aim:
    target = aim.target
    return aim if target is None or len(target.shape) != 1 else aim._replace(target=target._replace(shape=(length,)))


def _check(run: Run, network: Network, results: Sequence[object], found: Sequence[Reading]) -> None:
    if any(isinstance(r, torch.Tensor) and not torch.isfinite(r).all() for r in results):
        raise DataError("The network's answer to this sample is not a number: train it with a lower learning rate.")
    if any(reading.kind != "none" for reading in found):
        return
    sizes = "; ".join(
        f"`{name}` gives " + ("×".join(map(str, r.shape[1:])) if isinstance(r, torch.Tensor) else "a pyramid")
        for name, r in zip(network.outputs, results, strict=True)
    )
    wanted = f"{len(run.data.classes)} scores, one a class" if run.data.classes else "what could be shown"
    raise RunError(f"No Output gives {wanted} ({sizes}): wire the classifier to one.")


def shows_pictures(kind: str) -> bool:
    """Whether data of this kind consists of pictures."""
    card = DATASETS.get(kind)
    return card is not None and card.form == "pictures"


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
