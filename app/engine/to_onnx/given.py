"""What a run and its data give to an export: real samples, the numbers of the normalisation, the classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch

from app.design.augment import live
from app.design.augment_check import as_seen, size_of
from app.design.values import Design, Recipe
from app.engine.augment.joining import preprocessing
from app.engine.augment.normal import Numbers
from app.engine.compile import InputSpec, Network
from app.engine.data import Data, DataError, dataset_of, open_data, options_of
from app.engine.runs import Run
from app.engine.to_onnx.errors import ExportError
from app.engine.to_onnx.facts import Facts
from app.engine.to_onnx.whole import shaped
from app.messages.onnx import OnnxOptions

HELD_OUT = 64
"""So many samples of the test split are what torch and ONNX Runtime are compared on."""
PIXELS = "Its inputs are pixels from 0 to 1."
Samples = tuple[torch.Tensor, ...]


class Given(NamedTuple):
    """`held_out` and `calibration` are samples as the file takes them, None where there are none; `needs` is a sentence
    on what samples need, `remarks` say what else one should know."""

    facts: Facts
    held_out: Samples | None
    calibration: Samples | None
    needs: str
    remarks: tuple[str, ...]


def gather(
    design: Design, run: Run | None, network: Network, options: OnnxOptions, name: str = "", variant: str = ""
) -> Given:  # fmt: skip
    """What is known of the network that is exported. Raises ExportError where the options need what is not there."""
    recipe = (run.design if run is not None else design).recipe
    remarks: list[str] = []
    data: Data | None = None
    unmeasured = any(s.kind == "normalise" and not s.settings.get("mean") for s in live(recipe.augment))
    needed = options.precision == "int8-static" or (options.preprocess and unmeasured)
    if run is not None or needed:
        data = _open(recipe, network, needed, remarks)
    steps = data.prepared.settled if data is not None and data.prepared is not None else live(recipe.augment)
    normal = next((s for s in steps if s.kind == "normalise" and s.settings.get("mean")), None)
    numbers: Mapping[str, Numbers] = {}
    if normal is not None:
        both: Numbers = (normal.settings["mean"], normal.settings["std"])  # type: ignore[assignment]
        numbers = {spec.name: both for spec in network.inputs if _takes_picture(spec, recipe)}
    inside = numbers if options.preprocess else {}
    outside = tuple(step for step in steps if not (inside and step.kind == "normalise"))
    needs, facts = preprocessing(outside, network.inputs)
    if inside and not needs:
        needs = PIXELS
    card = dataset_of(recipe.data)
    classes = run.data.classes if run is not None else card.classes if card is not None else ()
    split = data.splits.get("test") or data.splits["train"] if data is not None and run is not None else None
    held_out = split.take(torch.arange(min(HELD_OUT, split.size))) if split is not None else None
    calibration: Samples | None = None
    if data is not None and options.precision == "int8-static":
        train = data.splits["train"]
        count = max(min(options.calibration, train.size), 0)
        calibration = train.take(torch.arange(count) * train.size // max(count, 1))
    return Given(
        Facts(name, variant, classes, numbers, facts),
        _as_taken(held_out, network, inside), _as_taken(calibration, network, inside), needs, tuple(remarks),
    )  # fmt: skip


def _open(recipe: Recipe, network: Network, needed: bool, remarks: list[str]) -> Data | None:
    if not recipe.data and needed:
        raise ExportError(
            "The design names no data to measure on: choose its data, or leave int8-static and the preprocessing off."
        )
    try:
        return open_data(recipe.data, network.inputs, (), recipe.seed, options_of(recipe))
    except DataError as error:
        if needed:
            raise ExportError(f"The export measures on the training data, which cannot be read: {error}") from None
        remarks.append(f"The comparison used random samples, because the run's data cannot be read: {error}")
        return None


def _takes_picture(spec: InputSpec, recipe: Recipe) -> bool:
    card = dataset_of(recipe.data)
    return spec.dtype.startswith("float") and size_of(as_seen(spec.shape, card.sample if card else ())) is not None


def _as_taken(samples: Samples | None, network: Network, inside: Mapping[str, Numbers]) -> Samples | None:
    """Samples as the data gives them, with the normalisation taken back where the file does it itself."""
    if samples is None:
        return None
    return tuple(
        value * shaped(inside[spec.name][1], spec.shape) + shaped(inside[spec.name][0], spec.shape)
        if spec.name in inside else value
        for spec, value in zip(network.inputs, samples, strict=False)
    )  # fmt: skip

