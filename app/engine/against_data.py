"""The drawing held against the data and the recipe that it is to be trained with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.engine.data import dataset_of
from app.engine.surroundings import Around, first_to_change, problem
from app.messages.reports import Problem

if TYPE_CHECKING:
    from app.engine.walk import Step

NORMS = ("BatchNorm1d", "BatchNorm2d", "BatchNorm3d")


def of_data(around: Around) -> Iterator[Problem]:
    """What the data chosen in the recipe says against the drawing, where the drawing has a loss."""
    losses = around.of("Loss")
    if losses:
        yield from _one_value(around, losses)
        dataset = dataset_of(around.design.recipe.data)
        if dataset is not None and dataset.classes:
            yield from _classes(around, losses, len(dataset.classes), dataset.title)
        if dataset is not None and dataset.sample:
            yield from _samples(around, dataset.sample, dataset.title)


def _classes(around: Around, losses: list[Step], classes: int, title: str) -> Iterator[Problem]:
    """Cross-entropy on labels: as many scores as the data has classes."""
    for loss in losses:
        value, target = loss.inputs.get("x"), around.source(loss.call.id, "target")
        if loss.call.block != "CrossEntropy" or not value or target is None or len(value[0].shape) < 2:
            continue
        scores = value[0].shape[1]
        if scores == classes or target.call.block != "Target" or around.setting(target, "field") != "label":
            continue
        blame = first_to_change(around.walk, around.walk.expanded.sources[loss.call.id]["x"], [1])
        name = around.walk.steps[blame].call.name
        why = "the others would have none" if scores < classes else "the others would never be right"
        said = f"{name} gives {scores} scores, but {title} has {classes} classes, and {why}; make it {classes}"
        yield problem(loss, "warning", "class-count", said, "x", blame)
        return


def _samples(around: Around, sample: tuple[int, ...], title: str) -> Iterator[Problem]:
    """Data of pictures: an Input takes a picture of one or three channels, its rows and columns, or all as a row."""
    pixels = sample[0] * sample[1] * sample[2]
    for step in around.walk.steps.values():
        if step.call.block != "Input" or step.measured is None or not step.measured.outputs:
            continue
        tensor = step.measured.outputs[0][0]
        size = tensor.shape[1:]
        fits = (len(size) == 3 and size[0] in (1, 3)) or len(size) == 2 or size == (pixels,)
        if fits and tensor.dtype == "float32":
            continue
        got = "×".join(map(str, size)) or "one number"
        wanted = "×".join(map(str, sample))
        said = f"it takes {got} ({tensor.dtype}), but {title} gives pictures of {wanted}; set its size to that"
        yield problem(step, "warning", "sample-size", said)


def _one_value(around: Around, losses: list[Step]) -> Iterator[Problem]:
    """A batch norm that would have one value a channel to work with, in batches of one sample."""
    if around.design.recipe.batch_size != 1:
        return
    for step in around.above(*(loss.call.id for loss in losses)):
        value = step.inputs.get("x")
        if step.call.block in NORMS and value and all(n == 1 for n in value[0].shape[2:]):
            said = "in batches of 1 it has one value a channel, and the spread of one value is zero; train with more"
            end = around.walk.expanded.sources[step.call.id]["x"]
            yield problem(step, "warning", "one-sample", said, "x", end.node)
            return
