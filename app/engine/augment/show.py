"""Some samples before and after the recipe's steps, to look at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from msgspec.structs import replace as changed

from app.design.augment import KINDS
from app.design.values import Design
from app.engine.augment.plan import Preparation, Tensors, as_picture
from app.engine.compile import InputSpec, TargetSpec, compile_trainable
from app.engine.data import Data, DataError, dataset_of, open_data, options_of
from app.engine.data.masks import PASSED_OVER
from app.messages.augment import Augmented, GetAugmented, Pair
from app.messages.data import ShownSample
from app.messages.preview import Look, Tile

MEASURED = 200
"""In so many samples mean and spread are measured for a look."""
SIDE = 256
"""Larger pictures are sent smaller."""

_opened: tuple[object, Data] | None = None
"""The data that was read last: a step that is changed opens nothing anew."""


def show_steps(request: GetAugmented, design: Design) -> Augmented:
    """The answer. Raises DataError, or InvalidDesignError where it is not known what the Inputs take."""
    recipe = design.recipe
    with torch.device("meta"):  # for what its Inputs and Targets take: no weight is allocated
        network = compile_trainable(design)
    card = dataset_of(recipe.data)
    options = options_of(recipe)
    prepared = Preparation(options.steps, network.inputs, network.targets, card, recipe.seed, MEASURED)
    data = _read(recipe.data, prepared, options._replace(steps=()))
    split = data.splits["train"]
    prepared.measure_on(split)
    if card is not None and card.form != "pictures":
        raise DataError(f"{card.title} has no pictures to show: its samples are used as they are.")
    count = min(request.count, split.size)
    samples = torch.arange(count) * split.size // count
    before = split.read(samples)
    after = prepared(before, samples, request.turn)
    inputs = len(network.inputs)
    labels = _labels(data, network.targets, before[inputs:])
    mixed = prepared.mix(after, request.turn, 0)
    if len(mixed) > len(after):
        share = float(mixed[-1])
        partner = torch.arange(count).roll(-(count // 2)).tolist()
        after, others = mixed[: len(after)], [labels[other] for other in partner]
        said = [f"{100 * share:.0f} % {a}, {100 * (1 - share):.0f} % {b}" for a, b in zip(labels, others, strict=True)]
        new_labels = labels if share == 1 else said
    else:
        new_labels = labels
    normal = _numbers(prepared)
    views = range(inputs if any(step.kind == "views" for step in prepared.steps) else 1)
    read, targets = prepared.inputs, network.targets
    pairs = []
    for place, number in enumerate(samples.tolist()):
        one = _sample(number, labels[place], read[0], prepared.targets, before, 0, inputs, place, None)
        new = tuple(
            _sample(number, new_labels[place], network.inputs[i], targets, after, i, inputs, place, normal)
            for i in views
        )
        pairs.append(Pair(one, new))
    return Augmented(request.job, tuple(pairs), _measured_words(normal))


def _read(spec: str, prepared: Preparation, options: object) -> Data:
    global _opened
    path = Path(spec.partition(":")[2]).expanduser()
    stamp = path.stat().st_mtime_ns if spec.partition(":")[2] and path.exists() else 0
    key = spec, prepared.inputs, prepared.targets, options, stamp
    if _opened is None or _opened[0] != key:
        data = open_data(spec, prepared.inputs, prepared.targets, 0, options)  # type: ignore[arg-type]
        _opened = key, replace(data, prepared=None)
    return _opened[1]


def _labels(data: Data, targets: tuple[TargetSpec, ...], values: Tensors) -> list[str]:
    at = next((i for i, target in enumerate(targets) if target.field == "label"), None)
    if at is None:
        return [""] * (len(values[0]) if values else 1000)
    numbers = values[at].reshape(-1).tolist()
    if targets[at].dtype.startswith("float"):
        return [f"{number:.4g}" for number in numbers]
    names = data.classes
    return [names[int(n)] if 0 <= int(n) < len(names) else str(int(n)) for n in numbers]


def _numbers(prepared: Preparation) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    step = next((s for s in prepared.settled if KINDS[s.kind].place == "values"), None)
    return (step.settings["mean"], step.settings["std"]) if step is not None else None  # type: ignore[return-value]


def _measured_words(normal: tuple[tuple[float, ...], tuple[float, ...]] | None) -> str:
    if normal is None:
        return ""
    mean, std = (", ".join(f"{number:.3g}" for number in numbers) for numbers in normal)
    return f"Mean {mean}; spread {std}."


def _sample(
    number: int, label: str, spec: InputSpec, targets: tuple[TargetSpec, ...], values: Tensors, own: int, inputs: int,
    place: int, normal: tuple[tuple[float, ...], tuple[float, ...]] | None,
) -> ShownSample:  # fmt: skip
    picture = as_picture(values[own][place])
    if normal is not None:
        mean, std = (torch.tensor(numbers).view(-1, 1, 1) for numbers in normal)
        picture = picture * std + mean
    shown = ShownSample(number, label, look=_look(picture))
    for target, value in zip(targets, values[inputs:], strict=False):
        if target.field == "mask":
            shown = changed(shown, mask=_mask(value[place]))
        elif target.field == "boxes" and value.ndim == 3:
            _, high, wide = picture.shape
            rows = value[place][value[place][:, 4] >= 0] / torch.tensor([wide, high, wide, high, 1.0])
            shown = changed(shown, boxes=tuple(tuple(round(v, 4) for v in row) for row in rows.tolist()))
    return shown


def _look(picture: torch.Tensor) -> Look:
    """Three bytes a pixel; what does not lie in 0..1 is cut off."""
    picture = picture.clamp(0, 1)
    if max(picture.shape[1:]) > SIDE:
        share = SIDE / max(picture.shape[1:])
        size = [max(round(n * share), 1) for n in picture.shape[1:]]
        picture = torch.nn.functional.interpolate(picture[None], size=size, mode="area")[0]
    colours = picture.expand(3, -1, -1) if picture.shape[0] == 1 else picture[:3]
    _, high, wide = colours.shape
    values = (colours * 255).round().to(torch.uint8).permute(1, 2, 0).contiguous()
    tile = Tile(0, float(picture.min()), float(picture.max()), float(picture.mean()), 0.0)
    return Look("colour", tuple(picture.shape), wide, high, values.numpy().tobytes(), (tile,), of=1)


def _mask(mask: torch.Tensor) -> Look:
    """A byte a pixel: its class, 255 where it has none."""
    if mask.dtype.is_floating_point:  # maps of 0 and 1
        mask = (mask.reshape(mask.shape[-2:]) > 0.5).long() if mask.ndim < 3 or len(mask) == 1 else mask.argmax(0)
    high, wide = mask.shape
    values = mask.masked_fill(mask == PASSED_OVER, 255).to(torch.uint8).contiguous()
    tile = Tile(0, float(mask.min()), float(mask.max()), 0.0, 0.0)
    return Look("maps", (1, high, wide), wide, high, values.numpy().tobytes(), (tile,), of=1)
